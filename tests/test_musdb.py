"""MUSDB18 in both layouts: the list of its tracks, any part of it, silent vocals, stem files, spoilt tracks."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from nblib.audio import lag
from nblib.corpora.base import SPLITS, Item
from nblib.corpora.mixtures import measured_snr_db
from nblib.corpora.musdb import SNR_LIMIT_DB, Musdb
from nblib.corpora.musdb_split import Listed, deal, find_tracks, key, split_list
from nblib.corpora.stems import STEMS, read_stems
from nblib.errors import AudioError, CorpusError, ParameterError

BENCH = Path(os.environ.get("NBLIB_REALBENCH") or Path(__file__).resolve().parents[2] / "shared" / "realbench")
on_real = pytest.mark.skipif(not BENCH.is_dir(), reason="no real recordings: set NBLIB_REALBENCH to their folder")
RATE = 22_050
TRAIN = ["Actions - Devil's Words", "Giselle - Moss", "Johnny Lokke - Promises & Lies", "Leaf - Wicked"]
TEST = [
    "Al James - Schoolboy Facination",
    "AM Contra - Heart Peripheral",
    "We Fell From The Sky - Not You",
    "Zeno - Signs",
]
QUIET = "ignore:musdb18 in"


def sounds(name: str, seconds: float, vocals: float, channels: int = 1, rate: int = RATE) -> dict[str, np.ndarray]:
    """Five stems [shape=(n, channels)] in the order of `STEMS`, vocals with a root mean square of `vocals`."""
    random = np.random.default_rng(sum(map(ord, name)))
    shape = (round(seconds * rate), channels)
    parts = {stem: 0.05 * random.standard_normal(shape) for stem in STEMS[1:-1]}
    parts["vocals"] = vocals * random.standard_normal(shape)
    return {"mixture": np.sum(list(parts.values()), axis=0), **parts}


def write(folder: Path, name: str, seconds: float = 2.0, vocals: float = 0.05, suffix: str = "wav") -> None:
    (folder / name).mkdir(parents=True)
    for stem, samples in sounds(name, seconds, vocals).items():
        soundfile.write(folder / name / f"{stem}.{suffix}", samples, RATE)


def write_stem_file(path: Path, streams: list[np.ndarray], rate: int = 44_100) -> None:
    """Streams [shape=(n, 2)] as AAC in one MP4 file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        added = [container.add_stream("aac", rate=rate, layout="stereo", bit_rate=256_000) for _ in streams]
        for stream, samples in zip(added, streams, strict=True):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T, np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts = rate, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def titles(corpus: Musdb) -> dict[str, set[str]]:
    return {split: {item.group for item in corpus.items(split)} for split in SPLITS}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four tracks of MUSDB18's train set, four of its test set."""
    for folder, names in (("train", TRAIN), ("test", TEST)):
        for name in names:
            write(tmp_path / folder, name)
    return tmp_path


def test_the_list_follows_its_rule() -> None:
    rows = list(split_list().values())
    assert Counter(row.split for row in rows) == {"train": 100, "validation": 25, "test": 25}
    sets = {each: sorted((row.name for row in rows if row.set == each), key=str.casefold) for each in ("train", "test")}
    assert [len(names) for names in sets.values()] == [100, 50]
    derived = [Listed(name, "train", "train") for name in sets["train"]]
    derived += [Listed(name, "test", ("validation", "test")[i % 2]) for i, name in enumerate(sets["test"])]
    assert rows == derived
    assert len({key(row.name) for row in rows}) == 150


def test_artists_are_shared_as_the_list_says() -> None:
    artists = {
        split: {
            row.name.split(" - ")[0].split(" feat.")[0].split(" (")[0]
            for row in split_list().values()
            if row.split == split
        }
        for split in SPLITS
    }
    heard = artists["train"] & (artists["validation"] | artists["test"])
    assert heard == {"Hollow Ground", "Skelpolu", "The Long Wait", "Triviul"}
    both = artists["validation"] & artists["test"]
    assert both == {"BKS", "PR", "Secretariat", "Speak Softly", "The Easton Ellises"}


def test_the_list_is_found_from_any_folder(tmp_path: Path) -> None:
    command = "from nblib.corpora.musdb_split import split_list; print(len(split_list()))"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "150", done.stderr


