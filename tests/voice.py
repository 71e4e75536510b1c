"""A signal that measures of speech take for a voice, and noise."""

from __future__ import annotations

import numpy as np

RATE = 16_000


def voice_and_noise(n: int = 48_000) -> tuple[np.ndarray, np.ndarray]:
    """A buzz with the pitch and the syllables of speech, and white noise."""
    generator = np.random.default_rng(1)
    seconds = np.arange(n) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * seconds)) / RATE
    buzz = sum(np.sin(k * phase + generator.uniform(0, 6.28)) / k for k in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * seconds), 0, 1) ** 0.5 * (np.sin(2 * np.pi * 0.4 * seconds) > -0.6)
    voice = buzz * syllables
    return (0.3 * voice / np.abs(voice).max()).astype(np.float32), (0.05 * generator.standard_normal(n)).astype(
        np.float32
    )


VOICE, NOISE = voice_and_noise()
