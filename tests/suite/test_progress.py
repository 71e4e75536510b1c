"""What a run shows: plain lines, the live table, the latest line and the time left."""

from __future__ import annotations

import io
import time
from pathlib import Path

from rich.console import Console

from nblib.suite import Notebook
from nblib.suite.progress import Job, clock, plain_lines, table, time_left


def job(name: str, expected: float = float("nan"), state: str = "waiting", **known) -> Job:
    return Job(Notebook(int(name[:2]), name, ""), Path("copy"), {}, expected, state, **known)


def test_plain_lines_speak_at_starts_and_ends_and_at_most_once_per_interval(capsys):
    jobs = [job("01_a", 10), job("02_b", 20)]
    with plain_lines(jobs, every=0.4):
        jobs[0].began, jobs[0].state = time.monotonic(), "running"
        time.sleep(0.1)
        jobs[0].cell, jobs[0].cells = 2, 9
        for step in range(50):
            jobs[0].write(f"step {step}\n")
            time.sleep(0.02)
        jobs[0].seconds, jobs[0].state = 65, "ok"
        time.sleep(0.1)
        jobs[1].line, jobs[1].state = "needs 01 (failed)", "skipped"
    first, *between, ok, skipped = capsys.readouterr().out.splitlines()
    assert first == "01_a: running, 0:00:00, about 0:00:30 left"
    assert all(line.startswith("01_a: running, 0:00:0") and "cell 2/9: step " in line for line in between)
    assert 1 <= len(between) <= 3
    assert [ok, skipped] == ["01_a: ok, 0:01:05", "02_b: skipped, 0:00:00, needs 01 (failed)"]


def test_the_latest_line_is_put_together_from_parts_bars_and_colours():
    shown = job("01_a")
    shown.write("epoch 1")
    shown.write(": \x1b[32m0.5\x1b[0m\n\n")
    assert shown.line == "epoch 1: 0.5"
    shown.write(" 10%\r 20%")
    assert shown.line == "20%"


def test_the_live_table_shows_states_and_time_left():
    jobs = [
        job("01_a", 5, "ok", began=1.0, seconds=65.0, cell=4, cells=4, line="bye"),
        job("02_b", 60, "skipped", line="needs 01"),
        job("03_c", 90, "running", began=time.monotonic(), cell=3, cells=9, line="epoch 2" + 200 * "."),
    ]
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=80, color_system=None).print(table(jobs))
    for part in ("01_a", "ok", "0:01:05", "skipped", "needs 01", "cell 3/9: epoch 2", "about 0:01:30 left"):
        assert part in out.getvalue()
    assert "bye" not in out.getvalue()


def test_time_left_never_falls_below_zero_and_is_not_guessed():
    jobs = [job("01_a", 5, "running", began=time.monotonic() - 60), job("02_b", 7), job("03_c", 9, "failed")]
    assert time_left(jobs) == "about 0:00:07 left"
    assert time_left([*jobs, job("04_d")]) == time_left(jobs[2:]) == ""
    assert [clock(seconds) for seconds in (0, 59.6, 3600)] == ["0:00:00", "0:01:00", "1:00:00"]
