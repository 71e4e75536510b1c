"""Corpora by name: what is looked for where, what stands in, and what the errors say."""

from __future__ import annotations

import inspect
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

import nblib.corpora as corpora
from nblib import paths
from nblib.corpora import EmbeddedMixtures, Musdb, MusicFolder, MusicSelection, ScoresCorpus, SpeakerNoiseFolders
from nblib.corpora.base import SPLITS
from nblib.corpora.registry import KeptScores, KeptSongs, music, speech_mixtures, vocal_mixtures
from nblib.corpora.songs import EmbeddedSongs
from nblib.corpora.voicebank import VoiceBankDemand
from nblib.errors import CorpusError, ParameterError

BENCH = Path(os.environ.get("NBLIB_REALBENCH") or Path(__file__).resolve().parents[2] / "shared" / "realbench")
on_real = pytest.mark.skipif(not BENCH.is_dir(), reason="no real recordings: set NBLIB_REALBENCH to their folder")


def write(path: Path, seed: int, seconds: float = 1.5, sample_rate: int = 22_050) -> np.ndarray:
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * sample_rate))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sample_rate)
    return samples


def write_pairs(root: Path, folder: str) -> None:
    for number in range(4):
        write(root / f"clean_{folder}_wav" / f"p{number}_001.wav", number)
        clean, _ = soundfile.read(root / f"clean_{folder}_wav" / f"p{number}_001.wav")
        noise = 0.1 * np.random.default_rng(number + 50).standard_normal(len(clean))
        (root / f"noisy_{folder}_wav").mkdir(parents=True, exist_ok=True)
        soundfile.write(root / f"noisy_{folder}_wav" / f"p{number}_001.wav", clean + noise, 22_050)


def write_folders(root: Path) -> None:
    for number in range(4):
        write(root / "speech" / f"s{number}" / "a.flac", number)
        write(root / "noise" / f"{'abcd'[number]}-1.flac", 100 + number)


def test_embedded_by_name() -> None:
    made = music("embedded", None, 16_000, 3, pieces=5, seconds=4.0)
    assert made == KeptScores(pieces=5, seconds=4.0, sample_rate=16_000, seed=3)
    spoken = speech_mixtures("embedded", None, 16_000, 3, train=4, validation=2, test=1)
    assert spoken == EmbeddedMixtures(4, 2, 1, sample_rate=16_000, seed=3)
    assert [len(spoken.items(split)) for split in SPLITS] == [4, 2, 1]
    sung = vocal_mixtures("embedded", None, 16_000, 3, train=4, validation=2, test=1)
    assert sung == KeptSongs(4, 2, 1, seconds=180.0, sample_rate=16_000, seed=3)
    assert vocal_mixtures("embedded", seconds=12.0) == KeptSongs(100, 25, 25, seconds=12.0)


def test_a_piece_is_played_once_and_then_kept_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    kept, played = music("embedded", seed=3, pieces=3, seconds=1.0), ScoresCorpus(pieces=3, seconds=1.0, seed=3)
    assert kept.fingerprint == played.fingerprint
    item = kept.items("test")[0]
    first = kept.load(item)
    np.testing.assert_array_equal(first, played.load(item))
    monkeypatch.setattr(ScoresCorpus, "load", None)
    again = kept.load(item)
    np.testing.assert_array_equal(again, first)
    assert again.dtype == first.dtype == np.float32
    (file,) = (paths.cache() / f"music-{kept.fingerprint}").iterdir()
    assert file.stem == item.name


def test_a_song_is_sung_once_and_then_kept_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    kept = vocal_mixtures("embedded", seed=3, train=1, validation=1, test=1, seconds=3.0)
    sung = EmbeddedSongs(1, 1, 1, seconds=3.0, seed=3)
    assert kept.fingerprint == sung.fingerprint
    item = kept.items("test")[0]
    first, plain = kept.load(item), sung.load(item)
    monkeypatch.setattr(EmbeddedSongs, "load", None)
    again = kept.load(item)
    for part in ("target", "noise", "mixture"):
        np.testing.assert_array_equal(getattr(first, part), getattr(plain, part))
        np.testing.assert_array_equal(getattr(again, part), getattr(plain, part))
        assert getattr(again, part).dtype == np.float32


@pytest.mark.parametrize("place", ["lossless_music", ".", "musdb18hq/train/song"])
def test_music_is_found_where_it_is_looked_for(tmp_path: Path, place: str) -> None:
    for number, name in enumerate(("alpha", "bravo", "charlie", "delta")):
        below = f"{name}/mixture.flac" if "musdb" in place else f"{name}.flac"
        write(tmp_path / place / below, number, seconds=2.0)
    found = music("real", tmp_path, seed=1, seconds=1.5)
    assert isinstance(found, MusicFolder)
    assert len(found.items()) == 4
    assert all(found.load(item).shape == (33_075,) for item in found.items())


