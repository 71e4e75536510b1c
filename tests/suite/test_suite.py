"""The runner, on small notebooks made here: order, parameters, failures, Ctrl-C, the kernel's interpreter."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.suite import PARAMETERS, make, printed

from nblib import suite
from nblib.errors import ParameterError
from nblib.suite import Notebook

SUITE = (
    Notebook("01_reads", "Title 1"),
    Notebook("02_fails", "Title 2"),
    Notebook("03_needs_02", "Title 3", needs=("02",)),
    Notebook("04_needs_03", "Title 4", needs=("03",)),
    Notebook("05_dies", "Title 5"),
    Notebook("06_last", "Title 6"),
)
LOG = "from pathlib import Path\nwith Path('order.txt').open('a') as file: file.write('{}\\n')"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, whose suite is the first of `SUITE` alone."""
    monkeypatch.setenv("NBLIB_HOME", str(tmp_path))
    monkeypatch.delenv("NBLIB_DATA", raising=False)
    monkeypatch.setattr(suite, "SUITE", SUITE[:1])
    return tmp_path


def run(profile: str = "quick", corpus: str = "embedded", data_root: str = "", seed: int = 0, **further) -> int:
    return suite.run(*suite.plan(profile, corpus, data_root, seed, **further))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One run of six notebooks, with an installed python3 kernelspec that leads to no Python at all."""
    home = tmp_path_factory.mktemp("suite {braces}")
    more = PARAMETERS + "epochs = 3  # passes\nrate = 0.5\nverbose = False\nname = ''\n"
    reads = "import os, sys\nprint(profile, corpus, data_root, seed, source, changes, epochs, rate, verbose, name)"
    interpreter = "print(sys.executable)"
    make(home, "01_reads", LOG.format("01"), reads, interpreter, parameters=more)
    make(home, "02_fails", LOG.format("02"), "print('one line')", "\n# the doomed cell\nseed / 0", "print('never')")
    make(home, "03_needs_02", LOG.format("03"))
    make(home, "04_needs_03", LOG.format("04"))
    make(home, "05_dies", LOG.format("05"), "import os\nos._exit(3)")
    make(home, "06_last", LOG.format("06"), "print(source)")
    spec = home / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    elsewhere = {"argv": ["/nowhere/python"], "display_name": "x", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(elsewhere))
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output):
        patch.setenv("NBLIB_HOME", str(home))
        patch.setenv("JUPYTER_PATH", str(home / "jupyter"))
        patch.setattr(suite, "SUITE", SUITE)
        changes = ["epochs=5", "replicates=4", "rate=2", "name=a=b c", "separation_training.max_epochs=2"]
        setup, jobs = suite.plan("smoke", "embedded", "", 7, changes=changes)
        code = suite.run(setup, jobs)
    copies = home / "data" / "executed" / setup.name
    return SimpleNamespace(code=code, output=output.getvalue(), home=home, copies=copies)


def test_runs_in_order_in_the_notebooks_folder_and_skips_what_needs_a_failed_one(finished):
    assert (finished.home / "notebooks" / "order.txt").read_text().split() == ["01", "02", "05", "06"]
    assert finished.code == 1
    assert "03_needs_02: skipped, 0:00:00, needs 02 (failed)" in finished.output
    assert "04_needs_03: skipped, 0:00:00, needs 03 (skipped)" in finished.output
    assert "2 of 6 notebooks ended well" in finished.output
    durations = json.loads((finished.home / "data" / "cache" / "durations.json").read_text())
    assert sorted(durations[finished.copies.name]) == ["01_reads", "06_last"]


def test_own_parameters_go_where_they_are_declared_and_settings_everywhere(finished):
    values, interpreter = printed(finished.copies / "01_reads.ipynb")
    changes = "replicates=4 separation_training.max_epochs=2"
    assert values == f"smoke embedded  7 run {changes} 5 2 False a=b c\n"
    assert interpreter == f"{sys.executable}\n"
    assert printed(finished.copies / "06_last.ipynb") == ["run\n"]
    last = (finished.copies / "06_last.ipynb").read_text()
    assert "epochs = " not in last and changes in last
    assert "seed7" in finished.copies.name and "replicates=4" in finished.copies.name


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
    assert str(finished.home) not in copy and "papermill" not in copy


def test_plain_output_is_a_line_at_each_start_and_end(finished):
    progress = finished.output.split("\n\n")[0].splitlines()
    said = [line.split(", ")[0] for line in progress]
    assert said[:4] == ["01_reads: running", "01_reads: ok", "02_fails: running", "02_fails: failed"]
    assert said[4:8] == ["03_needs_02: skipped", "04_needs_03: skipped", "05_dies: running", "05_dies: failed"]
    assert said[8:] == ["06_last: running", "06_last: ok"]
    assert "left" not in progress[0]  # nothing was measured


@pytest.mark.parametrize("recorded", [True, False])
def test_a_whole_run_is_estimated_from_the_last_and_compared_with_the_record(home, monkeypatch, capsys, recorded):
    monkeypatch.chdir(home)
    monkeypatch.setenv("NBLIB_DATA", "here")  # a relative data folder is the same for notebooks
    make(home, "01_reads", "from nblib import paths\nprint(paths.data())")
    (home / "here" / "cache").mkdir(parents=True)
    (home / "here" / "cache" / "durations.json").write_text('{"quick": {"01_reads": 3725.0}, "paper": {"01_reads": 9}}')
    if recorded:
        (home / "data" / "record" / "quick").mkdir(parents=True)
    compared = []
    monkeypatch.setattr("nblib.compare.compare", lambda setup: compared.append(setup.name))
    monkeypatch.setattr("nblib.claims.claims", lambda setup: None)
    assert run() == 0
    assert printed(home / "here" / "executed" / "quick" / "01_reads.ipynb") == [f"{home / 'here'}\n"]
    shown = capsys.readouterr().out
    assert "about 1:02:05 left" in shown
    assert compared == (["quick"] if recorded else [])
    assert ("there is no record of quick" in shown) is not recorded


def test_a_run_on_the_record_compares_nothing(home, capsys):
    make(home, "01_reads", "print(source)")
    assert run(changes=["source=record"]) == 0
    assert printed(home / "data" / "executed" / "quick" / "01_reads.ipynb") == ["record\n"]
    assert "compare" not in capsys.readouterr().out


SLEEPER = """
    import signal, sys
    from pathlib import Path
    from types import SimpleNamespace
    from nblib import suite
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
    notebooks = [suite.Notebook("01_sleeps", ""), suite.Notebook("02_never", "")]
    jobs = [suite.Job(each, Path("copies", each.path.name).resolve(), {"seed": 0}) for each in notebooks]
    sys.exit(suite.run(SimpleNamespace(name="quick", source="run"), jobs))
