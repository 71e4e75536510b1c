"""From a score to sound: works and their groups, notes, harmony, no gaps, instruments on time and without clicks."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nblib.embedded import scores
from nblib.embedded.arranging import ENSEMBLES, Ensemble, arrange, harmony
from nblib.embedded.melodies import RANGES
from nblib.embedded.scores import Score, Work, choose_works, read_score
from nblib.embedded.soundfont import Channel, Note, play
from nblib.errors import CorpusError
from nblib.provenance import random_generator

CHORALE = Work("bach/bwv66.6.mxl", "chorales", "bach/bwv66", "")
STRINGS, FLUTE = 48, 73


def test_works_are_chosen_by_seed_in_the_stated_mixture() -> None:
    first, again, other = (list(islice(choose_works(seed), 220)) for seed in (1, 1, 2))
    assert first == again != other
    for shelf, where in scores.SHELVES.items():
        assert sum(work.shelf == shelf for work in first) == 10 * where["share"]


def test_movements_of_a_work_share_a_group() -> None:
    works = {"bach/bwv18.5-w.mxl": "bwv18", "palestrina/Kyrie_17_a.krn": "mass17", "mozart/k155/movement3.mxl": "k155"}
    works |= {"schumann_clara/polonaise_op1n3.mxl": "polonaise_op1", "monteverdi/madrigal.3.1_old.mxl": "madrigal.3.1"}
    works["ryansMammoth/CampMeetingJigNo2.abc"] = "CampMeetingJig"
    assert {path: scores._work(path, "").group.partition("/")[2] for path in works} == works


def test_a_known_chorale() -> None:
    score = read_score(CHORALE)
    assert (len(score.voices), score.length, score.beat, score.beats, score.upbeat) == (4, 36.0, 1.0, 4, 1.0)
    assert score.voices[0][:5, 2].tolist() == [73, 71, 69, 71, 73]
    assert score.voices[0][:5, 0].tolist() == [0.0, 0.5, 1.0, 2.0, 3.0]
    assert score.voices[-1][:3, 2].tolist() == [57, 56, 54]


def test_what_is_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "corpus_folder", lambda: tmp_path)
    head, work = "X:1\nM:4/4\nL:1/4\nK:C\n", Work("tune.abc", "fiddle tunes", "tune", "Tune")
    (tmp_path / "tune.abc").write_text(f"{head}C D E2-|E4|z4|z4|G4|c4|\n")
    notes = read_score(work).voices[0]  # ties are one note, common rests shrink
    assert notes.tolist() == [[0, 1, 60], [1, 1, 62], [2, 6, 64], [9, 4, 67], [13, 4, 72]]
    for text in ("not a score", f"{head}z4|z4|\n"):
        (tmp_path / "tune.abc").write_text(text)
        with pytest.raises(CorpusError, match="tune.abc"):
            read_score(work)


@given(st.integers(0, 11), st.booleans())
def test_harmony_names_the_triad_that_sounds(root: int, minor: bool) -> None:
    voices = [np.asarray([[0.0, 4.0, 48 + root + step]]) for step in (0, 3 if minor else 4, 7)]
    assert harmony(voices, 2, 2.0) == [(root, minor)] * 2


@pytest.mark.parametrize("ensemble", ENSEMBLES, ids=lambda ensemble: ensemble.name)
@pytest.mark.parametrize("voices", [1, 4])
@pytest.mark.parametrize(("beat", "beats"), [(1.0, 4), (1.0, 3), (1.5, 2), (2.0, 2)])
def test_each_ensemble_plays_every_score_without_gaps(ensemble: Ensemble, voices: int, beat: float, beats: int) -> None:
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72] * 2)
    parts = tuple(np.column_stack([np.arange(16.0), np.ones(16), scale - 6 * voice]) for voice in range(voices))
    random = random_generator("arrange", ensemble.name, voices)
    notes, channels, sung = arrange(Score(parts, 16.0, beat, beats, 0), ensemble, 20.0, random)
    starts, ends = np.sort([(note.start, note.end) for note in notes], axis=0).T
    gaps = np.append(starts[1:], 20.0) - np.maximum.accumulate(ends)
    assert 0 <= starts[0] < 0.5 and gaps[:-1].max() < 1.0 and gaps[-1] < 0
    assert all(0 <= note.key <= 127 and 1 <= note.velocity <= 127 for note in notes)
    assert {note.channel for note in notes} <= set(range(len(channels))) <= set(range(16)) and sung == []


def test_no_instrument_plays_the_melody() -> None:
    performance = arrange(read_score(CHORALE), ENSEMBLES[0], 12.0, random_generator(1), RANGES[0])
    sung, played = (
        {(round(note.start, 1), note.key) for note in notes} for notes in (performance.sung, performance.notes)
    )
    assert len(sung) > 10 and len(played) > 30 and len(sung & played) <= 0.1 * len(sung)
    starts = np.array([note.start for note in performance.notes])
    assert np.mean([np.abs(starts - note.start).min() < 0.08 for note in performance.sung]) > 0.6, "not together"


def test_a_note_starts_on_its_sample_at_its_pitch() -> None:
    early, late = (play([Note(start, 1.0, 0, 69, 100)], [Channel(FLUTE)], 1.0, 22_050) for start in (0.1, 0.2))
    assert not early[:2205].any() and np.flatnonzero(late)[0] - np.flatnonzero(early)[0] == 2205
    np.testing.assert_allclose(late[4410:15_000], early[2205:12_795], atol=1e-5)
    spectrum = np.abs(np.fft.rfft(early[6615:] * np.hanning(len(early) - 6615)))
    assert np.argmax(spectrum) * 22_050 / (len(early) - 6615) == pytest.approx(440, rel=0.02)


@pytest.mark.parametrize(("again", "most"), [(0.1, 1.01), (0.5, 2.5), (0.9, 2.5), (1.0, 2.5), (1.1, 2.5)])
def test_a_key_struck_again_never_clicks_and_is_one_note_in_unison(again: float, most: float) -> None:
    notes = [Note(0.1, 1.0, 0, 60, 100), Note(again, 1.0 if again == 0.1 else 1.9, 0, 60, 100)]
    twice, once = (play(some, [Channel(STRINGS)], 2.0, 22_050) for some in (notes, notes[:1]))
    assert np.abs(np.diff(twice)).max() <= most * np.abs(np.diff(once)).max()
