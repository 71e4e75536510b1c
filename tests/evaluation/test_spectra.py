"""Holes of a codec, recovered width, aliasing of sines, and the residual above and below the masking threshold."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from nblib.audio import Geometry, band_limit, noise_like, resample
from nblib.errors import AudioError, ParameterError
from nblib.evaluation import aliasing, ear_model, hole_scores, recovered_bandwidth, residual
from nblib.evaluation.peaq import noise_to_mask
from nblib.evaluation.spectra import holes
from nblib.networks import AutoEncoder
from nblib.provenance import random_generator, seed_everything

RATE = 16_000
NOISE = 0.1 * np.random.default_rng(4).standard_normal(3 * RATE)
SILENCE = np.zeros_like(NOISE)


def test_holes_are_drops_of_over_20_db_of_something_audible_and_their_scores_by_hand():
    audible, found = holes(np.array([0.1, 0.1, 0.1, 1e-5]), np.array([0.1, 0.011, 0.009, 0.0]))
    assert (audible.tolist(), found.tolist()) == ([True, True, True, False], [False, False, True, False])
    lossless = np.full((2, 4, 2), 0.1)
    coded, emulated = lossless.copy(), lossless.copy()
    coded[0, :2] = 0.0  # four holes in the part that counts
    emulated[0, 0] = 0.0  # finds two of them
    emulated[1, 0, 0] = 0.0  # and one that is none
    emulated[:, 3] = coded[:, 3] = 0.0  # over the cut-off nothing counts
    found = hole_scores(lossless, coded, emulated, below_bin=3)
    assert found == pytest.approx({"hole_share": 4 / 12, "hole_precision": 2 / 3, "hole_recall": 2 / 4})
    without = hole_scores(lossless, lossless, lossless, below_bin=3)
    assert without.pop("hole_share") == 0 and all(math.isnan(value) for value in without.values())


def widths(original: np.ndarray, estimate: np.ndarray, limit_hz: int = 5000) -> list[float]:
    """Level, waveform and offer, in Hz."""
    found = recovered_bandwidth(original, estimate, Geometry(sample_rate=RATE), limit_hz)
    return [found[f"{name}_bandwidth_hz"] for name in ("level", "waveform", "offered")]


@pytest.mark.parametrize(
    ("original", "estimate", "expected"),
    [
        (NOISE, NOISE, [5000, 5000, 5000]),
        (NOISE, band_limit(NOISE, RATE, 2000), [2000, 2000, 5000]),
        (NOISE, noise_like(NOISE), [5000, 0, 5000]),  # right magnitudes, wrong phases
        (NOISE, -NOISE, [5000, 0, 5000]),
        (NOISE, 0.01 * NOISE, [0, 0, 5000]),  # a trace of the original lessens the error, too
        (SILENCE, NOISE, [0, 0, 0]),
        (NOISE, SILENCE, [0, 0, 5000]),
    ],
)
def test_widths_of_noise(original, estimate, expected):
    assert widths(original, estimate) == expected


@pytest.mark.parametrize(("gain_db", "level"), [(5.9, 8000), (6.1, 0), (-5.9, 8000), (-6.1, 0)])
def test_the_level_is_right_within_6_db(gain_db, level):
    assert widths(NOISE, NOISE * 10 ** (gain_db / 20), limit_hz=8000)[0] == level


def test_only_bands_with_something_in_them_count():
    time = np.arange(RATE) / RATE
    tone, faint = np.sin(2 * np.pi * 1125 * time), np.sin(2 * np.pi * 3125 * time)  # in the middle of a bin and a band
    assert widths(tone, tone) == [250, 250, 250]
    assert widths(tone + 10 ** (-79 / 20) * faint, tone) == [250, 250, 500]
    assert widths(tone + 10 ** (-81 / 20) * faint, tone) == [250, 250, 250]


def test_limits_and_signals_are_checked():
    for period in (3, 4096):
        with pytest.raises(ParameterError, match=f"period={period}: a power of two up to 2048"):
            aliasing(np.copy, [1000.0], RATE, period)
    with pytest.raises(ParameterError, match="frequency 8000.0 Hz"):
        aliasing(np.copy, [8000.0], RATE, 256)
    with pytest.raises(ParameterError, match="limit_hz=8250"):
        widths(NOISE, NOISE, 8250)
    with pytest.raises(AudioError, match="needs 1024"):
        widths(NOISE[:1000], NOISE[:1000])


N = 16_384
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


MUSIC_RATE = 22_050
TIME = np.arange(round(1.5 * MUSIC_RATE)) / MUSIC_RATE
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
    found = residual(noise(-26), np.float32(gain) * noise(-26), MUSIC_RATE)
    assert total(found, "added_above", "added_below") == pytest.approx(added, rel=1e-3, abs=1e-9)
    assert total(found, "missing_above", "missing_below") == pytest.approx(missing, rel=1e-3, abs=1e-9)
    per_band, target = found["missing_above"] + found["missing_below"], found["target"]
    np.testing.assert_allclose(per_band, missing * target, rtol=1e-3, atol=1e-9)
    assert target.sum() == pytest.approx(1.0)
    assert found["centre_hz"][-1] < MUSIC_RATE / 2 + 1000 and (np.diff(found["centre_hz"]) > 0).all()


def test_a_soft_neighbour_of_a_loud_tone_is_masked_and_a_far_one_is_heard():
    target = tone(1000, -10)
    near, far = (residual(target, target + tone(frequency, -50), MUSIC_RATE) for frequency in (1080, 6000))
    assert total(near, "added_below", "missing_below") > 5 * total(near, "added_above", "missing_above")
    assert total(far, "added_above") > 100 * total(far, "added_below")
    assert far["centre_hz"][np.argmax(far["added_above"])] == pytest.approx(6000, rel=0.15)


def test_it_agrees_with_the_noise_to_mask_ratio_of_peaq():
    """A frame and band counts as above where PEAQ's own noise-to-mask ratio passes 1."""
    target = tone(700, -15) + noise(-45)
    estimate = target + np.roll(noise(-40), 500)
    pair = resample(np.stack([target, estimate]), MUSIC_RATE, 48_000)
    heard = [ear_model.patterns(torch.as_tensor(samples[None] * 32_768)) for samples in pair]
    ratio = noise_to_mask(*heard)
    assert 0 < float((ratio > 1).double().mean()) < 1
    error = (heard[0].heard.sqrt() - heard[1].heard.sqrt()).square()
    above = float((ear_model.grouped(error) * (ratio > 1)).sum() / ear_model.grouped(heard[0].heard).sum())
    found = residual(target, estimate, MUSIC_RATE)
    assert total(found, "added_above", "missing_above") == pytest.approx(above, rel=1e-3)
