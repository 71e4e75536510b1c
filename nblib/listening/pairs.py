"""Which systems meet which, in which order and on which side: the same for people and for the model listener."""

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from nblib.errors import ParameterError, check_choice
from nblib.provenance import random_generator


def all_pairs(systems: Sequence[str], items: Sequence[str]) -> pd.DataFrame:
    """Every system against every other on every item (MM'19): columns ``item``, ``system_a``, ``system_b``."""
    if len(systems) < 2 or len(set(systems)) < len(systems):
        raise ParameterError(f"systems={list(systems)!r}: at least 2 different names are needed")
    rows = [(item, *pair) for item in items for pair in combinations(systems, 2)]
    return pd.DataFrame(rows, columns=["item", "system_a", "system_b"])


def pairs_against(baseline: str, systems: Sequence[str], items: Sequence[str]) -> pd.DataFrame:
    """Every system (A) against `baseline`, one of them (B), on every item: IJCNN'20 Sections IV and V."""
    check_choice("baseline", baseline, systems)
    pairs = all_pairs([*(system for system in systems if system != baseline), baseline], items)
    return pairs[pairs["system_b"] == baseline].reset_index(drop=True)


def presented(pairs: pd.DataFrame, *seed: str | int) -> pd.DataFrame:
    """The pairs as one participant meets them: in an order and with sides (columns ``_a``, ``_b``) drawn."""
    generator = random_generator("presentation", *seed)
    shown = pairs.iloc[generator.permutation(len(pairs))].reset_index(drop=True)
    swapped = pd.Series(generator.random(len(pairs)) < 0.5)
    result = shown.copy()
    for name in (name[:-2] for name in shown.columns if name.endswith("_a") and f"{name[:-1]}b" in shown):
        for own, other in (f"{name}_a", f"{name}_b"), (f"{name}_b", f"{name}_a"):
            result[own] = shown[own].mask(swapped, shown[other])
    return result
