"""Numbers about corpora and codecs, for notebooks 01 and 02."""

from __future__ import annotations

import numpy as np
import pytest

from nblib.audio import Codec, Geometry
from nblib.corpora import EmbeddedMixtures, Item
from nblib.experiments.codecs import compare, distance_to_coded, hole_share_by_frequency, lag_samples
from nblib.experiments.overview import short_title, sound_numbers, split_table

RATE = 16000
NOISE = (0.1 * np.random.default_rng(1).standard_normal(3 * RATE)).astype(np.float32)


def test_a_sine_has_the_numbers_of_a_sine() -> None:
    sine = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)
    numbers = sound_numbers(sine, RATE)
    assert numbers["seconds"] == 1.0
    assert numbers["peak_dbfs"] == pytest.approx(-6.02, abs=0.01)
    assert numbers["rms_dbfs"] == pytest.approx(-9.03, abs=0.01)
    assert numbers["centroid_hz"] == pytest.approx(1000, rel=0.02)
    assert numbers["rolloff_hz"] == pytest.approx(1000, abs=40)


def test_splits_share_no_group_and_a_shared_one_is_counted() -> None:
    corpus = EmbeddedMixtures(train=6, validation=3, test=3)
    table = split_table(corpus).set_index("split")
    assert table["items"].to_dict() == {"train": 6, "validation": 3, "test": 3}
    assert (table["groups_shared"] == 0).all()

    class Leaking(EmbeddedMixtures):
        def items(self, split: str | None = None) -> list[Item]:
            return [Item("one", "same voice", split or "train")]

    assert (split_table(Leaking(train=1, validation=1, test=1))["groups_shared"] == 1).all()


def test_titles_are_short() -> None:
    long = Item("name", "group", "test", {"title": "A very long title of a piece (composer)", "character": "folk"})
    assert short_title(long) == "folk: A very long title of a pi…"
    assert short_title(Item("plain", "group", "test")) == "plain"


@pytest.mark.parametrize("lag", [-1105, 0, 3])
def test_the_lag_is_found(lag: int) -> None:
    assert lag_samples(NOISE, np.roll(NOISE, lag)) == lag


def test_codecs_are_compared_and_mp3_removes_more_than_its_low_pass() -> None:
    geometry, codec = Geometry(sample_rate=RATE), Codec("mp3", 16_000)
    rows = compare({"noise": NOISE}, [codec, Codec("mp3", 64_000)], geometry)
    assert rows["lag_samples"].tolist() == [0, 0] and rows["length_difference"].tolist() == [0, 0]
    assert rows["l1"].is_monotonic_decreasing
    distance = distance_to_coded({"noise": NOISE}, codec, geometry).iloc[0]
    assert 0 < distance["band_limited"] < distance["lossless"]
    shares = hole_share_by_frequency({"noise": NOISE}, [codec], geometry).set_index("frequency_hz")["hole_share"]
    assert shares.loc[6500:].min() > 0.95 > shares.loc[500:1500].mean()
