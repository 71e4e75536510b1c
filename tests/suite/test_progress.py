"""What a run shows: plain lines, the line that changes in a terminal, the latest output and the time left."""

import io
import time
from pathlib import Path

from nblib import suite
from nblib.suite import ANSI, Job, Notebook, clock, display, status


def job(name: str, expected: float = float("nan"), state: str = "waiting", **known) -> Job:
    return Job(Notebook(name, ""), Path("copy"), {}, expected, state, **known)


def test_plain_lines_speak_at_starts_and_ends_and_at_most_once_per_interval(capsys):
    jobs = [job("01_a", 10), job("02_b", 20)]
    with display(jobs, every=0.4):
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


def test_in_a_terminal_one_line_changes_below_those_of_starts_and_ends(monkeypatch):
    out, jobs = io.StringIO(), [job("01_a", 10)]
    real = suite.Console
    monkeypatch.setattr(suite, "Console", lambda **how: real(file=out, force_terminal=True, width=60, **how))
    monkeypatch.setenv("TERM", "xterm")
    with display(jobs):
        jobs[0].began, jobs[0].state, jobs[0].cell, jobs[0].cells = time.monotonic(), "running", 1, 3
        for step in range(10):
            jobs[0].write(f"step {step} {100 * '.'}\n")
            time.sleep(0.1)
        jobs[0].seconds, jobs[0].state = 65, "ok"
    shown = out.getvalue()
    assert "cell 1/3: step" in shown and "…" in shown  # cut at the terminal's edge
    lines = [line for line in ANSI.sub("", shown).splitlines() if "01_a" in line]
    assert lines[0].startswith("01_a: running") and any("01_a: ok, 0:01:05" in line for line in lines)


def test_a_status_says_the_time_left_where_it_is_known_and_what_happens():
    jobs = [
        job("01_a", 5, "ok", began=1.0, seconds=65.0, cell=4, cells=4, line="bye"),
        job("02_b", 60, "skipped", line="needs 01 (failed)"),
        job("03_c", 90, "running", began=time.monotonic(), cell=3, cells=9, line="epoch 2"),
    ]
    assert [status(each, jobs) for each in jobs] == [
        "01_a: ok, 0:01:05",
        "02_b: skipped, 0:00:00, needs 01 (failed)",
        "03_c: running, 0:00:00, about 0:01:30 left, cell 3/9: epoch 2",
    ]
    late = job("01_a", 5, "running", began=time.monotonic() - 60)
    found = status(late, [late, job("02_b", 7), job("03_c", 9, "failed")])
    assert found == "01_a: running, 0:01:00, about 0:00:07 left"
    assert "left" not in status(late, [late, job("04_d")])  # nothing is guessed
    assert [clock(seconds) for seconds in (0, 59.6, 3600)] == ["0:00:00", "0:01:00", "1:00:00"]
