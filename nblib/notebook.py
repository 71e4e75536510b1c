"""What every notebook calls first, right after its parameters cell, and the progress that its loops show."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from nblib import __version__, paths
from nblib.errors import ParameterError, check_choice
from nblib.notebook_parameters import Parameter, check, declared, unknown

Item = TypeVar("Item")

PROFILES = ("smoke", "quick", "paper")
CORPORA = ("embedded", "real")
SOURCES = ("committed", "run")
STANDARD = ("profile", "corpus", "data_root", "seed", "source")


@dataclass(frozen=True)
class Session:
    """The checked parameters of a notebook, and the places and the device that follow from them.

    Attributes
    ----------
    profile : str
        ``smoke``, ``quick`` or ``paper``.
    corpus : str
        ``embedded`` or ``real``.
    data_root : Path or None
        The folder of the real datasets, absolute; None without one.
    seed : int
        >= 0.
    source : str
        ``committed``: redraw from the results committed under `results`, train nothing. ``run``: train or load every
        network.
    device : str
        ``cuda`` where there is one, else ``cpu``, or what the environment variable ``NBLIB_DEVICE`` says.
    results : Path
        Folder of the result tables of this profile and corpus.
    figures : Path
        Folder of the figures of this profile and corpus.
    """

    profile: str
    corpus: str
    data_root: Path | None
    seed: int
    source: str
    device: str
    results: Path
    figures: Path


def start(
    profile: str, corpus: str, data_root: str | Path | None, seed: int, source: str, **further: object
) -> Session:
    """Check a notebook's parameters, set the figure style, and say in one line what runs and from where.

    The line starts with ``Environment:``, so that nbval can sanitise it.

    Parameters
    ----------
    profile, corpus, seed, source
        As in `Session`.
    data_root : str, Path or None
        Folder of the real datasets; empty or None for none. It is read only with ``corpus="real"``.
    **further
        The notebook's own parameters, by the names of its parameters cell.

    Raises
    ------
    ParameterError
        A value is out of range, or papermill injected a parameter that the notebook does not declare or of another
        type; the near miss is named.
    """
    check_values(profile, corpus, data_root, seed, source)
    _refuse_undeclared(further)
    session = Session(
        profile,
        corpus,
        Path(data_root).expanduser().resolve() if data_root else None,
        seed,
        source,
        choose_device(),
        paths.results(profile, corpus),
        paths.figures(profile, corpus),
    )
    _use_style()
    print(_environment_line(session, further))
    return session


def check_values(profile: str, corpus: str, data_root: str | Path | None, seed: int, source: str) -> None:
    """Raise `ParameterError` unless the parameters that all notebooks share are in range."""
    check_choice("profile", profile, PROFILES)
    check_choice("corpus", corpus, CORPORA)
    check_choice("source", source, SOURCES)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ParameterError(f"seed={seed!r} must be a whole number from 0 up, e.g. seed=0")
    if corpus != "real":
        return
    if not data_root:
        raise ParameterError("corpus='real' needs data_root: the folder of the datasets, e.g. data_root='/data'")
    if not Path(data_root).expanduser().is_dir():
        raise ParameterError(f"data_root={str(data_root)!r} is not a folder: give the one that holds the datasets")


def choose_device() -> str:
    """``NBLIB_DEVICE`` (``cpu``, ``cuda`` or ``cuda:N``), or ``cuda`` where torch has it, else ``cpu``.

    Raises
    ------
    ParameterError
        ``NBLIB_DEVICE`` names something else, or a GPU that is not there.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    wanted = os.environ.get("NBLIB_DEVICE")
    if not wanted:
        return "cuda" if count else "cpu"
    known = ["cpu", "cuda", *(f"cuda:{index}" for index in range(count))] if count else ["cpu"]
    if wanted not in known:
        raise ParameterError(f"NBLIB_DEVICE={wanted!r}: this machine has {', '.join(known)}; choose one, or unset it")
    return wanted


def _environment_line(session: Session, further: dict[str, object]) -> str:
    import torch

    verb = "read from" if session.source == "committed" else "written to"
    results = session.results
    if results.is_relative_to(paths.home()):
        results = results.relative_to(paths.home())
    values = {"profile": session.profile, "corpus": session.corpus, "seed": session.seed, **further}
    return (
        f"Environment: nblib {__version__}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"{session.device}; {', '.join(f'{name} {value}' for name, value in values.items() if value != '')}; "
        f"results {verb} {results.as_posix()}"
    )


def _use_style() -> None:
    if importlib.util.find_spec("nblib.figures"):
        importlib.import_module("nblib.figures").use_style()


def _refuse_undeclared(further: dict[str, object]) -> None:
    """Refuse what papermill injected and the notebook would never read, or reads as another type."""
    history = _cells_run()
    injected = [source for source in history if _is_injected(source)]
    if not injected:
        return
    # The first time that the cell ran, it followed the parameters cell, however often cells were run again later.
    before = [source for source in history[: history.index(injected[-1])] if not _is_injected(source)]
    known = {name: value for source in before for name, value in _literals(source).items()}
    # The injected cell alone, run by hand: what the notebook hands over is all that can be known.
    names = known.keys() | further.keys() if known else {*STANDARD, *further}
    for parameter in declared(injected[-1], "the injected cell").values():
        if parameter.name not in names:
            raise unknown(parameter.name, names, "this notebook")
        if parameter.name in known:
            check(known[parameter.name], parameter.default, "this notebook")


def _literals(source: str) -> dict[str, Parameter]:
    try:
        return declared(source, "")
    except ParameterError:  # imports and the like before the parameters cell
        return {}


def _is_injected(source: str) -> bool:
    # papermill heads its cell so and writes bare assignments; a cell written by hand carries help after its values.
    head, _, body = source.partition("\n")
    return head.strip() == "# Parameters" and "  # " not in body


def _cells_run() -> Sequence[str]:
    shell = _ipython()
    return list(shell.user_ns.get("In", [])) if shell else []


def _ipython() -> Any:
    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None


def in_batch() -> bool:
    """Whether nobody watches: ``NBLIB_BATCH`` is set (the suite sets it, as must CI for nbval), or no terminal."""
    if os.environ.get("NBLIB_BATCH", "0") not in ("", "0"):
        return True
    return not (hasattr(_ipython(), "kernel") or sys.stderr.isatty())


def progress(iterable: Iterable[Item], total: int | None = None, label: str = "") -> Iterator[Item]:
    """Yield the items of `iterable`, showing how far along they are.

    In a terminal and in JupyterLab this is a bar with the time left. In batch it is at most five lines in all, the same
    on every run (``label: 3/15``), so that nbval can compare them.

    Parameters
    ----------
    iterable
        What to go through.
    total : int, optional
        Number of items, where `iterable` does not know it.
    label : str
        What the items are, e.g. ``"pairs"``.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if not in_batch():
        from tqdm.auto import tqdm

        yield from tqdm(iterable, total=total, desc=label or None)
        return
    yield from _five_lines(iterable, total, f"{label}: " if label else "")


def _five_lines(iterable: Iterable[Item], total: int | None, prefix: str) -> Iterator[Item]:
    marks = {-(-total * part // 5) for part in range(1, 6)} if total else set()
    done = 0
    for done, item in enumerate(iterable, start=1):
        yield item
        if done in marks:
            print(f"{prefix}{done}/{total}", flush=True)
    if total is None:
        print(f"{prefix}{done}", flush=True)
