"""What a run shows: plain lines, the live table, the latest line and the time left."""

from __future__ import annotations

import io
import time

from rich.console import Console

from nblib.suite_progress import LiveTable, PlainLines, Row, RowWatcher, clock, time_left


def test_plain_lines_speak_at_most_once_per_interval():
    rows = [Row("01_a", 10), Row("02_b", 20)]
    out = io.StringIO()
    with PlainLines(rows, out, every=0.3) as display:
        rows[0].state, rows[0].began = "running", time.monotonic()
        watcher = RowWatcher(rows[0], display)
        watcher.cell(2, 9)
        for step in range(50):
            watcher.output(f"step {step}\n")
            time.sleep(0.02)
    lines = out.getvalue().splitlines()
    assert lines[0] == "01_a: running (1/2), about 0:30 left"
    assert all(line.startswith("01_a: cell 2/9, 0:0") and ": step " in line for line in lines[1:])
    assert 1 <= len(lines) - 1 <= 3


def test_the_latest_line_is_put_together_from_parts_bars_and_colours():
    row = Row("01_a", 1)
    watcher = RowWatcher(row, PlainLines([row], io.StringIO()))
    watcher.output("epoch 1")
    watcher.output(": \x1b[32m0.5\x1b[0m\n\n")
    assert row.line == "epoch 1: 0.5"
    watcher.output(" 10%\r 20%")
    assert row.line == "20%"


def test_the_live_table_shows_states_and_time_left():
    rows = [Row("01_a", 5, "ok", 1.0, 65.0, 4, 4, "bye"), Row("02_b", 60, "skipped", line="needs 01"), Row("03_c", 90)]
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    with LiveTable(rows, console) as table:
        table.changed(rows[0])
    text = out.getvalue()
    for part in ("01_a", "ok", "1:05", "4/4", "skipped", "needs 01", "waiting", "about 1:30 left"):
        assert part in text


def test_time_left_never_falls_below_zero():
    rows = [Row("01_a", 5, "running", time.monotonic() - 60), Row("02_b", 7), Row("03_c", 9, "failed")]
    assert time_left(rows) == 7
    assert [clock(seconds) for seconds in (0, 59.6, 3600)] == ["0:00", "1:00", "1:00:00"]