def test_a_whole_copy_is_split_as_listed(tmp_path: Path) -> None:
    for row in split_list().values():
        folder = tmp_path / row.set / row.name
        folder.mkdir(parents=True)
        (folder / "mixture.wav").touch()
    tracks, skipped = find_tracks(tmp_path)
    assert {each: [track.name for track in dealt] for each, dealt in deal(tracks).items()} == {
        each: [row.name for row in split_list().values() if row.split == each] for each in SPLITS
    }
    assert not skipped and not any(Musdb(tmp_path).missing.values())


def test_a_part_of_it_keeps_the_split_and_says_what_is_missing(root: Path) -> None:
    corpus = Musdb(root)
    with pytest.warns(UserWarning, match="142 of MUSDB18's 150 tracks are not there.*train 96, validation 23, test 23"):
        items = corpus.items()
    assert titles(corpus) == {"train": set(TRAIN), "validation": {TEST[0], TEST[2]}, "test": {TEST[1], TEST[3]}}
    assert len(items) == len({item.name for item in items}) == 8
    assert all(item.info["vocals"] == "present" for item in items)
    assert {each: len(names) for each, names in corpus.missing.items()} == {"train": 96, "validation": 23, "test": 23}
    assert "Giselle - Moss" not in corpus.missing["train"] and "BKS - Too Much" in corpus.missing["validation"]


@pytest.mark.filterwarnings(QUIET)
def test_a_track_is_loaded_as_it_is(root: Path) -> None:
    corpus = Musdb(root, sample_rate=RATE)
    for item in corpus.items():
        mixed, folder = corpus.load(item), root / str(item.info["file"])
        vocals, mixture = (soundfile.read(folder / f"{stem}.wav", dtype="float32")[0] for stem in ("vocals", "mixture"))
        gain = mixed.target[100] / vocals[100]
        assert 0.5 < gain <= 1.0
        np.testing.assert_allclose(mixed.target, gain * vocals, atol=1e-6)
        np.testing.assert_allclose(mixed.mixture, gain * mixture, atol=1e-6)
        np.testing.assert_array_equal(mixed.mixture, mixed.target + mixed.noise)
        assert mixed.mixture.dtype == np.float32
        assert item.info["snr_db"] == pytest.approx(measured_snr_db(mixed.target, mixed.noise), abs=0.01)
        assert item.info["snr_db"] == pytest.approx(-10 * np.log10(3), abs=0.3)
    again = pickle.loads(pickle.dumps(corpus)).load(Item(item.name, "", item.split))
    np.testing.assert_array_equal(again.mixture, mixed.mixture)
    assert len(Musdb(root, sample_rate=16_000).load(item).target) == 32_000
    with pytest.raises(CorpusError, match="'train-00099' is no item of musdb18"):
        corpus.load(Item("train-00099", "", "train"))


@pytest.mark.filterwarnings(QUIET)
def test_limits_order_and_fingerprint(root: Path) -> None:
    few = Musdb(root, train=2, validation=1, test=0)
    assert [len(few.items(split)) for split in SPLITS] == [2, 1, 0]
    assert few.items("train") == Musdb(root).items("train")[:2]
    draws = [tuple(item.group for item in Musdb(root, train=2, seed=seed).items("train")) for seed in range(4)]
    assert len(set(draws)) > 1
    settings: tuple[dict[str, Any], ...] = ({}, {"train": 2}, {"seed": 1}, {"seconds": 1.0}, {"sample_rate": 16_000})
    prints = [Musdb(root, **each).fingerprint for each in settings]
    assert len(set(prints)) == len(settings) and Musdb(root).fingerprint == prints[0]
    moved = shutil.copytree(root, root / "copy")
    assert Musdb(moved).fingerprint == prints[0]
    file = moved / "train" / TRAIN[0] / "vocals.wav"
    samples, _ = soundfile.read(file, dtype="int16")
    samples[1000] += 1
    soundfile.write(file, samples, RATE)
    assert Musdb(moved).fingerprint != prints[0]


