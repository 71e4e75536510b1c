"""The runner, on small notebooks made here: order, parameters, failures, Ctrl-C, the kernel's interpreter."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from helpers.suite import PARAMETERS, make, printed

from nblib import paths, suite
from nblib.errors import ParameterError
from nblib.suite import Notebook

NAMES = {"01_reads": (), "02_fails": (), "03_needs_02": ("02",), "04_needs_03": ("03",), "05_dies": (), "06_last": ()}
SUITE = tuple(Notebook(name, "Title", needs) for name, needs in NAMES.items())
LOG = "from pathlib import Path\nwith Path('order.txt').open('a') as file: file.write('{}\\n')"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of its own, whose suite is the first of `SUITE` alone."""
    monkeypatch.setattr(suite, "SUITE", SUITE[:1])
    with patch.dict(os.environ, {"NBLIB_HOME": str(tmp_path), "NBLIB_DATA": ""}):  # a run changes the environment
        yield tmp_path


def run(profile: str = "quick", corpus: str = "embedded", data_root: str = "", seed: int = 0, **further) -> int:
    return suite.run(*suite.plan(profile, corpus, data_root, seed, **further))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One run of six notebooks, with an installed python3 kernelspec that leads to no Python at all."""
    home = tmp_path_factory.mktemp("suite")
    more = PARAMETERS + "votes_file = ''  # of people\n"
    reads = "import os, sys\nprint(profile, corpus, data_root, seed, source, changes, votes_file)"
    kernel = "import nblib\nprint(sys.executable, nblib.__file__, os.environ['MPLBACKEND'].split('.')[-1])"
    make(home, "01_reads", LOG.format("01"), reads, kernel, parameters=more)
    make(home, "02_fails", LOG.format("02"), "print('one line')", "\n# the doomed cell\nseed / 0", "print('never')")
    make(home, "03_needs_02")
    make(home, "04_needs_03")
    make(home, "05_dies", LOG.format("05"), "import os\nos._exit(3)")
    make(home, "06_last", LOG.format("06"), "print(source)")
    spec = home / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text('{"argv": ["/nowhere/python"], "display_name": "x", "language": "python"}')
    output = io.StringIO()
    places = {"NBLIB_HOME": str(home), "NBLIB_DATA": "", "JUPYTER_PATH": str(home / "jupyter")}
    with patch.dict(os.environ, places), patch.object(suite, "SUITE", SUITE), contextlib.redirect_stdout(output):
        changes = ["replicates=4", "votes_file=a=b c", "separation_training.max_epochs=2"]
        setup, jobs = suite.plan("smoke", "embedded", "", 7, changes=changes)
        code = suite.run(setup, jobs)
    copies = home / "data" / "executed" / setup.name
    return SimpleNamespace(code=code, output=output.getvalue(), home=home, copies=copies)


def test_runs_in_order_in_the_notebooks_folder_and_skips_what_needs_a_failed_one(finished):
    said = [line for line in finished.output.split("\n\n")[0].splitlines() if line[:2].isdigit()]
    ended = [line.rpartition(", ")[0] for line in said if ", 0:0" in line]
    assert ended == ["01_reads: ok", "02_fails: failed", "05_dies: failed", "06_last: ok"]
    assert "03_needs_02: skipped, needs 02 (failed)" in said and "04_needs_03: skipped, needs 03 (skipped)" in said
    assert "02_fails: Title\none line\n02_fails: failed, 0:0" in finished.output  # what cells print is shown
    assert (finished.home / "notebooks" / "order.txt").read_text().split() == ["01", "02", "05", "06"]
    assert finished.code == 1 and "2 of 6 notebooks ended well" in finished.output


def test_own_parameters_go_where_they_are_declared_and_settings_everywhere(finished):
    values, kernel = printed(finished.copies / "01_reads.ipynb")
    changes = "replicates=4 separation_training.max_epochs=2"
    assert values == f"smoke embedded  7 run {changes} a=b c\n"
    assert kernel == f"{sys.executable} {Path(suite.__file__).with_name('__init__.py')} backend_inline\n"
    assert printed(finished.copies / "06_last.ipynb") == ["run\n"]
    last = (finished.copies / "06_last.ipynb").read_text()
    assert "votes_file" not in last and changes in last
    assert "seed7" in finished.copies.name and "replicates=4" in finished.copies.name


def test_a_failed_notebook_is_named_with_its_cell_and_error(finished):
    assert "02_fails failed in cell 6: # the doomed cell" in finished.output
    assert finished.output.count("ZeroDivisionError: division by zero") == 1
    assert "----> 2 seed / 0" in finished.output
    assert f"executed copy up to there: {finished.copies / '02_fails.ipynb'}" in finished.output
    assert "05_dies failed in cell 5: import os\nthe kernel died" in finished.output


def test_executed_copies_are_whole_also_of_failed_notebooks(finished):
    assert sorted(path.stem for path in finished.copies.iterdir()) == ["01_reads", "02_fails", "05_dies", "06_last"]
    assert printed(finished.copies / "02_fails.ipynb") == ["one line\n"]
    copy = (finished.copies / "06_last.ipynb").read_text()
    assert str(finished.home) not in copy and "papermill" not in copy


@pytest.mark.parametrize(("recorded", "source"), [(True, "run"), (False, "run"), (True, "record")])
def test_a_whole_run_is_compared_with_the_record_where_there_is_one(home, monkeypatch, capsys, recorded, source):
    monkeypatch.chdir(home)
    monkeypatch.setenv("NBLIB_DATA", "here")  # a relative data folder is the same for notebooks
    make(home, "01_reads", "from nblib import paths\nprint(paths.data(), source)")
    if recorded:
        (home / "data" / "record" / "quick").mkdir(parents=True)
    compared = []
    monkeypatch.setattr("nblib.compare.compare", lambda setup: compared.append(setup.name))
    monkeypatch.setattr("nblib.claims.claims", lambda setup: None)
    assert run(changes=[f"source={source}"]) == 0
    assert printed(home / "here" / "executed" / "quick" / "01_reads.ipynb") == [f"{home / 'here'} {source}\n"]
    assert compared == (["quick"] if recorded and source == "run" else [])
    assert ("there is no record of quick" in capsys.readouterr().out) is not recorded


SLEEPER = """
import signal, sys
from pathlib import Path
from nblib import paths, suite
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
notebooks = [suite.Notebook("01_sleeps", ""), suite.Notebook("02_never", "")]
sys.exit(suite.run(None, [suite.Job(each, Path("copies", each.path.name), {}) for each in notebooks]))
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
    monkeypatch.setenv("PYTHONPATH", str(Path(suite.__file__).parents[1]))
    process = subprocess.Popen([sys.executable, "-c", SLEEPER], cwd=home, stdout=-1, stderr=-1, text=True)
    wait_for((home / "notebooks" / "pid").exists)
    kernel = Path("/proc") / (home / "notebooks" / "pid").read_text() / "status"
    process.send_signal(sent)
    output, errors = process.communicate(timeout=60)
    wait_for(lambda: not kernel.exists() or "State:\tZ" in kernel.read_text())
    if sent == signal.SIGINT:
        assert (process.returncode, errors) == (130, "")
        assert "01_sleeps stopped in cell 4: import os" in output and "02_never" not in output
        assert printed(home / "copies" / "01_sleeps.ipynb") == ["made\n"]


