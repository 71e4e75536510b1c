"""Noise of six kinds, each with sources that differ in their drawn parameters.

A source is a kind plus parameters; a source's main parameter lies in a stratum of its own within the kind's range, so
that no two sources, and so no two splits, share it. All noise is made at 22,050 Hz and overlaps the range of speech.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
import scipy.fft

from nblib.corpora import SPEECH_FRACTIONS, split_groups
from nblib.embedded.layouts import SAMPLE_RATE, reverberated, shaped
from nblib.provenance import random_generator

SOURCES_PER_KIND = 16

Random: TypeAlias = np.random.Generator
Talkers: TypeAlias = Sequence[np.ndarray]
Maker: TypeAlias = Callable[[float, int, Random, Random, Talkers], np.ndarray]


class NoiseSource(NamedTuple):
    """One source of one split: its kind, its main parameter (see `MAKERS`), the seed of its further parameters."""

    name: str
    split: str
    kind: str
    main: float
    seed: int

    @property
    def talkers(self) -> int:
        """How many utterances `render` needs: 0 for kinds not made of speech."""
        return {"babble": int(self.main), "crowd": 4}.get(self.kind, 0)


@lru_cache
def sources(kind: str, seed: int) -> tuple[NoiseSource, ...]:
    """The 16 sources of `kind`: the main parameter is drawn inside 16 equal strata (of its logarithm, if above 0)."""
    _, low, high = MAKERS[kind]
    names = [f"{kind}-{number:02d}" for number in range(SOURCES_PER_KIND)]
    dealt = split_groups(names, SPEECH_FRACTIONS, seed, f"{kind} noise")
    found = []
    for number, jitter in enumerate(random_generator(seed, "sources", kind).uniform(0.1, 0.9, SOURCES_PER_KIND)):
        place = (number + jitter) / SOURCES_PER_KIND
        main = low * (high / low) ** place if low > 0 else low + (high - low) * place
        found.append(NoiseSource(names[number], dealt[names[number]], kind, float(main), seed))
    return tuple(found)


def render(source: NoiseSource, samples: int, recording: int, talkers: Talkers = ()) -> np.ndarray:
    """One recording of `source`: float32 [shape=(samples,)], samples >= 2, mean 0, root mean square 1.

    Another number of `recording` is another piece of the same noise. `talkers` are utterances [shape=(m,)] for babble
    and crowd, as many as `source` needs.
    """
    own = random_generator(source.seed, "noise", source.name)
    random = random_generator(source.seed, "noise", source.name, "recording", recording)
    noise = MAKERS[source.kind][0](source.main, samples, own, random, talkers)
    return _unit(noise - noise.mean()).astype(np.float32)


def _unit(samples: np.ndarray) -> np.ndarray:
    return samples / max(samples.std(), 1e-12)


def _bump(frequency: np.ndarray, centre: float, octaves: float) -> np.ndarray:
    return np.exp(-0.5 * (np.log2(np.maximum(frequency, 1.0) / centre) / octaves) ** 2)


def _band(white: np.ndarray, centre: float, octaves: float, exponent: float) -> np.ndarray:
    return shaped(white, lambda frequency: _bump(frequency, centre, octaves) * _tilt(frequency, exponent))


def _slow(random: Random, samples: int, rate: float, depth_db: float) -> np.ndarray:
    """A gain that wanders at about `rate` Hz with a standard deviation of `depth_db`."""
    knots = random.standard_normal(int(2 * rate * samples / SAMPLE_RATE) + 3)
    place = np.linspace(0, len(knots) - 1.001, samples)
    left = place.astype(int)
    part = (1 - np.cos(np.pi * (place - left))) / 2
    return 10 ** (depth_db / 20 * (knots[left] * (1 - part) + knots[left + 1] * part))


def _tilt(frequency: np.ndarray, exponent: float) -> np.ndarray:
    return (np.maximum(frequency, 60.0) / 1000) ** (-exponent / 2)


def _coloured(main: float, samples: int, own: Random, random: Random, _: Talkers = ()) -> np.ndarray:
    centres, widths = np.exp(own.uniform(np.log(250), np.log(4500), 2)), own.uniform(0.2, 0.9, 2)
    boosts = own.uniform(0.5, 3.0, 2)

    def gain(frequency: np.ndarray) -> np.ndarray:
        bumps = sum(b * _bump(frequency, c, w) for b, c, w in zip(boosts, centres, widths, strict=True))
        return _tilt(frequency, main) * (1 + bumps)

    return shaped(random.standard_normal(samples), gain) * _slow(random, samples, 0.7, 1.5)


def _band_modulated(main: float, samples: int, own: Random, random: Random, _: Talkers = ()) -> np.ndarray:
    centres = np.exp(own.uniform(np.log(120), np.log(6500), int(own.integers(4, 9))))
    width, depth, exponent = own.uniform(0.25, 0.6), own.uniform(4.0, 9.0), own.uniform(0.4, 1.6)
    noise = np.zeros(samples)
    for centre in centres:
        band = _band(random.standard_normal(samples), centre, width, exponent)
        noise += band * _slow(random, samples, main, depth)
    return noise


def _hum(main: float, samples: int, own: Random, random: Random, _: Talkers = ()) -> np.ndarray:
    harmonics = np.arange(1, int(own.uniform(3500, 6000) / main) + 1)
    strength = harmonics ** -own.uniform(0.4, 1.0) * 10 ** (own.normal(0, 6, len(harmonics)) / 20)
    rough, air = own.uniform(0.5, 2.5), 10 ** (own.uniform(-14, -3) / 20)
    size = 8192  # samples of one period; linear interpolation errs by less than -60 dB at 150 harmonics
    cycle = np.zeros(size // 2 + 1, complex)
    cycle[harmonics] = strength * np.exp(1j * random.uniform(0, 2 * np.pi, len(harmonics)))
    phase = np.cumsum(main * _slow(random, samples, 0.5, 0.05)) / SAMPLE_RATE % 1.0 * size
    tone = np.interp(phase, np.arange(size), scipy.fft.irfft(cycle), period=size)
    tone *= _slow(random, samples, 4.0, rough)
    hiss = shaped(random.standard_normal(samples), lambda f: _tilt(f, 1.0))
    return _unit(tone) + air * _unit(hiss)


def _impulsive(main: float, samples: int, own: Random, random: Random, _: Talkers = ()) -> np.ndarray:
    modes, decay = np.exp(own.uniform(np.log(180), np.log(5000), 5)), own.uniform(0.02, 0.12)
    width, floor = own.uniform(0.15, 0.5), 10 ** (own.uniform(-24, -12) / 20)
    count = max(2, random.poisson(main * samples / SAMPLE_RATE))
    noise = np.zeros(samples)
    for start in random.integers(0, samples, count):
        length = min(samples - start, int(6 * decay * SAMPLE_RATE))
        envelope = np.exp(-np.arange(length) / (decay * random.uniform(0.5, 1.5) * SAMPLE_RATE))
        ring = random.standard_normal(length) * envelope * 10 ** (random.normal(0, 3) / 20)
        noise[start : start + length] += _band(ring, random.choice(modes), width, 0.0)
    rest = shaped(random.standard_normal(samples), lambda f: _tilt(f, 1.2))
    return _unit(noise) + floor * _unit(rest)


def _looped(talker: np.ndarray, samples: int, start: int) -> np.ndarray:
    """`talker` with a breath of 0.3 s, repeated to `samples` from `start`."""
    spoken = np.concatenate([talker, np.zeros(int(0.3 * SAMPLE_RATE))]) / max(talker.std(), 1e-6)
    return np.take(spoken, np.arange(start, start + samples), mode="wrap")


def _babble(main: float, samples: int, own: Random, random: Random, talkers: Talkers = ()) -> np.ndarray:
    noise = np.zeros(samples)
    for talker in talkers:
        noise += _looped(talker, samples, int(random.integers(len(talker)))) * 10 ** (random.normal(0, 2) / 20)
    return reverberated(noise, own, (0.2, 0.5), (0.0, 8.0))


def _crowd(main: float, samples: int, own: Random, random: Random, talkers: Talkers = ()) -> np.ndarray:
    """Some 24 voices in a hall: the talkers shifted, slower or faster, half of them backwards; clatter at times."""
    noise = np.zeros(samples)
    for layer in range(24):
        talker = talkers[layer % len(talkers)][:: -1 if random.random() < 0.5 else 1]
        place = np.arange(0, len(talker) - 1, random.uniform(0.8, 1.3))
        voice = np.interp(place, np.arange(len(talker)), talker)
        noise += _looped(voice, samples, int(random.integers(len(voice)))) * 10 ** (random.normal(0, 4) / 20)
    clatter = _impulsive(1.5, samples, deepcopy(own), random)
    return reverberated(_unit(noise) + 0.3 * clatter, own, (main, main), (-6.0, 0.0))


MAKERS: dict[str, tuple[Maker, float, float]] = {  # how a kind is made, and the range of its main parameter
    "coloured": (_coloured, 0.0, 2.4),  # exponent a of a power spectrum 1 / f^a: white, pink (1), brown (2)
    "band_modulated": (_band_modulated, 0.7, 24.0),  # rate of the bands' envelopes in Hz
    "hum": (_hum, 38.0, 260.0),  # fundamental in Hz
    "babble": (_babble, 3.0, 8.0),  # talkers, rounded down
    "impulsive": (_impulsive, 2.5, 30.0),  # impulses a second
    "crowd": (_crowd, 0.25, 1.4),  # reverberation time RT60 in seconds
}
