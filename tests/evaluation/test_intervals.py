"""Intervals over seeds and contrasts between contenders, against second routes."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from nblib.evaluation.intervals import contrast, seed_interval, summary, t_factor, verdict

NETWORKS = ("l1", "codec", "third")


def made_rows(seeds: int = 3, items: int = 4, **status: str) -> pd.DataFrame:
    """Two capacities by so many seeds and items per contender, and the input beside; `status` maps "third0" to one."""
    generator = np.random.default_rng(5)
    table: list[dict[str, Any]] = [
        {"capacity": capacity, "contender": name, "seed": seed, "item": f"item{item}"}
        | {"status": status.get(f"{name}{seed}", "plateau"), "estoi": generator.normal(NETWORKS.index(name))}
        for capacity in ("P1", "P2")
        for name in NETWORKS
        for seed in range(seeds)
        for item in range(items)
    ]
    table += [
        {"contender": "unprocessed", "item": f"item{item}", "status": "none", "estoi": 0.1 * item}
        for item in range(items)
    ]
    return pd.DataFrame(table).astype({"seed": "Int64"})


def seed_means(rows: pd.DataFrame, name: str, capacity: str = "P1") -> np.ndarray:
    own = rows[(rows["contender"] == name) & (rows["capacity"] == capacity)]
    return own.pivot(index="seed", columns="item", values="estoi").to_numpy(float)


def numbers(row: Any) -> list[float]:
    return [row["mean"], row["low"], row["high"]]


def scipys(means: np.ndarray) -> list[float]:
    found = scipy.stats.ttest_1samp(means, 0).confidence_interval(0.95)
    return [means.mean(), found.low, found.high]


@pytest.mark.parametrize("means", [[1.0, 2.0], [0.1, 0.4, -0.2, 0.3, 0.2]])
def test_an_interval_over_seeds_is_students_as_scipy_has_it(means):
    found = seed_interval([*means, np.nan, np.inf])
    assert numbers(found) == pytest.approx(scipys(np.array(means)))
    assert found["seeds"] == len(means)
    assert t_factor(len(means)) == pytest.approx(scipy.stats.t.ppf(0.975, len(means) - 1))


def test_a_summary_is_the_mean_over_seeds_and_of_what_has_no_seed_a_mean_alone():
    rows = made_rows(codec1="collapsed", third0="diverged", third1="diverged", third2="diverged")
    table = summary(rows, "estoi", ("capacity", "contender")).set_index("contender")
    p1 = table[table["capacity"] == "P1"]
    assert numbers(p1.loc["l1"]) == pytest.approx(scipys(seed_means(rows, "l1").mean(axis=1)))
    assert numbers(p1.loc["codec"]) == pytest.approx(scipys(seed_means(rows, "codec").mean(axis=1)[[0, 2]]))
    assert "third" not in table.index, "a contender without a usable network has no mean"
    unprocessed = table.loc["unprocessed"]
    assert unprocessed["mean"] == pytest.approx(0.15) and np.isnan(unprocessed["low"])


def test_a_contrast_is_the_paired_difference_recomputed_by_hand():
    rows = made_rows()
    rows.loc[(rows["seed"] == 1) & (rows["item"] == "item2") & (rows["contender"] == "l1"), "estoi"] = np.nan
    table = contrast(rows, "codec", "l1", "estoi", ("capacity",)).set_index("capacity")
    for capacity, row in table.iterrows():
        differences = seed_means(rows, "codec", str(capacity)) - seed_means(rows, "l1", str(capacity))
        assert numbers(row) == pytest.approx(scipys(np.nanmean(differences, axis=1)))
        assert (row["one"], row["other"], row["seeds"], row["items"]) == ("codec", "l1", 3, 4)
    assert list(table.index) == ["P1", "P2"]
    mirrored = contrast(rows, "l1", "codec", "estoi", ("capacity",))
    assert mirrored["mean"].tolist() == pytest.approx((-table["mean"]).tolist())
    assert mirrored["high"].tolist() == pytest.approx((-table["low"]).tolist())


def test_a_failed_network_takes_its_seed_out_where_it_is_compared_and_without_any_pair_no_row_is_left():
    failed = made_rows(third0="diverged", third1="collapsed")
    tables = [contrast(rows, "codec", "l1", "estoi", ("capacity",)) for rows in (failed, made_rows())]
    pd.testing.assert_frame_equal(*tables)
    assert contrast(failed, "third", "l1", "estoi")["seeds"].tolist() == [1]
    differences = seed_means(made_rows(), "codec") - seed_means(made_rows(), "l1")
    (row,) = contrast(made_rows(l11="collapsed"), "codec", "l1", "estoi", ("capacity",)).head(1).to_dict("records")
    assert numbers(row) == pytest.approx(scipys(differences.mean(axis=1)[[0, 2]]))
    none = made_rows(seeds=1, l10="diverged")
    assert contrast(none, "codec", "l1", "estoi", ("capacity",)).empty
    assert {"capacity", "mean", "low", "high", "seeds"} <= set(contrast(none, "codec", "l1", "estoi", ("capacity",)))


def test_what_needs_no_training_stands_against_every_seed_and_group():
    table = contrast(made_rows(), "codec", "unprocessed", "estoi", ("capacity",)).set_index("capacity")
    differences = seed_means(made_rows(), "codec", "P2") - 0.1 * np.arange(4)
    assert numbers(table.loc["P2"]) == pytest.approx(scipys(differences.mean(axis=1)))
    assert table["seeds"].tolist() == [3, 3]


def test_of_one_seed_no_interval_can_be_said_and_of_none_nothing_at_all():
    one, none = seed_interval([3.0]), seed_interval([np.nan])
    assert one["mean"] == 3.0 and np.isnan([one["low"], one["high"]]).all() and one["seeds"] == 1
    assert np.isnan(numbers(none)).all() and none["seeds"] == 0 and np.isnan(t_factor(1))
    assert verdict(one["low"], one["high"]) == "cannot be told"
