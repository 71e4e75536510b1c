"""The notebooks: their table, a run of them, and what each calls first.

A run is checked before anything is computed, goes in order, and ends with one exit code.
"""

import ast
import csv
import logging
import os
import platform
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nblib import __version__, paths
from nblib.errors import ParameterError, check_choice

if TYPE_CHECKING:
    from nblib.settings import Settings

STANDARD = ("profile", "corpus", "data_root", "seed", "source", "changes")  # the parameters of every notebook


class Notebook(NamedTuple):
    """A notebook: its file's name without suffix, what it regenerates, the numbers of those it builds upon."""

    name: str
    title: str
    needs: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """Its place in reading order, as ``03``."""
        return self.name[:2]

    @property
    def path(self) -> Path:
        """Its file."""
        return paths.home() / "notebooks" / f"{self.name}.ipynb"


SUITE = tuple(
    Notebook(row["name"], row["title"], tuple(row["needs"].split()))
    for row in csv.DictReader(Path(__file__).with_name("notebooks.csv").read_text("utf-8").splitlines())
)


@dataclass
class Job:
    """A notebook of a run, where its executed copy goes, what is injected into it, and how it went."""

    notebook: Notebook
    copy: Path
    values: Mapping[str, object]
    state: str = "waiting"  # then ok, failed, skipped or stopped
    where: str = "while its kernel started"  # or the cell that was last begun
    failure: str = "  what it made stays, run again to go on"  # of one that was stopped
    seconds: float = 0.0


def parameters(notebook: Notebook) -> dict[str, dict[str, Any]]:
    """``default`` and ``help``, by name, of what the notebook's parameters cell declares."""
    from papermill.inspection import inspect_notebook  # takes a second, which `nblib separate` need not wait for

    try:
        found = inspect_notebook(notebook.path)
        return {name: {**entry, "default": ast.literal_eval(entry["default"])} for name, entry in found.items()}
    except (OSError, ValueError, AttributeError, SyntaxError) as error:
        remedy = "restore it from version control, run from a checkout of the project, or set NBLIB_HOME to one"
        raise ParameterError(f"{notebook.path}: its parameters cannot be read ({error}); {remedy}") from error


def plan(
    profile: str, corpus: str, data_root: str, seed: int, only: Sequence[str] = (), changes: Sequence[str] = ()
) -> "tuple[Settings, list[Job]]":
    """Check everything that a run is given, and say what is to be done, in the suite's order.

    `only` has numbers (``3`` or ``03``) or names of notebooks; all run when it is empty. `changes` has ``NAME=VALUE``:
    a text that notebooks declare as a parameter, or any setting. `ParameterError` where anything is wrong.
    """
    from nblib.settings import settings, values  # takes seconds, which those who list notebooks need not wait for

    texts = {}
    for change in changes:
        name, equals, texts[name] = change.partition("=")
        if not equals or (name in STANDARD and name != "source"):
            raise ParameterError(f"--set {change}: NAME=VALUE is needed, or an option: python -m nblib run --help")
    source = texts.pop("source", "run")
    wanted = [f"{int(text):02}" if text.isdecimal() else text.removesuffix(".ipynb") for text in only]
    for text in wanted:
        check_choice("notebook", text, [*(each.name for each in SUITE), *(each.number for each in SUITE)])
    chosen = [each for each in SUITE if not wanted or {each.name, each.number} & {*wanted}]
    declared = {notebook: parameters(notebook) for notebook in chosen}
    given = {name: entry["default"] for found in declared.values() for name, entry in found.items()}
    own = {name for name, default in given.items() if isinstance(default, str)} - {*STANDARD}
    for name in texts:
        check_choice("parameter", name, [*own, *values(settings(profile))])
    further = ["".join(f"{name}={text}".split()) for name, text in texts.items() if name not in own]
    setup = settings(profile, corpus, data_root=data_root, seed=seed, source=source, changes=further)
    shared = dict(zip(STANDARD, (profile, corpus, setup.data_root, seed, source, " ".join(further)), strict=True))
    copies, jobs = (paths.data() / "executed" / setup.name).resolve(), []
    for each, found in declared.items():
        injected = shared | {name: texts[name] for name in own & texts.keys() & found.keys()}
        jobs.append(Job(each, copies / each.path.name, injected))
    return setup, jobs


def run(setup: "Settings", jobs: Sequence[Job]) -> int:
    """Run what `plan` planned, report, compare a whole run with the record; 0 ok, 1 a notebook failed, 130 Ctrl-C."""
    # Kernels run elsewhere, by this interpreter, with this nblib and pictures inline.
    for name in ("NBLIB_HOME", "NBLIB_DATA", "NBLIB_FIGURES"):
        if os.environ.get(name):
            os.environ[name] = str(Path(os.environ[name]).resolve())
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    # Before any "python3" that a user has installed, and found on JUPYTER_PATH first, comes this environment's own.
    for name, first in (("JUPYTER_PATH", f"{sys.prefix}/share/jupyter"), ("PYTHONPATH", Path(__file__).parents[1])):
        os.environ[name] = os.pathsep.join(filter(None, (str(first), os.environ.get(name))))
    with suppress(KeyboardInterrupt):
        for job in jobs:
            _do(job, jobs)
    for job in jobs:
        if job.state in ("failed", "stopped"):
            print(f"\n{job.notebook.name} {job.state} {job.where}\n{job.failure}")
    states, seconds = [job.state for job in jobs], round(sum(job.seconds for job in jobs))
    print(f"\n{states.count('ok')} of {len(jobs)} notebooks ended well in {timedelta(seconds=seconds)}")
    print(f"executed copies: {jobs[0].copy.parent}", flush=True)
    if states == ["ok"] * len(SUITE) and setup.source == "run":
        from nblib import claims, compare

        claims.claims(setup)
        with paths.whole(ended(*(jobs[0].values[name] for name in STANDARD))) as temporary:
            temporary.touch()
        if paths.record(setup.record_name).is_dir():
            compare.compare(setup)
        else:
            print(f"nothing to compare with: there is no record of {setup.record_name}")
    return 130 if {"stopped", "waiting"} & {*states} else int("failed" in states)