WRONG = {
    "missing data root": ({"corpus": "real", "data_root": "/nowhere"}, "data_root='/nowhere': .* which is there"),
    "unread data root": ({"data_root": "/"}, "any other corpus none"),
    "number": ({"only": ["7"]}, "notebook='07' is not known"),
    "own name": ({"changes": ["vote_file=x"]}, "'vote_file' is not known.*did you mean 'votes_file'"),
    "no text": ({"changes": ["epochs=3"]}, "parameter='epochs' is not known"),
    "form": ({"changes": ["votes_file"]}, "NAME=VALUE is needed"),
    "own option": ({"changes": ["profile=smoke"]}, "python -m nblib run --help"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_parameter_stops_before_anything_runs(case, home):
    given, message = WRONG[case]
    make(home, "01_reads", parameters=PARAMETERS + "epochs = 3\nvotes_file = ''\n")
    with pytest.raises(ParameterError, match=f"(?s){message}"):
        run(**given)
    assert not (home / "data").exists()


@pytest.mark.parametrize("cell", ["seed = 1\nother = seed + 1", None, "torn"])
def test_an_unreadable_notebook_is_named(cell, home):
    if cell:
        make(home, "01_reads", parameters=PARAMETERS + cell)
    if cell == "torn":
        (home / "notebooks" / "01_reads.ipynb").write_text('{"cells": [')
    with pytest.raises(ParameterError, match=r"01_reads\.ipynb: its parameters cannot be read .*NBLIB_HOME"):
        run()


def test_only_takes_numbers_and_names_and_keeps_the_suites_order(home, monkeypatch):
    monkeypatch.setattr(suite, "SUITE", SUITE)
    make(home, "02_fails"), make(home, "05_dies"), make(home, "06_last")
    _, jobs = suite.plan("quick", "embedded", "", 0, ["06_last", "2", "6", "05_dies.ipynb"])
    assert [job.notebook.number for job in jobs] == ["02", "05", "06"]


def test_the_suite_needs_only_what_comes_before():
    numbers = [notebook.number for notebook in suite.SUITE]
    assert numbers == sorted(set(numbers)) and all(notebook.path.exists() for notebook in suite.SUITE)
    assert all(each in numbers and each < notebook.number for notebook in suite.SUITE for each in notebook.needs)


GOOD = {"profile": "quick", "corpus": "embedded", "data_root": "", "seed": 0, "source": "record", "changes": ""}


def test_settings_hold_the_checked_values_and_the_places(capsys, monkeypatch):
    monkeypatch.setenv("NBLIB_DEVICE", "cpu")
    setup = suite.start(**GOOD)
    assert (setup.profile, setup.seed, setup.source, setup.device) == ("quick", 0, "record", "cpu")
    assert setup.results == paths.record("quick")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Environment: nblib ")
    assert line.endswith("cpu; profile quick, corpus embedded, seed 0; results read from data/record/quick")


def test_own_results_are_written_where_nothing_else_lies(capsys, tmp_path):
    changes = "replicates=4 separation_training.max_epochs=3"
    own = {"corpus": "real", "data_root": str(tmp_path), "source": "run", "seed": 2, "changes": changes}
    setup = suite.start(**GOOD | own)
    assert (setup.data_root, setup.replicates, setup.separation_training.max_epochs) == (str(tmp_path), 4, 3)
    line = capsys.readouterr().out
    assert f"corpus real, seed 2, {changes}; results written to " in line and f"{setup.results.name}\n" in line
    assert setup.name.startswith("quick-real-") and "seed2" in setup.name


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("profile", 3, "profile=3 is not known"),
        ("seed", 2.5, "seed=2.5: a whole number"),
        ("data_root", 7, "data_root=7 must be a text, not of type int"),
        ("changes", ["replicates=4"], "changes=.* must be a text, not of type list"),
        ("changes", "replicate=4", "did you mean 'replicates'"),
    ],
)
def test_an_injected_parameter_of_another_type_or_a_setting_that_is_not_there_is_refused(name, value, message):
    with pytest.raises(ParameterError, match=message):
        suite.start(**GOOD | {name: value})


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_an_unknown_device_is_refused(device, monkeypatch):
    monkeypatch.setenv("NBLIB_DEVICE", device)
    with pytest.raises(ParameterError, match=f"NBLIB_DEVICE='{device}'"):
        suite.choose_device()
