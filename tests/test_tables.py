"""The papers' tables as the code counts them, and the tidy data of Figure 5."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nblib import tables
from nblib.settings import settings
from nblib.training import NetworkSpec

QUICK = settings("quick")


def test_table_ii_is_the_papers_counts_and_takes_a_capacity_of_ones_own() -> None:
    table = tables.parameter_table(QUICK)
    assert table["counted"].tolist() == [54, 107, 213, 575, 1949, 188, 1949, 2411, 9683, 153653]
    assert (table["counted"] == table["published"]).all()
    speech = {**QUICK.capacities["speech"], "P6": NetworkSpec(1, 1)}
    with_p6 = replace(QUICK, capacities={**QUICK.capacities, "speech": speech})
    own = tables.parameter_table(with_p6).set_index(["task", "capacity"]).loc[("speech", "P6")]
    assert own["counted"] == 54 and pd.isna(own["published"])


def test_table_i_reads_as_in_the_paper() -> None:
    table = tables.separation_network_table(QUICK)
    assert table.loc["Number of layers"].tolist() == ["2", "1, 1, 1, 2, 2", "2, 2, 3, 4, 5"]
    assert table.loc["F (filters of the first layer)"].tolist() == ["1", "1, 2, 4, 2, 4", "1, 4, 2, 2, 4"]
    assert set(table.loc["Learning rate"]) == {"0.001"} and set(table.loc["Batch size"]) == {"16"}
    assert set(table.loc["Decay"]) == {"5e-06"}


def test_figure5_data_holds_both_sources_and_leaves_out_what_collapsed() -> None:
    columns = ["capacity", "contender", "seed", "l1", "status"]
    cells = [
        *(("P1", "l1", 0, 0.02, "plateau"), ("P1", "l1", 1, 0.04, "plateau"), ("P1", "codec", 0, 0.03, "plateau")),
        *(("P1", "codec", 1, 9.0, "collapsed"), (None, "unprocessed", None, 0.05, "none")),
        (None, "oracle_mask", None, 0.001, "none"),
    ]
    rows = pd.DataFrame(cells, columns=columns).assign(task="speech", item="x")
    rate: dict[str, Any] = {"task": "speech", "capacity": "P1", "contender": "codec", "measure": "estoi", "seed": None}
    rate |= {"noise_scale": 1, "zone_scale": 1, "preferred_rate": 0.7, "preferred_low": 0.6, "preferred_high": 0.9}
    rate |= {"preferred_std": 0.1, "dont_know_rate": 0.2, "dont_know_std": 0.1, "dont_know_low": 0, "dont_know_high": 1}
    others: list[dict[str, Any]] = [{"seed": 0}, {"zone_scale": 2}, {"measure": "pesq_wb"}, {"task": "vocals"}]
    rates = pd.DataFrame([rate, *(rate | other for other in others)])
    data = tables.figure5_data(rows, rates)
    pooled = data[(data["source"] == "here") & data["seed"].isna()].set_index("quantity")
    l1 = pooled.loc["test_l1"].set_index("contender")
    expected = {"l1": 0.03, "codec": 0.03, "unprocessed": 0.05, "oracle_mask": 0.001}
    assert l1["value"].to_dict() == pytest.approx(expected)
    assert l1.loc["l1", "high"] - 0.03 == pytest.approx(12.706 * 0.01, rel=1e-3) and np.isnan(l1.loc["codec", "high"])
    assert pooled["value"][["preferred_rate", "dont_know_rate"]].tolist() == [0.7, 0.2]
    assert pooled.loc["preferred_rate", ["low", "high"]].tolist() == [0.6, 0.9]
    paper = data[data["source"] == "paper"].set_index(["quantity", "contender"])["value"]
    assert paper["preferred_rate"].tolist() == [0.926]
    assert paper["test_l1", "codec"] == 0.046 and paper["test_l1", "l1"] == 0.046
