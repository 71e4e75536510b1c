"""The papers' tables as the code counts them, and the tidy data of Figure 5."""

from __future__ import annotations

import pandas as pd
import pytest

from nblib import claims, tables
from nblib.errors import ParameterError


def test_table_ii_is_counted_and_equals_the_paper() -> None:
    table = tables.parameter_table()
    assert table["counted"].tolist() == [54, 107, 213, 575, 1949, 188, 1949, 2411, 9683, 153653]
    assert (table["counted"] == table["published"]).all()


def test_table_ii_counts_what_was_trained() -> None:
    row = {"task": "speech", "capacity": "P1", "loss": "l1"}
    rows = pd.DataFrame([row | {"parameters": 54}, row | {"parameters": 54}, row | {"capacity": "P2", "parameters": 7}])
    table = tables.parameter_table(rows).set_index(["task", "capacity"])["trained"]
    assert table["speech", "P1"] == 54 and table["speech", "P2"] == 7
    assert table["vocals"].isna().all() and len(table) == 10
    with pytest.raises(ParameterError, match="networks of one capacity differ in their parameters"):
        tables.parameter_table(pd.concat([rows, pd.DataFrame([row | {"parameters": 55}])]))


def test_figure_3_is_read_by_configuration() -> None:
    published = tables.figure3_published().set_index("configuration")
    assert published["value"].to_dict() == {"A": 0.834, "B": 0.834, "C": 0.58, "D": 0.875, "E": 0.5, "F": 0.917}
    assert published.loc["E", "spread"] == 0.441


def test_table_i_reads_as_in_the_paper() -> None:
    table = tables.separation_network_table()
    assert table.loc["Number of layers"].tolist() == ["2", "1, 1, 1, 2, 2", "2, 2, 3, 4, 5"]
    assert table.loc["F (filters of the first layer)"].tolist() == ["1", "1, 2, 4, 2, 4", "1, 4, 2, 2, 4"]
    assert set(table.loc["Learning rate"]) == {"0.001"} and set(table.loc["Batch size"]) == {"16"}
    assert set(table.loc["Decay"]) == {"5e-06"}


def test_published_numbers_are_found() -> None:
    table3 = tables.published("mm19", "table3").set_index("system")["value"]
    assert table3.to_dict() == {"model_a": 59.3, "model_b": 55.6, "model_c": 62.7, "model_d": 45.6}


def test_figure5_data_holds_both_sources_and_leaves_out_what_collapsed() -> None:
    row = {"task": "speech", "status": "plateau", "item": "x"}
    rows = pd.DataFrame(
        [
            row | {"capacity": "P1", "loss": "l1", "seed": 0, "l1": 0.02},
            row | {"capacity": "P1", "loss": "l1", "seed": 1, "l1": 0.04},
            row | {"capacity": "P1", "loss": "codec", "seed": 0, "l1": 0.03},
            row | {"capacity": "P1", "loss": "codec", "seed": 1, "l1": 9.0, "status": "collapsed"},
            row | {"capacity": None, "loss": "unprocessed", "seed": None, "l1": 0.05, "status": "none"},
            row | {"capacity": None, "loss": "oracle_mask", "seed": None, "l1": 0.001, "status": "none"},
        ]
    )
    rate = {"task": "speech", "capacity": "P1", "noise_scale": 1.0, "zone_scale": 1.0, "preferred_rate": 0.7}
    rate |= {"preferred_std": 0.1, "dont_know_rate": 0.2, "dont_know_std": 0.05, "measure": "estoi"}
    rate |= {"preferred_low": 0.6, "preferred_high": 0.9, "dont_know_low": 0.1, "dont_know_high": 0.3}
    others = [{"seed": None, "zone_scale": 2.0}, {"seed": None, "measure": "pesq_wb"}, {"seed": None, "task": "vocals"}]
    rates = pd.DataFrame([rate | {"seed": None}, rate | {"seed": 0}, *(rate | other for other in others)])
    data = tables.figure5_data(rows, rates)
    pooled = data[(data["source"] == "here") & data["seed"].isna()]
    l1 = pooled[pooled["quantity"] == "test_l1"].set_index("loss")["value"]
    assert l1.to_dict() == pytest.approx({"l1": 0.03, "codec": 0.03, "unprocessed": 0.05, "oracle_mask": 0.001})
    assert pooled.set_index("quantity")["value"][["preferred_rate", "dont_know_rate"]].tolist() == [0.7, 0.2]
    assert pooled.set_index("quantity").loc["preferred_rate", ["low", "high"]].tolist() == [0.6, 0.9]
    assert 0.02 <= pooled.set_index("loss").loc["l1", "low"] < pooled.set_index("loss").loc["l1", "high"] <= 0.04
    paper = data[data["source"] == "paper"].set_index(["quantity", "loss"])["value"]
    assert paper["preferred_rate"].tolist() == [0.926]
    assert paper["test_l1", "codec"] == 0.046 and paper["test_l1", "l1"] == 0.046


def test_markdown() -> None:
    table = pd.DataFrame({"a": ["x"], "b": [1]})
    assert claims.markdown(table) == "| a | b |\n| --- | --- |\n| x | 1 |"
