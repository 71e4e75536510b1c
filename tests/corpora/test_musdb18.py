"""MUSDB18 in both layouts: the list of its tracks, any part of it, silent vocals, stem files, spoilt tracks."""

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from helpers.corpora import BENCH, RATE, burst, groups, loud, on_real, opened, put, put_song, sizes_of, spoilt
from helpers.measures import shift

from nblib.audio import read
from nblib.corpora.corpus import SNR_LIMITS_DB
from nblib.corpora.layouts import STREAMS, musdb18, split_list
from nblib.errors import CorpusError

TRAIN = ["Actions - Devil's Words", "Giselle - Moss", "Johnny Lokke - Promises & Lies", "Leaf - Wicked"]
TEST = ["Al James - Schoolboy Facination", "AM Contra - Heart Peripheral"]
TEST += ["We Fell From The Sky - Not You", "Zeno - Signs"]


def put_stem_file(path: Path, streams: list[np.ndarray], rate: int = 44_100) -> None:
    """Streams [shape=(n, 2)] as AAC in one MP4 file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        added = [container.add_stream("aac", rate=rate, layout="stereo", bit_rate=256_000) for _ in streams]
        for stream, samples in zip(added, streams, strict=True):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T, np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts = rate, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four tracks of MUSDB18's train set, four of its test set."""
    for folder, names in (("train", TRAIN), ("test", TEST)):
        for name in names:
            put_song(tmp_path / "musdb18hq" / folder / name)
    return tmp_path


