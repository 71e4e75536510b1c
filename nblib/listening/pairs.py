"""Which systems meet which, in which order and on which side: the same for people and for the model listener."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from nblib.errors import ParameterError, check_choice
from nblib.provenance import random_generator

LABEL = "model-predicted, no listeners"  # in the judge's name, wherever the model listener's votes are shown


@dataclass(frozen=True)
class PublishedTest:
    """Size of one of the papers' listening tests: every participant judges every pair on every item once."""

    participants: int
    items: int


PUBLISHED_TESTS = {
    "MM'19 Tables 4 and 5": PublishedTest(14, 5),  # all pairs of 5 systems
    "IJCNN'20 Figure 3": PublishedTest(15, 5),  # 6 layer configurations against l1
    "IJCNN'20 Figure 5": PublishedTest(20, 5),  # codec loss against l1 at 5 capacities
}


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
    sides = [name[:-1] for name in shown.columns if name.endswith("_a") and f"{name[:-1]}b" in shown]
    of_a = {f"{name}a": shown[f"{name}a"].mask(swapped, shown[f"{name}b"]) for name in sides}
    return shown.assign(**of_a, **{f"{name}b": shown[f"{name}b"].mask(swapped, shown[f"{name}a"]) for name in sides})
