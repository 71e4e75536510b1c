"""The embedded music: choice of works, reading, harmony, arrangement, playing, and the corpus as a whole."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nblib.corpora import scorefiles
from nblib.corpora.arranging import arrange, harmony
from nblib.corpora.ensembles import ENSEMBLES, Ensemble
from nblib.corpora.instruments import DRUMS, KITS, PROGRAMS
from nblib.corpora.scorefiles import Score, Work, choose_works, read_score, work_group
from nblib.corpora.scores import ScoresCorpus
from nblib.corpora.soundfont import Channel, Note, play, render_rate
from nblib.errors import CorpusError, ParameterError
from nblib.provenance import random_generator

SMALL = ScoresCorpus(pieces=24, seconds=6.0)


@pytest.fixture(scope="module")
def pieces() -> dict[str, np.ndarray]:
    return {item.name: SMALL.load(item) for item in SMALL.items()}


def digest(samples: np.ndarray) -> str:
    return hashlib.sha256(samples.tobytes()).hexdigest()


# choosing


def test_items_are_listed_without_parsing_or_playing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("items() opened a score")

    monkeypatch.setattr("nblib.corpora.scores.read_score", refuse)
    monkeypatch.setattr("nblib.corpora.scores.play", refuse)
    items = ScoresCorpus(pieces=1500, seed=5).items()
    assert len({item.name for item in items}) == 1500
    assert {item.info["kind"] for item in items} == set(scorefiles.SHELVES)
    assert {item.info["ensemble"] for item in items} == {ensemble.name for ensemble in ENSEMBLES}


def test_no_work_lies_in_two_splits_and_fractions_are_the_papers() -> None:
    corpus = ScoresCorpus(pieces=600, seed=3)
    groups = {split: {item.group for item in corpus.items(split)} for split in ("train", "validation", "test")}
    everything = set.union(*groups.values())
    assert sum(map(len, groups.values())) == len(everything)
    for split, fraction in {"train": 0.7, "validation": 0.2, "test": 0.1}.items():
        assert len(groups[split]) / len(everything) == pytest.approx(fraction, abs=0.01)


def test_a_larger_corpus_begins_with_the_smaller_one() -> None:
    small, large = ScoresCorpus(pieces=10), ScoresCorpus(pieces=200)
    assert [item.name for item in small.items()] == [item.name for item in large.items()][:10]


def test_a_small_corpus_has_every_character() -> None:
    characters = {item.info["character"] for item in ScoresCorpus(pieces=len(ENSEMBLES)).items()}
    assert characters >= {"chamber", "piano solo", "choral", "jazz", "pop", "rock", "electronic", "orchestral", "folk"}


def test_works_are_chosen_by_seed() -> None:
    assert list(choose_works(50, 1)) == list(choose_works(50, 1))
    assert list(choose_works(50, 1)) != list(choose_works(50, 2))


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("bach/bwv18.5-w.mxl", "bach/bwv18"),
        ("palestrina/Kyrie_17_a.krn", "palestrina/mass17"),
        ("palestrina/Agnus_II_17.krn", "palestrina/mass17"),
        ("palestrina/Agnus.krn", "palestrina/mass"),
        ("mozart/k155/movement3.mxl", "mozart/k155"),
        ("schumann_clara/polonaise_op1n3.mxl", "schumann_clara/polonaise_op1"),
        ("monteverdi/madrigal.3.1_old.mxl", "monteverdi/madrigal.3.1"),
        ("monteverdi/madrigal.3.10.mxl", "monteverdi/madrigal.3.10"),
        ("ryansMammoth/SleepyMaggieReel.abc", "ryansMammoth/SleepyMaggieReel"),
        ("ryansMammoth/CampMeetingJigNo2.abc", "ryansMammoth/CampMeetingJig"),
    ],
)
def test_movements_of_a_work_share_a_group(path: str, group: str) -> None:
    assert work_group(path) == group


def test_missing_corpus_names_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CorpusError, match="pip install music21"):
        scorefiles.corpus_folder()


# reading


def read_text(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Score:
    (tmp_path / "tune.abc").write_text(text)
    monkeypatch.setattr(scorefiles, "corpus_folder", lambda: tmp_path)
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


# arranging


def tune(pitches: list[int], duration: float = 1.0) -> np.ndarray:
    return np.asarray([[index * duration, duration, pitch] for index, pitch in enumerate(pitches)], dtype=float)


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
    score = Score(
        tuple(tune([pitch - 6 * voice for pitch in pitches]) for voice in range(voices)), 16.0, beat, beats, 0
    )
    performance = arrange(score, ensemble, 20.0, random_generator("arrange", ensemble.name, voices))
    starts = np.asarray([note.start for note in performance.notes])
    ends = np.asarray([note.end for note in performance.notes])
    order = np.argsort(starts)
    sounding_until = np.maximum.accumulate(ends[order])
    assert starts.min() >= 0 and starts.min() < 0.5
    assert sounding_until[-1] > 20.0
    assert np.max(starts[order][1:] - sounding_until[:-1]) < 1.0
    assert len(performance.channels) <= 16
    assert 75 <= performance.bpm <= 150
    assert all(0 <= note.key <= 127 and 1 <= note.velocity <= 127 for note in performance.notes)
    assert {note.channel for note in performance.notes} <= set(range(len(performance.channels)))


def test_an_arrangement_hangs_on_the_generator_alone() -> None:
    score = Score((tune([60, 64, 67, 72] * 8),), 32.0, 1.0, 4, 0.0)
    once, again, other = (arrange(score, ENSEMBLES[7], 10.0, random_generator("seed", seed)) for seed in (1, 1, 2))
    assert once == again
    assert once != other


def test_ensembles_name_known_instruments_and_whole_bars() -> None:
    for ensemble in ENSEMBLES:
        names = [part.partition(" +")[0] for layer in ensemble.layers for part in layer.split(", ")]
        assert set(names) | {comp.program for comp in ensemble.comps} <= set(PROGRAMS)
        assert {kit for kit, _ in ensemble.drums} <= set(KITS)
        assert {pattern for _, pattern in ensemble.drums} <= set(DRUMS)
    rhythms = [comp.rhythm for ensemble in ENSEMBLES for comp in ensemble.comps]
    for rhythm in rhythms + [line for pattern in DRUMS.values() for line in pattern.values()]:
        assert len(rhythm) == 16
        assert set(rhythm) <= set("xo.")


# playing


def test_a_note_starts_on_its_sample() -> None:
    early, late = (play([Note(start, 1.0, 0, 60, 100)], [Channel(0)], 1.0, 22_050) for start in (0.1, 0.2))
    assert not early[:2205].any()
    assert np.flatnonzero(late)[0] - np.flatnonzero(early)[0] == 2205
    np.testing.assert_allclose(late[4410:15_000], early[2205:12_795], atol=1e-5)


def test_a_note_has_its_pitch() -> None:
    samples = play([Note(0.0, 1.0, 0, 69, 100)], [Channel(PROGRAMS["flute"])], 1.0, 22_050)
    spectrum = np.abs(np.fft.rfft(samples[4410:] * np.hanning(len(samples) - 4410)))
    peak = np.argmax(spectrum) * 22_050 / (len(samples) - 4410)
    assert peak == pytest.approx(440, rel=0.02)


@pytest.mark.parametrize("again", [0.5, 0.9, 1.0, 1.1])
def test_a_key_struck_again_never_clicks(again: float) -> None:
    notes = [Note(0.1, 1.0, 0, 60, 100), Note(again, 1.9, 0, 60, 100)]
    samples = play(notes, [Channel(PROGRAMS["strings"])], 2.0, 22_050)
    single = play(notes[:1], [Channel(PROGRAMS["strings"])], 2.0, 22_050)
    assert np.abs(np.diff(samples)).max() < 2.5 * np.abs(np.diff(single)).max()


def test_two_voices_in_unison_are_one_note() -> None:
    one = [Note(0.1, 0.5, 0, 60, 100)]
    both = [*one, Note(0.1, 0.5, 0, 60, 90)]
    twice = play(both, [Channel(0)], 0.7, 22_050)
    assert np.abs(twice).max() <= 1.01 * np.abs(play(one, [Channel(0)], 0.7, 22_050)).max()


def test_nothing_to_play_is_silence_of_the_length_asked_for() -> None:
    assert play([], [Channel(0)], 0.5, 22_050).shape == (11_025,)
    assert not play([Note(0.6, 0.7, 0, 60, 100)], [Channel(0)], 0.5, 22_050).any()


@given(st.integers(8_000, 48_000))
def test_what_folds_over_lies_above_the_wanted_band(sample_rate: int) -> None:
    assert render_rate(sample_rate) - 22_050 >= min(sample_rate // 2, sample_rate - 22_050)
    assert render_rate(sample_rate) >= sample_rate


# the corpus


def test_pieces_are_whole_music(pieces: dict[str, np.ndarray]) -> None:
    for name, samples in pieces.items():
        assert samples.shape == (6 * 22_050,)
        assert samples.dtype == np.float32
        assert not (samples * 32_768 % 1).any(), "off the 16-bit grid"
        peak = 20 * np.log10(np.abs(samples).max())
        assert -12.01 < peak < -0.99
        assert max(np.abs(samples[:5]).max(), np.abs(samples[-5:]).max()) < 0.03, "a click at a cut end"
        loudness = np.sqrt(np.mean(samples[: 6 * 22_050].reshape(12, -1) ** 2, axis=1))
        assert loudness.min() > 1e-3, f"{name}: half a second of silence"
        assert 8 < peak - 20 * np.log10(np.sqrt(np.mean(samples**2))) < 30


def test_the_band_is_filled(pieces: dict[str, np.ndarray]) -> None:
    shares = []
    for samples in pieces.values():
        power = np.abs(np.fft.rfft(samples)) ** 2
        above = np.fft.rfftfreq(6 * 22_050, 1 / 22_050) > 5_500
        shares.append(10 * np.log10(power[above].sum() / power.sum()))
    assert np.median(shares) > -30, "less above 5.5 kHz than recordings have"
    assert max(shares) - min(shares) > 15, "every piece has the same tone"


def test_bits_do_not_hang_on_what_was_played_before(pieces: dict[str, np.ndarray]) -> None:
    for item in SMALL.items()[9:6:-1]:
        np.testing.assert_array_equal(SMALL.load(item), pieces[item.name])


def test_bits_are_the_same_in_another_process_that_leaves_no_files(
    tmp_path: Path, pieces: dict[str, np.ndarray]
) -> None:
    program = (
        "import hashlib\nfrom nblib.corpora.scores import ScoresCorpus\n"
        "corpus = ScoresCorpus(pieces=24, seconds=6.0)\n"
        "for item in reversed(corpus.items()[2:6]): print(hashlib.sha256(corpus.load(item).tobytes()).hexdigest())\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.split() == [digest(pieces[item.name]) for item in SMALL.items()[2:6]][::-1]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_pickled_corpus_is_the_same() -> None:
    copy = pickle.loads(pickle.dumps(SMALL))
    assert copy == SMALL
    assert copy.fingerprint == SMALL.fingerprint
    assert copy.items() == SMALL.items()


@pytest.mark.parametrize("change", [{"pieces": 25}, {"seconds": 7.0}, {"sample_rate": 16_000}, {"seed": 1}])
def test_every_setting_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert replace(SMALL, **change).fingerprint != SMALL.fingerprint


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100, 48_000])
def test_other_sample_rates(sample_rate: int) -> None:
    corpus = ScoresCorpus(pieces=3, seconds=1.01, sample_rate=sample_rate)
    assert corpus.load(corpus.items()[0]).shape == (round(1.01 * sample_rate),)


@pytest.mark.parametrize(
    "wrong",
    [{"pieces": 2}, {"seconds": 0.0}, {"seconds": float("nan")}, {"seconds": float("inf")}, {"sample_rate": 4_000}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        replace(SMALL, **wrong)


def test_items_of_another_corpus_are_refused() -> None:
    with pytest.raises(CorpusError, match="not a piece"):
        SMALL.load(ScoresCorpus(pieces=24, seed=9).items()[0])
