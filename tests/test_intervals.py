"""Intervals over seeds with items or participants, against second routes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from nblib.errors import ParameterError
from nblib.evaluation.intervals import nested_interval, paired_interval


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(4).standard_normal(shape)


def test_one_seed_is_the_plain_bootstrap_over_items():
    differences = values(1, 40) ** 3
    found = paired_interval(differences)
    means = np.random.default_rng(0).choice(differences[0], (20_000, 40)).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    spread = differences.std() / 40**0.5
    assert found["mean"] == pytest.approx(differences.mean())
    assert found["low"] == pytest.approx(low, abs=0.1 * spread)
    assert found["high"] == pytest.approx(high, abs=0.1 * spread)


def test_seeds_and_items_both_widen_it_as_their_variances_say():
    seeds, items = values(12, 1), 0.5 * values(1, 50)
    differences = 1.0 + seeds + items
    deviation = (seeds.var() / 12 + items.var() / 50) ** 0.5
    found = paired_interval(differences)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * deviation, rel=0.06)
    assert (found["high"] + found["low"]) / 2 == pytest.approx(found["mean"], abs=0.1 * deviation)


def test_a_lucky_seed_is_not_hidden_by_many_items():
    lucky = np.zeros((3, 1000))
    lucky[0] = 1.0
    found = paired_interval(lucky)
    assert (found["mean"], found["low"], found["high"]) == pytest.approx((1 / 3, 0.0, 1.0))


def test_equal_differences_have_an_interval_of_no_width():
    assert paired_interval(np.full((3, 5), 0.25)) == {"mean": 0.25, "low": 0.25, "high": 0.25}


def test_it_is_seeded_and_moves_and_scales_with_the_differences():
    differences = values(3, 20)
    found = paired_interval(differences, seed=1)
    assert paired_interval(differences, seed=1) == found
    assert paired_interval(differences, seed=2) != found
    assert paired_interval(4 * differences + 2, seed=1) == pytest.approx({k: 4 * v + 2 for k, v in found.items()})


def test_pairs_that_could_not_be_measured_are_left_out_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = paired_interval(np.array([[1.0, np.nan], [np.nan, 3.0]]))
        assert found == {"mean": 2.0, "low": 1.0, "high": 3.0}
        full = values(2, 30)
        half = np.vstack([full, np.full((1, 30), np.nan)])
        assert paired_interval(half)["mean"] == pytest.approx(full.mean())


@pytest.mark.parametrize("differences", [np.full((2, 2), np.nan), np.zeros((0, 3)), np.zeros(3)])
def test_nothing_measured_is_an_error(differences):
    with pytest.raises(ParameterError, match="no finite value to take an interval of"):
        paired_interval(differences)


def test_of_a_single_value_nothing_can_be_said():
    found = paired_interval(np.array([[3.0, np.nan]]))
    assert found["mean"] == 3.0 and np.isnan([found["low"], found["high"]]).all()


def test_participants_of_each_seed_are_drawn_apart():
    """Seeds alike: the interval is that of all participants together, which a crossed bootstrap would double."""
    shares = values(30, 40)
    found = nested_interval(shares)
    deviation = (shares.mean(axis=1).var() / 30 + shares.var() / 1200) ** 0.5
    assert found["mean"] == pytest.approx(shares.mean())
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * deviation, rel=0.1)


def test_seeds_that_differ_widen_the_nested_interval():
    assert nested_interval(np.array([[0.0] * 20, [1.0] * 20])) == {"mean": 0.5, "low": 0.0, "high": 1.0}


def test_nothing_measured_has_no_nested_interval():
    with pytest.raises(ParameterError, match="no finite value to take an interval of"):
        nested_interval(np.full((2, 3), np.nan))
