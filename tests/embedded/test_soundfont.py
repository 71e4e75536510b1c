"""Sampled instruments: on time, in tune, without clicks."""

import numpy as np
import pytest

from nblib.embedded.soundfont import Channel, Note, play

FLUTE, STRINGS = 73, 48


def test_a_note_starts_on_its_sample() -> None:
    early, late = (play([Note(start, 1.0, 0, 60, 100)], [Channel(0)], 1.0, 22_050) for start in (0.1, 0.2))
    assert not early[:2205].any()
    assert np.flatnonzero(late)[0] - np.flatnonzero(early)[0] == 2205
    np.testing.assert_allclose(late[4410:15_000], early[2205:12_795], atol=1e-5)


def test_a_note_has_its_pitch() -> None:
    samples = play([Note(0.0, 1.0, 0, 69, 100)], [Channel(FLUTE)], 1.0, 22_050)
    spectrum = np.abs(np.fft.rfft(samples[4410:] * np.hanning(len(samples) - 4410)))
    peak = np.argmax(spectrum) * 22_050 / (len(samples) - 4410)
    assert peak == pytest.approx(440, rel=0.02)


@pytest.mark.parametrize("again", [0.5, 0.9, 1.0, 1.1])
def test_a_key_struck_again_never_clicks(again: float) -> None:
    notes = [Note(0.1, 1.0, 0, 60, 100), Note(again, 1.9, 0, 60, 100)]
    samples = play(notes, [Channel(STRINGS)], 2.0, 22_050)
    single = play(notes[:1], [Channel(STRINGS)], 2.0, 22_050)
    assert np.abs(np.diff(samples)).max() < 2.5 * np.abs(np.diff(single)).max()


def test_two_voices_in_unison_are_one_note() -> None:
    one = [Note(0.1, 0.5, 0, 60, 100)]
    both = [*one, Note(0.1, 0.5, 0, 60, 90)]
    twice = play(both, [Channel(0)], 0.7, 22_050)
    assert np.abs(twice).max() <= 1.01 * np.abs(play(one, [Channel(0)], 0.7, 22_050)).max()
