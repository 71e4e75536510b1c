"""Stepped sines: known gains, images and distortion, and where an autoencoder's components may lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nblib.errors import ParameterError
from nblib.evaluation import aliasing
from nblib.networks import AutoEncoder

RATE, N = 16000, 16_384
TONES = (440.0, 1000.0, 3123.4, 7999.0)
Process = Callable[[np.ndarray], np.ndarray]


def zero_stuffed(samples: np.ndarray) -> np.ndarray:
    """Every second sample 0: what decimation and interpolation by 2 make without filters."""
    return samples * (np.arange(len(samples)) % 2 == 0)


def network(seed: int = 0) -> Process:
    """An untrained autoencoder, with biases, so that there is a mean to make images of."""
    torch.manual_seed(seed)
    layers = AutoEncoder().eval()
    for name, values in layers.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(values, std=0.01)

    @torch.no_grad()
    def process(samples: np.ndarray) -> np.ndarray:
        return layers(torch.from_numpy(samples)[None, None])[0, 0].numpy()

    return process


def test_what_changes_nothing_has_neither() -> None:
    for row in aliasing(lambda samples: samples, TONES, RATE, period=256):
        assert row["gain_db"] == pytest.approx(0, abs=1e-6)
        assert row["aliasing_db"] < -130 and row["distortion_db"] < -130  # the tone's rounding to float32
        assert row["aliasing_over_output_db"] == pytest.approx(row["aliasing_db"], abs=1e-6)


def test_tones_move_to_the_nearest_odd_bin() -> None:
    for wanted, row in zip(TONES, aliasing(np.copy, TONES, RATE, period=256), strict=True):
        place = row["frequency_hz"] * N / RATE
        assert place == round(place) and round(place) % 2 == 1
        assert abs(row["frequency_hz"] - wanted) <= RATE / N


@pytest.mark.parametrize("period", [2, 256])
def test_the_image_of_stuffed_zeros_is_as_strong_as_the_tone(period: int) -> None:
    for row in aliasing(zero_stuffed, TONES, RATE, period):
        assert row["gain_db"] == pytest.approx(-6.0206, abs=1e-4)
        assert row["aliasing_db"] == pytest.approx(row["gain_db"], abs=1e-4)
        assert row["aliasing_over_output_db"] == pytest.approx(-3.0103, abs=1e-4)
        assert row["distortion_db"] < -130


def test_gain_and_delay_of_a_linear_process() -> None:
    for row in aliasing(lambda samples: 0.5 * np.roll(samples, 300), TONES, RATE, period=256, level_dbfs=-40.0):
        assert row["gain_db"] == pytest.approx(-6.0206, abs=1e-4) and row["aliasing_db"] < -130


def test_distortion_of_a_waveshaper_and_no_aliasing() -> None:
    def shaped(samples: np.ndarray) -> np.ndarray:
        return np.tanh(4 * samples.astype(np.float64) + 0.3)

    one_cycle = np.fft.rfft(shaped(np.cos(2 * np.pi * np.arange(4096) / 4096))) / 4096  # of a tone at full scale
    powers = np.square(np.abs(one_cycle)) * np.where(np.arange(2049) == 0, 1, 2)
    distortion_db = 10 * math.log10((powers.sum() - powers[1]) / 0.5)
    # Harmonics from the 32nd on count as aliasing and are under -100 dB.
    (row,) = aliasing(shaped, [440.0], RATE, period=256, level_dbfs=0.0)
    assert row["gain_db"] == pytest.approx(10 * math.log10(powers[1] / 0.5), abs=1e-4)
    assert row["distortion_db"] == pytest.approx(distortion_db, abs=1e-4)
    assert row["aliasing_db"] < -60
    assert row["aliasing_db"] == pytest.approx(10 * math.log10(powers[32:].sum() / 0.5), abs=0.1)


def test_images_of_a_mean_are_aliasing_and_the_mean_is_distortion() -> None:
    (row,) = aliasing(lambda samples: samples + zero_stuffed(np.full(len(samples), 0.01)), [1000.0], RATE, period=2)
    expected = 20 * math.log10(0.005 / (0.1 / math.sqrt(2)))
    assert row["distortion_db"] == pytest.approx(expected, abs=1e-3)
    assert row["aliasing_db"] == pytest.approx(expected, abs=1e-3)


def test_an_autoencoder_is_invariant_to_its_period_only() -> None:
    process = network()
    tone = (0.1 * np.cos(2 * np.pi * 1025 * np.arange(N + 8192 + 256) / N)).astype(np.float32)
    response, late = process(tone[256:]), process(tone[:-256])
    steady = slice(4096, -4096)
    assert np.abs(late[steady] - np.roll(response, 256)[steady]).max() < 1e-6 * np.abs(response).max()
    assert np.abs(response[4096:8192] - response[4097:8193]).max() > 1e-3 * np.abs(response).max()


def test_an_autoencoder_makes_no_more_than_harmonics_and_their_images() -> None:
    # j = 4 * 1025, for once even: n j + 64 m then reaches every fourth bin only.
    process = network()
    tone = (0.1 * np.cos(2 * np.pi * 4100 * np.arange(N + 8192) / N)).astype(np.float32)
    powers = np.square(np.abs(np.fft.fft(process(tone)[4096 : 4096 + N].astype(np.float64))))
    off = np.arange(N) % 4 != 0
    assert powers[off].sum() < 1e-10 * powers.sum()
    rows = aliasing(process, TONES, RATE, period=256)
    assert all(-200 < row["aliasing_over_output_db"] <= 0 for row in rows)


def test_all_that_comes_out_is_accounted_for() -> None:
    process = network(1)
    (row,) = aliasing(process, [1000.0], RATE, period=256)
    bin_ = round(row["frequency_hz"] * N / RATE)
    response = process((0.1 * np.cos(2 * np.pi * bin_ * np.arange(-4096, N + 4096) / N)).astype(np.float32))
    whole = np.square(response[4096 : 4096 + N].astype(np.float64)).mean() / (0.1**2 / 2)
    parts = sum(10 ** (row[name] / 10) for name in ("gain_db", "distortion_db", "aliasing_db"))
    assert parts == pytest.approx(whole, rel=1e-4)


def test_silence() -> None:
    (row,) = aliasing(np.zeros_like, [1000.0], RATE, period=256)
    assert row["gain_db"] == row["aliasing_db"] == row["distortion_db"] == -math.inf
    assert math.isnan(row["aliasing_over_output_db"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"period": 3}, "length=16384: period=3"),
        ({"length": 256 * 24}, "length=6144"),
        ({"length": 1024}, "length=1024"),
        ({"period": 0}, "period=0"),
        ({"frequencies_hz": [0.0]}, "frequency 0.0 Hz"),
        ({"frequencies_hz": [8000.0]}, "frequency 8000.0 Hz"),
        ({"frequencies_hz": [math.nan]}, "frequency nan Hz"),
        ({"level_dbfs": 1.0}, "level_dbfs=1.0"),
        ({"process": lambda samples: samples[1:]}, "the same shape"),
    ],
)
def test_parameters_are_checked(changed: dict[str, object], message: str) -> None:
    given: dict[str, Any] = {
        "process": np.copy,
        "frequencies_hz": [1000.0],
        "sample_rate": RATE,
        "period": 256,
    } | changed
    with pytest.raises(ParameterError, match=message):
        aliasing(**given)