def _do(job: Job, jobs: Sequence[Job]) -> None:
    name, needs = job.notebook.name, job.notebook.needs
    for other in jobs:
        if other.notebook.number in needs and other.state in ("failed", "skipped"):
            job.state = "skipped"
            print(f"{name}: skipped, needs {other.notebook.number} ({other.state})", flush=True)
            return
    print(f"{name}: {job.notebook.title}", flush=True)
    began, job.state = time.monotonic(), "stopped"
    try:
        job.failure = _execute(job)
        job.state = "failed" if job.failure else "ok"
    finally:
        job.seconds = time.monotonic() - began
        print(f"{name}: {job.state}, {timedelta(seconds=round(job.seconds))}", flush=True)


def _execute(job: Job) -> str:
    """Execute the job's notebook, and write its copy also after an error or Ctrl-C; what failed, or an empty text."""
    import nbformat
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook

    def cell_starts(cell: nbformat.NotebookNode, cell_index: int) -> None:
        job.where = f"in cell {cell_index + 1}: {cell.source.strip().splitlines()[0]}"

    for name in ("papermill", "asyncio"):  # what they would say, of a cell that Ctrl-C ended too, is in the report
        logging.getLogger(name).setLevel(logging.CRITICAL)
    how: dict[str, Any] = {"kernel_name": "python3", "language": "python", "cwd": job.notebook.path.parent}
    how |= {"stdout_file": sys.stdout, "stderr_file": sys.stderr, "progress_bar": False, "on_cell_start": cell_starts}
    # Where all cores are busy, a kernel may be slow to start, and the last outputs of a cell to arrive.
    how |= {"start_timeout": 120, "iopub_timeout": 60, "extra_arguments": ["--log-level=CRITICAL"]}
    failure, interrupt = "", None
    with paths.whole(job.copy) as temporary:
        try:
            execute_notebook(job.notebook.path, temporary, dict(job.values), **how)
        except KeyboardInterrupt as error:
            interrupt = error  # the kernel is dead, or dies with this process; the copy is kept first
        except PapermillExecutionError as error:
            failure = "\n".join(error.traceback or [str(error)])
        except DeadKernelError:
            failure = "the kernel died (for want of memory, or a crash in a library): close other programs, run again"
        except OSError:
            raise
        except Exception as error:  # the kernel did not start: papermill and nbclient have no common class
            failure = f"{type(error).__name__}: {error}"
        notebook = nbformat.read(temporary, as_version=4)
        for part in (notebook, *notebook.cells):  # stamps that hold this machine's paths, in what may be shared
            part.metadata.pop("papermill", None)
        nbformat.write(notebook, temporary)
    if interrupt:
        raise interrupt
    shown = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(failure.splitlines()[-13:]))
    return shown and f"{shown}\n  executed copy up to there: {job.copy}"


def start(profile: str, corpus: str, data_root: str, seed: int, source: str, changes: str) -> "Settings":
    """Check a notebook's parameters, set the figure style, and say in one line, which nbval sanitises, what runs."""
    import torch

    from nblib.parallel import cores, start_server

    if source == "run" and cores() > 1 and not ended(profile, corpus, data_root, seed, source, changes).exists():
        start_server()  # it imports while this process does
    from nblib.figures import use_style
    from nblib.settings import settings

    for name, value in (("data_root", data_root), ("changes", changes)):  # those that `settings` takes as they are
        if not isinstance(value, str):
            raise ParameterError(f"parameter {name}={value!r} must be a text, not of type {type(value).__name__}")
    use_style()
    own: dict[str, Any] = {"data_root": data_root, "seed": seed, "changes": changes, "source": source}
    setup = settings(profile, corpus, **own, device=choose_device())
    what = f"profile {profile}, corpus {corpus}, seed {seed}" + (changes and f", {changes}")
    where = "read from" if source == "record" else "written to"
    print(
        f"Environment: nblib {__version__}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"{setup.device}; {what}; results {where} {str(setup.results).removeprefix(f'{paths.home()}/')}"
    )
    return setup


def ended(*parameters: object) -> Path:
    """The file that says that a whole run of these `STANDARD` parameters and this code ended: no work is left."""
    from nblib.provenance import code_digest, config_hash

    return paths.cache(f"ended-{config_hash([str(parameters), code_digest()])}")


def choose_device() -> str:
    """``NBLIB_DEVICE`` (``cpu``, ``cuda``, ``cuda:N``; `ParameterError` if it is not there), or ``cuda`` if it is."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    known = [*(["cuda"] if count else []), "cpu", *(f"cuda:{index}" for index in range(count))]
    wanted = os.environ.get("NBLIB_DEVICE") or known[0]
    if wanted not in known:
        raise ParameterError(f"NBLIB_DEVICE={wanted!r}: this machine has {', '.join(known)}; choose one, or unset it")
    return wanted
