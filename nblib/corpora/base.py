"""What every corpus offers: named items with a group and a split, loaded one at a time as mono float32.

Nothing that shares a group (a piece, a speaker, a noise source) lies in two splits, so that nothing heard in training
is tested. A corpus's `fingerprint` changes with anything that would change a sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from nblib.errors import CorpusError
from nblib.provenance import random_generator

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Item:
    """One recording or mixture. `name` is unique in its corpus and safe as a file name."""

    name: str
    group: str
    split: str
    info: Mapping[str, str | float | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Mixture:
    """Target plus noise, equal lengths [shape=(n,)], float32, full scale 1; mixture = target + noise."""

    target: np.ndarray
    noise: np.ndarray
    mixture: np.ndarray


class Corpus(Protocol):
    """What music and mixtures have in common."""

    @property
    def name(self) -> str:
        """The corpus's, for messages and figures."""
        ...

    @property
    def licence(self) -> str:
        """Under which the recordings may be used."""
        ...

    @property
    def citation(self) -> str:
        """BibTeX."""
        ...

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes with anything that would change a sample."""
        ...

    def items(self, split: str | None = None) -> Sequence[Item]:
        """The items of one split, or all, in a fixed order."""
        ...


class MusicCorpus(Corpus, Protocol):
    """Lossless recordings for codec pairs."""

    def load(self, item: Item) -> np.ndarray:
        """Mono samples [shape=(n,)], float32 in [-1, 1], at `sample_rate`."""
        ...


class MixtureCorpus(Corpus, Protocol):
    """Targets mixed with noise, for separation. An item's `info` holds ``snr_db``."""

    def load(self, item: Item) -> Mixture:
        """Target, noise and mixture at `sample_rate`."""
        ...


def split_groups(groups: Sequence[str], fractions: tuple[float, float, float], seed: int, what: str) -> dict[str, str]:
    """Deal `groups` out to train, validation and test in about `fractions`, at least one each, the order by `seed`.

    Raises
    ------
    CorpusError
        Fewer than three different groups: they cannot be split without hearing one twice.
    """
    different = sorted(set(groups))
    if len(different) < 3:
        raise CorpusError(
            f"{what}: {len(different)} group(s) found ({', '.join(different) or 'none'}), at least 3 are needed for "
            "train, validation and test; add recordings of further pieces, speakers or sources"
        )
    order = [different[index] for index in random_generator(seed, "split", what).permutation(len(different))]
    test = max(1, round(fractions[2] * len(order)))
    validation = max(1, round(fractions[1] * len(order)))
    test, validation = (1, 1) if test + validation >= len(order) else (test, validation)
    return {
        group: "test" if rank < test else "validation" if rank < test + validation else "train"
        for rank, group in enumerate(order)
    }
