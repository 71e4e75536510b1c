"""Signals that the tests of audio, measures and networks share."""

import numpy as np
import scipy.signal

from nblib.provenance import random_generator

VOICE_RATE = 16_000


def noise(n: int, *parts: str | int, channels: int | None = None) -> np.ndarray:
    """Uniform noise to half of full scale, float32 [shape=(n,) or (channels, n)]; other `parts`, other noise."""
    shape = n if channels is None else (channels, n)
    return random_generator("test", n, *parts).uniform(-0.5, 0.5, shape).astype(np.float32)


def plucked(seconds: float, rate: int) -> np.ndarray:
    """Plucked chords with many harmonics, and a brushed drum: energy up to half the sample rate."""
    generator = random_generator("music", rate)
    samples = np.zeros(int(seconds * rate))
    time = np.arange(rate // 2) / rate
    for start in range(0, len(samples) - len(time), rate // 4):
        pitch = 110 * 2 ** (generator.integers(0, 24) / 12)
        for harmonic in range(1, int(rate / 2 / pitch)):
            note = np.sin(2 * np.pi * pitch * harmonic * time) * np.exp(-6 * time) / harmonic
            samples[start : start + len(time)] += 0.2 * note
        samples[start : start + len(time)] += 0.02 * generator.normal(size=len(time)) * np.exp(-20 * time)
    return samples.astype(np.float32)


def shift(samples: np.ndarray, reference: np.ndarray) -> int:
    """How many samples later `samples` come, by the plain cross-correlation."""
    n = min(len(samples), len(reference))
    return int(scipy.signal.correlate(samples[:n], reference[:n], method="fft").argmax()) - (n - 1)


def _voice_and_noise(n: int = 48_000) -> tuple[np.ndarray, np.ndarray]:
    """A buzz with the pitch and the syllables of speech, which measures take for a voice, and white noise."""
    generator = np.random.default_rng(1)
    seconds = np.arange(n) / VOICE_RATE
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * seconds)) / VOICE_RATE
    buzz = sum(np.sin(k * phase + generator.uniform(0, 6.28)) / k for k in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * seconds), 0, 1) ** 0.5 * (np.sin(2 * np.pi * 0.4 * seconds) > -0.6)
    voice = buzz * syllables
    loud = (0.3 * voice / np.abs(voice).max()).astype(np.float32)
    return loud, (0.05 * generator.standard_normal(n)).astype(np.float32)


VOICE, NOISE = _voice_and_noise()
