"""Mixtures add up, stand at their SNR, and the embedded ones repeat themselves anywhere and share nothing."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.corpora import noise
from nblib.corpora.base import SPLITS, Item, Mixture
from nblib.corpora.mixtures import PEAK, EmbeddedMixtures, measured_snr_db, mix
from nblib.corpora.sentences import split_of
from nblib.errors import CorpusError, ParameterError
from nblib.parallel import parallel_map

CORPUS = EmbeddedMixtures(train=12, validation=6, test=6)


def same(first: Mixture, second: Mixture) -> bool:
    return all(np.array_equal(getattr(first, part), getattr(second, part)) for part in ("target", "noise", "mixture"))


@given(st.floats(-20, 20), st.floats(1e-3, 1.0), st.integers(2, 4000), st.integers(0, 99))
def test_mix_is_exact(snr_db: float, level: float, length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mixed = mix(level * random.uniform(-1, 1, length), random.standard_normal(length), snr_db)
    assert np.array_equal(mixed.mixture, mixed.target + mixed.noise)
    assert mixed.mixture.dtype == mixed.target.dtype == mixed.noise.dtype == np.float32
    assert max(np.abs(part).max() for part in (mixed.target, mixed.noise, mixed.mixture)) <= PEAK + 1e-6
    assert measured_snr_db(mixed.target, mixed.noise) == pytest.approx(snr_db, abs=1e-3)


def test_a_quiet_target_keeps_its_level() -> None:
    target = 0.1 * np.sin(np.arange(1000))
    assert np.allclose(mix(target, np.cos(np.arange(1000.0)), 0.0).target, target, atol=1e-7)


def test_snr_by_hand() -> None:
    assert measured_snr_db(np.full(10, 0.2), np.full(10, 0.02)) == pytest.approx(20)
    assert measured_snr_db(np.ones(3), np.zeros(3)) == np.inf
    assert measured_snr_db(np.zeros(3), np.ones(3)) == -np.inf


@pytest.mark.parametrize(
    ("target", "added", "snr_db", "message"),
    [
        (np.ones(3), np.ones(4), 0.0, "equal dimension"),
        (np.ones((2, 3)), np.ones((2, 3)), 0.0, "equal dimension"),
        (np.zeros(3), np.ones(3), 0.0, "not silent"),
        (np.ones(3), np.zeros(3), 0.0, "not silent"),
        (np.array([1, np.nan]), np.ones(2), 0.0, "finite"),
        (np.ones(3), np.ones(3), np.nan, "snr_db=nan"),
    ],
)
def test_mix_refuses(target: np.ndarray, added: np.ndarray, snr_db: float, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        mix(target, added, snr_db)


def test_every_mixture_stands_at_0_db_and_lasts_a_few_seconds() -> None:
    for item in CORPUS.items():
        mixed = CORPUS.load(item)
        assert np.array_equal(mixed.mixture, mixed.target + mixed.noise)
        assert abs(measured_snr_db(mixed.target, mixed.noise)) < 1e-3
        assert 2.3 < len(mixed.target) / CORPUS.sample_rate < 4.3
        assert np.abs(mixed.mixture).max() <= PEAK + 1e-6


def test_level_is_as_stated() -> None:
    levels = [10 * np.log10(np.mean(CORPUS.load(item).target.astype(float) ** 2)) for item in CORPUS.items("train")]
    assert min(levels) > -36 and max(levels) <= -17.9 and np.ptp(levels) > 4


def test_order_and_process_change_nothing() -> None:
    items = CORPUS.items("test")[:4]
    forward = [CORPUS.load(item) for item in items]
    again = pickle.loads(pickle.dumps(CORPUS))
    backward = [again.load(item) for item in reversed(items)][::-1]
    elsewhere = list(parallel_map(EmbeddedMixtures(12, 6, 6).load, items[:2], workers=2))
    assert all(same(*pair) for pair in zip(forward, backward, strict=True))
    assert all(same(*pair) for pair in zip(forward, elsewhere, strict=False))


def test_an_item_does_not_depend_on_the_sizes() -> None:
    larger = EmbeddedMixtures(train=3, validation=2, test=40)
    assert larger.items("test")[:6] == CORPUS.items("test")
    assert same(larger.load(larger.items("test")[5]), CORPUS.load(CORPUS.items("test")[5]))
    assert larger.fingerprint != CORPUS.fingerprint


def test_splits_share_no_voice_no_source_and_no_sentence() -> None:
    corpus = EmbeddedMixtures(train=400, validation=150, test=100)
    items = corpus.items()
    assert len({item.name for item in items}) == len(items) == 650
    assert all(re.fullmatch(r"[\w-]+", item.name) for item in items)
    for key in ("voice", "noise_source", "text"):
        heard = [{item.info[key] for item in corpus.items(split)} for split in SPLITS]
        assert not (heard[0] & heard[1] or heard[0] & heard[2] or heard[1] & heard[2])
    assert all(item.group == item.info["voice"] for item in items)
    assert len({item.group for item in items}) == 48
    assert len({item.info["noise_source"] for item in items}) == 6 * noise.SOURCES_PER_KIND


def test_babble_speaks_with_the_splits_own_voices_and_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[tuple[str, str]] = []

    def listen(voice, text, seed, pace=1.0):  # type: ignore[no-untyped-def]
        spoken.append((voice.name, text))
        return np.sin(np.arange(60_000, dtype=np.float32))

    monkeypatch.setattr("nblib.corpora.speech.speak", listen)
    for split in SPLITS:
        spoken.clear()
        own = {item.group for item in EmbeddedMixtures(99, 99, 99).items(split)}
        crowded = [item for item in CORPUS.items(split) if item.info["noise_kind"] in noise.SPOKEN_KINDS]
        for item in crowded:
            CORPUS.load(item)
        assert len(crowded) >= 2 and len(spoken) > 3 * len(crowded)
        assert {voice for voice, _ in spoken} <= own
        assert {split_of(text) for _, text in spoken} == {split}


def test_six_items_hear_every_kind() -> None:
    assert {item.info["noise_kind"] for item in CORPUS.items("test")} == set(noise.KINDS)


def test_seed_and_settings_change_the_samples_and_the_fingerprint() -> None:
    others = [
        EmbeddedMixtures(12, 6, 6, seed=1),
        EmbeddedMixtures(12, 6, 6, snr_db=5.0),
        EmbeddedMixtures(12, 6, 6, sample_rate=16_000),
    ]
    first = CORPUS.load(CORPUS.items("test")[0])
    for other in others:
        assert other.fingerprint != CORPUS.fingerprint
        assert not same(other.load(other.items("test")[0]), first)
    assert EmbeddedMixtures(12, 6, 6).fingerprint == CORPUS.fingerprint


@settings(max_examples=4, deadline=None)
@given(st.sampled_from([8_000, 16_000, 44_100]), st.floats(-10, 10))
def test_other_rates_and_ratios(sample_rate: int, snr_db: float) -> None:
    corpus = EmbeddedMixtures(0, 0, 1, sample_rate=sample_rate, snr_db=snr_db)
    item = corpus.items()[0]
    mixed, native = corpus.load(item), CORPUS.load(CORPUS.items("test")[0])
    assert item.info["snr_db"] == snr_db
    assert measured_snr_db(mixed.target, mixed.noise) == pytest.approx(snr_db, abs=1e-3)
    assert len(mixed.target) == -(-len(native.target) * sample_rate // 22_050)


def test_golden() -> None:
    """Values of the first run; they move only together with `RECIPE`."""
    item = CORPUS.items("test")[0]
    mixed = CORPUS.load(item)
    assert (item.group, item.info["noise_source"], item.info["text"], len(mixed.target)) == GOLDEN[:4]
    assert np.sqrt(np.mean(mixed.target.astype(float) ** 2)) == pytest.approx(GOLDEN[4], rel=1e-3)
    assert float(np.abs(mixed.mixture).max()) == pytest.approx(GOLDEN[5], rel=1e-3)


GOLDEN = (
    "m7-en-us-nyc",
    "hum-02",
    "Before lunch, the village baker chose a letter from Vienna.",
    63244,
    0.043775,
    0.39139,
)


@pytest.mark.parametrize("sizes", [{"train": -1}, {"test": 1.5}, {"validation": True}])
def test_sizes_that_are_none_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ParameterError, match="whole number"):
        EmbeddedMixtures(**({"train": 1, "validation": 1, "test": 1} | sizes))


@pytest.mark.parametrize("name", ["", "test", "test-", "test-x1", "other-00001", "-3"])
def test_a_name_of_no_item_is_refused(name: str) -> None:
    with pytest.raises(CorpusError, match="no item of embedded_mixtures"):
        CORPUS.load(Item(name, "", "test"))


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ParameterError, match="did you mean 'train'"):
        CORPUS.items("trian")
