"""Clicks are counted, and notes and noise are not."""

import numpy as np
import pytest

from nblib.audio import band_limit
from nblib.errors import AudioError, ParameterError
from nblib.evaluation.spectra import click_times

RATE, LIMIT_HZ, SECONDS = 16000, 5000, 6
TIME = np.arange(SECONDS * RATE) / RATE
NOISE = band_limit(0.1 * np.random.default_rng(6).standard_normal(len(TIME)).astype(np.float32), RATE, LIMIT_HZ)


def rate(samples: np.ndarray) -> float:
    return len(click_times(samples, RATE, LIMIT_HZ)) * RATE / len(samples)


def harmonics(pitch_hz: float, phases: np.ndarray) -> np.ndarray:
    """A tone with amplitudes 1 / k, as far as the limit; `phases` in radians, as many as are wanted at least."""
    numbers = np.arange(1, int(LIMIT_HZ / pitch_hz))[:, np.newaxis]
    return (np.sin(2 * np.pi * pitch_hz * numbers * TIME + phases[: len(numbers), np.newaxis]) / numbers).sum(0)


def notes(attack_seconds: float) -> np.ndarray:
    """Four harmonic notes a second, each over the last one's decay."""
    music, generator = np.zeros(len(TIME)), np.random.default_rng(8)
    for number in range(4 * SECONDS - 1):
        since = np.maximum(TIME - 0.25 * number, 0)
        envelope = np.minimum(since / attack_seconds, 1) * np.exp(-since / 0.3)
        music += envelope * harmonics(110 * 2 ** ((7 * number % 25) / 12), 2 * np.pi * generator.random(50))
    return band_limit(0.1 * music.astype(np.float32), RATE, LIMIT_HZ)


MUSIC = notes(0.01)
# Irregular ones, ten a second, at least half the mean distance apart.
PLACES = np.arange(1000, len(TIME) - 3200, 1600)
PLACES = PLACES + np.random.default_rng(10).integers(0, 800, len(PLACES))


def pulses(where: np.ndarray, music: np.ndarray = MUSIC, times: float = 8) -> np.ndarray:
    """Band-limited pulses, so many times as high as the rms of 50 ms of the music around them."""
    impulses = np.zeros(len(TIME), np.float32)
    local_rms = np.sqrt(np.convolve(np.square(music), np.full(801, 1 / 801), "same")[where])
    impulses[where] = RATE / (2 * LIMIT_HZ) * times * local_rms
    return band_limit(impulses, RATE, LIMIT_HZ)


def test_notes_and_noise_are_no_clicks():
    tones = sum(0.05 * np.sin(2 * np.pi * hz * TIME) for hz in (220, 554, 1320, 2640, 3520))
    brown = np.cumsum(NOISE) - np.cumsum(NOISE).mean()
    for sound in (NOISE, NOISE + tones, brown, MUSIC, notes(0.002), notes(0.05)):
        assert rate(sound) < 0.2


def test_pulses_in_music_are_found_where_they_are_whatever_the_gain():
    found = click_times(MUSIC + pulses(PLACES), RATE, LIMIT_HZ)
    distances = np.abs(found[:, np.newaxis] - PLACES / RATE)
    assert (distances.min(0) < 0.001).mean() > 0.8  # recall
    assert (distances.min(1) < 0.001).mean() > 0.95  # precision
    for gain in (1e-3, 30.0):
        assert len(click_times(gain * (MUSIC + pulses(PLACES)).astype(np.float64), RATE, LIMIT_HZ)) == len(found)


@pytest.mark.parametrize("step", [256, 1600])
def test_a_train_of_pulses_is_counted_and_a_low_tone_with_its_harmonics_in_phase_is_one(step):
    where = np.arange(step, len(TIME) - step, step)
    assert rate(MUSIC + pulses(where)) == pytest.approx(RATE / step, rel=0.2)
    # The measure's limit: by what it looks at, a tone is clicks at its pitch.
    assert rate(harmonics(80, np.zeros(70))) == pytest.approx(80, rel=0.1) and rate(harmonics(170, np.zeros(70))) == 0


def test_pulses_instead_of_a_spectrums_upper_part_are_counted():
    # What Figure 5 shows of Models B and C: all that is over 2 kHz comes in pulses, here of the energy that it had.
    low = band_limit(MUSIC, RATE, 2000)
    wide = pulses(np.arange(256, len(TIME) - 256, 256), MUSIC - low, 16)
    assert rate(low + wide - band_limit(wide, RATE, 2000)) == pytest.approx(62.5, rel=0.2)


def test_of_silence_there_are_none_and_parameters_are_checked():
    assert rate(np.zeros(RATE)) == 0
    # Rounding noise after the music has pulses, too, but none that rises over the floor.
    assert rate(np.where(TIME < 1, NOISE, 1e-6 * pulses(PLACES, np.ones(len(TIME)), 1))) < 0.2
    with pytest.raises(ParameterError, match="limit_hz=9000"):
        click_times(NOISE, RATE, 9000)
    with pytest.raises(AudioError, match="224 needed"):
        rate(NOISE[:223])
    assert rate(NOISE[:224]) == 0
