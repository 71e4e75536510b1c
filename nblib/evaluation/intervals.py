"""Intervals that hold under retraining: another training of a configuration moves all test items together.

So the unit is the seed: Student's t over means per seed, taken to be roughly normal; of two it is honestly very wide.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import t

USABLE = ("plateau", "max_epochs", "none")  # status of rows that count; collapsed and diverged networks do not


def t_factor(seeds: int) -> float:
    """Student's t for a two-sided 95 % interval of that many seeds; NaN under two."""
    return float(t.ppf(0.975, seeds - 1)) if seeds > 1 else float("nan")


def seed_interval(means: ArrayLike, least: float = -np.inf, most: float = np.inf) -> dict[str, float]:
    """``mean``, ``low``, ``high`` (95 % t interval, NaN under two, cut to limits), ``seeds``; one value per seed."""
    finite = pd.Series(np.asarray(means, float)).replace([np.inf, -np.inf], np.nan).dropna()
    half = t_factor(len(finite)) * finite.std() / np.sqrt(len(finite))
    low, high = np.clip([finite.mean() - half, finite.mean() + half], least, most)
    return {"mean": finite.mean(), "low": low, "high": high, "seeds": len(finite)}


def summary(rows: pd.DataFrame, measure: str, by: Sequence[str]) -> pd.DataFrame:
    """The `seed_interval` of `measure` per group of `by`, a mean alone of what was not trained (rows without seed)."""
    counted = rows[rows["status"].isin(USABLE)].replace([np.inf, -np.inf], np.nan).astype({"seed": float})
    means = counted.groupby([*by, "seed"], dropna=False, sort=False)[measure].mean().reset_index()
    groups = means.groupby(list(by), dropna=False, sort=False)[measure]
    table = [(*name, measure, *seed_interval(own).values()) for name, own in groups]
    return pd.DataFrame(table, columns=[*by, "measure", "mean", "low", "high", "seeds"])


def contrast(
    rows: pd.DataFrame, one: str, other: str, measure: str, by: Sequence[str] = (), label: str = "contender"
) -> pd.DataFrame:
    """`one` minus `other` (values of `label`) in `measure`, paired by seed and item, with its 95 % interval over seeds.

    A row per group of `by`, none where nothing can be paired. Where `other` needs no training (the unprocessed input),
    or is the same for all groups, it stands against every seed or group.
    """
    usable = rows[rows["status"].isin(USABLE)].dropna(subset=[measure])
    first, second = (usable[usable[label] == name] for name in (one, other))
    keys = [name for name in (*by, "seed", "item") if second[name].notna().all()]
    pairs = first.merge(second[[*keys, measure]], on=keys, suffixes=("", "_other"))
    pairs["difference"] = pairs[measure] - pairs[f"{measure}_other"]
    table = []
    for name, own in pairs.groupby([*by, label], sort=False):
        found = seed_interval(own.groupby("seed")["difference"].mean())
        table.append([*name, other, measure, *found.values(), own["item"].nunique()])
    return pd.DataFrame(table, columns=[*by, "one", "other", "measure", "mean", "low", "high", "seeds", "items"])


def verdict(low: float, high: float) -> str:
    """What the 95 % interval of a difference shows, higher being better."""
    if not np.isfinite(low + high):
        return "cannot be told"
    return "better" if low > 0 else "worse" if high < 0 else "no difference shown"