def test_pieces_limit_a_folder(tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / "lossless_music" / f"{chr(97 + number)}" / "take.flac", number)
    whole = music("real", tmp_path)
    chosen = music("real", tmp_path, pieces=10)
    assert isinstance(chosen, MusicSelection)
    assert [len(chosen.items(split)) for split in SPLITS] == [7, 2, 1]
    assert {item.name for item in chosen.items()} < {item.name for item in whole.items()}
    assert chosen.fingerprint not in (whole.fingerprint, music("real", tmp_path, pieces=9).fingerprint)
    item = chosen.items("test")[0]
    assert np.array_equal(chosen.load(item), whole.load(item))
    described = (chosen.name, chosen.licence, chosen.citation, chosen.sample_rate)
    assert described == (whole.name, whole.licence, whole.citation, whole.sample_rate)


def test_pairs_come_before_folders(tmp_path: Path) -> None:
    write_folders(tmp_path)
    write_pairs(tmp_path / "voicebank_demand", "trainset_28spk")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = speech_mixtures("real", tmp_path, train=2, validation=1, test=1)
    assert isinstance(found, VoiceBankDemand)
    assert [len(found.items(split)) for split in SPLITS] == [2, 1, 1]


@pytest.mark.parametrize(
    ("folder", "snr_db", "reason"),
    [("testset", 0.0, "has no training set"), ("trainset_56spk", 15.0, "too few pairs at 15 dB.*found 0 dB: 4")],
)
def test_folders_stand_in_and_it_is_said(tmp_path: Path, folder: str, snr_db: float, reason: str) -> None:
    write_folders(tmp_path)
    write_pairs(tmp_path / "voicebank_demand", folder)
    with pytest.warns(UserWarning, match=f"{reason}.*taking speech/ mixed with noise/ instead"):
        found = speech_mixtures("real", tmp_path, train=2, validation=1, test=1, snr_db=snr_db)
    assert isinstance(found, SpeakerNoiseFolders)
    assert [len(found.items(split)) for split in SPLITS] == [2, 1, 1]


def test_folders_alone_need_no_warning(tmp_path: Path) -> None:
    write_folders(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(speech_mixtures("real", tmp_path), SpeakerNoiseFolders)


@pytest.mark.parametrize("place", ["musdb18hq", "musdb18", "."])
def test_songs_are_found_where_they_are_looked_for(tmp_path: Path, place: str) -> None:
    for number in range(4):
        for part, stem in enumerate(("mixture", "vocals")):
            write(tmp_path / place / "train" / f"song {number}" / f"{stem}.wav", 10 * number + part)
    found = vocal_mixtures("real", tmp_path, 16_000, 3, train=1, validation=1, test=1, seconds=1.0)
    assert found == Musdb(tmp_path / place, 1, 1, 1, seconds=1.0, sample_rate=16_000, seed=3)
    with pytest.warns(UserWarning, match="not in MUSDB18's list"):
        assert [len(found.items(split)) for split in SPLITS] == [1, 1, 1]
    assert {len(found.load(item).target) for item in found.items()} == {16_000}


def test_errors_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"looked for lossless_music/, .* and musdb18hq/"):
        music("real", tmp_path)
    with pytest.raises(CorpusError, match=r"looked for voicebank_demand/ \(.*is not there\) and for speech/<speaker>/"):
        speech_mixtures("real", tmp_path)
    with pytest.raises(CorpusError, match="looked for musdb18hq/, musdb18/, and train/ or test/"):
        vocal_mixtures("real", tmp_path)
    for function in (music, speech_mixtures, vocal_mixtures):
        with pytest.raises(CorpusError, match="no such folder"):
            function("real", tmp_path / "none")
        with pytest.raises(ParameterError, match="--data-root"):
            function("real", None)
        with pytest.raises(ParameterError, match="did you mean 'embedded'"):
            function("embeded", tmp_path)


@pytest.mark.parametrize(
    "corpus",
    [
        ScoresCorpus,
        MusicFolder,
        MusicSelection,
        EmbeddedMixtures,
        VoiceBankDemand,
        SpeakerNoiseFolders,
        EmbeddedSongs,
        Musdb,
    ],
)
def test_every_corpus_offers_the_same(corpus: type) -> None:
    for name in ("name", "licence", "citation", "sample_rate", "fingerprint"):
        assert hasattr(corpus, name) or name in corpus.__dataclass_fields__  # type: ignore[attr-defined]
    assert list(inspect.signature(corpus.items).parameters) == ["self", "split"]  # type: ignore[attr-defined]
    assert list(inspect.signature(corpus.load).parameters) == ["self", "item"]  # type: ignore[attr-defined]


def test_all_names_are_there() -> None:
    assert all(hasattr(corpora, name) for name in corpora.__all__)


@on_real
def test_real_recordings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pieces = music("real", BENCH, pieces=10, seconds=5.0)
        assert len(pieces.items()) == 10
        assert {len(pieces.load(item)) for item in pieces.items()} <= set(range(22_050, 110_251))
    with pytest.warns(UserWarning, match="no training set"):
        spoken = speech_mixtures("real", BENCH, train=6, validation=3, test=3)
    assert len(spoken.items()) == 12
    with pytest.warns(UserWarning, match="musdb18 in"):
        songs = vocal_mixtures("real", BENCH, seconds=5.0).items()
    assert len(songs) == 8
