"""Sounds for listening tests: bursts of coloured noise, as broad and as uneven as speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.signal

from nblib.listening.build import build_test
from nblib.listening.manifest import ListeningTest
from nblib.provenance import random_generator

RATE = 16_000
SYSTEMS = ("original", "fine", "dull", "noisy")


def bursts(seconds: float, *seed: str | int, channels: int = 1) -> np.ndarray:
    """Samples [shape=(n,) or (n, 2)], peak under 0.5."""
    generator = random_generator("heard", *seed)
    n = round(seconds * RATE)
    envelope = np.repeat(generator.uniform(0.05, 1, n // 1600 + 1), 1600)[:n]
    coloured = scipy.signal.lfilter([1], [1, -0.9], generator.standard_normal((channels, n))) * envelope
    samples = 0.4 * coloured / np.abs(coloured).max()
    return samples[0] if channels == 1 else samples.T


def systems(seconds: float, *seed: str | int, channels: int = 1) -> dict[str, np.ndarray]:
    """One item at four levels: as it is, softer, low-passed, noisy."""
    original = bursts(seconds, *seed, channels=channels)
    noise = random_generator("heard noise", *seed).standard_normal(original.shape)
    low = scipy.signal.firwin(101, 3000, fs=RATE)
    dull = scipy.signal.convolve(original.T, low if channels == 1 else low[None], "same").T
    return {"original": original, "fine": 0.2 * original, "dull": 1.5 * dull, "noisy": original + 0.05 * noise}


def items(count: int = 3, seconds: float = 1.0, channels: int = 1) -> dict[str, dict[str, np.ndarray]]:
    """So many items named by Greek letters."""
    names = ("alpha", "beta", "gamma", "delta", "epsilon")[:count]
    return {name: systems(seconds, name, channels=channels) for name in names}


def built(folder: Path, **options: object) -> ListeningTest:
    """A small test in `folder`."""
    arguments = {"name": "A test", "question": "quality"} | options
    return build_test(folder, items(), RATE, **arguments)  # type: ignore[arg-type]
