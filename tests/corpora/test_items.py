"""Mixtures add up and stand at their SNR; groups are dealt out without one lying in two splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nblib.corpora.items import PEAK, SPLITS, limited, measured_snr_db, mix, split_groups
from nblib.errors import CorpusError, ParameterError


@given(st.floats(-20, 20), st.floats(1e-3, 1.0), st.integers(2, 4000), st.integers(0, 99))
def test_mix_is_exact(snr_db: float, level: float, length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mixed = mix(level * random.uniform(-1, 1, length), random.standard_normal(length), snr_db)
    assert np.array_equal(mixed.mixture, mixed.target + mixed.noise)
    assert mixed.mixture.dtype == mixed.target.dtype == mixed.noise.dtype == np.float32
    assert max(np.abs(part).max() for part in (mixed.target, mixed.noise, mixed.mixture)) <= PEAK + 1e-6
    assert measured_snr_db(mixed.target, mixed.noise) == pytest.approx(snr_db, abs=1e-3)


def test_a_quiet_target_keeps_its_level_and_a_loud_one_its_shape() -> None:
    target = 0.1 * np.sin(np.arange(1000))
    assert np.allclose(mix(target, np.cos(np.arange(1000.0)), 0.0).target, target, atol=1e-7)
    loud = limited(20 * target, np.zeros(1000))
    assert np.allclose(loud.target / np.abs(loud.target).max(), target / np.abs(target).max(), atol=1e-6)


def test_snr_by_hand() -> None:
    assert measured_snr_db(np.full(10, 0.2), np.full(10, 0.02)) == pytest.approx(20)
    assert measured_snr_db(np.ones(3), np.zeros(3)) == np.inf
    assert measured_snr_db(np.zeros(3), np.ones(3)) == -np.inf


def test_mix_refuses() -> None:
    ones, square = np.ones(3), np.ones((2, 3))
    for target, added in ((ones, np.ones(4)), (square, square)):
        with pytest.raises(ParameterError, match="equal dimension"):
            mix(target, added, 0.0)
    for target, added in ((0 * ones, ones), (ones, 0 * ones), (np.nan * ones, ones)):
        with pytest.raises(ParameterError, match="finite and not silent"):
            mix(target, added, 0.0)
    with pytest.raises(ParameterError, match="snr_db=nan"):
        mix(ones, ones, np.nan)


@given(st.integers(3, 200), st.integers(0, 99))
def test_every_split_has_a_group_and_about_its_share(count: int, seed: int) -> None:
    names = [f"g{place}" for place in range(count)]
    dealt = split_groups(names * 2, (0.7, 0.2, 0.1), seed, "pieces")
    assert set(dealt) == set(names)
    shares = [sum(split == each for split in dealt.values()) / count for each in SPLITS]
    assert min(shares) > 0 and (count < 10 or np.allclose(shares, (0.7, 0.2, 0.1), atol=1 / count))


def test_a_split_is_a_golden_function_of_the_seed() -> None:
    """Values of the first run: a change deals every corpus anew."""
    names = list("abcdefghij")
    assert "".join(split_groups(names, (0.7, 0.2, 0.1), 0, "pieces")[name][1] for name in names) == GOLDEN
    assert split_groups(names, (0.7, 0.2, 0.1), 1, "pieces") != split_groups(names, (0.7, 0.2, 0.1), 0, "pieces")


GOLDEN = "rrraarerrr"  # the second letters of train, validation and test


def test_two_groups_cannot_be_split() -> None:
    with pytest.raises(CorpusError, match=r"pieces: 2 group\(s\) found \(a, b\), at least 3"):
        split_groups(["a", "b", "a"], (0.7, 0.2, 0.1), 0, "pieces")
