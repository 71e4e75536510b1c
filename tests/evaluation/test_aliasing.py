"""Stepped sines: known gains, images and distortion, and where an autoencoder's components may lie."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from nblib.errors import ParameterError
from nblib.evaluation import aliasing
from nblib.networks import AutoEncoder
from nblib.provenance import seed_everything

RATE, N = 16000, 16_384
TONES = (440.0, 1000.0, 3123.4, 7999.0)


def zero_stuffed(samples: np.ndarray) -> np.ndarray:
    """Every second sample 0: what decimation and interpolation by 2 make without filters."""
    return samples * (np.arange(len(samples)) % 2 == 0)


@torch.no_grad()
def network() -> Callable[[np.ndarray], np.ndarray]:
    """An untrained autoencoder, with biases, so that there is a mean to make images of; in float64."""
    seed_everything("aliasing")
    layers = AutoEncoder().double().eval()
    for name, values in layers.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(values, std=0.01)
    return lambda samples: layers(torch.from_numpy(samples.astype(np.float64))[None, None])[0, 0].detach().numpy()


@pytest.mark.parametrize(
    ("process", "period", "gain_db", "aliasing_db"),
    [
        (np.copy, 256, 0.0, -math.inf),
        (lambda samples: 0.5 * np.roll(samples, 300), 256, -6.0206, -math.inf),
        (zero_stuffed, 256, -6.0206, -6.0206),  # the image is as strong as the tone
        (np.zeros_like, 256, -math.inf, -math.inf),
    ],
)
def test_linear_processes(process, period, gain_db, aliasing_db):
    for wanted, row in zip(TONES, aliasing(process, TONES, RATE, period), strict=True):
        place = row["frequency_hz"] * N / RATE
        assert place == round(place) and round(place) % 2 == 1
        assert abs(row["frequency_hz"] - wanted) <= RATE / N
        assert row["gain_db"] == pytest.approx(gain_db, abs=1e-4)
        assert row["distortion_db"] < -130  # the tone's rounding to float32
        assert row["aliasing_db"] == pytest.approx(aliasing_db, abs=1e-4) or row["aliasing_db"] < -130 > aliasing_db
        if aliasing_db == gain_db:
            half = math.nan if gain_db == -math.inf else -3.0103
            assert row["aliasing_over_output_db"] == pytest.approx(half, abs=1e-4, nan_ok=True)


def test_distortion_of_a_waveshaper_and_no_aliasing():
    def shaped(samples: np.ndarray) -> np.ndarray:
        return np.tanh(40 * samples.astype(np.float64) + 0.3)

    one_cycle = np.fft.rfft(shaped(0.1 * np.cos(2 * np.pi * np.arange(4096) / 4096))) / 4096
    powers = np.square(np.abs(one_cycle)) * np.where(np.arange(2049) == 0, 1, 2)
    (row,) = aliasing(shaped, [440.0], RATE, period=256)
    assert row["gain_db"] == pytest.approx(10 * math.log10(powers[1] / 0.005), abs=1e-4)
    assert row["distortion_db"] == pytest.approx(10 * math.log10((powers.sum() - powers[1]) / 0.005), abs=1e-4)
    # Harmonics from the 32nd on count as aliasing.
    assert row["aliasing_db"] == pytest.approx(10 * math.log10(powers[32:].sum() / 0.005), abs=0.1)


def test_an_autoencoder_is_invariant_to_its_period_only_and_all_that_comes_out_is_accounted_for():
    process = network()
    tone = 0.1 * np.cos(2 * np.pi * 1025 * np.arange(-4096, N + 4096) / N)
    response, late = process(tone), process(np.roll(tone, 256))
    steady, loudest = slice(4096, -4096), np.abs(response).max()
    assert np.abs(late[steady] - np.roll(response, 256)[steady]).max() < 1e-9 * loudest
    assert np.abs(response[4096:8192] - response[4097:8193]).max() > 1e-3 * loudest
    (row,) = aliasing(process, [1000.9], RATE, period=256)
    assert row["frequency_hz"] == 1025 * RATE / N and -200 < row["aliasing_over_output_db"] <= 0
    parts = sum(10 ** (row[name] / 10) for name in ("gain_db", "distortion_db", "aliasing_db"))
    assert parts == pytest.approx(np.square(response[steady]).mean() / (0.1**2 / 2), rel=1e-4)


def test_parameters_are_checked():
    for period in (3, 4096):
        with pytest.raises(ParameterError, match=f"period={period}: a power of two up to 2048"):
            aliasing(np.copy, [1000.0], RATE, period)
    with pytest.raises(ParameterError, match="frequency 8000.0 Hz"):
        aliasing(np.copy, [8000.0], RATE, 256)
