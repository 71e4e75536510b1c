"""The runner, on small notebooks made here: order, parameters, failures, Ctrl-C, progress, the kernel's interpreter."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from made_notebooks import PARAMETERS, entry, make, printed

from nblib import suite
from nblib.errors import ParameterError
from nblib.suite import choose, run


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@dataclass
class Finished:
    code: int
    output: str
    copies: Path
    durations: dict


LOG = "from pathlib import Path\nwith Path('order.txt').open('a') as file: file.write('{}\\n')"
SUITE = (
    entry(1, "01_reads"),
    entry(2, "02_fails"),
    entry(3, "03_needs_02", needs=(2,)),
    entry(4, "04_needs_03", needs=(3,)),
    entry(5, "05_dies"),
    entry(6, "06_last"),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Finished:
    """One run of six notebooks, with an installed python3 kernelspec that leads to no Python at all."""
    top = tmp_path_factory.mktemp("suite {braces}")
    folder = top / "notebooks"
    more = PARAMETERS + "epochs = 3  # passes\nrate = 0.5\nverbose = False\n"
    reads = "import os, sys\nprint(profile, corpus, data_root, seed, source, epochs, rate, verbose)"
    make(
        folder, "01_reads", LOG.format("01"), reads, "print(sys.executable, os.environ['NBLIB_BATCH'])", parameters=more
    )
    make(folder, "02_fails", LOG.format("02"), "print('one line')", "\n# the doomed cell\nseed / 0", "print('never')")
    make(folder, "03_needs_02", LOG.format("03"))
    make(folder, "04_needs_03", LOG.format("04"))
    make(folder, "05_dies", LOG.format("05"), "import os\nos._exit(3)")
    make(folder, "06_last", LOG.format("06"), "print(source)", parameters='source = "committed"\n')
    spec = top / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    elsewhere = {"argv": ["/nowhere/python"], "display_name": "x", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(elsewhere))
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output):
        patch.setenv("NBLIB_DATA", str(top / "data"))
        patch.setenv("JUPYTER_PATH", str(top / "jupyter"))
        code = run("smoke", seed=7, settings=["epochs=5", "rate=2"], suite=SUITE, notebooks=folder)
    durations = json.loads((top / "data" / "cache" / "durations.json").read_text())
    return Finished(code, output.getvalue(), top / "data" / "executed" / "smoke", durations)


def test_runs_in_order_in_the_notebooks_folder_and_skips_what_needs_a_failed_one(finished):
    order = (finished.copies.parents[2] / "notebooks" / "order.txt").read_text().split()
    assert order == ["01", "02", "05", "06"]
    assert finished.code == 1
    assert "03_needs_02 skipped: it needs 02, which failed" in finished.output
    assert "04_needs_03 skipped: it needs 03, which was skipped" in finished.output


def test_injects_each_parameter_only_where_it_is_declared(finished):
    assert printed(finished.copies / "01_reads.ipynb")[0] == "smoke embedded  7 run 5 2.0 False\n"
    assert printed(finished.copies / "06_last.ipynb") == ["run\n"]
    last = (finished.copies / "06_last.ipynb").read_text()
    assert "epochs" not in last
    assert "profile" not in last


def test_the_kernel_is_the_interpreter_that_runs_nblib(finished):
    assert printed(finished.copies / "01_reads.ipynb")[1] == f"{sys.executable} 1\n"


def test_a_failed_notebook_is_named_with_its_cell_and_error(finished):
    assert "02_fails failed in cell 6 of 7: # the doomed cell" in finished.output
    assert finished.output.count("ZeroDivisionError: division by zero") == 1
    assert "----> 2 seed / 0" in finished.output
    assert f"executed copy up to there: {finished.copies / '02_fails.ipynb'}" in finished.output
    assert "05_dies failed in cell 5 of 5: import os\nthe kernel died" in finished.output


def test_executed_copies_are_whole_also_of_failed_notebooks(finished):
    names = sorted(path.name for path in finished.copies.iterdir())
    assert names == ["01_reads.ipynb", "02_fails.ipynb", "05_dies.ipynb", "06_last.ipynb"]
    assert printed(finished.copies / "02_fails.ipynb") == ["one line\n"]
    copy = (finished.copies / "01_reads.ipynb").read_text()
    assert str(finished.copies.parents[2]) not in copy
    assert "papermill" not in copy


def test_plain_output_is_a_line_at_each_start_and_end(finished):
    progress = finished.output.split("\n\n")[0].splitlines()
    assert [line.split(",")[0] for line in progress] == [
        "01_reads: running (1/6)",
        "01_reads: ok",
        "02_fails: running (2/6)",
        "02_fails: failed",
        "03_needs_02: skipped",
        "04_needs_03: skipped",
        "05_dies: running (5/6)",
        "05_dies: failed",
        "06_last: running (6/6)",
        "06_last: ok",
    ]
    assert "about 0:06 left" in progress[0]


def test_durations_of_notebooks_that_ended_well_are_kept(finished):
    assert sorted(finished.durations["smoke"]) == ["01_reads", "06_last"]


def test_a_relative_data_folder_is_the_same_for_notebooks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBLIB_DATA", "here")
    make(tmp_path / "nb", "01_reads", "from nblib import paths\nprint(paths.data())")
    assert run(suite=SUITE[:1], notebooks=tmp_path / "nb") == 0
    assert printed(tmp_path / "here" / "executed" / "quick" / "01_reads.ipynb") == [f"{tmp_path / 'here'}\n"]


def test_estimates_come_from_the_last_run(tmp_path, data, capsys):
    make(tmp_path / "nb", "01_reads")
    (data / "cache").mkdir(parents=True)
    (data / "cache" / "durations.json").write_text('{"quick": {"01_reads": 3725.0}, "paper": {"01_reads": 9}}')
    assert run(suite=SUITE[:1], notebooks=tmp_path / "nb") == 0
    assert "about 1:02:05 left" in capsys.readouterr().out


SLEEPER = """
    import os, signal, sys
    from pathlib import Path
    from nblib.suite import Notebook, run
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
    suite = [Notebook(1, "01_sleeps", "", 1, 1, 1), Notebook(2, "02_never", "", 1, 1, 1)]
    sys.exit(run(suite=suite, notebooks=Path("nb").absolute()))
