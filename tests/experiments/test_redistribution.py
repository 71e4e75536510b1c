"""Where the residual lies: the experiment, made once at the least size (see conftest.py), and its sums."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from nblib.experiments.settings import TASKS

from nblib.evaluation import residual
from nblib.experiments import Settings, capacity, redistribution, separation
from nblib.training import load

pytestmark = pytest.mark.usefixtures("made_data")


@pytest.fixture
def rows(least: Settings) -> pd.DataFrame:
    return redistribution.results_table(least, "committed")


def test_every_usable_network_of_p1_has_its_bands_on_every_item(least, rows):
    trained = capacity.results_table(least, "committed")
    for task in TASKS:
        own = rows[rows["task"] == task]
        items = {item.name for item in least.mixture_corpus(task).items("test")}
        usable = trained[(trained["task"] == task) & (trained["capacity"] == "P1")]
        usable = usable[usable["status"].isin(separation.USABLE)]
        assert set(own["run"].dropna()) == set(usable["run"])
        per_system = own.groupby(["loss", "run", "item"], dropna=False).size()
        assert per_system.nunique() == 1 and set(own["item"]) == items
        assert len(per_system) == (1 + usable["run"].nunique()) * len(items)


@pytest.mark.parametrize("task", TASKS)
def test_a_row_is_its_run_on_its_item_worked_out_anew(least, rows, task):
    own = rows[(rows["task"] == task) & rows["run"].notna()]
    first = own[(own["run"] == own["run"].iloc[0]) & (own["item"] == own["item"].iloc[0])]
    item = next(each for each in least.mixture_corpus(task).items("test") if each.name == first["item"].iloc[0])
    mixture = least.mixture_corpus(task).load(item)
    sound = separation.separate(least, load(first["run"].iloc[0]).network(), mixture.mixture)
    found = residual(mixture.target, sound, 22_050)
    for part in ("target", *redistribution.PARTS):
        np.testing.assert_allclose(first[part], getattr(found, part), rtol=1e-3, atol=1e-9)


def made_rows() -> pd.DataFrame:
    """Two seeds, two items, two bands: the codec loss leaves a tenth above and twice as much below."""
    table = []
    for loss, above, below in (("l1", 0.2, 0.1), ("codec", 0.02, 0.2)):
        for seed in (0, 1):
            for item in ("one", "two"):
                for centre in (100.0, 1000.0):
                    labels = {"task": "speech", "capacity": "P1", "loss": loss, "seed": seed, "status": "plateau"}
                    parts = {"added_above": above, "added_below": below, "missing_above": 0.0, "missing_below": 0.0}
                    own = {"run": f"{loss}{seed}", "item": item, "centre_hz": centre, "target": 0.5}
                    table.append(labels | own | parts)
    return pd.DataFrame(table).astype({"seed": "Int64"})


def test_totals_sum_the_bands():
    totals = redistribution.totals(made_rows()).set_index("loss")
    assert totals.loc["l1", "above_db"].to_numpy() == pytest.approx(10 * np.log10(0.4))
    assert totals.loc["l1", "share_above"].to_numpy() == pytest.approx(0.4 / 0.6)
    assert totals.loc["codec", "total_db"].to_numpy() == pytest.approx(10 * np.log10(0.44))
    (effect,) = separation.effects(redistribution.totals(made_rows()), "above_db").to_dict("records")
    assert (effect["mean"], effect["low"], effect["high"]) == pytest.approx((-10, -10, -10))


def test_bands_are_paired():
    bands = redistribution.by_band(made_rows()).set_index(["side", "centre_hz"])
    for centre in (100.0, 1000.0):
        assert bands.loc[("above", centre), ["mean", "low", "high"]].tolist() == pytest.approx([-10] * 3)
        assert bands.loc[("below", centre), ["mean", "low", "high"]].tolist() == pytest.approx([10 * np.log10(2)] * 3)
        assert bands.loc[("below", centre), "codec_db"] == pytest.approx(10 * np.log10(0.2))
