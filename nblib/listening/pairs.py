"""Which systems meet which, in which order and on which side: the same for people and for the model listener."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from nblib.errors import ParameterError, check_choice
from nblib.provenance import random_generator


def all_pairs(systems: Sequence[str], items: Sequence[str]) -> pd.DataFrame:
    """Every system against every other on every item: MM'19 Section 7.2, 10 pairs of 5 systems on 5 items.

    Returns
    -------
    DataFrame
        Columns ``item``, ``system_a``, ``system_b``, in the order of `items` and `systems`.
    """
    _check_distinct(systems, 2)
    rows = [(item, *pair) for item in items for pair in combinations(systems, 2)]
    return pd.DataFrame(rows, columns=["item", "system_a", "system_b"])


def pairs_against(baseline: str, systems: Sequence[str], items: Sequence[str]) -> pd.DataFrame:
    """Every system (A) but `baseline` against `baseline` (B) on every item: IJCNN'20 Sections IV and V.

    Columns as for `all_pairs`; `ParameterError` where `baseline` is none of `systems`.
    """
    _check_distinct(systems, 2)
    check_choice("baseline", baseline, systems)
    rows = [(item, system, baseline) for item in items for system in systems if system != baseline]
    return pd.DataFrame(rows, columns=["item", "system_a", "system_b"])


def presented(pairs: pd.DataFrame, *seed: str | int) -> pd.DataFrame:
    """The pairs as one participant meets them: in an order and with sides drawn from `seed`.

    Where the sides change, `system_a` and `system_b` do, and so does every other couple of columns that end in ``_a``
    and ``_b``.
    """
    generator = random_generator("presentation", *seed)
    shown = pairs.iloc[generator.permutation(len(pairs))].reset_index(drop=True)
    swapped = pd.Series(generator.random(len(pairs)) < 0.5)
    result = shown.copy()
    for a in [name for name in shown.columns if name.endswith("_a") and f"{name[:-2]}_b" in shown.columns]:
        b = f"{a[:-2]}_b"
        result[a], result[b] = shown[a].mask(swapped, shown[b]), shown[b].mask(swapped, shown[a])
    return result


def _check_distinct(systems: Sequence[str], least: int) -> None:
    if len(set(systems)) < max(least, len(systems)):
        raise ParameterError(f"systems={list(systems)!r}: at least {least} different names are needed")