@pytest.mark.filterwarnings(QUIET)
def test_seconds_keep_the_loudest_vocals(root: Path) -> None:
    for name in (TRAIN[0], "Silent"):
        parts = sounds(name, 5.0, 0.0)
        loud = slice(2 * RATE, 3 * RATE)
        parts["vocals" if name != "Silent" else "other"][loud] += 0.2
        mixture = sum(parts[stem] for stem in STEMS[1:])
        (root / "train" / name).mkdir(exist_ok=True)
        for stem, samples in {**parts, "mixture": mixture}.items():
            soundfile.write(root / "train" / name / f"{stem}.wav", samples, RATE)
    corpus = Musdb(root, seconds=1.5)
    items = {item.group: item for item in corpus.items("train")}
    for name in (TRAIN[0], "Silent"):
        item = items[name]
        assert 1.45 <= float(item.info["start"]) <= 2.05 and item.info["seconds"] == 1.5
        mixed = corpus.load(item)
        part = mixed.target if name != "Silent" else mixed.noise
        assert len(part) == round(1.5 * RATE) and np.mean(part) > 0.1
    assert items["Silent"].info["vocals"] == "silent" and items[TRAIN[0]].info["vocals"] == "present"
    assert {len(corpus.load(item).target) for item in corpus.items()} == {round(1.5 * RATE)}


def test_silent_and_very_quiet_vocals_are_used_and_named(root: Path) -> None:
    write(root / "train", "Instrumental", vocals=0.0)
    write(root / "train", "Hardly Sung", vocals=0.005)
    corpus = Musdb(root)
    with pytest.warns(UserWarning, match="silent vocals: Instrumental\n.*very quiet.*: Hardly Sung$") as caught:
        items = {item.group: item for item in corpus.items("train")}
    assert len(caught) == 1 and not corpus.skipped
    assert items["Instrumental"].info["vocals"] == "silent"
    assert items["Hardly Sung"].info["vocals"] == "very quiet"
    assert items["Instrumental"].info["snr_db"] == -SNR_LIMIT_DB
    assert json.loads(json.dumps(dict(items["Instrumental"].info), allow_nan=False))["snr_db"] == -120.0
    mixed = corpus.load(items["Instrumental"])
    assert not mixed.target.any() and np.array_equal(mixed.noise, mixed.mixture) and mixed.noise.any()


@pytest.mark.parametrize("seed", range(4))
def test_a_limit_never_leaves_silence_alone(tmp_path: Path, seed: int) -> None:
    for number in range(4):
        write(tmp_path / "train", f"Silent {number}", 1.0, vocals=0.0)
    for folder, names in (("train", TRAIN[:1]), ("test", TEST[:2])):
        for name in names:
            write(tmp_path / folder, name, 1.0)
    corpus = Musdb(tmp_path, train=2, seed=seed)
    with pytest.warns(UserWarning, match="silent vocals: Silent"):
        assert [item.info["vocals"] for item in corpus.items("train")] == ["present", "silent"]


def test_strangers_follow_their_folder_and_misplaced_tracks_the_list(root: Path) -> None:
    for number in range(3):
        write(root / "test", f"Stranger {number}")
    write(root / "train", "Another")
    shutil.move(root / "train" / TRAIN[0], root / "test" / "actions - devils_words")
    corpus = Musdb(root)
    with pytest.warns(UserWarning) as caught:
        found = titles(corpus)
    assert found["train"] == {*TRAIN, "Another"}
    assert found["validation"] == {TEST[0], TEST[2], "Stranger 0", "Stranger 2"}
    assert found["test"] == {TEST[1], TEST[3], "Stranger 1"}
    (text,) = [str(each.message) for each in caught]
    assert "Another (train), Stranger 0 (validation), Stranger 1 (test), Stranger 2 (validation)" in text
    assert "in the wrong folder, put where MUSDB18's list says: test/actions - devils_words" in text
    assert "moved" not in text


@pytest.mark.filterwarnings(QUIET)
def test_a_track_found_twice_is_used_once(root: Path) -> None:
    shutil.copytree(root / "train" / TRAIN[0], root / "test" / TRAIN[0])
    write_stem_file(root / "train" / f"{TRAIN[1]}.stem.mp4", [np.zeros((44_100, 2))] * 5)
    corpus = Musdb(root)
    with pytest.warns(UserWarning, match="musdb18: 2 skipped"):
        assert titles(corpus)["train"] == set(TRAIN)
    assert corpus.skipped == {
        f"test/{TRAIN[0]}": f"the same track as train/{TRAIN[0]}",
        f"train/{TRAIN[1]}.stem.mp4": f"the same track as train/{TRAIN[1]}",
    }


