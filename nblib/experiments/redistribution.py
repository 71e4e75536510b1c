"""Where the codec loss leaves what it leaves (IJCNN'20 Section VI.B, Figure 4): the residual of the P1 networks.

The paper looks at spectrograms: with the codec loss "the noise appears in different time-frequency regions", which
"suggests" that it optimises for regions that "more strongly influence our audition". If so, more of the residual should
lie under the masking threshold of the target, and less above it, than with l1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import numpy as np
import pandas as pd
import torch

from nblib.corpora import Item
from nblib.evaluation import residual
from nblib.evaluation.intervals import paired_interval
from nblib.experiments import capacity, results, separation
from nblib.experiments.settings import TASKS, Settings
from nblib.parallel import parallel_map
from nblib.training import NetworkSpec, Run

TABLE = "redistribution.csv"
CAPACITY = "P1"
PARTS = ("added_above", "added_below", "missing_above", "missing_below")
LEAST = 1e-9  # of the target's energy: what a band's residual is taken for where it has less


def make(setup: Settings, log: Callable[[str], None] = print) -> None:
    """Train or load the networks, and split each test item's residual by the target's masking threshold."""
    network = {task: own[CAPACITY] for task, own in setup.capacities.items()}
    runs = {
        task: [run for run in own if NetworkSpec(**run.record["config"]["network"]) == network[task]]
        for task, own in capacity.train(setup, log).items()
    }
    hashes = [run.hash for own in runs.values() for run in own]
    made_from = [hashes, [setup.mixture_corpus(task).fingerprint for task in TASKS]]
    results.once(setup, made_from, (TABLE,), partial(_write, setup, runs))


def _write(setup: Settings, runs: dict[str, list[Run]]) -> None:
    rows: list[dict[str, object]] = []
    for task, own in runs.items():
        usable = [run for run in own if run.status in separation.USABLE]
        for part in parallel_map(partial(_split_item, setup, task, usable), separation.audible_items(setup, task)):
            rows += part
    results.save(setup, TABLE, pd.DataFrame(rows))


def _split_item(setup: Settings, task: str, runs: list[Run], item: Item) -> list[dict[str, object]]:
    mixture = setup.mixture_corpus(task).load(item)
    systems: list[tuple[dict[str, object], np.ndarray]] = [
        ({"loss": "unprocessed", "seed": None, "status": "none", "run": None}, mixture.mixture)
    ]
    for run in runs:
        config = run.record["config"]
        labels = {"loss": config["loss"]["kind"], "seed": config["seed"], "status": run.status, "run": run.hash}
        systems.append((labels, separation.separate(setup, run.network(), mixture.mixture)))
    rows = []
    for labels, sound in systems:
        with torch.no_grad():
            found = asdict(residual(mixture.target, sound, setup.geometry.sample_rate))
        columns = {name: values.tolist() for name, values in found.items()}
        for values in zip(*columns.values(), strict=True):
            own = {"task": task, "capacity": CAPACITY, **labels, "item": item.name}
            rows.append(own | dict(zip(columns, values, strict=True)))
    return rows


def results_table(setup: Settings, source: str, log: Callable[[str], None] = print) -> pd.DataFrame:
    """One row per task, network (and the unprocessed input), test item and band of one Bark.

    Columns: task, capacity, loss, seed, status, run, item, centre_hz, target and the four `PARTS`: energies over the
    target's in all bands, see `nblib.evaluation.Residual`.
    """
    if results.wants_run(source):
        make(setup, log)
    return results.read(setup, TABLE).astype({"seed": "Int64"})


def totals(rows: pd.DataFrame) -> pd.DataFrame:
    """Per network and item over all bands: residual energy above and below the threshold, in dB over the target's.

    Columns: task, capacity, loss, seed, status, run, item, above_db, below_db, total_db, share_above (of the residual's
    energy), added_above_db, missing_above_db.
    """
    keys = ["task", "capacity", "loss", "seed", "status", "run", "item"]
    sums = rows.groupby(keys, dropna=False)[list(PARTS)].sum().reset_index()
    above, below = (sums[f"added_{side}"] + sums[f"missing_{side}"] for side in ("above", "below"))
    decibels = {"above_db": above, "below_db": below, "total_db": above + below}
    decibels |= {"added_above_db": sums["added_above"], "missing_above_db": sums["missing_above"]}
    shown = sums[keys].assign(**{name: _decibels(energy) for name, energy in decibels.items()})
    return shown.assign(share_above=above / (above + below))


def by_band(rows: pd.DataFrame) -> pd.DataFrame:
    """Per task, band and side of the threshold: mean residual of each loss, and codec - l1 paired, all in dB.

    Columns: task, side ("above", "below"), centre_hz, l1_db, codec_db (energies averaged over items and seeds, over the
    target's in all bands), and mean, low, high of the paired difference with its 95 % interval over seeds and items. A
    task without a usable network of each loss is left out.
    """
    table = []
    for side in ("above", "below"):
        energy = (rows[f"added_{side}"] + rows[f"missing_{side}"]).clip(lower=LEAST)
        own = rows.assign(energy=energy)[rows["loss"].isin(separation.LOSSES)]
        for (task, centre), band in own.groupby(["task", "centre_hz"]):
            pairs = band.pivot_table(index=["seed", "item"], columns="loss", values="energy")
            pairs = pairs.reindex(columns=list(separation.LOSSES)).dropna()
            if pairs.empty:
                continue
            difference = _decibels(pairs["codec"]) - _decibels(pairs["l1"])
            means = {f"{loss}_db": 10 * float(np.log10(pairs[loss].mean())) for loss in separation.LOSSES}
            interval = paired_interval(difference.unstack("item").to_numpy(float))
            table.append({"task": task, "side": side, "centre_hz": centre} | means | interval)
    return pd.DataFrame(table)


def _decibels(energy: pd.Series) -> pd.Series:
    return 10 * np.log10(energy.clip(lower=LEAST))
