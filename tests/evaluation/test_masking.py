"""The residual above and below the masking threshold: what must hold, and a second route through PEAQ's own ratio."""

import numpy as np
import pytest
import torch

from nblib.audio import resample
from nblib.evaluation import ear_model, residual
from nblib.evaluation.peaq import noise_to_mask
from nblib.provenance import random_generator

RATE = 22_050
TIME = np.arange(round(1.5 * RATE)) / RATE
DRAWN = random_generator("residual").normal(size=len(TIME))


def tone(frequency: float, level_db: float) -> np.ndarray:
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * frequency * TIME)).astype(np.float32)


def noise(level_db: float) -> np.ndarray:
    return (10 ** (level_db / 20) * DRAWN).astype(np.float32)


def total(found: dict[str, np.ndarray], *parts: str) -> float:
    return float(sum(found[part].sum() for part in parts))


@pytest.mark.parametrize(
    ("gain", "added", "missing"), [(1.0, 0.0, 0.0), (2.0, 1.0, 0.0), (0.5, 0.0, 0.25), (0.0, 0.0, 1.0)]
)
def test_of_a_gain_the_energy_is_added_or_missing(gain, added, missing):
    found = residual(noise(-26), np.float32(gain) * noise(-26), RATE)
    assert total(found, "added_above", "added_below") == pytest.approx(added, rel=1e-3, abs=1e-9)
    assert total(found, "missing_above", "missing_below") == pytest.approx(missing, rel=1e-3, abs=1e-9)
    per_band, target = found["missing_above"] + found["missing_below"], found["target"]
    np.testing.assert_allclose(per_band, missing * target, rtol=1e-3, atol=1e-9)
    assert target.sum() == pytest.approx(1.0)
    assert found["centre_hz"][-1] < RATE / 2 + 1000 and (np.diff(found["centre_hz"]) > 0).all()


def test_a_soft_neighbour_of_a_loud_tone_is_masked_and_a_far_one_is_heard():
    target = tone(1000, -10)
    near, far = (residual(target, target + tone(frequency, -50), RATE) for frequency in (1080, 6000))
    assert total(near, "added_below", "missing_below") > 5 * total(near, "added_above", "missing_above")
    assert total(far, "added_above") > 100 * total(far, "added_below")
    assert far["centre_hz"][np.argmax(far["added_above"])] == pytest.approx(6000, rel=0.15)


def test_it_agrees_with_the_noise_to_mask_ratio_of_peaq():
    """A frame and band counts as above where PEAQ's own noise-to-mask ratio passes 1."""
    target = tone(700, -15) + noise(-45)
    estimate = target + np.roll(noise(-40), 500)
    pair = resample(np.stack([target, estimate]), RATE, 48_000)
    heard = [ear_model.patterns(torch.as_tensor(samples[None] * 32_768)) for samples in pair]
    ratio = noise_to_mask(*heard)
    assert 0 < float((ratio > 1).double().mean()) < 1
    error = (heard[0].heard.sqrt() - heard[1].heard.sqrt()).square()
    above = float((ear_model.grouped(error) * (ratio > 1)).sum() / ear_model.grouped(heard[0].heard).sum())
    assert total(residual(target, estimate, RATE), "added_above", "missing_above") == pytest.approx(above, rel=1e-3)
