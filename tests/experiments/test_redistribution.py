"""Where the residual lies: the study, made once at the least size (see conftest.py), and its sums."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from nblib import study
from nblib.entries import TASKS
from nblib.evaluation import residual
from nblib.evaluation.intervals import contrast
from nblib.experiments import redistribution, separation
from nblib.training import load


@pytest.mark.parametrize("task", TASKS)
def test_a_row_is_its_run_on_its_item_worked_out_anew(tiny_ijcnn, task):
    rows = study.read(tiny_ijcnn, "redistribution.csv")
    own = rows[(rows["task"] == task) & (rows["contender"] == "codec")]
    corpus, _, item = separation.pieces(tiny_ijcnn, [task])[0]
    first = own[(own["run"] == own["run"].iloc[0]) & (own["item"] == item.name)]
    mixture = corpus.load(item)
    sound = separation.separate(tiny_ijcnn, load(first["run"].iloc[0]).network(), mixture.mixture)
    found = residual(mixture.target, sound, 22_050)
    for part in ("target", *redistribution.PARTS):
        np.testing.assert_allclose(first[part], found[part], rtol=1e-2, atol=1e-8)


def made_rows() -> pd.DataFrame:
    """Two seeds, two items, two bands: the codec loss leaves a tenth above and twice as much below."""
    left = {"l1": (0.2, 0.1), "codec": (0.02, 0.2)}
    cells = list(product(left, (0, 1), ("one", "two"), (100.0, 1000.0)))
    rows = pd.DataFrame(cells, columns=["contender", "seed", "item", "centre_hz"]).astype({"seed": "Int64"})
    rows[["added_above", "added_below"]] = [left[name] for name in rows["contender"]]
    rows = rows.assign(task="speech", capacity="P1", status="plateau", run=rows["contender"] + rows["seed"].astype(str))
    return rows.assign(target=0.5, missing_above=0.0, missing_below=0.0)


def test_totals_sum_the_bands():
    totals = redistribution.totals(made_rows())
    by_name = totals.set_index("contender")
    assert by_name.loc["l1", "above_db"].to_numpy() == pytest.approx(10 * np.log10(0.4))
    assert by_name.loc["l1", "share_above"].to_numpy() == pytest.approx(0.4 / 0.6)
    assert by_name.loc["codec", "total_db"].to_numpy() == pytest.approx(10 * np.log10(0.44))
    (effect,) = contrast(totals, "codec", "l1", "above_db", ("task", "capacity")).to_dict("records")
    assert (effect["mean"], effect["low"], effect["high"]) == pytest.approx((-10, -10, -10))


def test_bands_are_paired():
    bands = redistribution.by_band(made_rows()).set_index("side")
    for side, difference, left in (("above", -10, 0.02), ("below", 10 * np.log10(2), 0.2)):
        assert bands.loc[side, "centre_hz"].tolist() == [100, 1000]
        assert bands.loc[side, ["mean", "low", "high"]].to_numpy() == pytest.approx(difference)
        assert bands.loc[side, "contender_db"].to_numpy() == pytest.approx(10 * np.log10(left))
        assert bands.loc[side, "l1_db"].to_numpy() == pytest.approx(10 * np.log10(left) - difference)
