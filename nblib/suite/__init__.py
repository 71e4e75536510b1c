"""The table of notebooks, and a run of them: checked before anything is computed, in order, with one exit code."""

import ast
import contextlib
import csv
import difflib
import json
import math
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.live import Live
from rich.text import Text

from nblib import paths
from nblib.errors import ParameterError, check_choice
from nblib.notebook import STANDARD, check_type, checked

if TYPE_CHECKING:
    from nblib.settings import Settings

OK, FAILED, BAD_PARAMETERS, INTERRUPTED = 0, 1, 2, 130
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Notebook(NamedTuple):
    """A notebook: its file's name without suffix, number first; what it regenerates; whose results it reads."""

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


with (Path(__file__).parent / "notebooks.csv").open(encoding="utf-8", newline="") as _file:
    SUITE = tuple(Notebook(row["name"], row["title"], tuple(row["needs"].split())) for row in csv.DictReader(_file))


@dataclass
class Job:
    """A notebook of a run, and what is known of it now (seconds; cells from 1). A text file for what it prints."""

    notebook: Notebook
    copy: Path
    values: Mapping[str, object]  # to inject
    expected: float = math.nan  # no number where no run has measured it
    state: str = "waiting"  # running, ok, failed, skipped, stopped
    began: float = 0.0
    seconds: float = 0.0
    cell: int = 0
    cells: int = 0
    source: str = ""  # the cell's first line
    line: str = ""  # the last one printed that says something, or why it was skipped
    partial: str = ""
    failure: str = ""

    def write(self, text: str) -> None:
        """Take printed text: a line may come in parts, and a bar returns to its start."""
        lines = re.split(r"[\r\n]", self.partial + ANSI.sub("", text))
        self.partial = lines[-1]
        self.line = next((line.strip() for line in reversed(lines) if line.strip()), self.line)

    def flush(self) -> None:
        """Nothing waits."""

    def elapsed(self) -> float:
        """Seconds that the notebook has run, or ran."""
        return time.monotonic() - self.began if self.state == "running" else self.seconds


def parameters(notebook: Notebook) -> dict[str, dict[str, Any]]:
    """``default`` (which sets the type) and ``help``, by name, of what the notebook's parameters cell declares."""
    from papermill.inspection import inspect_notebook  # takes a second, which `nblib separate` need not wait for

    try:
        found = inspect_notebook(literal(notebook.path))
        return {name: {**entry, "default": ast.literal_eval(entry["default"])} for name, entry in found.items()}
    except (OSError, ValueError, AttributeError, SyntaxError) as error:
        remedy = "restore it from version control, run from a checkout of the project, or set NBLIB_HOME to one"
        raise ParameterError(f"{notebook.path}: its parameters cannot be read ({error}); {remedy}") from error


def literal(path: Path) -> str:
    """`path` for papermill, which would take braces in a folder's name for fields."""
    return str(path.resolve()).replace("{", "{{").replace("}", "}}")


def plan(
    profile: str, corpus: str, data_root: str, seed: int, only: Sequence[str] = (), changes: Sequence[str] = ()
) -> "tuple[Settings, list[Job]]":
    """Check everything that a run is given, and say what is to be done, in the suite's order.

    `only` has numbers (``3`` or ``03``) or names of notebooks; all run when it is empty. Those that they need are not
    added: a notebook finds the results of an earlier run, or makes its own. `changes` has ``NAME=VALUE``: a parameter
    of chosen notebooks, which goes to those that declare it, or else any setting. Others as in `nblib.settings`.
    Raises `ParameterError` where a name, type or value is wrong, or a notebook or the data folder is not there.
    """
    texts = _split(changes)
    source = texts.pop("source", "run")
    declared = {notebook: parameters(notebook) for notebook in _choose(only)}
    own = {name for found in declared.values() for name in found if name not in STANDARD}
    further = ["".join(f"{name}={text}".split()) for name, text in texts.items() if name not in own]
    try:
        setup = checked(profile, corpus, data_root, seed, source, further)
    except ParameterError as error:
        near = [match for name in texts.keys() - own for match in difflib.get_close_matches(name, own, n=1)]
        raise ParameterError(f"{error}; or did you mean the notebooks' {near[0]!r}?") if near else error from None
    shared = dict(zip(STANDARD, (profile, corpus, setup.data_root, seed, source, " ".join(further)), strict=True))
    copies = paths.executed(setup.name).resolve()
    jobs = []
    for notebook, found in declared.items():
        special = {name: _value(name, found[name], texts[name], notebook.name) for name in found.keys() & texts.keys()}
        jobs.append(Job(notebook, copies / notebook.path.name, {**shared, **special}))
    return setup, jobs


def _split(changes: Sequence[str]) -> dict[str, str]:
    texts = {}
    for change in changes:
        name, equals, texts[name] = change.partition("=")
        if not equals or not name:
            raise ParameterError(f"--set {change}: write it as NAME=VALUE, e.g. --set replicates=3")
        if name in STANDARD and name != "source":
            raise ParameterError(f"--set {change}: this one has its own option, see python -m nblib run --help")
    return texts


