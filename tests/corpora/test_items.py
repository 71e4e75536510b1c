"""Mixtures add up and stand at their SNR; groups are dealt out without one lying in two splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nblib.corpora import PEAK, SPLITS, measured_snr_db, mix, split_groups
from nblib.errors import CorpusError, ParameterError


@given(st.floats(-20, 20), st.floats(1e-3, 1.0), st.integers(2, 4000), st.integers(0, 99))
def test_mix_is_exact(snr_db: float, level: float, length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mixed = mix(level * random.uniform(-1, 1, length), random.standard_normal(length), snr_db)
    assert np.array_equal(mixed.mixture, mixed.target + mixed.noise)
    assert mixed.mixture.dtype == mixed.target.dtype == mixed.noise.dtype == np.float32
    assert max(np.abs(part).max() for part in (mixed.target, mixed.noise, mixed.mixture)) <= PEAK + 1e-6
    assert measured_snr_db(mixed.target, mixed.noise) == pytest.approx(snr_db, abs=1e-3)


def test_what_is_quiet_enough_keeps_its_level() -> None:
    target = 0.1 * np.sin(np.arange(1000))
    assert np.allclose(mix(target, np.cos(np.arange(1000.0)), 0.0).target, target, atol=1e-7)


def test_snr_by_hand_and_silence() -> None:
    ones, silent = np.ones(3), np.zeros(3)
    assert measured_snr_db(0.2 * ones, 0.02 * ones) == pytest.approx(20)
    assert measured_snr_db(ones, silent) == np.inf and measured_snr_db(silent, ones) == -np.inf
    for target, added in ((silent, ones), (ones, silent), (np.nan * ones, ones)):
        with pytest.raises(ParameterError, match="finite and not silent"):
            mix(target, added, 0.0)


@given(st.integers(3, 200), st.integers(0, 99))
def test_every_split_has_a_group_and_about_its_share(count: int, seed: int) -> None:
    names = [f"g{place}" for place in range(count)]
    dealt = split_groups(names * 2, (0.7, 0.2, 0.1), seed, "pieces")
    assert set(dealt) == set(names)
    shares = [sum(split == each for split in dealt.values()) / count for each in SPLITS]
    assert min(shares) > 0 and (count < 10 or np.allclose(shares, (0.7, 0.2, 0.1), atol=1 / count))


def test_a_split_is_a_golden_function_of_the_seed() -> None:
    """Values of the first run, the second letters of train, validation and test: a change deals every corpus anew."""
    dealt = [split_groups("abcdefghij", (0.7, 0.2, 0.1), seed, "pieces") for seed in (0, 1)]
    assert "".join(dealt[0][name][1] for name in "abcdefghij") == "rrraarerrr" and dealt[0] != dealt[1]
    with pytest.raises(CorpusError, match=r"pieces: 2 group\(s\) found \(a, b\), at least 3"):
        split_groups("aba", (0.7, 0.2, 0.1), 0, "pieces")
