"""Synthetic speech repeats itself bit for bit, whatever was said before; sentences belong to one split."""

import ctypes
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest
from helpers.embedded import digest
from hypothesis import given
from hypothesis import strategies as st

from nblib.embedded import espeak
from nblib.embedded.words import sentence, split_of
from nblib.errors import CorpusError

VOICES = {voice.name: voice for voice in espeak.voices(0)}
TEXT = "The quick fox, near the river, was eating seven green apples."


def test_what_was_spoken_before_changes_nothing() -> None:
    one, other = ((VOICES["f1-en"], TEXT, 1), (VOICES["klatt3-en-029"], "Something quite different!", 2, 1.3))
    spoken = [digest(espeak.speak(*said)) for said in (one, other, one, other)]
    assert spoken[:2] == spoken[2:]


def test_samples_are_speech_of_a_plausible_length_and_range() -> None:
    for voice in espeak.voices(3)[::9]:
        samples, fast = espeak.speak(voice, TEXT, 5), espeak.speak(voice, TEXT, 5, pace=1.3)
        assert 2.0 < len(samples) / espeak.SAMPLE_RATE < 6.5 and len(fast) < 0.9 * len(samples)
        assert 0.05 < np.abs(samples).max() <= 1.0 and abs(samples[0]) > 1e-3 < abs(samples[-1])
        assert digest(samples) != digest(espeak.speak(voice, TEXT, 6))


def test_48_voices_with_timbres_of_their_own_in_three_splits() -> None:
    spoken = {digest(espeak.speak(voice, "Good morning.", 0)) for voice in VOICES.values()}
    assert len(VOICES) == 48 == len({voice.variant for voice in VOICES.values()}) == len(spoken)
    for split, share in (("train", 33), ("validation", 10), ("test", 5)):
        voices = [voice for voice in VOICES.values() if voice.split == split]
        assert len(voices) == share and {voice.high for voice in voices} == {True, False}
    assert [voice.split for voice in espeak.voices(1)] != [voice.split for voice in espeak.voices(0)]


@given(st.integers(0, 10_000), st.integers(0, 5))
def test_a_sentence_belongs_to_one_split(number: int, seed: int) -> None:
    for split in ("train", "validation", "test"):
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
    assert len(espeak.speak(voice, TEXT, 0)) > espeak.SAMPLE_RATE


def test_a_library_held_by_others_is_refused() -> None:
    held = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        with pytest.raises(CorpusError, match="held by other code"):
            espeak.speak(VOICES["f1-en"], TEXT, 1)
    finally:
        release = ctypes.CDLL(None).dlclose
        release.argtypes = [ctypes.c_void_p]
        release(held._handle)
    assert len(espeak.speak(VOICES["f1-en"], TEXT, 1)) > 0
