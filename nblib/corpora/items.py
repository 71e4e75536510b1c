"""Named items with a group and a split, mixtures at a signal-to-noise ratio, and how groups are dealt out to splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nblib.errors import CorpusError, ParameterError
from nblib.provenance import random_generator

SPLITS = ("train", "validation", "test")
PEAK = 0.99


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


def split_groups(groups: Sequence[str], fractions: tuple[float, float, float], seed: int, what: str) -> dict[str, str]:
    """Deal `groups` out to train, validation and test in about `fractions`, at least one each, the order by `seed`."""
    different = sorted(set(groups))
    if len(different) < 3:
        found = f"{what}: {len(different)} group(s) found ({', '.join(different) or 'none'})"
        raise CorpusError(
            f"{found}, at least 3 are needed to split; add recordings of other pieces, speakers or sources"
        )
    order = [different[index] for index in random_generator(seed, "split", what).permutation(len(different))]
    validation, test = (max(1, round(fraction * len(order))) for fraction in fractions[1:])
    validation, test = (1, 1) if test + validation >= len(order) else (validation, test)
    splits = ["test"] * test + ["validation"] * validation + ["train"] * (len(order) - test - validation)
    return dict(zip(order, splits, strict=True))


def measured_snr_db(target: np.ndarray, noise: np.ndarray) -> float:
    """Energy of `target` over energy of `noise`, both [shape=(n,)], in dB: the one definition of SNR in the project."""
    signal, rest = (float(np.sum(np.square(part, dtype=np.float64))) for part in (target, noise))
    return 10 * float(np.log10(signal / rest)) if signal > 0 and rest > 0 else float("inf" if rest == 0 else "-inf")


def mix(target: np.ndarray, noise: np.ndarray, snr_db: float) -> Mixture:
    """`target` plus `noise` [shape=(n,)] scaled to `snr_db`, `limited`; `ParameterError` where one is silent."""
    measured = measured_snr_db(target, noise)
    if not np.isfinite(measured):
        raise ParameterError(f"snr_db={snr_db}, now {measured}: target and noise must be finite and not silent")
    return limited(target.astype(np.float64), noise.astype(np.float64) * 10 ** ((measured - snr_db) / 20))


def limited(target: np.ndarray, noise: np.ndarray) -> Mixture:
    """`target` and `noise` [shape=(n,)] with their float32 sum, all quieter alike where one would pass 0.99."""
    loudest = max(float(np.max(np.abs(part))) for part in (target, noise, target + noise))
    gain = min(1.0, PEAK / loudest)
    clean, added = (target * gain).astype(np.float32), (noise * gain).astype(np.float32)
    return Mixture(clean, added, clean + added)
