"""Studies: cells trained and scored once, tables written whole and read as they were, missed by name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.tiny import broken_pairs, low_pass_pairs, no_data, run_config

from nblib import paths, study
from nblib.errors import ResultsMissing
from nblib.settings import Settings, settings
from nblib.study import Cell, Study, Trained, untrained
from nblib.training import NetworkSpec, Run

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

pytestmark = pytest.mark.usefixtures("own_data")


# A study from cells to rows

ITEMS = ("one", "two")


def cells(setup: Settings) -> list[Cell]:
    """Two contenders by seeds; "again" is another name of the first one's network."""
    networks = {"small": NetworkSpec(1, 1), "large": NetworkSpec(1, 2), "again": NetworkSpec(1, 1)}
    source: Any = low_pass_pairs
    return [
        Cell({"contender": name, "seed": seed}, run_config(network=network, seed=seed), source)
        for seed in setup.seeds(2)
        for name, network in networks.items()
    ]


def score(setup: Settings, trained: list[Trained], item: str) -> list[study.Row]:
    rows = [untrained("unprocessed", trained[0].labels) | {"item": item, "weights": 0.0}]
    for each in trained:
        weights = float(sum(value.detach().sum() for value in each.run.network().parameters()))
        rows.append(each.row | {"item": item, "weights": weights})
    return rows


def work(setup: Settings, trained: list[Trained]) -> tuple[str, ...]:
    return ITEMS


TINY = Study("tiny", cells, work, score, by=("contender",), measures=("weights",))


def test_a_study_is_trained_scored_saved_and_read_and_two_labels_share_one_run():
    rows = study.rows(SETUP, TINY)
    assert list(rows)[:3] == ["contender", "seed", "item"]
    assert len(rows) == len(ITEMS) * (1 + 3 * 2) and rows["seed"].dtype == "Int64"
    networks = rows.dropna(subset=["run"])
    assert len(list(paths.runs().glob("*/run.json"))) == networks["run"].nunique() == 4
    per_cell = networks.groupby(["contender", "seed"])["run"].first().unstack()
    assert (per_cell.loc["again"] == per_cell.loc["small"]).all()
    assert (networks.groupby("run")["weights"].nunique() == 1).all()
    assert networks["parameters"].isin([54, 107]).all() and (networks["training_seconds"] > 0).all()
    unprocessed = rows[rows["contender"] == "unprocessed"]
    assert unprocessed[["seed", "run", "parameters"]].isna().all(axis=None) and set(unprocessed["status"]) == {"none"}
    runs = study.read(SETUP, study.RUNS)
    assert runs["title"].tolist() == ["again 0", "large 0", "again 0", "again 1", "large 1", "again 1"]


def test_what_lies_there_is_neither_trained_nor_scored_again_and_the_record_only_read(monkeypatch):
    study.rows(SETUP, TINY)
    table = (SETUP.results / "tiny.csv").read_bytes()
    (SETUP.results / "tiny.csv").unlink()
    monkeypatch.setenv("NBLIB_CORES", "2")
    first = study.rows(SETUP, TINY)
    assert (SETUP.results / "tiny.csv").read_bytes() == table, "processes score to the bytes of one"
    source: Any = no_data
    again = replace(TINY, cells=lambda setup: [replace(each, data=source) for each in cells(setup)], score=no_data)
    pd.testing.assert_frame_equal(study.rows(SETUP, again), first)
    assert (SETUP.results / "tiny.csv").read_bytes() == table
    record = replace(SETUP, source="record")
    monkeypatch.setenv("NBLIB_HOME", str(paths.data()))
    record.results.mkdir(parents=True)
    (record.results / "tiny.csv").write_bytes(table)
    pd.testing.assert_frame_equal(study.rows(record, replace(TINY, cells=no_data)), first)


