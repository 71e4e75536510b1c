"""Numbers about corpora and codecs, for notebooks 01 and 02."""

from types import SimpleNamespace

import numpy as np
import pytest

from nblib.audio import Codec, Geometry
from nblib.corpora import Item
from nblib.experiments import overview
from nblib.settings import Settings

RATE = 16000
NOISE = (0.1 * np.random.default_rng(1).standard_normal(3 * RATE)).astype(np.float32)


def test_a_sine_has_the_numbers_of_a_sine() -> None:
    sine = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)
    expected = {"seconds": 1, "peak_dbfs": -6.02, "rms_dbfs": -9.03, "centroid_hz": 1000, "rolloff_hz": 1000}
    assert overview.sound_numbers(sine, RATE) == pytest.approx(expected, rel=0.02)


def test_what_notebook_1_shows_is_kept(tiny_mm19: Settings) -> None:
    splits, examples = overview.corpus_tables(tiny_mm19)
    assert splits["corpus"].unique().tolist() == ["music", "speech", "vocals"] and (splits["groups_shared"] == 0).all()
    assert splits["licence"].str.len().min() > 10
    mixtures = examples[examples["corpus"] != "music"]
    assert (mixtures["sum_error"] < 1e-6).all()
    np.testing.assert_allclose(examples.query("corpus == 'speech'")["measured_snr_db"], 0, atol=0.05)
    for corpus, parts in (("music", ["music"]), ("vocals", ["target", "mixture"])):
        own = examples[examples["corpus"] == corpus]
        sounds = overview.excerpts(tiny_mm19, "corpus", own, {part: part.upper() for part in parts})
        assert list(sounds) == [part.upper() for part in parts]
        assert {len(own) for sound in sounds.values() for own in sound.values()} == {tiny_mm19.geometry.patch_samples}


def test_a_shared_group_is_counted() -> None:
    leaking = SimpleNamespace(items=lambda split: [Item("one", "same voice", split)], name="", licence="", citation="")
    table = overview.split_table(leaking)
    assert (table[["items", "groups", "groups_shared"]] == 1).all(axis=None) and len(table) == 3


def test_titles_are_short() -> None:
    long = Item("name", "group", "test", {"title": "A very long title of a piece (composer)", "character": "folk"})
    assert overview.short_title(long) == "folk: A very long title of a pi…"
    assert overview.short_title(Item("plain", "group", "test")) == "plain"


@pytest.mark.parametrize("lag", [-1105, 0, 3])
def test_the_lag_is_found(lag: int) -> None:
    assert overview.lag_samples(NOISE, np.roll(NOISE, lag)) == lag


def test_mp3_removes_more_than_its_low_pass_and_more_at_a_lower_bitrate() -> None:
    geometry = Geometry(sample_rate=RATE)
    coded = {rate: Codec("mp3", rate).roundtrip(NOISE, RATE) for rate in (16_000, 64_000)}
    low, high = (overview.measure(NOISE, each, geometry, "sqrt") for each in coded.values())
    assert low["lag_samples"] == high["lag_samples"] == low["length_difference"] == 0
    assert 0 < low["low_pass_l1"] < low["l1"] and low["l1"] > high["l1"]
    shares = overview.hole_shares([(NOISE, coded[16_000])], geometry).set_index("frequency_hz")["hole_share"]
    assert shares.loc[6500:].min() > 0.95 > shares.loc[500:1500].mean()


def test_what_notebook_2_shows_is_kept(tiny_mm19: Settings) -> None:
    measures, holes = overview.codec_tables(tiny_mm19)
    assert (measures["lag_samples"] == 0).all() and set(measures["rate"]) == {16_000, 22_050}
    assert set(holes["codec"]) == set(measures["codec"]) >= {"MP3, 16 kbps", "AAC, 16 kbps", "OPUS, 16 kbps"}
    sounds = overview.excerpts(tiny_mm19, "codec", measures, {"lossless": "lossless", "coded": "MP3, 16 kbps"})
    assert list(sounds) == ["lossless", "MP3, 16 kbps"]
    assert all(list(own) == measures["title"].unique().tolist() for own in sounds.values())
