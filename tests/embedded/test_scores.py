"""Scores: which works are chosen, what belongs to one work, and how a file becomes notes."""

from itertools import islice
from pathlib import Path

import pytest

from nblib.embedded import scores
from nblib.embedded.scores import Score, Work, choose_works, read_score
from nblib.errors import CorpusError


def test_works_are_chosen_by_seed_in_the_stated_mixture() -> None:
    first = list(islice(choose_works(1), 220))
    assert first == list(islice(choose_works(1), 220))
    assert first != list(islice(choose_works(2), 220))
    for shelf, where in scores.SHELVES.items():
        assert sum(work.shelf == shelf for work in first) == 10 * where["share"]


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("bach/bwv18.5-w.mxl", "bach/bwv18"),
        ("palestrina/Kyrie_17_a.krn", "palestrina/mass17"),
        ("palestrina/Agnus_II_17.krn", "palestrina/mass17"),
        ("mozart/k155/movement3.mxl", "mozart/k155"),
        ("schumann_clara/polonaise_op1n3.mxl", "schumann_clara/polonaise_op1"),
        ("monteverdi/madrigal.3.1_old.mxl", "monteverdi/madrigal.3.1"),
        ("ryansMammoth/CampMeetingJigNo2.abc", "ryansMammoth/CampMeetingJig"),
    ],
)
def test_movements_of_a_work_share_a_group(path: str, group: str) -> None:
    assert scores._work(path, "").group == group


def read_text(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Score:
    (tmp_path / "tune.abc").write_text(text)
    monkeypatch.setattr(scores, "corpus_folder", lambda: tmp_path)
    return read_score(Work("tune.abc", "fiddle tunes", "tune", "Tune"))


def test_a_known_chorale() -> None:
    score = read_score(Work("bach/bwv66.6.mxl", "chorales", "bach/bwv66", ""))
    assert len(score.voices) == 4
    assert (score.length, score.beat, score.beats, score.upbeat) == (36.0, 1.0, 4, 1.0)
    soprano, bass = score.voices[0], score.voices[-1]
    assert soprano[:5, 2].tolist() == [73, 71, 69, 71, 73]
    assert soprano[:5, 0].tolist() == [0.0, 0.5, 1.0, 2.0, 3.0]
    assert bass[:3, 2].tolist() == [57, 56, 54]


def test_ties_are_one_note_and_common_rests_shrink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tune = "X:1\nM:4/4\nL:1/4\nK:C\nC D E2-|E4|z4|z4|G4|c4|\n"
    notes = read_text(tune, tmp_path, monkeypatch).voices[0]
    assert notes.tolist() == [[0, 1, 60], [1, 1, 62], [2, 6, 64], [9, 4, 67], [13, 4, 72]]


@pytest.mark.parametrize("text", ["", "not a score", "X:1\nM:4/4\nL:1/4\nK:C\nz4|z4|\n"])
def test_a_score_without_notes_is_refused_by_name(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CorpusError, match="tune.abc"):
        read_text(text, tmp_path, monkeypatch)
