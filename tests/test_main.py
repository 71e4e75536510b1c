"""The command line: what it refuses, what it lists, and its exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from made_notebooks import entry, make

from nblib import __main__ as command_line
from nblib import paths, suite


def test_the_command_line_says_what_is_wrong_without_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NBLIB_HOME", str(tmp_path))
    assert command_line.main(["run", "--profile", "smok"]) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "nblib: profile='smok' is not known: choose one of smoke, quick, paper; did you mean 'smoke'?"
    ]
    assert command_line.main(["run", "--profil", "smoke"]) == 2
    assert capsys.readouterr().err == "nblib: argument '--profil' is not known: did you mean --profile?\n"
    with pytest.raises(SystemExit) as stopped:
        command_line.main(["run", "--seed", "x"])
    assert stopped.value.code == 2


def test_the_command_line_lists_notebooks_with_their_parameters(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NBLIB_HOME", str(tmp_path))
    monkeypatch.setattr(suite, "SUITE", (entry(1, "01_reads"), entry(2, "02_more", needs=(1,))))
    make(tmp_path / "notebooks", "01_reads", parameters="seed = 3  # of everything drawn\n")
    make(tmp_path / "notebooks", "02_more", parameters='names = ["a", "b"]\n')
    assert command_line.main(["list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "01  01_reads: Title 1",
        "      seed = 3  of everything drawn",
        "02  02_more: Title 2 (needs 01)",
        "      names = ['a', 'b']",
    ]
    (tmp_path / "notebooks" / "01_reads.ipynb").unlink()
    assert command_line.main(["list"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert "no such notebook" in lines[1]
    assert lines[2:] == ["02  02_more: Title 2 (needs 01)", "      names = ['a', 'b']"]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m nblib list | head -1"
    shown = subprocess.run(["bash", "-c", command], cwd=paths.home(), capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("01") and shown.stderr == ""
