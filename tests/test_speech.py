"""Synthetic speech repeats itself bit for bit, whatever was said before and in whichever process."""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
import sys
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nblib.corpora import speech
from nblib.corpora.sentences import sentence, split_of
from nblib.errors import CorpusError, ParameterError

TEXT = "The quick fox, near the river, was eating seven green apples."


def digest(samples: np.ndarray) -> str:
    return hashlib.sha256(samples.tobytes()).hexdigest()


def test_what_was_spoken_before_changes_nothing() -> None:
    table = speech.voices(0)
    first, second = table["f1-en"], table["klatt3-en-029"]
    once = digest(speech.speak(first, TEXT, 1))
    other = digest(speech.speak(second, "Something quite different!", 2, pace=1.3))
    assert digest(speech.speak(first, TEXT, 1)) == once
    assert digest(speech.speak(second, "Something quite different!", 2, pace=1.3)) == other
    program = (
        "import hashlib; from nblib.corpora import speech; "
        f"x = speech.speak(speech.voices(0)['f1-en'], {TEXT!r}, 1); print(hashlib.sha256(x.tobytes()).hexdigest())"
    )
    root = Path(speech.__file__).parents[2]
    fresh = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert fresh.stdout.strip() == once


def test_samples_are_speech_of_a_plausible_length_and_range() -> None:
    for voice in list(speech.voices(3).values())[::9]:
        samples = speech.speak(voice, TEXT, 5)
        assert samples.dtype == np.float32 and samples.ndim == 1
        assert 2.0 < len(samples) / speech.SAMPLE_RATE < 6.5
        assert 0.05 < np.abs(samples).max() <= 1.0
        assert abs(samples[0]) > 1e-3 < abs(samples[-1])


def test_pace_and_seed_matter() -> None:
    voice = speech.voices(0)["m3-en-gb-x-rp"]
    slow, fast = speech.speak(voice, TEXT, 1, pace=0.8), speech.speak(voice, TEXT, 1, pace=1.3)
    assert len(slow) > 1.2 * len(fast)
    assert digest(speech.speak(voice, TEXT, 2)) != digest(speech.speak(voice, TEXT, 1))


def test_48_voices_with_timbres_of_their_own_in_three_splits() -> None:
    table = speech.voices(0)
    assert len(table) == 48 == len({voice.variant for voice in table.values()})
    splits = speech.split_voices(0)
    assert set(splits) == set(table)
    for split, share in (("train", 33), ("validation", 10), ("test", 5)):
        names = [name for name in splits if splits[name] == split]
        assert len(names) == share
        assert {table[name].variant in speech.HIGH_VARIANTS for name in names} == {True, False}
    assert speech.split_voices(1) != splits


def test_every_voice_speaks_and_is_known_to_the_library() -> None:
    spoken = {name: digest(speech.speak(voice, "Good morning.", 0)) for name, voice in speech.voices(0).items()}
    assert len(set(spoken.values())) == 48


@given(st.integers(0, 10_000), st.integers(0, 5))
def test_a_sentence_belongs_to_one_split(number: int, seed: int) -> None:
    for split in ("train", "validation", "test"):
        text = sentence(split, seed, number)
        assert split_of(text) == split
        assert text[0].isupper() and text[-1] in ".?!" and 5 <= len(text.split()) <= 22


def test_sentences_vary() -> None:
    assert len({sentence("train", 0, number) for number in range(500)}) > 495


def test_an_unknown_split_is_refused_with_the_near_miss() -> None:
    with pytest.raises(ParameterError, match="did you mean 'validation'"):
        sentence("valdation", 0)


def test_text_without_words_and_unknown_voices_are_refused() -> None:
    voice = speech.voices(0)["f1-en"]
    with pytest.raises(CorpusError, match="spoke nothing"):
        speech.speak(voice, "", 0)
    with pytest.raises(CorpusError, match="no voice 'gmw/en\\+nobody'"):
        speech.speak(speech.Voice("nobody-en", "gmw/en", "nobody", 50, 170), TEXT, 0)
    assert len(speech.speak(voice, TEXT, 0)) > 0


def test_missing_data_is_an_error_and_the_next_utterance_is_fine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    voice = speech.voices(0)["f1-en"]
    with monkeypatch.context() as patch:
        patch.setattr(espeakng_loader, "get_data_path", lambda: str(tmp_path))
        with pytest.raises(CorpusError, match="reinstall espeakng-loader"):
            speech.speak(voice, TEXT, 0)
    assert len(speech.speak(voice, TEXT, 0)) > speech.SAMPLE_RATE


def test_a_library_held_by_others_is_refused() -> None:
    held = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        with pytest.raises(CorpusError, match="held by other code"):
            speech.speak(speech.voices(0)["f1-en"], TEXT, 1)
    finally:
        release = ctypes.CDLL(None).dlclose
        release.argtypes = [ctypes.c_void_p]
        release(held._handle)
    assert len(speech.speak(speech.voices(0)["f1-en"], TEXT, 1)) > 0
