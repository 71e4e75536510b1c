"""The call that every notebook starts with, in plain Python, in IPython and under papermill itself."""

from __future__ import annotations

import importlib.machinery
import sys
import types

import nbformat
import papermill
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook
from papermill.exceptions import PapermillExecutionError

from nblib import notebook, paths
from nblib.errors import ParameterError
from nblib.notebook import choose_device, in_batch, progress, start

GOOD = {"profile": "quick", "corpus": "embedded", "data_root": "", "seed": 0, "source": "committed"}
DECLARED = 'profile = "quick"  # p\ncorpus = "embedded"  # c\ndata_root = ""  # d\nseed = 0  # s\nsource = "run"  # r\n'
START = "from nblib.notebook import start\nsession = start(profile, corpus, data_root, seed, source, epochs=epochs)"


def test_a_session_holds_the_checked_values_and_the_places(capsys, monkeypatch):
    monkeypatch.setenv("NBLIB_DEVICE", "cpu")
    session = start(**GOOD, epochs=3)
    assert (session.profile, session.seed, session.source, session.data_root) == ("quick", 0, "committed", None)
    assert session.device == "cpu"
    assert session.results == paths.results("quick", "embedded")
    assert session.figures == paths.figures("quick", "embedded")
    with pytest.raises(AttributeError):
        session.seed = 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Environment: nblib ")
    assert lines[0].endswith(
        "cpu; profile quick, corpus embedded, seed 0, epochs 3; results read from data/results/quick"
    )


def test_results_are_written_when_networks_run(capsys, tmp_path):
    session = start(**{**GOOD, "corpus": "real", "data_root": str(tmp_path), "source": "run"})
    assert session.data_root == tmp_path.resolve()
    assert capsys.readouterr().out.endswith("results written to data/results/quick-real\n")


WRONG = [
    ("profile", "qick", "did you mean 'quick'"),
    ("corpus", "embeded", "did you mean 'embedded'"),
    ("source", "commited", "did you mean 'committed'"),
    ("seed", -1, "seed=-1"),
    ("seed", 1.0, "seed=1.0"),
    ("seed", True, "seed=True"),
    ("seed", "0", "seed='0'"),
    ("corpus", "real", "needs data_root"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_value_out_of_range_is_named(name, value, message):
    with pytest.raises(ParameterError, match=message):
        start(**{**GOOD, name: value})


def test_a_data_root_must_be_a_folder(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ParameterError, match="is not a folder"):
        start(**{**GOOD, "corpus": "real", "data_root": file})


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:0"])
def test_an_unknown_device_is_refused(device, monkeypatch):
    monkeypatch.setenv("NBLIB_DEVICE", device)
    with pytest.raises(ParameterError, match=f"NBLIB_DEVICE='{device}'"):
        choose_device()


def test_the_figure_style_is_used_where_there_is_one(monkeypatch):
    used = []
    figures = types.ModuleType("nblib.figures")
    figures.__spec__ = importlib.machinery.ModuleSpec("nblib.figures", None)
    figures.use_style = lambda: used.append("style")
    monkeypatch.setitem(sys.modules, "nblib.figures", figures)
    start(**GOOD)
    assert used == ["style"]


@pytest.fixture
def shell(monkeypatch):
    made = InteractiveShell()
    made.showtraceback = lambda *arguments, **options: None
    monkeypatch.setattr(notebook, "_ipython", lambda: made)
    return made


def cells(shell: InteractiveShell, *sources: str) -> Exception | None:
    results = [shell.run_cell(source, store_history=True) for source in sources]
    return results[-1].error_in_exec


def test_a_declared_parameter_may_be_injected(shell):
    assert cells(shell, DECLARED + "epochs = 3  # e", "# Parameters\nseed = 2\nepochs = 5\n", START) is None
    assert shell.user_ns["session"].seed == 2


@pytest.mark.parametrize(
    ("injected", "message"),
    [
        ("epoch = 5", "'epoch' is not declared .* did you mean 'epochs'"),
        ("epochs = 2.5", "epochs=2.5 of this notebook must be of type int"),
    ],
)
def test_an_injected_parameter_that_would_not_be_read_is_refused(shell, injected, message):
    error = cells(shell, "import os", DECLARED + "epochs = 3  # e", f"# Parameters\n{injected}\n", START)
    assert isinstance(error, ParameterError)
    with pytest.raises(ParameterError, match=message):
        raise error


def test_cells_run_again_by_hand_change_nothing(shell):
    injected = "# Parameters\nepochs = 5\n"
    assert cells(shell, DECLARED + "epochs = 3  # e", injected, START, "1 + 1", injected, START) is None
    error = cells(shell, "# Parameters\nepoch = 5\n", START)
    assert isinstance(error, ParameterError)


def test_a_hand_written_cell_headed_parameters_is_not_an_injected_one(shell):
    assert cells(shell, f"# Parameters\n{DECLARED}epochs = 3  # e\nextra = 1  # x", START) is None


def test_papermill_alone_stops_at_an_undeclared_parameter_with_a_short_message(tmp_path):
    made = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}})
    made.cells = [new_code_cell(DECLARED + "epochs = 3", metadata={"tags": ["parameters"]}), new_code_cell(START)]
    nbformat.write(made, tmp_path / "n.ipynb")
    with pytest.raises(PapermillExecutionError) as stopped:
        papermill.execute_notebook(
            tmp_path / "n.ipynb", tmp_path / "out.ipynb", {"epoch": 5}, language="python", progress_bar=False
        )
    assert stopped.value.ename == "ParameterError"
    assert stopped.value.traceback == [f"ParameterError: {stopped.value.evalue}"]
    assert "did you mean 'epochs'?" in stopped.value.evalue


@pytest.mark.parametrize("total", [1, 2, 4, 5, 6, 7, 12, 1000])
def test_progress_in_batch_is_at_most_five_lines(total, capsys, monkeypatch):
    monkeypatch.setenv("NBLIB_BATCH", "1")
    assert list(progress(range(total), label="pairs")) == list(range(total))
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert len(lines) == min(total, 5)
    assert lines[-1] == f"pairs: {total}/{total}"
    assert captured.err == ""


def test_progress_of_unknown_or_no_length(capsys, monkeypatch):
    monkeypatch.setenv("NBLIB_BATCH", "1")
    assert list(progress(iter("ab"), label="pairs")) == ["a", "b"]
    assert list(progress(iter("ab"), total=2)) == ["a", "b"]
    assert list(progress([])) == []
    assert capsys.readouterr().out.splitlines() == ["pairs: 2", "1/2", "2/2"]


def test_a_terminal_gets_a_bar_with_the_time_left(capsys, monkeypatch):
    monkeypatch.delenv("NBLIB_BATCH", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert not in_batch()
    assert list(progress(range(3), label="pairs")) == [0, 1, 2]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "pairs: 100%" in captured.err
    assert "<00:00" in captured.err


@pytest.mark.parametrize(("value", "batch"), [("1", True), ("0", False), ("", False)])
def test_batch_is_told_by_the_environment(value, batch, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NBLIB_BATCH", value)
    assert in_batch() is batch
