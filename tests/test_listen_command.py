"""nblib listen: build, export, import and serve from the command line, with exit codes and next steps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import heard
import pandas as pd
import pytest
import soundfile
from test_listening_webmushra import drawn, written

from nblib import __main__ as command_line
from nblib import paths
from nblib.listening import manifest, server, webmushra
from nblib.listening.manifest import QUESTIONS
from nblib.listening.votes import read_votes


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("systems")
    for item, of_item in heard.items(2).items():
        for system, samples in of_item.items():
            (folder / system).mkdir(exist_ok=True)
            soundfile.write(folder / system / f"{item}.wav", samples, heard.RATE, subtype="FLOAT")
    return folder


def listen(*arguments: object) -> int:
    return command_line.main(["listen", *map(str, arguments)])


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_build_makes_a_test_and_says_what_comes_next(systems, tmp_path, capsys):
    assert listen("build", systems, "--out", tmp_path / "test") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'test'}: 2 items at 16000 Hz; pairs: 12 test, 2 catch, 1 training",
        f"now: python -m nblib listen serve {tmp_path / 'test'}",
    ]
    test = manifest.load(tmp_path / "test")
    assert (test.name, test.question, test.reference, test.seed) == ("Listening test", "quality", "original", 0)


def test_build_hands_every_option_on(systems, tmp_path):
    options = ["--question", "vocals", "--name", "Title", "--reference", "dull", "--baseline", "fine", "--seed", "7"]
    assert listen("build", systems, "--out", tmp_path, *options, "--leave-out-reference") == 0
    test = manifest.load(tmp_path)
    assert (test.name, test.question, test.reference, test.seed) == ("Title", "vocals", "dull", 7)
    assert {pair[1:3] for pair in test.pairs if pair[3] == "test"} == {("noisy", "fine"), ("original", "fine")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--question", "vocal"],
            "question='vocal' is not known: choose one of quality, intelligible, vocals; did you",
        ),
        (["--refrence", "dull"], "argument '--refrence' is not known: did you mean --reference?"),
        (["--baseline", "fin"], "baseline='fin' is not known"),
    ],
)
def test_a_wrong_option_ends_with_2_and_the_near_miss(systems, tmp_path, capsys, arguments, words):
    assert listen("build", systems, "--out", tmp_path / "test", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"nblib: {words}")
    assert not (tmp_path / "test").exists()


def test_a_sound_that_cannot_be_used_ends_with_1(systems, tmp_path, capsys):
    for system in ("a", "b"):
        (tmp_path / system).mkdir()
        (tmp_path / system / "x.wav").write_bytes(b"no sound")
    assert listen("build", tmp_path, "--out", tmp_path / "test") == 1
    assert "x.wav: cannot be read as sound" in capsys.readouterr().err


def test_another_build_into_the_same_folder_ends_with_2(systems, tmp_path, capsys):
    assert listen("build", systems, "--out", tmp_path) == 0
    before = files(tmp_path)
    assert listen("build", systems, "--out", tmp_path) == 0
    assert listen("build", systems, "--out", tmp_path, "--seed", 1) == 2
    assert "holds another test" in capsys.readouterr().err
    assert files(tmp_path) == before


def test_export_writes_tables_and_a_configuration_and_again(systems, tmp_path, capsys, monkeypatch):
    listen("build", systems, "--out", tmp_path / "test")
    votes = pd.DataFrame([["p001", "alpha", "fine", "dull", "a", "test"]], columns=list(read_votes_columns()))
    people = pd.DataFrame({"participant": ["p001"], "name": ['=HYPERLINK("x")']})
    asked = []
    monkeypatch.setattr(server, "stored_votes", lambda *place: asked.append(place) or votes)
    monkeypatch.setattr(server, "stored_participants", lambda *place: asked.append(place) or people)
    for _ in range(2):
        assert listen("export", tmp_path / "test", "--out", tmp_path / "out", "--database", "sqlite:///x") == 0
    assert set(asked) == {(tmp_path / "test", "sqlite:///x")}
    out = capsys.readouterr().out
    assert "votes.csv (1 votes), participants.csv (1 participants), webmushra/" in out
    assert f"results/{webmushra.test_id(manifest.load(tmp_path / 'test'))}/paired_comparison.csv" in out
    assert read_votes(tmp_path / "out" / "votes.csv")["choice"].tolist() == ["a"]
    assert pd.read_csv(tmp_path / "out" / "participants.csv")["name"].tolist() == ['\'=HYPERLINK("x")']
    assert (tmp_path / "out" / "webmushra" / "nblib.yaml").is_file()


def read_votes_columns() -> tuple[str, ...]:
    return ("participant", "item", "system_a", "system_b", "choice", "kind")


def test_export_of_a_test_that_nobody_has_taken(systems, tmp_path, capsys):
    listen("build", systems, "--out", tmp_path / "test")
    assert listen("export", tmp_path / "test", "--out", tmp_path / "out") == 0
    assert "votes.csv (0 votes), participants.csv (0 participants)" in capsys.readouterr().out


def test_import_turns_results_into_votes_and_replaces_nothing_else(systems, tmp_path, capsys):
    listen("build", systems, "--out", tmp_path / "test")
    test = manifest.load(tmp_path / "test")
    results, out = tmp_path / "paired_comparison.csv", tmp_path / "votes.csv"
    arguments = ("import", results, "--test", tmp_path / "test", "--out", out)
    for people in (1, 2):  # results grow, and are read again
        results.write_text(written(test, [drawn(test, seed) for seed in range(people)]))
        assert listen(*arguments) == 0
        assert f"{out}: {15 * people} votes of {people} participants" in capsys.readouterr().out
        assert len(read_votes(out)) == 15 * people
    for other in ("something else", read_votes(out).assign(participant="p001").to_csv(index=False), ""):
        out.write_text(other)
        assert listen(*arguments) == 2
        assert "was not made by listen import; choose another name" in capsys.readouterr().err
        assert out.read_text() == other
    out.unlink()
    out.mkdir()
    assert listen(*arguments) == 2


def test_import_of_wrong_results_writes_nothing(systems, tmp_path, capsys):
    listen("build", systems, "--out", tmp_path / "test")
    results = tmp_path / "results.csv"
    results.write_text("session_test_id\n")
    assert listen("import", results, "--test", tmp_path / "test", "--out", tmp_path / "votes.csv") == 2
    assert "column 'trial_id' is missing" in capsys.readouterr().err
    assert listen("import", results, "--test", tmp_path / "nowhere", "--out", tmp_path / "votes.csv") == 2
    assert "make a test by python -m nblib listen build" in capsys.readouterr().err
    assert not (tmp_path / "votes.csv").exists()


def test_serve_hands_folder_address_and_database_on(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(server, "serve", lambda *arguments: called.append(arguments))
    assert listen("serve", tmp_path) == 0
    assert listen("serve", tmp_path, "--host", "0.0.0.0", "--port", 81, "--database", "sqlite:///x") == 0
    assert called == [(tmp_path, "127.0.0.1", 8000, None), (tmp_path, "0.0.0.0", 81, "sqlite:///x")]


def test_help_names_the_questions_and_starts_nothing_heavy(capsys):
    with pytest.raises(SystemExit) as stopped:
        listen("build", "--help")
    assert stopped.value.code == 0
    assert ", ".join(QUESTIONS) in " ".join(capsys.readouterr().out.split())
    heavy = "torch", "pandas", "scipy", "soundfile", "flask", "sqlalchemy", "yaml"
    code = f"import sys, nblib.listen_command; print([name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, cwd=paths.home(), capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_every_sub_command_needs_its_own_arguments(capsys):
    for arguments in ([], ["build"], ["export", "x"], ["import", "x"], ["serve"], ["biuld"]):
        with pytest.raises(SystemExit) as stopped:
            listen(*arguments)
        assert stopped.value.code == 2
