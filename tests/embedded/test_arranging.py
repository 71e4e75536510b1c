"""Arrangements: harmony, no gaps, no key out of reach, nothing that the generator did not draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nblib.embedded.arranging import arrange, harmony
from nblib.embedded.ensembles import ENSEMBLES, Ensemble
from nblib.embedded.melodies import RANGES
from nblib.embedded.scores import Score, Work, read_score
from nblib.provenance import random_generator


def tune(pitches: list[int]) -> np.ndarray:
    return np.asarray([[index, 1, pitch] for index, pitch in enumerate(pitches)], dtype=float)


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
    pitches = [60, 62, 64, 65, 67, 69, 71, 72] * 2
    parts = tuple(tune([pitch - 6 * voice for pitch in pitches]) for voice in range(voices))
    score = Score(parts, 16.0, beat, beats, 0)
    performance = arrange(score, ensemble, 20.0, random_generator("arrange", ensemble.name, voices))
    starts = np.asarray([note.start for note in performance.notes])
    ends = np.asarray([note.end for note in performance.notes])
    order = np.argsort(starts)
    sounding_until = np.maximum.accumulate(ends[order])
    assert starts.min() >= 0 and starts.min() < 0.5
    assert sounding_until[-1] > 20.0
    assert np.max(starts[order][1:] - sounding_until[:-1]) < 1.0
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
