"""The command line: what it refuses, what it lists, what it hands on, and its exit codes."""

import subprocess
import sys

import pytest
from helpers.suite import PARAMETERS, make

from nblib import __main__ as command_line
from nblib import paths, suite
from nblib.suite import STANDARD, Notebook


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NBLIB_HOME", str(tmp_path))
    monkeypatch.delenv("NBLIB_DATA", raising=False)
    monkeypatch.setattr(suite, "SUITE", (Notebook("01_reads", "Title 1"), Notebook("02_more", "Title 2", ("01",))))
    make(tmp_path, "01_reads")
    make(tmp_path, "02_more", parameters=PARAMETERS + 'names = "a"  # of them\n')
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--profile", "smok"], "profile='smok' is not known: choose one of .*; did you mean 'smoke'?"),
        (["run", "--profil", "smoke"], "argument '--profil' is not known: did you mean --profile?"),
        (["run", "--set", "nams=3"], "did you mean 'names'?"),
        (["list", "--settings", "--set", "replicate=3"], "did you mean 'replicates'?"),
        (["separate", "x.wav", "--task", "speech", "--capasity", "P1"], "did you mean --capacity?"),
        (["listen", "serve", "x", "--prt", "1"], "did you mean --port?"),
    ],
)
def test_the_command_line_says_what_is_wrong_without_a_traceback(home, capsys, arguments, message):
    assert command_line.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nblib: ") and all(part in line for part in message.split(".*"))
    assert not (home / "data").exists()


def test_everything_given_is_handed_on(home, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(suite, "run", lambda setup, jobs: ran.append((setup, jobs)) or 1)
    given = "run --profile smoke --corpus real --seed 3 --only 2 02_more --set names=c --set replicates=4"
    assert command_line.main([*given.split(), "--data-root", str(home)]) == 1
    ((setup, (job,)),) = ran
    assert (setup.profile, setup.corpus, setup.data_root, setup.seed) == ("smoke", "real", str(home), 3)
    assert (setup.source, setup.replicates) == ("run", 4)
    assert job.values["names"] == "c" and job.values["changes"] == "replicates=4"
    assert job.copy == home / "data" / "executed" / setup.name / "02_more.ipynb"


def test_notebooks_are_listed_with_their_parameters(home, capsys):
    assert command_line.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["01  01_reads: Title 1", "      profile = 'quick'  smoke, quick or paper"]
    assert lines[7] == "02  02_more: Title 2 (needs 01)" and lines[-1] == "      names = 'a'  of them"
    (home / "notebooks" / "02_more.ipynb").unlink()
    assert command_line.main(["list"]) == 2
    assert "02_more.ipynb: its parameters cannot be read" in capsys.readouterr().err


def test_settings_are_listed_with_their_values(capsys):
    command = "list --settings --profile smoke --set capacities.speech.P3.base_filters=8"
    assert command_line.main(command.split()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "capacities.speech.P3.base_filters = 8" in lines and "domain = 'sqrt'" in lines
    assert any(line.startswith("separation_training.max_epochs = ") for line in lines)


def test_results_are_compared(monkeypatch):
    compared = []
    monkeypatch.setattr("nblib.compare.compare", lambda *given: compared.append(given))
    assert command_line.main(["compare", "--profile", "smoke", "--html", "page.html"]) == 0
    ((setup, page),) = compared
    assert setup.name == "smoke" and page.name == "page.html"


def test_help_and_list_start_nothing_heavy_and_a_reader_that_has_seen_enough_is_no_error():
    code = (
        "import sys; from nblib.__main__ import main; main(['list'])\n"
        "heavy = {'torch', 'scipy', 'pandas', 'matplotlib', 'soundfile'} & set(sys.modules)\n"
        "print(*heavy, end='', file=sys.stderr)"
    )
    command = ["bash", "-c", '"$0" -c "$1" | head -1', sys.executable, code]
    shown = subprocess.run(command, cwd=paths.home(), capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("01") and shown.stderr == ""


def test_the_committed_notebooks_declare_what_they_share():
    for notebook in suite.SUITE:
        assert [name for name in suite.parameters(notebook) if name in STANDARD] == list(STANDARD), notebook.name
