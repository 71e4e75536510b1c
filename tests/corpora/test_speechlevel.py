"""The active level of speech leaves pauses out, and labels published pairs as they are labelled."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from helpers.corpora import BENCH, RATE, burst, on_real
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.corpora.survey import active_level_db, labelled_snr_db

TONE = 0.1 * np.sin(2 * np.pi * 200 * np.arange(4 * RATE) / RATE)


def test_active_level_of_a_tone_with_and_without_pauses() -> None:
    level = 10 * np.log10(np.mean(TONE**2))
    assert active_level_db(TONE, RATE) == pytest.approx(level, abs=0.1)
    paused = np.concatenate([TONE, np.zeros(8 * RATE)])
    assert active_level_db(paused, RATE) == pytest.approx(level, abs=0.35)


@settings(max_examples=20, deadline=None)
@given(st.floats(-40, 5))
def test_active_level_follows_the_gain(gain_db: float) -> None:
    said = np.concatenate([burst("word", 0.6), np.zeros(RATE // 2), burst("another", 1.1)])
    change = active_level_db(said * 10 ** (gain_db / 20), RATE) - active_level_db(said, RATE)
    assert change == pytest.approx(gain_db, abs=0.5)


def test_no_noise_is_an_infinite_snr() -> None:
    assert labelled_snr_db(TONE, np.zeros(len(TONE)), RATE) == np.inf


@on_real
def test_published_pairs_measure_as_their_labels() -> None:
    """Every SNR of the dataset is a multiple of 2.5 dB."""
    paths = sorted((BENCH / "voicebank_demand" / "clean_testset_wav").glob("*.wav"))
    assert len(paths) == 20
    for path in paths:
        clean, rate = soundfile.read(path)
        noisy, _ = soundfile.read(BENCH / "voicebank_demand" / "noisy_testset_wav" / path.name)
        snr_db = labelled_snr_db(clean, noisy - clean, rate)
        assert abs(snr_db - 2.5 * round(snr_db / 2.5)) <= 0.2