def _choose(only: Sequence[str]) -> list[Notebook]:
    wanted = [f"{int(text):02}" if text.isdecimal() else text.removesuffix(".ipynb") for text in only]
    for text in wanted:
        check_choice("notebook", text, [*(each.name for each in SUITE), *(each.number for each in SUITE)])
    return [each for each in SUITE if not wanted or {each.name, each.number} & {*wanted}]


def _value(name: str, parameter: Mapping[str, Any], text: str, where: str) -> object:
    """What `text` of the command line stands for: itself where the default is a text, else a Python literal."""
    value: object = text
    if not isinstance(parameter["default"], str):
        with contextlib.suppress(ValueError, SyntaxError):  # a text then, which is refused
            value = ast.literal_eval(text)
    check_type(name, parameter["default"], value, where)
    return value


def clock(seconds: float) -> str:
    """`seconds` as ``1:02:03``."""
    return str(timedelta(seconds=round(seconds)))


def status(job: Job, jobs: Sequence[Job]) -> str:
    """State and time of one of `jobs`; while it runs the time left for all, where it is known, the cell, and output."""
    said = [job.state, clock(job.elapsed())]
    if job.state == "running":
        left = sum(max(job.expected - job.elapsed(), 0.0) for job in jobs if job.state in ("waiting", "running"))
        said.append(f"about {clock(left)} left" if left > 0 else "")  # not a number is no more than 0
        said.append(f"cell {job.cell}/{job.cells}: {job.line}".removesuffix(": ") if job.cell else job.line)
    elif job.state == "skipped":
        said.append(job.line)
    return f"{job.notebook.name}: {', '.join(filter(None, said))}"[:200]


@contextlib.contextmanager
def display(jobs: Sequence[Job], every: float = 30.0) -> Iterator[None]:
    """A line at a notebook's start and end; between them one that changes in place, or, in no terminal, more lines."""
    ended, console = threading.Event(), Console(highlight=False, markup=False, soft_wrap=True)
    live = Live(console=console, auto_refresh=False, transient=True)
    can = console.is_terminal and not console.is_dumb_terminal

    def watch() -> None:
        shown, spoke, last = ["waiting"] * len(jobs), time.monotonic(), False
        while not last:
            last = ended.wait(0.25 if can else 0.05)
            for index, job in enumerate(jobs):
                state, line = job.state, status(job, jobs)
                if state == "running" and can:
                    live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
                if state != shown[index] or (state == "running" and not can and time.monotonic() > spoke + every):
                    shown[index], spoke = state, time.monotonic()
                    console.print(line)

    # A thread that looks, because a long cell that prints nothing must not look like a run that hangs.
    thread = threading.Thread(target=watch, daemon=True)
    with live:
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def run(setup: "Settings", jobs: Sequence[Job]) -> int:
    """Run what `plan` planned, write the executed copies and report; a whole run is compared with the record.

    Returns 0 where all ended well, 1 where a notebook failed (those that need it are skipped), 130 after Ctrl-C.
    """
    file, durations, code = paths.cache() / "durations.json", {}, OK
    with contextlib.suppress(OSError, ValueError):  # an estimate only
        durations = json.loads(file.read_text(encoding="utf-8"))
    known = durations.setdefault(setup.name, {})
    for job in jobs:
        job.expected = known.get(job.notebook.name, math.nan)
    try:
        with display(jobs):
            for job in jobs:
                _do(job, jobs)
    except KeyboardInterrupt:
        code = INTERRUPTED
    known |= {job.notebook.name: round(job.seconds, 1) for job in jobs if job.state == "ok"}
    with paths.whole(file) as temporary:
        temporary.write_text(json.dumps(durations, indent=1), encoding="utf-8")
    _report(jobs)
    if len(jobs) == len(SUITE) and all(job.state == "ok" for job in jobs) and setup.source == "run":
        from nblib import claims, compare

        claims.claims(setup)
        if replace(setup, source="record").results.is_dir():
            compare.compare(setup)
        else:
            print(f"nothing to compare with: there is no record of {setup.record_name}")
    return code or (FAILED if any(job.state == "failed" for job in jobs) else OK)


def _do(job: Job, jobs: Sequence[Job]) -> None:
    from nblib.suite.kernel import execute  # papermill takes a second to import

    broken = {other.notebook.number: other.state for other in jobs if other.state in ("failed", "skipped")}
    for number in broken.keys() & {*job.notebook.needs}:
        job.line, job.state = f"needs {number} ({broken[number]})", "skipped"
        return
    job.began, job.state, end = time.monotonic(), "running", "stopped"
    try:
        job.failure = execute(job)
        end = "failed" if job.failure else "ok"
    finally:
        job.seconds, job.state = job.elapsed(), end


def _report(jobs: Sequence[Job]) -> None:
    for job in jobs:
        where = f"in cell {job.cell} of {job.cells}: {job.source}" if job.cell else "while its kernel started"
        if job.state == "failed":
            print(f"\n{job.notebook.name} failed {where}\n{job.failure}\n  executed copy up to there: {job.copy}")
        elif job.state == "stopped":
            print(f"\n{job.notebook.name} stopped {where}\n  what it made stays, run again to go on")
    seconds, ended = sum(job.seconds for job in jobs), sum(job.state == "ok" for job in jobs)
    print(f"\n{ended} of {len(jobs)} notebooks ended well in {clock(seconds)}")
    print(f"executed copies: {jobs[0].copy.parent}", flush=True)
