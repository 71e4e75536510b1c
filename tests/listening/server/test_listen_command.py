"""nblib listen: build, export, import and serve from the command line, and the next steps that it names."""

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from helpers import listening as heard
from test_listening_webmushra import drawn, written

from nblib import paths
from nblib.errors import ParameterError
from nblib.listening.server import manifest, webmushra
from nblib.listening.server.app import create_app
from nblib.listening.server.command import add_listen
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
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_listen(parser)
    options = parser.parse_args([*map(str, arguments)])
    return options.command(options)


def test_build_hands_every_option_on_and_says_what_comes_next(systems, tmp_path, capsys):
    assert listen("build", systems, "--out", tmp_path / "test") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'test'}: 2 items at 16000 Hz; pairs: 12 test, 2 catch, 1 training",
        f"now: python -m nblib listen serve {tmp_path / 'test'}",
    ]
    options = ["--question", "vocals", "--name", "Title", "--reference", "dull", "--baseline", "fine", "--seed", "7"]
    assert listen("build", systems, "--out", tmp_path / "other", *options, "--leave-out-reference") == 0
    test = manifest.load(tmp_path / "other")
    assert (test.name, test.question, test.reference, test.seed) == ("Title", "vocals", "dull", 7)
    assert {pair[1:3] for pair in test.pairs if pair[3] == "test"} == {("noisy", "fine"), ("original", "fine")}


def test_export_writes_tables_and_a_configuration_and_again(systems, tmp_path, capsys):
    folder, out, database = tmp_path / "test", tmp_path / "out", f"sqlite:///{tmp_path / 'elsewhere.db'}"
    listen("build", systems, "--out", folder)
    client = create_app(folder, database).test_client()
    client.post("/api/start", json={"name": '=HYPERLINK("x")'})
    trial = client.post("/api/headphones/skip", json={}).json["trial"]["id"]
    client.post(f"/api/trials/{trial}/answer", json={"choice": "a", "seconds": 1})
    for _ in range(2):
        assert listen("export", folder, "--out", out, "--database", database) == 0
    shown = capsys.readouterr().out
    assert "votes.csv (1 votes), participants.csv (1 participants), webmushra/" in shown
    assert f"results/{webmushra.test_id(manifest.load(folder))}/paired_comparison.csv" in shown
    assert read_votes(out / "votes.csv")["choice"].tolist() == ["a"]
    assert pd.read_csv(out / "participants.csv")["name"].tolist() == ['\'=HYPERLINK("x")']
    assert (out / "webmushra" / "nblib.yaml").is_file()


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
    other = read_votes(out).assign(participant="p001").to_csv(index=False)
    out.write_text(other)
    with pytest.raises(ParameterError, match="was not made by listen import; choose another name"):
        listen(*arguments)
    assert out.read_text() == other


def test_help_names_the_questions_and_starts_nothing_heavy(capsys):
    with pytest.raises(SystemExit):
        listen("build", "--help")
    assert ", ".join(manifest.QUESTIONS) in " ".join(capsys.readouterr().out.split())
    heavy = "torch", "pandas", "scipy", "soundfile", "flask", "sqlalchemy", "yaml", "statsmodels"
    code = "import sys, nblib.listening.server.command; from nblib.listening import LABEL, PUBLISHED_TESTS; "
    code += f"print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], cwd=paths.home(), capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
