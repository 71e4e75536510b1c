"""Songs add up, stand at their level, share no work and no voice between splits, and repeat themselves anywhere."""

from __future__ import annotations

import pickle
import re

import numpy as np
import parselmouth
import pytest

from nblib.corpora import songs
from nblib.corpora.arranging import Performance, arrange
from nblib.corpora.base import SPLITS, Item, Mixture
from nblib.corpora.melodies import RANGES
from nblib.corpora.mixtures import PEAK, measured_snr_db
from nblib.corpora.scorefiles import Work, read_score
from nblib.corpora.songs import ACCOMPANISTS, SNR_DB, EmbeddedSongs
from nblib.errors import CorpusError, ParameterError
from nblib.parallel import parallel_map
from nblib.provenance import random_generator

CORPUS = EmbeddedSongs(train=4, validation=2, test=2)


def same(first: Mixture, second: Mixture) -> bool:
    return all(np.array_equal(getattr(first, part), getattr(second, part)) for part in ("target", "noise", "mixture"))


@pytest.fixture(scope="module")
def made() -> dict[str, tuple[Item, Mixture, Performance]]:
    """Each song of the corpus, with what was arranged for it."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        arranged: list[Performance] = []

        def listen(*settings: object) -> Performance:
            arranged.append(arrange(*settings))  # type: ignore[arg-type]
            return arranged[-1]

        patch.setattr(songs, "arrange", listen)
        for item in CORPUS.items():
            mixture = CORPUS.load(item)
            found[item.name] = (item, mixture, arranged[-1])
    return found


def test_mixtures_are_sums_at_their_level(made: dict[str, tuple[Item, Mixture, Performance]]) -> None:
    peaks = []
    for item, mixed, _ in made.values():
        assert mixed.target.dtype == mixed.noise.dtype == mixed.mixture.dtype == np.float32
        assert len(mixed.target) == len(mixed.noise) == len(mixed.mixture) == 12 * CORPUS.sample_rate
        assert np.array_equal(mixed.mixture, mixed.target + mixed.noise)
        assert measured_snr_db(mixed.target, mixed.noise) == pytest.approx(item.info["snr_db"], abs=1e-3)
        peaks.append(np.abs(mixed.mixture).max())
    assert max(peaks) <= PEAK + 1e-6 and min(peaks) > 0.2 and np.ptp(peaks) > 0.1


def test_the_voice_rests_briefly(made: dict[str, tuple[Item, Mixture, Performance]]) -> None:
    for _, mixed, _ in made.values():
        frames = mixed.target[: 120 * 2205].reshape(120, 2205)
        heard = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > 0.02 * np.abs(mixed.target).max() / 3)
        assert len(heard) > 75
        assert np.diff(np.concatenate([[-1], heard, [120]])).max() < 30


def test_the_voice_follows_the_bands_clock_and_key(made: dict[str, tuple[Item, Mixture, Performance]]) -> None:
    for item, mixed, performance in made.values():
        pitch = parselmouth.Sound(mixed.target.astype(float), CORPUS.sample_rate).to_pitch_ac(
            0.01, 70, pitch_ceiling=1100
        )
        hertz, times = pitch.selected_array["frequency"], pitch.xs()
        off = []
        for note in performance.sung:
            inside = (times > note.start + 0.1) & (times < note.end - 0.1) & (hertz > 0)
            off += list(1200 * np.log2(hertz[inside] / (440 * 2 ** ((note.key - 69) / 12))))
        assert len(off) > 200
        # Half a second off, as many notes would be others.
        assert np.mean(np.abs(off) < 100) > 0.8 and np.median(np.abs(off)) < 35, item.name
        singer = next(each for each in RANGES if each.name == item.info["range"])
        assert all(singer.low <= note.key <= singer.high for note in performance.sung)


def test_no_instrument_plays_the_melody() -> None:
    score = read_score(Work("bach/bwv66.6.mxl", "chorales", "bach/bwv66", ""))
    quartet = next(ensemble for ensemble in ACCOMPANISTS if ensemble.name == "string quartet")
    performance = arrange(score, quartet, 12.0, random_generator(1), RANGES[0])
    sung = {(round(note.start, 1), note.key) for note in performance.sung}
    played = {(round(note.start, 1), note.key) for note in performance.notes}
    assert len(sung) > 10 and len(played) > 30
    assert len(sung & played) <= 0.1 * len(sung)
    starts = np.array([note.start for note in performance.notes])
    together = [np.abs(starts - note.start).min() < 0.08 for note in performance.sung]
    assert np.mean(together) > 0.6
    assert arrange(score, quartet, 12.0, random_generator(1)).sung == ()


def test_accompanists_do_not_sing() -> None:
    assert 15 < len(ACCOMPANISTS) < 25
    assert not any("choir" in layer or "voices" in layer for each in ACCOMPANISTS for layer in each.layers)
    assert not any(comp.program in ("choir", "voices") for each in ACCOMPANISTS for comp in each.comps)


def test_order_and_process_change_nothing(made: dict[str, tuple[Item, Mixture, Performance]]) -> None:
    items = CORPUS.items("test")
    again = pickle.loads(pickle.dumps(CORPUS))
    assert same(again.load(items[1]), made[items[1].name][1])
    elsewhere = list(parallel_map(EmbeddedSongs(4, 2, 2).load, items, workers=2))
    assert all(same(found, made[item.name][1]) for item, found in zip(items, elsewhere, strict=True))


def test_an_item_does_not_depend_on_the_sizes(made: dict[str, tuple[Item, Mixture, Performance]]) -> None:
    larger = EmbeddedSongs(train=0, validation=1, test=70)
    assert larger.items("test")[:2] == CORPUS.items("test")
    assert same(larger.load(larger.items("test")[0]), made["test-00000"][1])
    assert larger.fingerprint != CORPUS.fingerprint == EmbeddedSongs(4, 2, 2).fingerprint


def test_splits_share_no_work_and_no_voice() -> None:
    corpus = EmbeddedSongs(train=300, validation=90, test=60, seed=2)
    items = corpus.items()
    assert len({item.name for item in items}) == len(items) == 450
    assert all(re.fullmatch(r"[\w-]+", item.name) for item in items)
    for heard in (
        [{item.group for item in corpus.items(split)} for split in SPLITS],
        [{item.info["singer"] for item in corpus.items(split)} for split in SPLITS],
    ):
        assert not (heard[0] & heard[1] or heard[0] & heard[2] or heard[1] & heard[2])
    assert len({item.info["singer"] for item in items}) > 40
    assert len({item.info["ensemble"] for item in items}) == len(ACCOMPANISTS)


def test_items_are_listed_without_opening_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("nblib.corpora.songs.read_score")
    items = EmbeddedSongs(40, 0, 0, seed=3).items()
    assert {item.info["range"] for item in items[:4]} == {singer.name for singer in RANGES}
    levels = [float(item.info["snr_db"]) for item in items]
    assert SNR_DB[0] <= min(levels) < -5 and -3 < max(levels) <= SNR_DB[1]
    for item in items:
        assert {"title", "ensemble", "character", "singer", "range", "lyrics", "snr_db"} <= set(item.info)
        assert re.fullmatch(r"[a-zA-Z' ]{60,}", str(item.info["lyrics"]))


@pytest.mark.parametrize("settings", [{"sample_rate": 16_000}, {"sample_rate": 44_100, "seconds": 4.0}, {"seed": 1}])
def test_settings_change_samples_and_fingerprint(
    settings: dict[str, int], made: dict[str, tuple[Item, Mixture, Performance]]
) -> None:
    other = EmbeddedSongs(**({"train": 4, "validation": 2, "test": 2} | settings))
    assert other.fingerprint != CORPUS.fingerprint
    mixed = other.load(other.items("validation")[0])
    assert len(mixed.target) == round(other.seconds * other.sample_rate)
    assert np.array_equal(mixed.mixture, mixed.target + mixed.noise)
    assert not same(mixed, made["validation-00000"][1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": -1}, "whole number"),
        ({"seconds": 1.0}, "seconds=1.0"),
        ({"seconds": float("nan")}, "seconds=nan"),
        ({"sample_rate": 4000}, "sample_rate=4000"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        EmbeddedSongs(**({"train": 1, "validation": 1, "test": 1} | settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "test", "test-x1", "other-00001"])
def test_a_name_of_no_item_is_refused(name: str) -> None:
    with pytest.raises(CorpusError, match="no item of embedded_songs"):
        CORPUS.load(Item(name, "", "test"))


def test_golden(made: dict[str, tuple[Item, Mixture, Performance]]) -> None:
    """Values of the first run; they move only together with `RECIPE`."""
    item, mixed, _ = made["test-00000"]
    assert (item.group, item.info["singer"], item.info["ensemble"], item.info["snr_db"]) == GOLDEN[:4]
    assert np.sqrt(np.mean(mixed.target.astype(float) ** 2)) == pytest.approx(GOLDEN[4], rel=1e-3)
    assert float(np.abs(mixed.mixture).max()) == pytest.approx(GOLDEN[5], rel=1e-3)


GOLDEN = ("ryansMammoth/GreenGrowTheRushesOReel", "m7-en-us-nyc", "reggae band", -4.87, 0.031345, 0.37432)
