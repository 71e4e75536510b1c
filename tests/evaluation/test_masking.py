"""The residual above and below the masking threshold: what must hold, and a second route through PEAQ's own ratio."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nblib.audio import resample
from nblib.errors import AudioError
from nblib.evaluation import Residual, peaq_variables, residual
from nblib.provenance import random_generator

RATE = 22_050
PARTS = ("added_above", "added_below", "missing_above", "missing_below")


def tone(frequency: float, level_db: float, seconds: float = 1.5) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def noise(level_db: float, seconds: float = 1.5) -> np.ndarray:
    drawn = random_generator("residual").normal(size=round(seconds * RATE))
    return (10 ** (level_db / 20) * drawn).astype(np.float32)


def total(found: Residual, *parts: str) -> float:
    return float(sum(getattr(found, part).sum() for part in parts))


def test_no_error_has_no_residual_and_the_target_is_all_there():
    found = residual(noise(-20), noise(-20), RATE)
    assert total(found, *PARTS) < 1e-15
    assert found.target.sum() == pytest.approx(1.0)
    assert found.centre_hz[-1] < RATE / 2 + 1000 and (np.diff(found.centre_hz) > 0).all()


def test_what_is_put_in_is_added_and_what_is_taken_away_is_missing():
    loud, soft = noise(-20), noise(-26)
    put_in, taken = residual(soft, loud, RATE), residual(loud, soft, RATE)
    assert total(put_in, "missing_above", "missing_below") < 1e-15 < total(put_in, "added_above")
    assert total(taken, "added_above", "added_below") < 1e-15 < total(taken, "missing_above")


def test_half_the_amplitude_misses_a_quarter_of_the_energy():
    found = residual(noise(-20), 0.5 * noise(-20), RATE)
    assert total(found, *PARTS) == pytest.approx(0.25, rel=1e-3)
    np.testing.assert_allclose(found.missing_above + found.missing_below, 0.25 * found.target, rtol=1e-3)


def test_a_soft_neighbour_of_a_loud_tone_is_masked_and_a_far_one_is_heard():
    target = tone(1000, -10)
    near, far = (residual(target, target + tone(frequency, -50), RATE) for frequency in (1080, 6000))
    assert total(near, "added_below", "missing_below") > 5 * total(near, "added_above", "missing_above")
    assert total(far, "added_above") > 100 * total(far, "added_below")
    assert far.centre_hz[np.argmax(far.added_above)] == pytest.approx(6000, rel=0.15)


def test_the_more_noise_the_larger_a_share_of_it_is_above():
    target = tone(500, -10) + noise(-40)
    shares = []
    for level in (-44, -36, -26):
        found = residual(target, target + np.roll(noise(level), 1000), RATE)
        shares.append(total(found, "added_above", "missing_above") / total(found, *PARTS))
    assert shares[0] < shares[1] < shares[2]


def test_it_agrees_with_the_noise_to_mask_ratio_of_peaq():
    """A frame and band counts as above where PEAQ's own noise-to-mask ratio passes 1."""
    target = tone(700, -15) + noise(-45)
    estimate = target + np.roll(noise(-40), 500)
    found = residual(target, estimate, RATE)
    pair = resample(np.stack([target, estimate]), RATE, 48_000)
    heard = [peaq_variables.patterns(torch.as_tensor(samples[None] * 32_768)) for samples in pair]
    ratio = peaq_variables.noise_to_mask(*heard)
    assert 0 < float((ratio > 1).double().mean()) < 1
    error = (heard[0].heard.sqrt() - heard[1].heard.sqrt()).square()
    above = (peaq_variables.ear_model.grouped(error) * (ratio > 1)).sum()
    reference = peaq_variables.ear_model.grouped(heard[0].heard).sum()
    assert total(found, "added_above", "missing_above") == pytest.approx(float(above / reference), rel=1e-3)


def test_a_silent_estimate_misses_everything():
    found = residual(noise(-20), np.zeros_like(noise(-20)), RATE)
    assert total(found, "missing_above", "missing_below") == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("reference", "estimate", "message"),
    [
        (noise(-20), noise(-20)[:-1], "two mono signals of one length"),
        (np.zeros(RATE, np.float32), noise(-20, 1.0), "reference.*silent"),
        (noise(-20, 0.02), noise(-20, 0.02), "at least 2048 at 48 kHz are needed"),
        (noise(-20), noise(-20) * np.float32("nan"), "estimate"),
    ],
)
def test_what_cannot_be_measured_is_refused(reference, estimate, message):
    with pytest.raises(AudioError, match=message):
        residual(reference, estimate, RATE)
