"""Speech and noise repeat themselves bit for bit, whatever was made before; voices, sources and sentences differ."""

import ctypes
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest
from helpers.embedded import RATE, digest
from hypothesis import given
from hypothesis import strategies as st

from nblib.corpora import SPLITS
from nblib.embedded import espeak, noise, noisy_speech
from nblib.embedded.layouts import reverberated
from nblib.embedded.words import sentence, split_of
from nblib.errors import CorpusError
from nblib.provenance import random_generator

VOICES = {voice.name: voice for voice in espeak.voices(0)}
TEXT = "The quick fox, near the river, was eating seven green apples."


def test_samples_are_speech_that_nothing_said_before_changes() -> None:
    for voice in espeak.voices(3)[::9]:
        said, fast, other = (espeak.speak(voice, TEXT, *drawn) for drawn in ((5, 1.0), (5, 1.3), (6, 1.0)))
        assert 2.0 < len(said) / RATE < 6.5 and len(fast) < 0.9 * len(said)
        assert 0.05 < np.abs(said).max() <= 1.0 and abs(said[0]) > 1e-3 < abs(said[-1])
        assert digest(espeak.speak(voice, TEXT, 5)) == digest(said) != digest(other)


def test_48_voices_with_timbres_of_their_own_in_three_splits() -> None:
    spoken = {digest(espeak.speak(voice, "Good morning.", 0)) for voice in VOICES.values()}
    assert len(VOICES) == 48 == len({voice.variant for voice in VOICES.values()}) == len(spoken)
    for split, share in zip(SPLITS, (33, 10, 5), strict=True):
        voices = [voice for voice in VOICES.values() if voice.split == split]
        assert len(voices) == share and {voice.high for voice in voices} == {True, False}
    assert [voice.split for voice in espeak.voices(1)] != [voice.split for voice in espeak.voices(0)]


@given(st.integers(0, 10_000), st.integers(0, 5), st.sampled_from(SPLITS))
def test_a_sentence_belongs_to_one_split(number: int, seed: int, split: str) -> None:
    text = sentence(split, seed, number)
    assert split_of(text) == split
    assert text[0].isupper() and text[-1] in ".?!" and 5 <= len(text.split()) <= 22


def test_what_cannot_be_spoken_is_refused_and_the_next_is_fine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    voice = VOICES["f1-en"]
    with pytest.raises(CorpusError, match="spoke nothing"):
        espeak.speak(voice, "", 0)
    with pytest.raises(CorpusError, match="no voice 'gmw/en\\+nobody'"):
        espeak.speak(voice._replace(variant="nobody"), TEXT, 0)
    with monkeypatch.context() as patch, pytest.raises(CorpusError, match="reinstall espeakng-loader"):
        patch.setattr(espeakng_loader, "get_data_path", lambda: str(tmp_path))
        espeak.speak(voice, TEXT, 0)
    held = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        with pytest.raises(CorpusError, match="held by other code"):
            espeak.speak(voice, TEXT, 1)
    finally:
        release = ctypes.CDLL(None).dlclose
        release.argtypes = [ctypes.c_void_p]
        release(held._handle)
    assert len(espeak.speak(voice, TEXT, 0)) > RATE


def noise_of(source: noise.NoiseSource, samples: int, recording: int = 0) -> np.ndarray:
    """With noise bursts of about 4 Hz in place of utterances."""
    beat = 0.1 * np.abs(np.sin(2 * np.pi * 2 * np.arange(2 * RATE) / RATE))
    talkers = [np.random.default_rng(seed).standard_normal(2 * RATE) * beat for seed in range(source.talkers)]
    return noise.render(source, samples, recording, talkers)


@pytest.mark.parametrize("kind", noise.MAKERS)
def test_noise_repeats_itself_has_unit_power_and_overlaps_speech(kind: str) -> None:
    shares = []
    for source in noise.sources(kind, 0)[::5]:
        first, again, other = (noise_of(source, 2 * RATE, recording) for recording in (7, 7, 8))
        assert digest(first) == digest(again) != digest(other)
        assert first.dtype == np.float32 and abs(first.mean()) < 1e-4
        power, frequency = np.abs(np.fft.rfft(first)) ** 2, np.fft.rfftfreq(len(first), 1 / RATE)
        shares.append(power[(frequency >= 100) & (frequency < 4000)].sum() / power.sum())
        for samples in (2, 331, 22_051):
            made = noise_of(source, samples)
            assert made.shape == (samples,) and made.std() == pytest.approx(1, abs=1e-3)
    assert np.mean(shares) > 0.35
    _, low, high = noise.MAKERS[kind]  # sources lie in strata of their own
    found = noise.sources(kind, 4)
    mains, others = ([source.main for source in noise.sources(kind, seed)] for seed in (4, 5))
    assert mains == sorted(mains) != others and len(set(mains)) == len({source.name for source in found}) == 16
    assert low <= mains[0] and mains[-1] <= high and {source.split for source in found} == set(SPLITS)


def test_babble_speaks_with_the_splits_own_voices_and_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[tuple[str, str]] = []

    def listen(voice, text, seed, pace=1.0):  # type: ignore[no-untyped-def]
        spoken.append((voice.split, text))
        return np.sin(np.arange(60_000, dtype=np.float32))

    monkeypatch.setattr(noisy_speech, "speak", listen)
    items = noisy_speech.plan_speech({"train": 6, "validation": 6, "test": 6}, 3.0, 0)
    for split in SPLITS:
        kinds = {item.info["noise_kind"]: item for item in items if item.split == split}
        assert set(kinds) == set(noise.MAKERS)
        spoken.clear()
        for kind in ("babble", "crowd"):
            noisy_speech.mixed(3.0, kinds[kind])
        assert len(spoken) > 6 and {(voice, split_of(text)) for voice, text in spoken} == {(split, split)}


def test_a_room_decays_by_60_db_in_its_time_and_is_as_loud_as_said() -> None:
    dry = np.zeros(RATE)
    dry[0] = 1.0
    heard = reverberated(dry, random_generator(1), (0.5, 0.5), (6.0, 6.0), (3000, 3000))
    assert heard[0] == pytest.approx(1) and not np.any(np.abs(heard[1 : round(0.002 * RATE)]) > 1e-9)
    tail = heard[1:]
    assert 10 * np.log10(np.sum(tail**2)) == pytest.approx(-6, abs=0.1)
    early, late = (np.mean(tail[round(t * RATE) : round((t + 0.05) * RATE)] ** 2) for t in (0.05, 0.4))
    assert 10 * np.log10(late / early) == pytest.approx(-60 * 0.35 / 0.5, abs=3)
    assert not np.any(np.abs(tail[round(0.52 * RATE) :]) > 1e-9)
