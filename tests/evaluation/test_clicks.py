"""Clicks are counted, and notes and noise are not."""

from __future__ import annotations

import numpy as np
import pytest

from nblib.audio import band_limit
from nblib.errors import AudioError, ParameterError
from nblib.evaluation import click_times, clicks_per_second

RATE, LIMIT_HZ, SECONDS = 16000, 5000, 6
TIME = np.arange(SECONDS * RATE) / RATE
NOISE = band_limit(0.1 * np.random.default_rng(6).standard_normal(len(TIME)).astype(np.float32), RATE, LIMIT_HZ)


def harmonics(pitch_hz: float, phases: np.ndarray) -> np.ndarray:
    """A tone with amplitudes 1 / k, as far as the limit; `phases` in radians, as many as are wanted at least."""
    numbers = np.arange(1, int(LIMIT_HZ / pitch_hz))[:, np.newaxis]
    return (np.sin(2 * np.pi * pitch_hz * numbers * TIME + phases[: len(numbers), np.newaxis]) / numbers).sum(0)


def notes(attack_seconds: float = 0.01, decay_seconds: float = 0.3) -> np.ndarray:
    """Four harmonic notes a second, each over the last one's decay."""
    music, generator = np.zeros(len(TIME)), np.random.default_rng(8)
    for number in range(4 * SECONDS - 1):
        since = np.maximum(TIME - 0.25 * number, 0)
        envelope = np.minimum(since / attack_seconds, 1) * np.exp(-since / decay_seconds)
        tone = harmonics(110 * 2 ** ((7 * number % 25) / 12), 2 * np.pi * generator.random(50))
        music += envelope * tone
    return band_limit(0.1 * music.astype(np.float32), RATE, LIMIT_HZ)


def pulses(places: np.ndarray, peaks: np.ndarray | float = 1.0) -> np.ndarray:
    """Band-limited pulses with the peaks given."""
    impulses = np.zeros(len(TIME), np.float32)
    impulses[places] = RATE / (2 * LIMIT_HZ) * np.asarray(peaks)
    return band_limit(impulses, RATE, LIMIT_HZ)


def local_rms(music: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Over 50 ms around each place."""
    return np.sqrt(np.convolve(np.square(music), np.full(801, 1 / 801), "same")[places])


def places(per_second: int = 10) -> np.ndarray:
    """Irregular ones, at least half the mean distance apart."""
    step = RATE // per_second
    starts = np.arange(1000, len(TIME) - 2 * step, step)
    return starts + np.random.default_rng(per_second).integers(0, step // 2, len(starts))


@pytest.mark.parametrize("attack_seconds", [0.002, 0.01, 0.05])
def test_notes_are_no_clicks(attack_seconds: float) -> None:
    assert clicks_per_second(notes(attack_seconds), RATE, LIMIT_HZ) < 0.2


def test_a_low_tone_with_its_harmonics_in_phase_is_a_train_of_pulses() -> None:
    # The measure's limit: by what it looks at, this tone is clicks at its pitch.
    assert clicks_per_second(harmonics(80, np.zeros(70)), RATE, LIMIT_HZ) == pytest.approx(80, rel=0.1)
    assert clicks_per_second(harmonics(170, np.zeros(70)), RATE, LIMIT_HZ) == 0


def test_noise_is_no_clicks() -> None:
    tones = sum(0.05 * np.sin(2 * np.pi * hz * TIME) for hz in (220, 554, 1320, 2640, 3520))
    for noise in (NOISE, NOISE + tones, np.cumsum(NOISE) - np.cumsum(NOISE).mean()):
        assert clicks_per_second(noise, RATE, LIMIT_HZ) < 0.2


def test_pulses_in_music_are_found_where_they_are() -> None:
    music, where = notes(), places()
    found = click_times(music + pulses(where, 8 * local_rms(music, where)), RATE, LIMIT_HZ)
    distances = np.abs(found[:, np.newaxis] - where / RATE)
    assert (distances.min(0) < 0.001).mean() > 0.8  # recall
    assert (distances.min(1) < 0.001).mean() > 0.95  # precision


def test_noisy_bursts_are_found() -> None:
    where, bursts = places(), np.zeros(len(TIME), np.float32)
    for place in where:
        bursts[place - 12 : place + 12] = np.random.default_rng(place).standard_normal(24) * np.hanning(24)
    rate = clicks_per_second(NOISE + 2 * band_limit(bursts, RATE, LIMIT_HZ), RATE, LIMIT_HZ)
    assert rate == pytest.approx(len(where) / SECONDS, rel=0.2)


@pytest.mark.parametrize("step", [256, 1600])
def test_a_train_of_pulses_is_counted(step: int) -> None:
    music = notes()
    where = np.arange(step, len(TIME) - step, step)
    clicking = music + pulses(where, 8 * local_rms(music, where))
    assert clicks_per_second(clicking, RATE, LIMIT_HZ) == pytest.approx(RATE / step, rel=0.2)


def test_pulses_instead_of_a_spectrums_upper_part_are_counted() -> None:
    # What Figure 5 shows of Models B and C: all that is over 2 kHz comes in pulses.
    music = notes()
    low = band_limit(music, RATE, 2000)
    where = np.arange(256, len(TIME) - 256, 256)
    wide = pulses(where, 16 * local_rms(music - low, where))  # the energy of the part that they stand for
    clicking = low + wide - band_limit(wide, RATE, 2000)
    assert clicks_per_second(clicking, RATE, LIMIT_HZ) == pytest.approx(62.5, rel=0.2)


def test_a_pulse_narrower_than_the_band_is_no_click() -> None:
    where = places()
    impulses = np.zeros(len(TIME))
    impulses[where] = 1
    envelope = np.convolve(impulses, np.hanning(160), "same")
    blips = NOISE + envelope * np.sin(2 * np.pi * 3000 * TIME)
    assert clicks_per_second(blips, RATE, LIMIT_HZ) < 0.2


def test_no_gain_changes_anything() -> None:
    clicking = notes() + pulses(places(), 0.5)
    times = click_times(clicking, RATE, LIMIT_HZ)
    assert len(times) > 20
    for gain in (1e-3, 30.0):
        assert np.array_equal(click_times(gain * clicking.astype(np.float64), RATE, LIMIT_HZ), times)


def test_another_sample_rate() -> None:
    impulses = np.zeros(3 * 22050, np.float32)
    impulses[2205:-2205:2205] = 1
    clicking = band_limit(impulses, 22050, 5500) + 0.001 * np.random.default_rng(2).standard_normal(len(impulses))
    assert np.abs(click_times(clicking, 22050, 5500) - np.arange(0.1, 2.85, 0.1)).max() < 0.001


def test_of_silence_there_are_none() -> None:
    assert clicks_per_second(np.zeros(RATE), RATE, LIMIT_HZ) == 0
    # Rounding noise after the music has pulses, too, but none that rises over the floor.
    assert clicks_per_second(np.where(TIME < 1, NOISE, 1e-6 * pulses(places())), RATE, LIMIT_HZ) < 0.2


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="limit_hz=2500"):
        clicks_per_second(NOISE, RATE, 2500)
    with pytest.raises(ParameterError, match="limit_hz=9000"):
        clicks_per_second(NOISE, RATE, 9000)
    with pytest.raises(ParameterError, match="one channel"):
        clicks_per_second(NOISE[np.newaxis], RATE, LIMIT_HZ)
    with pytest.raises(AudioError, match="224 are needed"):
        clicks_per_second(NOISE[:223], RATE, LIMIT_HZ)
    assert clicks_per_second(NOISE[:224], RATE, LIMIT_HZ) == 0