@pytest.mark.parametrize(
    ("tracks", "expected", "moved"),
    [
        ("train A B C D", "A B|C|D", "D (train to test), C (train to validation)"),
        ("train A B C d", "A d|B|C", "C (train to test), B (train to validation)"),
        ("train A b c", "A|b|c", "c (train to test), b (train to validation)"),
        ("train A b; test c d", "A b|c|d", None),
        ("train A B; test c d", "A|c|B d", "B (train to test)"),
        ("train A B C; test d", "A|B d|C", "C (train to test), B (train to validation)"),
        ("test A B C D", "C|A|B D", "C (validation to train)"),
    ],
)
def test_empty_and_silent_splits_are_filled(tmp_path: Path, tracks: str, expected: str, moved: str | None) -> None:
    """Lower-case names are silent."""
    for part in tracks.split("; "):
        folder, *names = part.split()
        for name in names:
            write(tmp_path / folder, name, 1.0, vocals=0.0 if name.islower() else 0.05)
    corpus = Musdb(tmp_path)
    with pytest.warns(UserWarning) as caught:
        found = "|".join(" ".join(sorted(names)) for names in titles(corpus).values())
    text = str(caught[0].message)
    assert (found, "moved" in text) == (expected, moved is not None), text
    assert moved is None or f"moved, since a split had no track with vocals: {moved}\n" in text + "\n"


def test_too_few_tracks_and_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"neither train/ nor test/; unpack MUSDB18 \(doi"):
        Musdb(tmp_path).items()
    for name in TRAIN[:2]:
        write(tmp_path / "train", name)
    (tmp_path / "train" / "Notes").mkdir()
    (tmp_path / "train" / ".hidden").mkdir()
    with pytest.raises(CorpusError, match=r"2 track\(s\).*Actions - Devil's Words, Giselle - Moss\); at least 3"):
        Musdb(tmp_path).items()
    write(tmp_path / "train", "Third")
    (tmp_path / "train" / "Third" / "vocals.wav").unlink()
    with pytest.raises(CorpusError, match=r"of 3 tracks 1 cannot be used \(.*neither vocals.wav nor vocals.flac"):
        Musdb(tmp_path).items()
    refused: tuple[dict[str, Any], ...] = ({"train": -1}, {"test": 1.5}, {"seconds": 0.5}, {"sample_rate": 0})
    for setting in refused:
        with pytest.raises(ParameterError, match=next(iter(setting))):
            Musdb(tmp_path, **setting)


@pytest.mark.filterwarnings(QUIET)
def test_spoilt_tracks_are_skipped_by_name(root: Path) -> None:
    for number, name in enumerate("ABCDEF"):
        write(root / "train", f"Spoilt {name}", 0.5 if name == "F" else 1.5 + number / 10)
    soundfile.write(root / "train" / "Spoilt A" / "vocals.wav", np.zeros(RATE), RATE)
    (root / "train" / "Spoilt B" / "mixture.wav").write_bytes(b"RIFF")
    shutil.copy(root / "train" / "Spoilt C" / "vocals.wav", root / "train" / "Spoilt C" / "mixture.wav")
    (root / "train" / "Spoilt D" / "vocals.wav").unlink()
    mixture, _ = soundfile.read(root / "train" / "Spoilt E" / "mixture.wav")
    soundfile.write(root / "train" / "Spoilt E" / "mixture.wav", mixture, 2 * RATE)
    corpus = Musdb(root)
    with pytest.warns(UserWarning, match="musdb18: 6 skipped"):
        assert titles(corpus)["train"] == set(TRAIN)
    for name, reason in {
        "A": r"do not match in samples (mixture 33075 at 22050 Hz, vocals 22050 at 22050 Hz); copy the track again",
        "B": "cannot be read as sound",
        "C": "mixture and vocals are the same",
        "D": "neither vocals.wav nor vocals.flac is there; unpack the track again",
        "E": "mixture 41895 at 44100 Hz, vocals 41895 at 22050 Hz",
        "F": "11025 samples are too short",
    }.items():
        assert reason in corpus.skipped[f"train/Spoilt {name}"]