"""


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        time.sleep(0.05)
        assert time.monotonic() < deadline, "waited 60 s in vain"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes under /proc")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_no_kernel_is_left_behind_and_ctrl_c_keeps_what_is_made(home, monkeypatch, sent):
    note = "import os, time\nfrom pathlib import Path\nPath('note').write_text(str(os.getpid()))"
    make(home, "01_sleeps", "print('made')", f"{note}\nPath('note').rename('pid')\ntime.sleep(100)")
    make(home, "02_never", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(suite.__file__).parents[2]))
    command = [sys.executable, "-c", textwrap.dedent(SLEEPER)]
    process = subprocess.Popen(command, cwd=home, stdout=-1, stderr=-1, text=True)
    wait_for((home / "notebooks" / "pid").exists)
    kernel = Path("/proc") / (home / "notebooks" / "pid").read_text() / "status"
    process.send_signal(sent)
    output, errors = process.communicate(timeout=60)
    wait_for(lambda: not kernel.exists() or "State:\tZ" in kernel.read_text())
    if sent == signal.SIGINT:
        assert (process.returncode, errors) == (130, "")
        assert "01_sleeps stopped in cell 5 of 5" in output and "02_never: running" not in output
        assert printed(home / "copies" / "01_sleeps.ipynb") == ["made\n"]


WRONG = {
    "profile": ({"profile": "qiuck"}, "did you mean 'quick'"),
    "seed": ({"seed": -1}, "seed=-1: a whole number from 0"),
    "no data root": ({"corpus": "real"}, "needs the folder of recordings"),
    "missing data root": ({"corpus": "real", "data_root": "/nowhere"}, "data_root='/nowhere': .* which is there"),
    "unread data root": ({"data_root": "/"}, "any other corpus none"),
    "number": ({"only": ["7"]}, "notebook='07' is not known"),
    "name": ({"only": ["01_raeds"]}, "did you mean '01_reads'"),
    "own name": ({"changes": ["epoch=3"]}, "'epoch' is not known.*or did you mean the notebooks' 'epochs'"),
    "setting": ({"changes": ["replicate=3"]}, "did you mean 'replicates'"),
    "path": ({"changes": ["separation_training.epochs=3"]}, "did you mean 'separation_training.max_epochs'"),
    "type of a setting": ({"changes": ["replicates=many"]}, "must be of type int"),
    "own type": ({"changes": ["epochs=many"]}, "epochs='many' of 01_reads must be of type int"),
    "no bool for int": ({"changes": ["epochs=True"]}, "must be of type int"),
    "no list for text": ({"changes": ["bitrates=16"]}, "must be of type list"),
    "form": ({"changes": ["epochs"]}, "write it as NAME=VALUE"),
    "own option": ({"changes": ["profile=smoke"]}, "has its own option"),
    "source": ({"changes": ["source=recrod"]}, "did you mean 'record'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_parameter_stops_before_anything_runs(case, home):
    given, message = WRONG[case]
    make(home, "01_reads", parameters=PARAMETERS + "epochs = 3\nbitrates = [16, 32]\n")
    with pytest.raises(ParameterError, match=f"(?s){message}"):
        run(**given)
    assert not (home / "data").exists()


@pytest.mark.parametrize("cell", ["seed = 1\nother = seed + 1", None, "torn"])
def test_an_unreadable_notebook_is_named(cell, home):
    if cell == "torn":
        make(home, "01_reads")
        (home / "notebooks" / "01_reads.ipynb").write_text('{"cells": [')
    elif cell:
        make(home, "01_reads", parameters=PARAMETERS + cell)
    with pytest.raises(ParameterError, match=r"01_reads\.ipynb: its parameters cannot be read .*NBLIB_HOME"):
        run()


@pytest.mark.parametrize("only", [["2", "06"], ["06_last", "02"], ["02_fails.ipynb", "6", "6"]])
def test_only_takes_numbers_and_names_and_keeps_the_suites_order(only, home, monkeypatch):
    monkeypatch.setattr(suite, "SUITE", SUITE)
    make(home, "02_fails")
    make(home, "06_last")
    assert [job.notebook.number for job in suite.plan("quick", "embedded", "", 0, only)[1]] == ["02", "06"]


def test_the_suite_needs_only_what_comes_before():
    numbers = [notebook.number for notebook in suite.SUITE]
    assert numbers == sorted(set(numbers))
    for notebook in suite.SUITE:
        assert notebook.path.exists()
        assert all(needed in numbers and needed < notebook.number for needed in notebook.needs)
