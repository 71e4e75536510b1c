"""Result tables: written whole and alike, read as they were, missed by name."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from full_disk import files, in_process_with_small_files

from nblib import paths
from nblib.errors import ParameterError, ResultsMissing
from nblib.experiments import Settings, results, settings
from nblib.training import Run

SETUP = settings("smoke")
TABLE = pd.DataFrame(
    {
        "run": ["012345678901", "1234567890e1", None],
        "item": ["0001", "1e5", "test-3"],
        "parameters": [30_076_397, 54, 107],
        "l1": [0.1 + 0.2, 1e-7 / 3, float("nan")],
        "words": ["with, comma", 'with "quote"', "ü"],
    }
)


@pytest.fixture(autouse=True)
def own_data(monkeypatch, tmp_path):
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))


def test_what_was_saved_is_read_with_six_digits():
    results.save(SETUP, "table.csv", TABLE)
    found = results.read(SETUP, "table.csv")
    pd.testing.assert_frame_equal(found.drop(columns="l1"), TABLE.drop(columns="l1"), check_dtype=False)
    assert found["parameters"].tolist() == [30_076_397, 54, 107]
    np.testing.assert_allclose(found["l1"], TABLE["l1"], rtol=5e-6)


def test_hashes_and_recordings_are_no_numbers_even_where_all_look_like_one():
    results.save(
        SETUP, "table.csv", pd.DataFrame({"run": ["012345678901"], "item": ["0001"], "commit": ["1234567890e1"]})
    )
    assert results.read(SETUP, "table.csv").iloc[0].tolist() == ["012345678901", "0001", "1234567890e1"]


def test_reading_and_saving_again_changes_no_byte():
    for name in ("table.csv", "table.csv.gz"):
        results.save(SETUP, name, TABLE)
        before = (results.folder(SETUP) / name).read_bytes()
        results.save(SETUP, name, results.read(SETUP, name))
        assert (results.folder(SETUP) / name).read_bytes() == before


def test_a_compressed_table_is_the_same_bytes_from_another_process(tmp_path):
    results.save(SETUP, "table.csv.gz", TABLE[["l1"]])
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_results import SETUP, TABLE, results
results.save(SETUP, "table.csv.gz", TABLE[["l1"]])
"""
    environment = os.environ | {"NBLIB_DATA": str(tmp_path / "other"), "PYTHONPATH": str(paths.home())}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=120)
    one, other = (folder / "results" / "smoke" / "table.csv.gz" for folder in (tmp_path, tmp_path / "other"))
    assert one.read_bytes() == other.read_bytes()
    pd.testing.assert_frame_equal(pd.read_csv(one), results.read(SETUP, "table.csv.gz"))


@pytest.mark.parametrize(
    ("setup", "command"),
    [
        (settings("smoke"), "python -m nblib run --profile smoke$"),
        (settings("quick", "real", data_root="/music"), "--profile quick --corpus real --data-root /music$"),
        (settings("paper", "real"), "--profile paper --corpus real --data-root DIR$"),
    ],
)
def test_missing_results_name_the_file_and_the_command(setup: Settings, command):
    with pytest.raises(ResultsMissing, match=rf"table.csv: not there; make it by .*{command}"):
        results.read(setup, "table.csv")
    with pytest.raises(ResultsMissing, match=r"loud.flac: not there"):
        results.read_sound(setup, "loud")


def test_the_source_is_one_of_two():
    assert results.wants_run("run") and not results.wants_run("committed")
    with pytest.raises(ParameterError, match="source='commited' is not known.*did you mean 'committed'"):
        results.wants_run("commited")


def test_profiles_and_corpora_keep_their_results_apart():
    folders = {
        results.folder(settings(profile, corpus)) for profile in ("quick", "smoke") for corpus in ("embedded", "real")
    }
    assert len(folders) == 4


@pytest.mark.parametrize("peak", [0.5, 3.0])
def test_a_sound_comes_back_and_is_turned_down_only_over_full_scale(peak):
    samples = (peak * np.sin(np.arange(5000) / 9)).astype(np.float32)
    results.save_sound(SETUP, "sound", samples, SETUP.geometry.sample_rate)
    expected = samples if peak < 1 else samples / np.abs(samples).max() * 0.999
    np.testing.assert_allclose(results.read_sound(SETUP, "sound"), expected, atol=2**-15)


def test_a_full_disk_keeps_the_old_table(tmp_path):
    results.save(SETUP, "table.csv", TABLE)
    before = (results.folder(SETUP) / "table.csv").read_bytes()
    code = """
import pandas as pd
from nblib.experiments import results, settings
results.save(settings("smoke"), "table.csv", pd.DataFrame({"value": range(100_000)}))
"""
    assert "table.csv: could not be written" in in_process_with_small_files(code, NBLIB_DATA=str(tmp_path))
    assert (results.folder(SETUP) / "table.csv").read_bytes() == before
    assert files(results.folder(SETUP)) == ["table.csv"]


def run(label: str, **record: Any) -> Run:
    whole = {
        "label": label,
        "status": "plateau",
        "parameters": 30_076_397,
        "config": {"seed": 0},
        "commit": "012345678901",
    }
    return Run(f"hash of {label}", Path(), whole | record)


def test_each_experiment_replaces_its_own_rows_of_the_runs():
    trained = {"epochs": 12, "steps": 1_234_567, "best_epoch": 9, "seconds": 1.5}
    results.save_runs(SETUP, "one", [run("a", **trained), run("b", status="diverged", reason="epoch 1: nan")])
    results.save_runs(SETUP, "two", [run("c", **trained)])
    results.save_runs(SETUP, "one", [run("d", **trained)])
    found = results.read(SETUP, "runs.csv")
    assert found[["experiment", "label"]].to_numpy().tolist() == [["one", "d"], ["two", "c"]]
    assert found["steps"].tolist() == [1_234_567] * 2
    assert found["commit"].tolist() == ["012345678901"] * 2


def test_a_diverged_run_does_not_cost_the_others_their_digits():
    results.save_runs(SETUP, "one", [run("a", steps=1_234_567, epochs=12), run("b", status="diverged", reason="odd")])
    found = results.read(SETUP, "runs.csv").set_index("label")
    assert (found.loc["a", "steps"], found.loc["a", "parameters"]) == (1_234_567, 30_076_397)
    assert pd.isna(found.loc["b", "steps"])
    assert (found.loc["b", "status"], found.loc["b", "reason"]) == ("diverged", "odd")


def test_what_was_made_is_not_made_again_unless_something_changed(least: Settings, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    calls: list[str] = []

    def make() -> None:
        calls.append("made")
        results.save(least, "table.csv", pd.DataFrame({"x": [1]}))

    def once(made_from: str = "run", **changes: object) -> int:
        results.once(replace(least, **changes), [made_from], ("table.csv",), make)
        return len(calls)

    assert once() == once() == 1
    assert once("another run") == 2
    assert once(seed=5) == 3
    (results.folder(least) / "table.csv").write_text("x\n2\n")  # changed by hand
    assert once() == 4
    (results.folder(least) / "table.csv").unlink()
    assert once() == 5
    monkeypatch.setattr(results, "code_digest", lambda: "other code")
    assert once() == 6
