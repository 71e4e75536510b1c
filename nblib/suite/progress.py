"""What a run of the suite shows: a live table in a terminal, a few plain lines where the output is none."""

from __future__ import annotations

import math
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from nblib.suite import Notebook

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
STYLES = {"running": "bold cyan", "ok": "green", "failed": "bold red", "skipped": "yellow", "stopped": "yellow"}


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
    line: str = ""  # the last one printed that says something
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

    def doing(self) -> str:
        """The cell and the latest line of a running notebook, or why one was skipped."""
        where = f"cell {self.cell}/{self.cells}" if self.state == "running" and self.cell else ""
        return ": ".join(filter(None, [where, self.line if self.state in ("running", "skipped") else ""]))


def time_left(jobs: Sequence[Job]) -> str:
    """How long all of `jobs` will take from now; empty where that is not known of one of them, or all have ended."""
    seconds = sum(max(job.expected - job.elapsed(), 0.0) for job in jobs if job.state in ("waiting", "running"))
    return f"about {clock(seconds)} left" if seconds > 0 else ""  # not a number is no more than 0


def clock(seconds: float) -> str:
    """`seconds` as ``1:02:03``."""
    return str(timedelta(seconds=round(seconds)))


@contextmanager
def plain_lines(jobs: Sequence[Job], every: float = 30.0) -> Iterator[None]:
    """A line when a notebook starts, one when it ends, and one at most every `every` seconds between."""
    ended = threading.Event()

    def watch() -> None:
        shown = ["waiting"] * len(jobs)
        spoke, last = time.monotonic(), False
        while not last:
            last = ended.wait(0.05)
            for index, job in enumerate(jobs):
                state = job.state
                if state != shown[index] or (state == "running" and time.monotonic() > spoke + every):
                    shown[index], spoke = state, time.monotonic()
                    left = time_left(jobs) if state == "running" else ""
                    said = ", ".join(filter(None, [state, clock(job.elapsed()), left, job.doing()]))
                    print(f"{job.notebook.name}: {said}"[:200], flush=True)

    # A thread that looks, because a long cell that prints nothing must not look like a run that hangs.
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def table(jobs: Sequence[Job]) -> Table:
    """All notebooks with state, time, cell and latest line, and the time left for the whole."""
    drawn = Table(caption=time_left(jobs) or None, caption_justify="left", box=None, expand=True)
    for heading in ("notebook", "state", "time"):
        drawn.add_column(heading, no_wrap=True)
    drawn.add_column("latest output", no_wrap=True, overflow="ellipsis", ratio=1)
    for job in jobs:
        state = Text(job.state, style=STYLES.get(job.state, "dim"))
        elapsed = clock(job.elapsed()) if job.began else ""
        drawn.add_row(job.notebook.name, state, elapsed, Text(job.doing(), style="dim"))
    return drawn


def display(jobs: Sequence[Job]) -> AbstractContextManager[object]:
    """Shows `jobs` as they change: redrawn in place where the output is a terminal that can, plain lines elsewhere."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return Live(get_renderable=lambda: table(jobs), console=Console(), refresh_per_second=4)
    return plain_lines(jobs)
