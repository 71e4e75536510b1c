"""What every notebook calls first, right after its parameters cell."""

import ast
import contextlib
import os
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nblib import __version__, paths
from nblib.errors import ParameterError, check_choice

if TYPE_CHECKING:
    from nblib.settings import Settings

STANDARD = ("profile", "corpus", "data_root", "seed", "source", "changes")


def start(profile: str, corpus: str, data_root: str, seed: int, source: str, changes: str) -> "Settings":
    """Check a notebook's parameters, set the figure style, and say in one line what runs and from where.

    It starts with ``Environment:``, so that nbval can sanitise it. Raises `ParameterError` as `checked`, and where
    papermill injected a parameter that the notebook does not declare, or of another type; the near miss is named.
    """
    import torch

    from nblib.figures import use_style

    _refuse_undeclared()
    setup = checked(profile, corpus, data_root, seed, source, changes, choose_device())
    use_style()
    own = setup.results.relative_to(paths.home()) if setup.results.is_relative_to(paths.home()) else setup.results
    print(
        f"Environment: nblib {__version__}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"{setup.device}; profile {profile}, corpus {corpus}, seed {seed}{', ' if changes else ''}{changes}; "
        f"results {'read from' if source == 'record' else 'written to'} {own.as_posix()}"
    )
    return setup


def checked(
    profile: str, corpus: str, data_root: str, seed: int, source: str, changes: str | Sequence[str], device: str = "cpu"
) -> "Settings":
    """`nblib.settings.settings`, with an absolute folder of recordings; `ParameterError` where it is not there."""
    from nblib.settings import settings  # takes seconds, which those who list notebooks need not wait for

    root = str(Path(data_root).expanduser().resolve()) if data_root else ""
    setup = settings(profile, corpus, data_root=root, seed=seed, source=source, changes=changes, device=device)
    if bool(root) != (corpus == "real") or (root and not Path(root).is_dir()):
        needed = "corpus='real' needs the folder of recordings, which is there, and any other corpus none"
        raise ParameterError(f"data_root={data_root!r}: {needed}")
    return setup


def choose_device() -> str:
    """``NBLIB_DEVICE`` (``cpu``, ``cuda``, ``cuda:N``; `ParameterError` if it is not there), or ``cuda`` if it is."""
    import torch

    found = [f"cuda:{index}" for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)]
    known = [*(["cuda"] if found else []), "cpu", *found]
    wanted = os.environ.get("NBLIB_DEVICE") or known[0]
    if wanted not in known:
        raise ParameterError(f"NBLIB_DEVICE={wanted!r}: this machine has {', '.join(known)}; choose one, or unset it")
    return wanted


def check_type(name: str, default: object, value: object, where: str) -> None:
    """Raise `ParameterError` unless `value` has the type of `default`, where an integer may stand for a float."""
    if type(value) is not type(default) and not (type(default) is float and type(value) is int):
        expected = f"of type {type(default).__name__}, like its default {default!r}"
        raise ParameterError(f"parameter {name}={value!r} of {where} must be {expected}, not {type(value).__name__}")


def _refuse_undeclared() -> None:
    """Refuse what papermill injected and the notebook would never read, or reads as another type."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    # papermill heads its cell so and writes bare assignments; a cell written by hand carries help after its values.
    heads = re.compile(r"# Parameters *\n(?!.*  # )", re.DOTALL)
    sources = shell.user_ns.get("In", []) if shell else []
    cells = [(heads.match(source) is not None, _literals(source)) for source in sources]
    given: dict[str, object] = next((found for injected, found in reversed(cells) if injected), {})
    # The first time that the cell ran, it followed the parameters cell, however often cells were run again later.
    before = cells[: cells.index((True, given))] if given else []
    declared = {name: value for injected, found in before if not injected for name, value in found.items()}
    for name, value in given.items():
        check_choice("parameter", name, declared or STANDARD)  # the injected cell alone, run by hand, is all there is
        check_type(name, declared.get(name, value), value, "this notebook")


def _literals(source: str) -> dict[str, object]:
    """What a cell assigns, where that is a name and a literal."""
    found = {}
    with contextlib.suppress(SyntaxError):  # a magic command
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                with contextlib.suppress(ValueError):
                    found[node.targets[0].id] = ast.literal_eval(node.value)
    return found
