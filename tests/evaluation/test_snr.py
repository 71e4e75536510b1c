"""The SNR of MM'19 Table 3 and its other readings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nblib.errors import AudioError, ParameterError
from nblib.evaluation import frame_snr

GENERATOR = np.random.default_rng(3)
MUSIC = 0.1 * GENERATOR.standard_normal(10_000)
NOISE = GENERATOR.standard_normal(10_000)


def by_loop(original: np.ndarray, estimate: np.ndarray, size: int) -> list[float]:
    """Decibels per frame, sample by sample."""
    found = []
    for start in range(0, len(original) - size + 1, size):
        energy = squared_error = 0.0
        for index in range(start, start + size):
            energy += float(original[index]) ** 2
            squared_error += (float(original[index]) - float(estimate[index])) ** 2
        found.append(10 * math.log10(energy / squared_error))
    return found


def test_noise_of_a_known_level() -> None:
    noise = NOISE * np.sqrt(np.square(MUSIC).sum() / np.square(NOISE).sum()) * 10 ** (-17 / 20)
    scores = frame_snr(MUSIC, MUSIC + noise, len(MUSIC))
    assert scores["snr_db"] == pytest.approx(17, abs=1e-9)
    assert (scores["frames"], scores["frames_left_out"]) == (1, 0)


def test_frames_by_a_plain_loop() -> None:
    original, estimate = MUSIC.astype(np.float32), (MUSIC + 0.01 * NOISE).astype(np.float32)
    scores = frame_snr(original, estimate, 3000)
    assert scores["snr_db"] == pytest.approx(np.mean(by_loop(original, estimate, 3000)), abs=1e-9)
    assert scores["frames"] == 3  # the last thousand samples are dropped


def test_decibels_are_averaged_not_energies() -> None:
    original, error = np.ones(8), np.repeat([0.1, 0.001], 4)
    assert frame_snr(original, original + error, 4)["snr_db"] == pytest.approx((20 + 60) / 2)


def test_the_other_readings() -> None:
    scores = frame_snr(MUSIC, MUSIC + 0.01 * NOISE, 2500)
    assert scores["snr_20log_db"] == pytest.approx(2 * scores["snr_db"])
    assert scores["snr_10ln"] == pytest.approx(math.log(10) * scores["snr_db"])
    # With the original at an rms of 0.5, full scale lies 6.02 dB above it.
    assert frame_snr(np.full(8, 0.5), np.full(8, 0.4))["psnr_db"] == pytest.approx(20)


def test_a_gain_changes_nothing_but_the_ratio_to_full_scale() -> None:
    before, after = (frame_snr(gain * MUSIC, gain * (MUSIC + 0.01 * NOISE), 2500) for gain in (1.0, 0.1))
    assert after["snr_db"] == pytest.approx(before["snr_db"])
    assert after["psnr_db"] == pytest.approx(before["psnr_db"] + 20)


def test_silent_frames_are_left_out() -> None:
    original = np.concatenate([np.zeros(100), np.ones(200)])
    scores = frame_snr(original, original + 0.1, 100)
    assert scores["snr_db"] == pytest.approx(20) and scores["psnr_db"] == pytest.approx(20)
    assert (scores["frames"], scores["frames_left_out"]) == (2, 1)


def test_of_silence_there_is_no_ratio() -> None:
    scores = frame_snr(np.zeros(300), np.ones(300), 100)
    assert (scores.pop("frames"), scores.pop("frames_left_out")) == (0, 3)
    assert all(math.isnan(value) for value in scores.values())


def test_a_frame_without_error_is_infinite() -> None:
    scores = frame_snr(np.ones(200), np.repeat([1.0, 0.9], 100), 100)
    assert all(scores[name] == math.inf for name in ("snr_db", "snr_20log_db", "psnr_db", "snr_10ln"))


def test_a_track_shorter_than_a_frame_is_one_frame() -> None:
    assert frame_snr(MUSIC, MUSIC + 0.01 * NOISE) == frame_snr(MUSIC, MUSIC + 0.01 * NOISE, len(MUSIC))


@pytest.mark.parametrize("shapes", [((5,), (6,)), ((2, 5), (2, 5)), ((), ())])
def test_shapes_are_checked(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ParameterError, match="two mono tracks of one length"):
        frame_snr(np.ones(shapes[0]), np.ones(shapes[1]))


@pytest.mark.parametrize("bad", [np.full(5, np.nan), np.ones(5, np.int16)])
def test_samples_are_checked(bad: np.ndarray) -> None:
    with pytest.raises(AudioError, match="estimate"):
        frame_snr(np.ones(5), bad)
    with pytest.raises(AudioError, match="original: empty"):
        frame_snr(np.ones(0), np.ones(0))


def test_the_frame_is_checked() -> None:
    with pytest.raises(ParameterError, match="frame_samples=0"):
        frame_snr(MUSIC, MUSIC, 0)
