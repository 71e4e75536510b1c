"""48 synthetic voices, spoken by espeak-ng.

The library and its data come from the package `espeakng_loader`. Its state (random numbers, pitch flutter, the phase of
the last wave) outlives every reset it offers, so each utterance is spoken by a freshly loaded copy: about 3 ms, and
what was said before cannot change a sample. POSIX systems only.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import espeakng_loader
import numpy as np

from nblib.corpora import SPEECH_FRACTIONS, split_groups
from nblib.embedded.layouts import SAMPLE_RATE, table
from nblib.errors import CorpusError
from nblib.provenance import random_generator

_AUDIBLE = 1e-3
_RATE, _PITCH, _RANGE, _WORD_GAP = 1, 3, 4, 7  # espeak_PARAMETER of speak_lib.h
_SYNCHRONOUS, _DO_NOT_EXIT, _TELL_PHONEMES, _UTF8 = 2, 0x8000, 1, 1
_LIST_ENDS, _PHONEME = 0, 7  # espeak_EVENT_TYPE of speak_lib.h


class Voice(NamedTuple):
    """One speaker of one split: a timbre of its own, an accent, a pitch (0 to 99) and a pace (words per minute)."""

    name: str
    split: str
    high: bool
    language: str
    variant: str
    pitch: int
    rate: int


class Phoneme(NamedTuple):
    """espeak-ng's own name of a sound, without stress, and the sample where it starts; pauses are named ``_``."""

    name: str
    start: int


@lru_cache
def voices(seed: int) -> tuple[Voice, ...]:
    """The 48 voices in a fixed order. No two share a timbre; pitch, pace and split are drawn from `seed`.

    High and low voices are dealt out apart, so that each split hears both.
    """
    found = []
    for kind, spoken in table("voices")["speakers"].items():
        parts = [each.split("+") for each in spoken]
        names = {f"{variant}-{language}".lower(): (language, variant) for language, variant in parts}
        dealt = split_groups(list(names), SPEECH_FRACTIONS, seed, f"{kind} voices")
        for name, (language, variant) in names.items():
            random = random_generator(seed, "voice", variant)
            pitch, rate = int(random.integers(35, 66)), int(random.integers(155, 196))
            found.append(Voice(name, dealt[name], kind == "high", f"gmw/{language}", variant, pitch, rate))
    return tuple(found)


def speak(voice: Voice, text: str, seed: int, pace: float = 1.0) -> np.ndarray:
    """English `text` in `voice`, from its first sound to its last: float32 [shape=(n,)] in [-1, 1], at 22,050 Hz.

    A pure function of the arguments. `seed` draws this utterance's pitch, intonation, pace and gaps between words;
    `pace` is a factor on the voice's pace, about 0.5 to 2. `CorpusError` where nothing was spoken.
    """
    random = random_generator(seed, "utterance", voice.name)
    settings = {
        _RATE: round(pace * voice.rate * random.uniform(0.9, 1.1)),
        _PITCH: voice.pitch + int(random.integers(-6, 7)),
        _RANGE: int(random.integers(35, 76)),
        _WORD_GAP: int(random.integers(0, 3)),
    }
    samples, _ = _spoken(voice, text, settings, int(random.integers(1, 2**31)))
    heard = np.flatnonzero(np.abs(samples) > _AUDIBLE)
    return samples[heard[0] : heard[-1] + 1]


def intone(voice: Voice, text: str, seed: int, pitch: int, rate: int) -> tuple[np.ndarray, list[Phoneme]]:
    """`text` on one note with the silence around it, and the place of every sound in it: what singing is made from.

    `pitch` (0 to 99) and `rate` (words per minute, from 80) stand in for the voice's own; the last sound is the pause
    after the text. Else as `speak`.
    """
    return _spoken(voice, text, {_RATE: rate, _PITCH: pitch, _RANGE: 0, _WORD_GAP: 0}, seed, _TELL_PHONEMES)


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h; of its union only the name."""

    _fields_ = [
        *((name, ctypes.c_int) for name in ("type", "identifier", "text_position", "length", "milliseconds", "sample")),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def _spoken(
    voice: Voice, text: str, settings: dict[int, int], seed: int, options: int = 0
) -> tuple[np.ndarray, list[Phoneme]]:
    pieces = [np.zeros(0, np.int16)]
    phonemes: list[Phoneme] = []

    def keep(wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        place = 0
        while events and events[place].type != _LIST_ENDS:
            if events[place].type == _PHONEME:
                name = events[place].name.decode(errors="replace").lstrip("',%=|")
                phonemes.append(Phoneme("_" if name.startswith("_") else name, events[place].sample))
            place += 1
        return 0

    callback = _CALLBACK(keep)  # held until the library is unloaded
    with _fresh_library(options) as library:
        library.espeak_SetSynthCallback(callback)
        name = f"{voice.language}+{voice.variant}"
        known = (Path(espeakng_loader.get_data_path()) / "voices" / "!v" / voice.variant).is_file()
        # espeak-ng takes an unknown variant for the plain voice without a word, hence the look at the file.
        if not known or library.espeak_SetVoiceByName(name.encode()) != 0:
            raise CorpusError(f"espeak-ng has no voice {name!r}: install espeakng-loader as this project pins it")
        library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        for parameter, value in settings.items():
            library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded) + 1), 0, 0, 0, _UTF8, None, None)
        library.espeak_Synchronize()
    samples = np.concatenate(pieces).astype(np.float32) / 32768
    if not np.any(np.abs(samples) > _AUDIBLE):
        raise CorpusError(f"espeak-ng spoke nothing for {text!r} in voice {voice.name}: give it words")
    return samples, phonemes


@contextmanager
def _fresh_library(options: int) -> Iterator[ctypes.CDLL]:
    path, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    unload = ctypes.CDLL(None).dlclose
    unload.argtypes = [ctypes.c_void_p]
    with suppress(OSError):  # which says that nobody has loaded it
        unload(ctypes.CDLL(path, mode=os.RTLD_NOLOAD)._handle)  # our own hold on it, taken by asking
        remedy = "what it said would change our samples: make the corpus in a process of its own"
        raise CorpusError(f"{path} is held by other code in this process, and {remedy}")
    library = ctypes.CDLL(path)
    try:
        if library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DO_NOT_EXIT | options) != SAMPLE_RATE:
            remedy = "reinstall espeakng-loader, or make the environment in a folder of fewer than 160 characters"
            raise CorpusError(f"espeak-ng could not open its data in {data}: {remedy}")
        yield library
        library.espeak_Terminate()
    finally:
        unload(library._handle)
