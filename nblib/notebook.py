"""What every notebook calls first, right after its parameters cell."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import os
import platform
import shlex
import sys

from nblib import __version__, paths
from nblib.errors import ParameterError
from nblib.settings import Settings, settings

STANDARD = ("profile", "corpus", "data_root", "seed", "source", "changes")


def start(profile: str, corpus: str, data_root: str, seed: int, source: str, changes: str) -> Settings:
    """Check a notebook's parameters, set the figure style, and say in one line what runs and from where.

    The line starts with ``Environment:``, so that nbval can sanitise it. `changes` holds any settings as
    ``path=value``, spaces between them; all others are as in `nblib.settings.settings`.

    Raises
    ------
    ParameterError
        A value is out of range, or papermill injected a parameter that the notebook does not declare or of another
        type; the near miss is named.
    """
    _refuse_undeclared()
    try:
        parts = shlex.split(changes)
    except (ValueError, AttributeError) as error:  # an open quotation mark; no text
        form = "write settings as text, 'path=value path=value'"
        raise ParameterError(f"changes={changes!r}: {form} ({error})") from error
    setup = settings(profile, corpus, data_root=data_root, seed=seed, changes=parts, source=source)
    setup = dataclasses.replace(setup, device=choose_device())
    from nblib.figures import use_style

    use_style()
    print(_environment_line(setup, changes))
    return setup


def choose_device() -> str:
    """``NBLIB_DEVICE`` (``cpu``, ``cuda`` or ``cuda:N``), or ``cuda`` where torch has it, else ``cpu``.

    Raises
    ------
    ParameterError
        ``NBLIB_DEVICE`` names something else, or a GPU that is not there.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    known = ["cpu", *(["cuda"] if count else []), *(f"cuda:{index}" for index in range(count))]
    wanted = os.environ.get("NBLIB_DEVICE") or known[min(count, 1)]
    if wanted not in known:
        raise ParameterError(f"NBLIB_DEVICE={wanted!r}: this machine has {', '.join(known)}; choose one, or unset it")
    return wanted


def _environment_line(setup: Settings, changes: str) -> str:
    import torch

    values = f"profile {setup.profile}, corpus {setup.corpus}, seed {setup.seed}" + (f", {changes}" if changes else "")
    results = setup.results
    if results.is_relative_to(paths.home()):
        results = results.relative_to(paths.home())
    return (
        f"Environment: nblib {__version__}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"{setup.device}; {values}; results {'read from' if setup.source == 'record' else 'written to'} "
        f"{results.as_posix()}"
    )


def check_type(name: str, default: object, value: object, where: str) -> None:
    """Raise `ParameterError` unless `value` has the type of `default`, where an integer may stand for a float."""
    if type(value) is not type(default) and not (type(default) is float and type(value) is int):
        expected = f"of type {type(default).__name__}, like its default {default!r}"
        raise ParameterError(f"parameter {name}={value!r} of {where} must be {expected}, not {type(value).__name__}")


def _refuse_undeclared() -> None:
    """Refuse what papermill injected and the notebook would never read, or reads as another type."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    history = list(shell.user_ns.get("In", [])) if shell else []
    injected = [source for source in history if _is_injected(source)]
    if not injected:
        return
    # The first time that the cell ran, it followed the parameters cell, however often cells were run again later.
    before = [source for source in history[: history.index(injected[-1])] if not _is_injected(source)]
    declared = {name: value for source in before for name, value in _literals(source).items()}
    for name, value in _literals(injected[-1]).items():
        if name in declared:
            check_type(name, declared[name], value, "this notebook")
        elif declared or name not in STANDARD:  # the injected cell alone, run by hand, is all that can be known
            near = difflib.get_close_matches(name, declared or STANDARD, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(declared or STANDARD)}"
            raise ParameterError(f"parameter {name!r} is not declared in this notebook's parameters cell: {hint}")


def _is_injected(source: str) -> bool:
    # papermill heads its cell so and writes bare assignments; a cell written by hand carries help after its values.
    head, _, body = source.partition("\n")
    return head.strip() == "# Parameters" and "  # " not in body


def _literals(source: str) -> dict[str, object]:
    """What a cell assigns, where that is a name and a literal."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found
