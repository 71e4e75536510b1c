"""Where the codec loss leaves what it leaves (IJCNN'20 Section VI.B, Figure 4): the residual of the P1 networks.

The paper sees noise "in different time-frequency regions", which "more strongly influence our audition". If so, less of
the residual should lie above the target's masking threshold.
"""

from typing import Any

import numpy as np
import pandas as pd

from nblib.entries import BASELINE
from nblib.evaluation import residual
from nblib.evaluation.intervals import contrast
from nblib.experiments.separation import BY, Piece, capacity_cells, pieces, separate
from nblib.settings import Settings
from nblib.study import Row, Study, Systems
from nblib.training import Run

PARTS = ("added_above", "added_below", "missing_above", "missing_below")
TOTALS = ("above_db", "below_db", "total_db", "share_above", "added_above_db", "missing_above_db")
LEAST = 1e-9  # of the target's energy: what a band's residual is taken for where it has less


def _score(setup: Settings, trained: list[Run], piece: Piece) -> list[Row]:
    """The residual of one test item per network (and of the unprocessed input) and band of one Bark."""
    (corpus, task, item), rows = piece, []
    mixture = corpus.load(item)
    systems: Systems = [({"task": task, "contender": "unprocessed", "status": "none"}, mixture.mixture)]
    for each in (each for each in trained if each.usable and each.labels["task"] == task):
        systems.append((each.row, separate(setup, each.network(), mixture.mixture)))
    for row, sound in systems:
        found = residual(mixture.target, sound, setup.geometry.sample_rate)
        bands = zip(*(values.tolist() for values in found.values()), strict=True)
        rows += [row | {"item": item.name} | dict(zip(found, band, strict=True)) for band in bands]
    return rows


# Of the capacity study's networks those of each task's smallest capacity.
REDISTRIBUTION = Study("redistribution", lambda setup: capacity_cells(setup, most=1), pieces, _score, BY, PARTS)


def totals(rows: pd.DataFrame) -> pd.DataFrame:
    """Per network and item, over all bands: `TOTALS`, in dB over the target's energy; share_above of the residual's."""
    keys = ["task", "capacity", "contender", "seed", "status", "run", "item"]
    sums = rows.groupby(keys, dropna=False)[list(PARTS)].sum()
    sums = sums.assign(**_sides(sums)).assign(total=lambda sides: sides["above"] + sides["below"])
    levels = _decibels(sums[["above", "below", "total", "added_above", "missing_above"]]).add_suffix("_db")
    return levels.assign(share_above=sums["above"] / sums["total"]).reset_index()


def by_band(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean residual and l1's (dB re the target in all bands) per task, contender, band and side; their contrast."""
    table, by = [], ["task", "centre_hz"]
    networks = rows[rows["seed"].notna()]
    for side, sums in _sides(networks).items():
        own = networks.assign(energy=sums.clip(lower=LEAST), energy_db=_decibels(sums))
        levels = _decibels(own.groupby([*by, "contender"])["energy"].mean().unstack())
        for contender in own.query("contender != @BASELINE")["contender"].unique():
            found = contrast(own, contender, BASELINE, "energy_db", by).assign(contender=contender, side=side)
            shown = levels[[BASELINE, contender]].set_axis(["l1_db", "contender_db"], axis=1)
            table.append(found.join(shown, on=by))
    return pd.concat(table, ignore_index=True)


def _sides(rows: pd.DataFrame) -> dict[str, pd.Series]:
    return {side: rows[f"added_{side}"] + rows[f"missing_{side}"] for side in ("above", "below")}


def _decibels(energy: Any) -> Any:
    return 10 * np.log10(energy.clip(lower=LEAST))
