"""The call that every notebook starts with, in plain Python, in IPython and under papermill itself."""

import re
import sys
from types import SimpleNamespace

import papermill
import pytest
from helpers.suite import PARAMETERS, make
from IPython.core.interactiveshell import InteractiveShell
from papermill.exceptions import PapermillExecutionError

from nblib import paths
from nblib.errors import ParameterError
from nblib.notebook import choose_device, start

GOOD = {"profile": "quick", "corpus": "embedded", "data_root": "", "seed": 0, "source": "record", "changes": ""}
DECLARED = PARAMETERS + "epochs = 3  # passes"
START = "from nblib.notebook import start\nsetup = start(profile, corpus, data_root, seed, source, changes)"


def test_settings_hold_the_checked_values_and_the_places(capsys, monkeypatch):
    monkeypatch.setenv("NBLIB_DEVICE", "cpu")
    setup = start(**GOOD)
    assert (setup.profile, setup.seed, setup.source, setup.device) == ("quick", 0, "record", "cpu")
    assert setup.results == paths.record("quick")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Environment: nblib ")
    assert line.endswith("cpu; profile quick, corpus embedded, seed 0; results read from data/record/quick")


def test_own_results_are_written_where_nothing_else_lies(capsys, tmp_path):
    changes = "replicates=4 separation_training.max_epochs=3"
    own = {"corpus": "real", "data_root": str(tmp_path), "source": "run", "seed": 2, "changes": changes}
    setup = start(**GOOD | own)
    assert (setup.data_root, setup.replicates, setup.separation_training.max_epochs) == (str(tmp_path), 4, 3)
    line = capsys.readouterr().out
    assert f"corpus real, seed 2, {changes}; results written to data/results/{setup.name}\n" in line
    assert setup.name.startswith("quick-real-") and "seed2" in setup.name


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_an_unknown_device_is_refused(device, monkeypatch):
    monkeypatch.setenv("NBLIB_DEVICE", device)
    with pytest.raises(ParameterError, match=f"NBLIB_DEVICE='{device}'"):
        choose_device()


@pytest.fixture
def shell(monkeypatch):
    made = InteractiveShell()
    made.showtraceback = lambda *arguments, **options: None
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: made))
    return made


def cells(shell: InteractiveShell, *sources: str) -> Exception | None:
    results = [shell.run_cell(source, store_history=True) for source in sources]
    return results[-1].error_in_exec


def test_a_declared_parameter_may_be_injected(shell):
    assert cells(shell, "%pwd", DECLARED, "# Parameters\nseed = 2\nepochs = 5\n", START) is None
    assert shell.user_ns["setup"].seed == 2


@pytest.mark.parametrize(
    ("injected", "message"),
    [
        ("epoch = 5", "parameter='epoch' is not known: .*; did you mean 'epochs'"),
        ("epochs = 2.5", "epochs=2.5 of this notebook must be of type int"),
    ],
)
def test_an_injected_parameter_that_would_not_be_read_is_refused(shell, injected, message):
    error = cells(shell, "import os", DECLARED, f"# Parameters\n{injected}\n", START)
    assert isinstance(error, ParameterError) and re.search(message, str(error))


def test_cells_written_or_run_again_by_hand_change_nothing(shell):
    injected = "# Parameters\nepochs = 5\n"
    assert cells(shell, f"# Parameters\n{DECLARED}\nextra = 1  # x", START) is None
    assert cells(shell, DECLARED, injected, START, "1 + 1", injected, START) is None
    assert isinstance(cells(shell, "# Parameters\nepoch = 5\n", START), ParameterError)


def test_papermill_alone_stops_at_an_undeclared_parameter_with_a_short_message(tmp_path):
    make(tmp_path, "n", START, parameters=DECLARED)
    options = {"kernel_name": "python3", "language": "python", "progress_bar": False}
    with pytest.raises(PapermillExecutionError) as stopped:
        papermill.execute_notebook(tmp_path / "notebooks" / "n.ipynb", tmp_path / "out.ipynb", {"epoch": 5}, **options)
    assert stopped.value.traceback == [f"ParameterError: {stopped.value.evalue}"]
    assert "did you mean 'epochs'?" in stopped.value.evalue