def test_a_whole_copy_is_split_by_the_rule_without_a_warning(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    lines = list(split_list().values())
    train, test = ([line["track"] for line in lines if line["set"] == each] for each in ("train", "test"))
    derived = dict.fromkeys(train, "train")
    derived |= {name: ("validation", "test")[n % 2] for n, name in enumerate(sorted(test, key=str.casefold))}
    assert (len(train), len(test)) == (100, 50) and {line["track"]: line["split"] for line in lines} == derived
    for line in lines:
        folder = tmp_path / line["set"] / line["track"]
        folder.mkdir(parents=True)
        (folder / "mixture.wav").touch()
        (folder / "vocals.wav").touch()
    items = musdb18(tmp_path)
    assert items and {item.group: item.split for item in items} == derived and len(items) == 150 and not recwarn.list


@pytest.mark.parametrize("place", ["musdb18hq", "musdb18", "elsewhere"])
def test_a_part_of_it_keeps_the_split_and_says_what_is_missing(root: Path, place: str) -> None:
    (root / "musdb18hq").rename(root / place)
    with pytest.warns(UserWarning, match=r"142 of MUSDB18's 150 tracks are not there: A C.* \.\.\."):
        corpus = loud("vocals", root / place if place == "elsewhere" else root)
    assert groups(corpus) == {"train": set(TRAIN), "validation": {TEST[0], TEST[2]}, "test": {TEST[1], TEST[3]}}
    assert all(item.info["vocals"] == "present" and item.info["title"] == item.group for item in corpus.items())
    assert corpus.name == "musdb18" and "MedleyDB" in corpus.licence and 'St{\\"o}ter' in corpus.citation


def test_seconds_keep_the_loudest_vocals(root: Path) -> None:
    for name, stem in ((TRAIN[0], "vocals"), ("Silent", "mixture")):
        folder = root / "musdb18hq" / "train" / name
        stems = put_song(folder, 5.0, vocals=0.0)
        for each in {stem, "mixture"}:
            stems[each] = stems[each].copy()
            stems[each][2 * RATE : 3 * RATE] += 0.2
            put(folder, f"{each}.wav", samples=stems[each])
    corpus = opened("vocals", root, seconds=1.5)
    items = {item.group: item for item in corpus.items("train")}
    for name, side, vocals in ((TRAIN[0], "target", "present"), ("Silent", "noise", "silent")):
        info, part = items[name].info, getattr(corpus.load(items[name]), side)
        assert 1.45 <= float(info["start"]) <= 2.05 and info["seconds"] == 1.5 and info["vocals"] == vocals
        assert len(part) == round(1.5 * RATE) and np.mean(part) > 0.1
    assert opened("vocals", root).fingerprint != corpus.fingerprint


def test_silent_and_very_quiet_vocals_are_used_and_named(root: Path) -> None:
    put_song(root / "musdb18hq/train/Instrumental", vocals=0.0)
    put_song(root / "musdb18hq/train/Hardly Sung", vocals=0.002)
    with pytest.warns(UserWarning, match="(?s)Hardly Sung: very quiet vocals.*Instrumental: silent vocals"):
        corpus = loud("vocals", root)
    items = {item.group: item for item in corpus.items("train")}
    kinds = {name: items[name].info["vocals"] for name in ("Hardly Sung", "Instrumental")}
    assert not corpus.skipped and kinds == {"Hardly Sung": "very quiet", "Instrumental": "silent"}
    assert json.loads(json.dumps(dict(items["Instrumental"].info), allow_nan=False))["snr_db"] == SNR_LIMITS_DB[0]
    mixed = corpus.load(items["Instrumental"])
    assert not mixed.target.any() and np.array_equal(mixed.noise, mixed.mixture) and mixed.noise.any()


def test_a_limit_never_leaves_silence_alone(root: Path) -> None:
    for name in TRAIN[1:]:
        put_song(root / "musdb18hq/train" / name, 1.0, vocals=0.0)
    for seed in range(4):
        assert opened("vocals", root, {"train": 2}, seed=seed).items("train")[0].info["vocals"] == "present"


def test_strangers_follow_their_folder_and_misplaced_tracks_the_list(root: Path) -> None:
    songs = root / "musdb18hq"
    for name in ("test/Stranger 0", "test/Stranger 1", "test/Stranger 2", "train/Another"):
        put_song(songs / name)
    shutil.move(songs / "train" / TRAIN[0], songs / "test" / "actions - devils_words")
    found = groups(opened("vocals", root))
    assert found["train"] == {*TRAIN, "Another"}
    assert found["validation"] == {TEST[0], TEST[2], "Stranger 0", "Stranger 2"}
    assert found["test"] == {TEST[1], TEST[3], "Stranger 1"}


def test_where_the_list_leaves_a_split_without_vocals_songs_are_dealt_out_anew(tmp_path: Path) -> None:
    """As in a copy of the train set alone, or of a few tracks."""
    for number in range(7):
        put_song(tmp_path / "train" / f"Song {number}", 1.0)
    put_song(tmp_path / "test/Instrumental", 1.0, vocals=0.0)
    with pytest.warns(UserWarning, match="too few songs with vocals to keep the list's split"):
        corpus = loud("vocals", tmp_path)
    assert sizes_of(corpus) == [6, 1, 1] and "Instrumental" in groups(corpus)["train"]
    assert sizes_of(opened("vocals", tmp_path, {"validation": 0, "test": 0})) == [7, 0, 0]


def test_spoilt_tracks_are_skipped_by_name(root: Path) -> None:
    train = root / "musdb18hq/train"
    for place, name in enumerate("ABCDE"):
        put_song(train / f"Spoilt {name}", 1.5 + place / 10)
    put(train, "Spoilt A/vocals.wav", samples=np.zeros(RATE))
    (train / "Spoilt B/mixture.wav").write_bytes(b"RIFF")
    shutil.copy(train / "Spoilt C/vocals.wav", train / "Spoilt C/mixture.wav")
    (train / "Spoilt D/vocals.wav").unlink()
    put(train, "Spoilt E/mixture.wav", samples=soundfile.read(train / "Spoilt E/mixture.wav")[0], rate=2 * RATE)
    shutil.copytree(train / TRAIN[0], train.parent / "test" / TRAIN[0])
    put_stem_file(train / f"{TRAIN[1]}.stem.mp4", [np.zeros((44_100, 2))] * 5)
    corpus = opened("vocals", root)
    assert groups(corpus)["train"] == set(TRAIN)
    reasons = {f"test/{TRAIN[0]}": "the same track as train/", f"train/{TRAIN[1]}.stem.mp4": "the same track as train/"}
    reasons["train/Spoilt A"] = "vocals.wav 16000 at 16000 Hz, train/Spoilt A/mixture.wav 24000 at 16000 Hz); copy both"
    reasons |= {"train/Spoilt B": "cannot be read as sound", "train/Spoilt C": "mixture and vocals are the same"}
    reasons |= {"train/Spoilt D": "neither vocals.wav nor vocals.flac is there", "train/Spoilt E": "30400 at 32000 Hz"}
    assert spoilt(corpus, reasons)


def test_an_empty_folder_says_what_to_unpack(tmp_path: Path) -> None:
    (tmp_path / "musdb18hq/train/.hidden").mkdir(parents=True)
    with pytest.raises(CorpusError, match=r"no track in train/ or test/; unpack MUSDB18 \(doi"):
        opened("vocals", tmp_path)


def test_a_stem_file_gives_its_streams_in_order_at_level_and_in_time(tmp_path: Path) -> None:
    rate, count = 44_100, 44_100 + 137
    time = np.arange(count) / rate
    swell = np.minimum(1, 8 * time) * np.exp(-1.5 * time)
    tones = [0.2 / place * np.sin(2 * np.pi * 220 * place * time) * swell for place in (1, 2, 3, 4)]
    streams = [np.stack([1.5 * mono, 0.5 * mono], axis=1) for mono in [np.sum(tones, axis=0), *tones]]
    put_stem_file(tmp_path / "song.stem.mp4", streams)
    for place, (stem, stereo) in enumerate(zip(STREAMS, streams, strict=True)):
        samples, own_rate = read(tmp_path / "song.stem.mp4", stream=place)
        assert own_rate == rate and count <= len(samples) < count + 1024
        wanted = stereo.mean(1).astype(np.float32)
        assert shift(wanted, samples[:count]) == 0, stem
        error = np.sum((samples[:count] - wanted) ** 2) / np.sum(wanted**2)
        assert 10 * np.log10(error) < -25, stem


def test_stem_files_make_a_corpus(tmp_path: Path) -> None:
    for place, name in enumerate([*TRAIN[:2], *TEST[:2]]):
        parts = [burst(f"{name}{stem}", 1.5, level, 44_100) for stem, level in enumerate((0.05, 0.05, 0.05, 0.1))]
        streams = [np.stack([part, part], axis=1) for part in (np.sum(parts, axis=0), *parts)]
        put_stem_file(tmp_path / ("train" if place < 2 else "test") / f"{name}.stem.mp4", streams)
    corpus = opened("vocals", tmp_path)
    assert groups(corpus) == {"train": set(TRAIN[:2]), "validation": {TEST[0]}, "test": {TEST[1]}}
    for item in corpus.items():
        mixed = corpus.load(item)
        assert item.info["snr_db"] == pytest.approx(20 * np.log10(0.1 / 0.05) - 10 * np.log10(3), abs=1.0)
        assert np.array_equal(mixed.mixture, mixed.target + mixed.noise) and abs(len(mixed.target) - 1.5 * RATE) < 600


def test_spoilt_stem_files(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((44_100, 2))
    first, second, third = (tmp_path / "train" / f"{name}.stem.mp4" for name in TRAIN[:3])
    put_stem_file(first, [noise] * 4)
    second.write_bytes(first.read_bytes()[: first.stat().st_size // 2])
    put_stem_file(third, [noise] * 4 + [noise[:-6000] / 3])
    with pytest.raises(CorpusError) as caught:
        opened("vocals", tmp_path)
    for reason in (": 4 sound stream(s) where", ": cannot be read", "match in samples (vocals 38912 at 44100 Hz, mix"):
        assert reason in str(caught.value)


@on_real
def test_real_songs() -> None:
    with pytest.warns(UserWarning) as caught:
        corpus = loud("vocals", BENCH)
    text = "".join(str(each.message) for each in caught)
    assert "Shadows: silent vocals" in text and "Hendrix: very quiet vocals" in text and "143 of" in text
    assert not corpus.skipped and sizes_of(corpus) == [6, 1, 1]
    assert {item.group for item in corpus.items() if item.info["vocals"] == "silent"} == {"Music Delta - Shadows"}
    assert groups(opened("vocals", BENCH, seconds=5.0)) == groups(corpus)