def test_a_diverged_cell_is_named_and_costs_no_other():
    source: Any = broken_pairs
    broken, sound = cells(SETUP)[0], cells(SETUP)[1]
    trained = study.train(SETUP, [replace(broken, data=source), sound])
    assert [each.usable for each in trained] == [False, True]
    study.save_runs(SETUP, "tiny", trained)
    assert study.failed(SETUP, "tiny") == ["small 0: diverged"] and study.failed(SETUP, "other") == []


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_what_was_saved_is_read_with_six_digits_and_saving_it_again_changes_no_byte(name):
    study.save(SETUP, name, TABLE)
    before = (SETUP.results / name).read_bytes()
    found = study.read(SETUP, name)
    pd.testing.assert_frame_equal(found.drop(columns="l1"), TABLE.drop(columns="l1"), check_dtype=False)
    np.testing.assert_allclose(found["l1"], TABLE["l1"], rtol=5e-6)
    study.save(SETUP, name, found)
    assert (SETUP.results / name).read_bytes() == before


@pytest.mark.parametrize(
    ("setup", "command"),
    [
        (SETUP, "python -m nblib run --profile smoke$"),
        (settings("quick", "real", data_root="/music"), "--profile quick --corpus real --data-root /music$"),
    ],
)
def test_missing_results_name_the_file_and_the_command(setup: Settings, command):
    with pytest.raises(ResultsMissing, match=rf"table.csv: not there; make it by .*{command}"):
        study.read(setup, "table.csv")
    with pytest.raises(ResultsMissing, match=r"loud.flac: not there"):
        study.read_sound(setup, "loud")


def test_real_results_are_also_found_by_the_profiles_name_but_not_those_of_changed_settings(tmp_path):
    for root in ("a", "b"):
        study.save(settings("smoke", "real", data_root=root), "table.csv", pd.DataFrame({"of": [root]}))
    for further in ({"seed": 1}, {"changes": "replicates=2"}):
        study.save(settings("smoke", "real", data_root="c", **further), "table.csv", pd.DataFrame({"of": ["c"]}))
    assert (tmp_path / "results" / "smoke-real" / "table.csv").read_text() == "of\nb\n"
    assert len(list((tmp_path / "results").iterdir())) == 5


def trained(title: str, **record: Any) -> Trained:
    whole = {"title": title, "status": "plateau", "parameters": 30_076_397, "config": {"seed": 0}, "commit": "0123456"}
    return Trained({}, Run(f"hash of {title}", Path(), whole | record))


def test_each_study_replaces_its_own_rows_of_the_runs_and_digits_stay_whole():
    done = {"epochs": 12, "steps": 1_234_567, "best_epoch": 9, "seconds": 1.5}
    study.save_runs(SETUP, "two", [trained("c", **done)])
    study.save_runs(SETUP, "one", [trained("a", **done)])
    study.save_runs(SETUP, "one", [trained("d", **done), trained("e", status="diverged", reason="epoch 1: nan")])
    found = study.read(SETUP, "runs.csv")
    assert found[["study", "title"]].to_numpy().tolist() == [["one", "d"], ["one", "e"], ["two", "c"]]
    assert found["steps"].tolist()[::2] == [1_234_567] * 2 and pd.isna(found["steps"][1])
    assert found["commit"].tolist() == ["0123456"] * 3 and found["reason"][1] == "epoch 1: nan"


def test_what_was_made_is_not_made_again_unless_something_changed(monkeypatch):
    calls: list[str] = []

    def write() -> None:
        calls.append("made")
        study.save(SETUP, "table.csv", pd.DataFrame({"x": [1]}))

    def once(made_from: str = "run", **changes: Any) -> int:
        study.once(replace(SETUP, **changes), [made_from], ("table.csv",), write)
        return len(calls)

    assert once() == once() == 1
    assert once("another run") == 2
    assert once(device="cuda") == 3
    (SETUP.results / "table.csv").write_text("x\n2\n")  # changed by hand
    assert once() == 4
    (SETUP.results / "table.csv").unlink()
    assert once() == 5
    monkeypatch.setattr(study, "code_digest", lambda: "other code")
    assert once() == 6