def test_a_stem_file_gives_its_streams_in_order_at_level_and_in_time(tmp_path: Path) -> None:
    rate, count = 44_100, 44_100 + 137
    time = np.arange(count) / rate
    swell = np.minimum(1, 8 * time) * np.exp(-1.5 * time)
    tones = [0.2 / place * np.sin(2 * np.pi * 220 * place * time) * swell for place in (1, 2, 3, 4)]
    streams = [np.stack([1.5 * mono, 0.5 * mono], axis=1) for mono in [np.sum(tones, axis=0), *tones]]
    path = tmp_path / "song.stem.mp4"
    write_stem_file(path, streams)
    found, own_rate = read_stems(path, STEMS)
    assert own_rate == rate and len({len(samples) for samples in found}) == 1
    assert count <= len(found[0]) < count + 1024
    for stem, samples, stereo in zip(STEMS, found, streams, strict=True):
        wanted = stereo.mean(1).astype(np.float32)
        assert lag(wanted, samples[:count], rate) == 0, stem
        error = np.sum((samples[:count] - wanted) ** 2) / np.sum(wanted**2)
        assert 10 * np.log10(error) < -25, stem
    departure = np.sum((found[0] - np.sum(found[1:], axis=0)) ** 2) / np.sum(found[0] ** 2)
    assert -60 < 10 * np.log10(departure) < -25


@pytest.mark.filterwarnings(QUIET)
def test_stem_files_make_a_corpus(tmp_path: Path) -> None:
    for place, name in enumerate([*TRAIN[:2], *TEST[:2]]):
        streams = list(sounds(name, 1.5, 0.1, channels=2, rate=44_100).values())
        write_stem_file(tmp_path / ("train" if place < 2 else "test") / f"{name}.stem.mp4", streams)
    corpus = Musdb(tmp_path)
    assert titles(corpus) == {"train": set(TRAIN[:2]), "validation": {TEST[0]}, "test": {TEST[1]}}
    for item in corpus.items():
        mixed = corpus.load(item)
        assert item.info["snr_db"] == pytest.approx(20 * np.log10(0.1 / 0.05) - 10 * np.log10(3), abs=1.0)
        np.testing.assert_array_equal(mixed.mixture, mixed.target + mixed.noise)
        assert abs(len(mixed.target) - 1.5 * RATE) < 600


def test_spoilt_stem_files(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((44_100, 2))
    write_stem_file(tmp_path / "four.stem.mp4", [noise] * 4)
    with pytest.raises(AudioError, match=r"four.stem.mp4: 4 sound stream\(s\) instead of 5 \(mixture, drums, bass"):
        read_stems(tmp_path / "four.stem.mp4")
    write_stem_file(tmp_path / "short.stem.mp4", [*[noise] * 4, noise[:22_050]])
    with pytest.raises(
        AudioError, match=r"short.stem.mp4: the stems do not match in samples \(mixture 4\d+ at 44100 Hz"
    ):
        read_stems(tmp_path / "short.stem.mp4")
    whole = tmp_path / "four.stem.mp4"
    (tmp_path / "cut.stem.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(AudioError, match="cut.stem.mp4: mixture cannot be read .*copy the file again"):
        read_stems(tmp_path / "cut.stem.mp4")


@on_real
def test_real_songs() -> None:
    corpus = Musdb(BENCH / "musdb18hq")
    with pytest.warns(UserWarning, match="silent vocals: Music Delta - Shadows\n.*: Music Delta - Hendrix$") as caught:
        items = corpus.items()
    assert len(caught) == 1 and not corpus.skipped and len(items) == 8
    assert {
        each: {name.removeprefix("Music Delta - ") for name in names} for each, names in titles(corpus).items()
    } == {
        "train": {"80s Rock", "Beatles", "Britpop", "Country1", "Hendrix"},
        "validation": {"Grunge", "Shadows"},
        "test": {"Reggae"},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert titles(Musdb(corpus.root, seconds=5.0)) == titles(corpus)