"""


def start_sleeper(folder: Path) -> tuple[subprocess.Popen, int]:
    """A run in a process of its own, in the middle of a cell; and the kernel's process number."""
    note = "import os, time\nfrom pathlib import Path\nPath('note').write_text(str(os.getpid()))"
    make(folder / "nb", "01_sleeps", "print('made')", f"{note}\nPath('note').rename('pid')\ntime.sleep(100)")
    make(folder / "nb", "02_never", "1")
    environment = {**os.environ, "PYTHONPATH": str(Path(suite.__file__).parents[1])}
    command = [sys.executable, "-c", textwrap.dedent(SLEEPER)]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=-1, stderr=-1, text=True)
    wait_for((folder / "nb" / "pid").exists)
    return process, int((folder / "nb" / "pid").read_text())


def wait_for(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited 30 s in vain"
        time.sleep(0.05)


def gone(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    return not status.exists() or "State:\tZ" in status.read_text()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes under /proc")
def test_ctrl_c_ends_with_130_kills_the_kernel_and_keeps_what_is_made(tmp_path, data):
    process, kernel = start_sleeper(tmp_path)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "")
    assert gone(kernel)
    assert "01_sleeps stopped in cell 5 of 5" in output
    assert "02_never: running" not in output
    assert printed(data / "executed" / "quick" / "01_sleeps.ipynb") == ["made\n"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes under /proc")
def test_a_killed_run_leaves_no_kernel_behind(tmp_path):
    process, kernel = start_sleeper(tmp_path)
    process.kill()
    process.communicate()
    wait_for(lambda: gone(kernel))


WRONG = {
    "profile": ({"profile": "qiuck"}, "did you mean 'quick'"),
    "corpus": ({"corpus": "reel"}, "did you mean 'real'"),
    "seed": ({"seed": -1}, "seed=-1 must be a whole number"),
    "no data root": ({"corpus": "real"}, "needs data_root"),
    "missing data root": ({"corpus": "real", "data_root": "/nowhere"}, "'/nowhere' is not a folder"),
    "unread data root": ({"data_root": "/"}, "only read with --corpus real"),
    "number": ({"only": ["7"]}, "'7' is not in the suite"),
    "name": ({"only": ["01_raeds"]}, "did you mean '01_reads'"),
    "unknown": ({"settings": ["epoch=3"]}, "did you mean 'epochs'"),
    "type": ({"settings": ["epochs=many"]}, "epochs='many' of 01_reads.ipynb must be of type int"),
    "no bool for int": ({"settings": ["epochs=true"]}, "must be of type int"),
    "no float for int": ({"settings": ["epochs=1.5"]}, "must be of type int"),
    "elements": ({"settings": ["bitrates=['a']"]}, "must be of type list"),
    "form": ({"settings": ["epochs"]}, "write it as NAME=VALUE"),
    "own option": ({"settings": ["profile=smoke"]}, "has its own option"),
    "source": ({"settings": ["source=comitted"]}, "did you mean 'committed'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_parameter_stops_before_anything_runs(case, tmp_path, data):
    given, message = WRONG[case]
    make(tmp_path / "nb", "01_reads", parameters=PARAMETERS + "epochs = 3\nbitrates = [16, 32]\n")
    with pytest.raises(ParameterError, match=message.replace("(", r"\(")):
        run(**given, suite=SUITE[:1], notebooks=tmp_path / "nb")
    assert not data.exists()


BROKEN = {
    "derived": ("seed = 1\nother = seed + 1", "'other = seed \\+ 1' in the parameters cell is not"),
    "syntax": ("seed = = 1", "line 1 of the parameters cell"),
    "call": ("print(1)", "is not `name = literal`"),
    "none": ("", "'seed' is not declared"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_unusable_parameters_cell_is_named(case, tmp_path):
    source, message = BROKEN[case]
    make(tmp_path, "01_reads", parameters=source)
    with pytest.raises(ParameterError, match=message):
        run(seed=3, suite=SUITE[:1], notebooks=tmp_path)


def test_a_missing_or_torn_notebook_is_named(tmp_path):
    with pytest.raises(ParameterError, match=r"01_reads\.ipynb: no such notebook"):
        run(suite=SUITE[:1], notebooks=tmp_path)
    (tmp_path / "01_reads.ipynb").write_text('{"cells": [')
    with pytest.raises(ParameterError, match=r"01_reads\.ipynb: not a readable notebook"):
        run(suite=SUITE[:1], notebooks=tmp_path)


@pytest.mark.parametrize("only", [["2", "06"], ["06_last", "02"], ["02_fails.ipynb", "6", "6"]])
def test_only_takes_numbers_and_names_and_keeps_the_suites_order(only):
    assert [notebook.number for notebook in choose(only, SUITE)] == [2, 6]


def test_the_suite_needs_only_what_comes_before():
    numbers = [notebook.number for notebook in suite.SUITE]
    assert numbers == sorted(set(numbers))
    for notebook in suite.SUITE:
        assert notebook.name.startswith(f"{notebook.number:02}_")
        assert all(needed in numbers and needed < notebook.number for needed in notebook.needs)
