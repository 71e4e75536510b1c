"""Alignment, the loudest stretch, the zero-phase band limit, noise of a spectrum."""

import numpy as np
import pytest
from helpers.measures import noise, plucked

from nblib.audio import band_limit, check_alignment, loudest, noise_like
from nblib.errors import AudioError, ParameterError

RATE = 16_000
TIME = np.arange(RATE) / RATE
INNER = slice(1000, -1000)  # the ends of a tone are broadband


@pytest.mark.parametrize("by", [1, -40, 1105, -8000])
def test_what_was_changed_and_moved_is_out_of_line_by_so_much(by):
    music = plucked(4, RATE)
    remedy = "later than the reference; cut them" if by > 0 else "earlier .* put so much silence before it"
    for changed in (music, -0.1 * music, band_limit(music, RATE, 3000), music + 3 * noise(len(music))):
        for one, other in ((changed, music), (np.stack([changed] * 2, axis=1), np.stack([music] * 2, axis=1))):
            check_alignment("x", one, other, RATE, 0.0)
            moved = np.roll(one, by, axis=0)
            check_alignment("x", moved, other, RATE, abs(by) / RATE)
            with pytest.raises(AudioError, match=rf"x: {abs(by)} samples \({abs(by) / 16:.1f} ms\) {remedy}"):
                check_alignment("x", moved, other, RATE, (abs(by) - 0.5) / RATE)


def test_no_lag_is_clear_between_strangers_in_a_tone_or_in_silence():
    tone = np.sin(2 * np.pi * 440 * TIME)
    for one, other in ((noise(RATE), noise(RATE, "other")), (tone, np.roll(tone, 9)), (0 * tone, tone)):
        check_alignment("x", one, other, RATE, 0.0)


@pytest.mark.parametrize(("length", "start"), [(1, 5), (2, 4), (3, 3), (7, 0), (99, 0)])
def test_the_loudest_stretch_has_the_most_energy(length, start):
    samples = np.array([1, 0, 2, 2, 0, 3, 0], np.float32)
    assert loudest(samples, length) == slice(start, min(start + length, 7))


def test_the_band_limit_passes_what_lies_under_stops_what_lies_above_and_keeps_the_length():
    for frequency in (100.0, 1000.0, 2800.0, 3100.0, 5000.0, 7900.0):
        tone = np.sin(2 * np.pi * frequency * TIME).astype(np.float32)
        limited = band_limit(tone, RATE, 3000)
        assert limited.dtype == np.float32 and len(limited) == len(tone)
        assert np.abs(limited - tone * (frequency < 3000))[INNER].max() < 5e-3
    assert [len(band_limit(np.ones(length, np.float32), 22050, 5500)) for length in (1, 7, 512)] == [1, 7, 512]
    for cutoff_hz in (0, 8000):
        with pytest.raises(ParameterError, match=f"cutoff_hz={cutoff_hz}"):
            band_limit(tone, RATE, cutoff_hz)


def test_noise_like_a_sound_has_its_spectrum_and_energy_but_not_its_waveform():
    music = plucked(2, RATE)
    found = noise_like(music, 1)
    assert np.square(found).sum() == pytest.approx(np.square(music, dtype=np.float64).sum())
    ratio = np.abs(np.fft.rfft(found))[1:-1] / np.abs(np.fft.rfft(music.astype(np.float64)))[1:-1]
    assert ratio == pytest.approx(np.full(len(ratio), np.median(ratio)), rel=1e-6)  # in float64
    assert abs(np.corrcoef(found, music)[0, 1]) < 0.5
    assert np.array_equal(found, noise_like(music, 1)) and not np.array_equal(found, noise_like(music, 2))
    assert not noise_like(np.zeros(100)).any()
