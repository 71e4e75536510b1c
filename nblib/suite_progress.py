"""What a run of the suite shows: a live table in a terminal, a few plain lines where the output is none."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
STYLES = {"running": "bold cyan", "ok": "green", "failed": "bold red", "skipped": "yellow", "stopped": "yellow"}
PLAIN_SECONDS = 30.0


@dataclass
class Row:
    """One notebook of a run: what is known of it now. Times in seconds, cells counted from 1."""

    name: str
    expected: float
    state: str = "waiting"
    began: float = 0.0
    seconds: float = 0.0
    cell: int = 0
    cells: int = 0
    line: str = ""

    def elapsed(self) -> float:
        """Seconds that the notebook has run, or ran."""
        return time.monotonic() - self.began if self.state == "running" else self.seconds

    def left(self) -> float:
        """Seconds that the notebook is expected to need from now."""
        if self.state == "waiting":
            return self.expected
        return max(0.0, self.expected - self.elapsed()) if self.state == "running" else 0.0


class Display(Protocol):
    """Shows rows as they change; a context that is left when the run ends."""

    def __enter__(self) -> Display: ...

    def __exit__(self, *error: object) -> None: ...

    def changed(self, row: Row) -> None:
        """The row's state, cell or latest line differs."""


def time_left(rows: Sequence[Row]) -> float:
    """Seconds that all of `rows` are expected to need from now."""
    return sum(row.left() for row in rows)


def clock(seconds: float) -> str:
    """`seconds` as ``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass
class RowWatcher:
    """Keeps a row's cell and latest line up to date while its notebook runs."""

    row: Row
    display: Display
    partial: str = field(default="", init=False)

    def cell(self, number: int, total: int) -> None:
        """A cell begins."""
        self.row.cell, self.row.cells = number, total
        self.display.changed(self.row)

    def output(self, text: str) -> None:
        """Keep the last line that says something; a line may come in parts, and a bar returns to its start."""
        self.partial += ANSI.sub("", text)
        lines = [line.strip() for line in re.split(r"[\r\n]", self.partial)]
        self.partial = re.split(r"[\r\n]", self.partial)[-1]
        said = [line for line in lines if line]
        if said:
            self.row.line = said[-1]
            self.display.changed(self.row)


class PlainLines:
    """A line when a notebook starts, one when it ends, and one at most every `every` seconds between."""

    def __init__(self, rows: Sequence[Row], out: TextIO, every: float = PLAIN_SECONDS) -> None:
        self.rows, self.out, self.every = rows, out, every
        self.shown: dict[str, str] = {}
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.spoke = time.monotonic()
        self.ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> PlainLines:
        self.ticker.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.ticker.join()

    def changed(self, row: Row) -> None:
        """Say so where the row's state is another one."""
        with self.lock:
            if self.shown.get(row.name, "waiting") == row.state:
                return
            self.shown[row.name] = row.state
            if row.state == "running":
                number = self.rows.index(row) + 1
                self._say(f"{row.name}: running ({number}/{len(self.rows)}), about {clock(time_left(self.rows))} left")
            else:
                self._say(f"{row.name}: {row.state}, {clock(row.seconds)}")

    def _tick(self) -> None:
        # A thread, because a long cell that prints nothing must not look like a run that hangs.
        while not self.ended.wait(max(0.01, self.spoke + self.every - time.monotonic())):
            with self.lock:
                running = next((row for row in self.rows if row.state == "running"), None)
                if time.monotonic() < self.spoke + self.every:
                    continue
                if running is None:
                    self.spoke = time.monotonic()
                    continue
                where = f"cell {running.cell}/{running.cells}, {clock(running.elapsed())}"
                self._say(f"{running.name}: {where}: {running.line}")

    def _say(self, text: str) -> None:
        print(text[:200], file=self.out, flush=True)
        self.spoke = time.monotonic()


class LiveTable:
    """All notebooks with state, time, cell and latest line, redrawn in place, and the time left for the whole."""

    def __init__(self, rows: Sequence[Row], console: Console) -> None:
        self.rows = rows
        self.live = Live(console=console, get_renderable=self._table, refresh_per_second=4)

    def __enter__(self) -> LiveTable:
        self.live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.live.stop()

    def changed(self, row: Row) -> None:
        """Nothing to do: the table reads the rows each time it is drawn."""

    def _table(self) -> Table:
        left = time_left(self.rows)
        table = Table(caption=f"about {clock(left)} left" if left else None, caption_justify="left", box=None)
        table.add_column("notebook", no_wrap=True)
        table.add_column("state", no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("cell", justify="right", no_wrap=True)
        table.add_column("latest output", no_wrap=True, overflow="ellipsis", ratio=1)
        for row in self.rows:
            state = Text(row.state, style=STYLES.get(row.state, "dim"))
            elapsed = clock(row.elapsed()) if row.began else ""
            cell = f"{row.cell}/{row.cells}" if row.cell else ""
            line = row.line if row.state in ("running", "skipped") else ""
            table.add_row(row.name, state, elapsed, cell, Text(line, style="dim"))
        return table


def display_for(rows: Sequence[Row]) -> Display:
    """A live table where the output is a terminal that can redraw, plain lines elsewhere."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return LiveTable(rows, Console())
    return PlainLines(rows, sys.stdout)
