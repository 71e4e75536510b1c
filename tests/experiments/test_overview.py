"""Numbers about corpora and codecs, for notebooks 01 and 02."""

from types import SimpleNamespace

import numpy as np
import pytest

from nblib import study
from nblib.corpora import Item
from nblib.experiments import overview
from nblib.settings import Settings, settings

RATE = 16_000


@pytest.mark.usefixtures("own_data")
def test_a_sine_has_the_numbers_of_a_sine() -> None:
    sine = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)
    corpus, item = SimpleNamespace(load=lambda item: sine, sample_rate=RATE), Item("sine", "tones", "test")
    (row,) = overview.CORPORA.score(settings("smoke"), [], (corpus, overview.MUSIC, item))
    expected = {"seconds": 1, "peak_dbfs": -6.02, "rms_dbfs": -9.03, "centroid_hz": 1000, "rolloff_hz": 1000}
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=0.02)


def test_what_notebook_1_shows_is_kept(tiny_mm19: Settings) -> None:
    examples, splits = study.rows(tiny_mm19, overview.CORPORA), study.read(tiny_mm19, overview.SPLIT_TABLE)
    assert splits["corpus"].unique().tolist() == ["music", "speech", "vocals"] and (splits["groups_shared"] == 0).all()
    assert splits["licence"].str.len().min() > 10
    assert (examples.loc[examples["corpus"] != "music", "sum_error"] < 1e-6).all()
    np.testing.assert_allclose(examples.query("corpus == 'speech'")["measured_snr_db"], 0, atol=0.05)
    for corpus, parts in (("music", ["music"]), ("vocals", ["target", "mixture"])):
        own = examples[examples["corpus"] == corpus]
        sounds = overview.excerpts(tiny_mm19, "corpus", {part: part.upper() for part in parts}, own)
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


def test_what_notebook_2_shows_is_kept(tiny_mm19: Settings) -> None:
    measures, holes = study.rows(tiny_mm19, overview.CODECS), study.read(tiny_mm19, overview.HOLES)
    assert (measures[["lag_samples", "length_difference"]] == 0).all(axis=None)
    assert set(measures["rate"]) == {16_000, 22_050}
    assert set(holes["codec"]) == set(measures["codec"]) >= {"MP3, 16 kbps", "AAC, 16 kbps", "OPUS, 16 kbps"}
    shares = holes.query("rate == 16000 and codec == 'MP3, 16 kbps'").set_index("frequency_hz")["hole_share"]
    assert shares.loc[6500:].mean() > 0.9 > shares.loc[500:1500].mean(), "what lies over the cut-off is gone"
    sounds = overview.excerpts(tiny_mm19, "codec", {"lossless": "lossless", "coded": "MP3, 16 kbps"}, measures)
    assert list(sounds) == ["lossless", "MP3, 16 kbps"]
    assert all(list(own) == measures["title"].unique().tolist() for own in sounds.values())
