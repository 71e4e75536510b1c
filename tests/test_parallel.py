"""Work on several processes: order, errors, and an end with the parent."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import torch

from nblib import paths
from nblib.errors import StorageError
from nblib.parallel import parallel_map

SLEEPERS = """
import os, sys, time
from pathlib import Path
from nblib.parallel import parallel_map

def sleep(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(120)

if __name__ == "__main__":
    list(parallel_map(sleep, [sys.argv[1]] * 2, workers=2))
"""


def late_first(number: int) -> tuple[int, int, int]:
    time.sleep(0.3 if number == 0 else 0)
    return number, os.getpid(), torch.get_num_threads()


def refuse_second(folder: Path, number: int) -> int:
    if number == 1:
        raise StorageError("number 1: the message survives")
    time.sleep(0.2)
    (folder / str(number)).touch()
    return number


def test_results_come_in_order_from_other_processes_with_one_thread_each():
    numbers, processes, threads = zip(*parallel_map(late_first, range(4), workers=2), strict=True)
    assert numbers == (0, 1, 2, 3) and os.getpid() not in processes and set(threads) == {1}


def test_an_error_is_raised_here_and_waiting_work_is_dropped(tmp_path):
    results = parallel_map(partial(refuse_second, tmp_path), range(60), workers=2)
    assert next(results) == 0
    with pytest.raises(StorageError, match="number 1: the message survives"):
        list(results)
    assert len(list(tmp_path.iterdir())) < 30


def test_workers_see_the_environment_of_now(monkeypatch):
    for folder in ("one", "other"):
        monkeypatch.setenv("NBLIB_DATA", folder)
        assert list(parallel_map(os.getenv, ["NBLIB_DATA"] * 2, workers=2)) == [folder] * 2


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    script, started = tmp_path / "sleepers.py", tmp_path / "started"
    script.write_text(SLEEPERS)
    started.mkdir()
    environment = os.environ | {"PYTHONPATH": str(paths.home())}
    parent = subprocess.Popen([sys.executable, str(script), str(started)], env=environment)
    try:
        wait_until(lambda: len(list(started.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not any(alive(int(entry.name)) for entry in started.iterdir()))


def wait_until(done, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat")  # an orphan that ended may wait to be reaped
        return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False
