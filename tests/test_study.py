"""Studies: cells trained and scored once, tables written whole and read as they were, missed by name."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.tiny import Pairs, broken_pairs, no_data, tiny_cell

from nblib import paths, study
from nblib.errors import ResultsMissing
from nblib.settings import Settings, settings
from nblib.study import Study
from nblib.training import Cell, NetworkSpec, Run, train_all

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
ITEMS = ("one", "two")
CORPUS: Any = SimpleNamespace(fingerprint="a corpus")

pytestmark = pytest.mark.usefixtures("own_data")


def cells(setup: Settings) -> list[Cell]:
    """Two contenders by seeds; "again" is another name of the first one's network."""
    networks = {"small": NetworkSpec(1, 1), "large": NetworkSpec(1, 2), "again": NetworkSpec(1, 1)}
    return [
        replace(tiny_cell(network=network), labels={"contender": name, "seed": seed})
        for seed in setup.seeds(2)
        for name, network in networks.items()
    ]


def score(setup: Settings, trained: list[Run], piece: tuple[Any, str]) -> list[study.Row]:
    rows: list[study.Row] = [{"contender": "unprocessed", "status": "none", "item": piece[1], "weights": 0.0}]
    for each in trained:
        weights = float(sum(value.detach().sum() for value in each.network().parameters()))
        rows.append(each.row | {"item": piece[1], "weights": weights})
    return rows


TINY = Study("tiny", cells, lambda setup: [(CORPUS, item) for item in ITEMS], score, ("contender",), ("weights",))


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


def test_processes_score_to_the_bytes_of_one_and_the_record_is_only_read(monkeypatch):
    first, table = study.rows(SETUP, TINY), (SETUP.results / "tiny.csv").read_bytes()
    (SETUP.results / "tiny.csv").unlink()
    monkeypatch.setenv("NBLIB_CORES", "2")
    study.rows(SETUP, TINY)
    assert (SETUP.results / "tiny.csv").read_bytes() == table
    record = replace(SETUP, source="record")
    monkeypatch.setenv("NBLIB_HOME", str(paths.data()))
    record.results.mkdir(parents=True)
    (record.results / "tiny.csv").write_bytes(table)
    pd.testing.assert_frame_equal(study.rows(record, replace(TINY, cells=no_data)), first)


def test_what_was_made_is_neither_trained_nor_scored_again_unless_something_changed(monkeypatch):
    study.rows(SETUP, TINY)
    source: Any = Pairs(no_data)
    scored: list[str] = []

    def made(corpus: str = CORPUS.fingerprint, **changes: Any) -> int:
        again = replace(
            TINY,
            cells=lambda setup: [replace(each, data=source) for each in cells(setup)],
            work=lambda setup: [(SimpleNamespace(fingerprint=corpus), item) for item in ITEMS],
            score=lambda setup, trained, piece: scored.append(piece[1]) or score(setup, trained, piece),
        )
        study.rows(replace(SETUP, **changes), again)
        return len(scored) // len(ITEMS)

    assert made() == made() == 0
    assert made("another corpus") == 1
    assert made(device="cuda") == 2
    (SETUP.results / "tiny.csv").write_text("contender\n2\n")  # changed by hand
    assert made() == 3
    (SETUP.results / "tiny.csv").unlink()
    assert made() == 4
    monkeypatch.setattr(study, "code_digest", lambda: "other code")
    assert made() == 5


def test_a_diverged_cell_is_named_and_costs_no_other_and_a_study_replaces_its_own_rows_of_the_runs():
    source: Any = Pairs(broken_pairs)
    broken, sound = cells(SETUP)[0], cells(SETUP)[1]
    trained = train_all([replace(broken, data=source), sound], "cpu")
    assert [each.usable for each in trained] == [False, True]
    for name, own in (("two", trained), ("one", trained[1:]), ("one", trained)):
        study.save_runs(SETUP, name, own)
    assert study.failed(SETUP, "one") == ["small 0: diverged"] and study.failed(SETUP, "other") == []
    found = study.read(SETUP, study.RUNS)
    assert found["study"].tolist() == ["one", "one", "two", "two"]
    assert found["title"].tolist() == ["small 0", "large 0"] * 2
    assert found["steps"].dtype == "Int64" and found["steps"].isna().tolist() == [True, False] * 2
    assert found["reason"].notna().tolist() == [True, False] * 2


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
        (settings("quick", "real", data_root="/"), "--profile quick --corpus real --data-root /$"),
    ],
)
def test_missing_results_name_the_file_and_the_command(setup: Settings, command):
    with pytest.raises(ResultsMissing, match=rf"table.csv: not there; make it by .*{command}"):
        study.read(setup, "table.csv")
    with pytest.raises(ResultsMissing, match=r"loud.flac: not there"):
        study.read_sound(setup, "loud")


def test_excerpts_are_cut_where_the_first_is_loudest_and_turned_down_to_full_scale():
    sounds = {"a": np.float32([0, 0, 0.5, -0.5, 0]), "b": np.float32([1, 1, 2, 0, 1])}
    study.keep_sounds(SETUP, "of", sounds, 16_000, 2)
    assert study.read_sound(SETUP, "of_a") == pytest.approx([0.5, -0.5], abs=1e-4)
    assert study.read_sound(SETUP, "of_b") == pytest.approx([0.999, 0], abs=1e-4)


def test_real_results_are_also_found_by_the_profiles_name_but_not_those_of_changed_settings(tmp_path):
    for root in ("/", tmp_path):
        study.save(settings("smoke", "real", data_root=root), "table.csv", pd.DataFrame({"of": [str(root)]}))
    for further in ({"seed": 1}, {"changes": "replicates=2"}):
        study.save(settings("smoke", "real", data_root="/", **further), "table.csv", pd.DataFrame({"of": ["c"]}))
    assert (tmp_path / "results" / "smoke-real" / "table.csv").read_text() == f"of\n{tmp_path}\n"
    assert len(list((tmp_path / "results").iterdir())) == 5
