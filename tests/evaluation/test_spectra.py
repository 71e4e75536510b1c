"""Holes, where a codec left nothing of what was audible; the width that is recovered, in level and in waveform."""

import math

import numpy as np
import pytest

from nblib.audio import Geometry, band_limit, noise_like
from nblib.errors import AudioError, ParameterError
from nblib.evaluation import hole_scores, recovered_bandwidth
from nblib.evaluation.spectra import holes

RATE = 16_000
NOISE = 0.1 * np.random.default_rng(4).standard_normal(3 * RATE)
SILENCE = np.zeros_like(NOISE)


def test_a_hole_is_a_drop_of_over_20_db_of_something_audible():
    lossless, coded = np.array([[0.1, 0.1, 0.1, 1e-5]]), np.array([[0.1, 0.011, 0.009, 0.0]])
    assert holes(lossless, coded).tolist() == [[False, False, True, False]]


def test_hole_scores_by_hand():
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


def test_limit_and_signals_are_checked():
    with pytest.raises(ParameterError, match="limit_hz=8250"):
        widths(NOISE, NOISE, 8250)
    with pytest.raises(AudioError, match="1024 samples"):
        widths(NOISE[:1000], NOISE[:1000])
