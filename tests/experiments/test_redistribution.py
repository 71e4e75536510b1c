"""Where the residual lies: the study, made once at the least size (see conftest.py), and its sums."""

import numpy as np
import pandas as pd
import pytest

from nblib import study
from nblib.data import mixtures
from nblib.entries import TASKS
from nblib.evaluation import residual
from nblib.evaluation.intervals import contrast
from nblib.experiments import redistribution, separation
from nblib.training import load


@pytest.mark.parametrize("task", TASKS)
def test_a_row_is_its_run_on_its_item_worked_out_anew(tiny_ijcnn, task):
    rows = study.read(tiny_ijcnn, "redistribution.csv")
    own = rows[(rows["task"] == task) & (rows["contender"] == "codec")]
    first = own[(own["run"] == own["run"].iloc[0]) & (own["item"] == own["item"].iloc[0])]
    corpus = mixtures(tiny_ijcnn, task)
    mixture = corpus.load(next(each for each in corpus.items("test") if each.name == first["item"].iloc[0]))
    sound = separation.separate(tiny_ijcnn, load(first["run"].iloc[0]).network(), mixture.mixture)
    found = residual(mixture.target, sound, 22_050)
    for part in ("target", *redistribution.PARTS):
        np.testing.assert_allclose(first[part], getattr(found, part), rtol=1e-2, atol=1e-8)


def made_rows() -> pd.DataFrame:
    """Two seeds, two items, two bands: the codec loss leaves a tenth above and twice as much below."""
    table = [
        {"task": "speech", "capacity": "P1", "contender": contender, "seed": seed, "status": "plateau"}
        | {"run": f"{contender}{seed}", "item": item, "centre_hz": centre, "target": 0.5}
        | {"added_above": above, "added_below": below, "missing_above": 0.0, "missing_below": 0.0}
        for contender, above, below in (("l1", 0.2, 0.1), ("codec", 0.02, 0.2))
        for seed in (0, 1)
        for item in ("one", "two")
        for centre in (100.0, 1000.0)
    ]
    return pd.DataFrame(table).astype({"seed": "Int64"})


def test_totals_sum_the_bands():
    totals = redistribution.totals(made_rows())
    by_name = totals.set_index("contender")
    assert by_name.loc["l1", "above_db"].to_numpy() == pytest.approx(10 * np.log10(0.4))
    assert by_name.loc["l1", "share_above"].to_numpy() == pytest.approx(0.4 / 0.6)
    assert by_name.loc["codec", "total_db"].to_numpy() == pytest.approx(10 * np.log10(0.44))
    (effect,) = contrast(totals, "codec", "l1", "above_db", ("task", "capacity")).to_dict("records")
    assert (effect["mean"], effect["low"], effect["high"]) == pytest.approx((-10, -10, -10))


def test_bands_are_paired():
    bands = redistribution.by_band(made_rows()).set_index(["side", "centre_hz"])
    for centre in (100.0, 1000.0):
        assert bands.loc[("above", centre), ["mean", "low", "high"]].tolist() == pytest.approx([-10] * 3)
        assert bands.loc[("below", centre), ["mean", "low", "high"]].tolist() == pytest.approx([10 * np.log10(2)] * 3)
        assert bands.loc[("below", centre), "contender_db"] == pytest.approx(10 * np.log10(0.2))
        assert bands.loc[("below", centre), "l1_db"] == pytest.approx(-10)
