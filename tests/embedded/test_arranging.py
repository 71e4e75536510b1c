"""Arrangements: harmony, no gaps, no key out of reach, nothing that the generator did not draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nblib.embedded.arranging import ENSEMBLES, Ensemble, arrange, harmony
from nblib.embedded.melodies import RANGES
from nblib.embedded.scores import Score, Work, read_score
from nblib.provenance import random_generator


@given(st.integers(0, 11), st.booleans())
def test_harmony_names_the_triad_that_sounds(root: int, minor: bool) -> None:
    third = 3 if minor else 4
    voices = [np.asarray([[0.0, 4.0, 48 + root + step]]) for step in (0, third, 7)]
    assert harmony(voices, 2, 2.0) == [(root, minor)] * 2


@pytest.mark.parametrize("ensemble", ENSEMBLES, ids=lambda ensemble: ensemble.name)
@pytest.mark.parametrize("voices", [1, 4])
@pytest.mark.parametrize(("beat", "beats"), [(1.0, 4), (1.0, 3), (1.5, 2), (2.0, 2)])
def test_every_ensemble_plays_every_score_without_gaps(
    ensemble: Ensemble, voices: int, beat: float, beats: int
) -> None:
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72] * 2)
    parts = tuple(np.column_stack([np.arange(16.0), np.ones(16), scale - 6 * voice]) for voice in range(voices))
    performance = arrange(
        Score(parts, 16.0, beat, beats, 0), ensemble, 20.0, random_generator("arrange", ensemble.name, voices)
    )
    starts, ends = np.sort([(note.start, note.end) for note in performance.notes], axis=0).T
    gaps = np.append(starts[1:], 20.0) - np.maximum.accumulate(ends)
    assert 0 <= starts[0] < 0.5 and gaps[:-1].max() < 1.0 and gaps[-1] < 0
    assert len(performance.channels) <= 16
    assert all(0 <= note.key <= 127 and 1 <= note.velocity <= 127 for note in performance.notes)
    assert {note.channel for note in performance.notes} <= set(range(len(performance.channels)))


def test_no_instrument_plays_the_melody() -> None:
    score = read_score(Work("bach/bwv66.6.mxl", "chorales", "bach/bwv66", ""))
    quartet = next(ensemble for ensemble in ENSEMBLES if ensemble.name == "string quartet")
    performance = arrange(score, quartet, 12.0, random_generator(1), RANGES[0])
    sung = {(round(note.start, 1), note.key) for note in performance.sung}
    played = {(round(note.start, 1), note.key) for note in performance.notes}
    assert len(sung) > 10 and len(played) > 30
    assert len(sung & played) <= 0.1 * len(sung)
    starts = np.array([note.start for note in performance.notes])
    together = [np.abs(starts - note.start).min() < 0.08 for note in performance.sung]
    assert np.mean(together) > 0.6
    assert arrange(score, quartet, 12.0, random_generator(1)).sung == []
