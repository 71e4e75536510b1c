"""Folders of speech and noise: split by speaker and source, unusable files skipped by name."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nblib.corpora.base import SPLITS, Item
from nblib.corpora.mixtures import measured_snr_db
from nblib.corpora.speakers import SpeakerNoiseFolders, noise_segment, source_of
from nblib.errors import CorpusError, ParameterError

BENCH = Path(os.environ.get("NBLIB_REALBENCH") or Path(__file__).resolve().parents[2] / "shared" / "realbench")
on_real = pytest.mark.skipif(not BENCH.is_dir(), reason="no real recordings: set NBLIB_REALBENCH to their folder")


def burst(seconds: float, sample_rate: int, seed: int = 0, level: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(seed)
    count = round(seconds * sample_rate)
    return level * random.standard_normal(count) * (1.2 + np.sin(2 * np.pi * 3 * np.arange(count) / sample_rate))


def write(path: Path, samples: np.ndarray, sample_rate: int = 16_000, subtype: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sample_rate, subtype=subtype)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Eight speakers with two recordings (2.5 and 9 s), six noise sources with two recordings."""
    speech, noise = tmp_path / "speech", tmp_path / "noise"
    for speaker in range(8):
        for take, seconds in enumerate((2.5, 9.0)):
            write(speech / f"s{speaker}" / "1" / f"{take}.flac", burst(seconds, 16_000, 10 * speaker + take))
    for source, name in enumerate(("fan", "street", "water", "keys", "paper", "drill")):
        for take in (1, 2):
            write(noise / f"{name}-{take:03d}.wav", burst(1.5 + 4 * take, 16_000, 100 + 10 * source + take, 0.02))
    return speech, noise


Make = Callable[..., SpeakerNoiseFolders]


@pytest.fixture
def make(folders: tuple[Path, Path]) -> Make:
    return lambda **settings: SpeakerNoiseFolders(*folders, **settings)


def test_all_speech_is_used_once_and_splits_share_nothing(make: Make) -> None:
    corpus = make()
    items = corpus.items()
    assert len(items) == 8 * (1 + 3)  # 2.5 s is one part, 9 s are three
    assert len({(item.info["speech"], item.info["part"]) for item in items}) == len(items)
    for key in ("speaker", "noise_source", "noise", "speech"):
        heard = [{item.info[key] for item in corpus.items(split)} for split in SPLITS]
        assert all(heard) and not (heard[0] & heard[1] or heard[0] & heard[2] or heard[1] & heard[2])
    assert len({item.name for item in items}) == len(items)
    assert not corpus.skipped


def test_mixtures_are_exact_at_0_db_and_repeat_themselves(make: Make) -> None:
    corpus = make()
    for item in corpus.items()[::3]:
        mixed = corpus.load(item)
        assert np.array_equal(mixed.mixture, mixed.target + mixed.noise)
        assert abs(measured_snr_db(mixed.target, mixed.noise)) < 1e-3
        assert len(mixed.target) == len(mixed.noise) and 2.4 < len(mixed.target) / 22_050 < 3.1
        again = pickle.loads(pickle.dumps(corpus)).load(Item(item.name, "", item.split))
        assert np.array_equal(again.mixture, mixed.mixture)


def test_the_target_is_the_recording(make: Make, folders: tuple[Path, Path]) -> None:
    corpus = make(sample_rate=16_000)
    for item in corpus.items("train")[:6]:
        whole, _ = soundfile.read(folders[0] / str(item.info["speech"]), dtype="float32")
        target = corpus.load(item).target
        parts = np.array_split(whole, 1 if len(whole) < 4 * 16_000 else 3)
        part = parts[int(item.info["part"])]
        assert np.corrcoef(part[: len(target)], target[: len(part)])[0, 1] > 0.9999


def test_sizes_are_limits_and_speakers_take_turns(make: Make) -> None:
    corpus = make(train=5, validation=1, test=0)
    assert [len(corpus.items(split)) for split in SPLITS] == [5, 1, 0]
    assert len({item.group for item in corpus.items("train")}) == 5
    assert corpus.items("train") == make().items("train")[:5]


def test_the_fingerprint_follows_settings_and_samples_but_not_the_place(
    make: Make, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    before = make().fingerprint
    assert before == make().fingerprint
    assert len({before, make(seed=1).fingerprint, make(snr_db=3.0).fingerprint, make(train=2).fingerprint}) == 4
    folders[0].rename(tmp_path / "moved")
    assert SpeakerNoiseFolders(tmp_path / "moved", folders[1]).fingerprint == before
    for path in sorted(folders[1].iterdir()):
        write(path, burst(5, 16_000, 999, 0.02))
    assert SpeakerNoiseFolders(tmp_path / "moved", folders[1]).fingerprint != before


def spoil(speech: Path, noise: Path) -> dict[str, str]:
    """Add unusable files; what their reasons must say."""
    (speech / "s0" / "text.flac").write_text("no sound")
    (speech / "s1" / "empty.wav").write_bytes(b"")
    write(speech / "s2" / "silent.flac", np.zeros(32_000))
    write(speech / "s3" / "short.flac", burst(0.2, 16_000))
    holed = burst(2, 16_000)
    holed[777] = np.nan
    write(speech / "s4" / "holed.wav", holed, subtype="FLOAT")
    write(speech / "s5" / "odd.wav", burst(2, 72_000), 72_000)
    write(speech / "s6" / "six.wav", np.stack([burst(2, 16_000)] * 6, axis=1))
    write(speech / "loose.flac", burst(2, 16_000))
    write(noise / "fan-009.wav", burst(3, 16_000, level=3e-5))
    write(noise / "hush-001.wav", np.zeros(32_000))
    (speech / ".hidden.wav").write_text("passed over")
    return {
        "s0/text.flac": "cannot be read",
        "s1/empty.wav": "cannot be read",
        "s2/silent.flac part 0": "silent",
        "s3/short.flac": "too short: 0.20 s",
        "s4/holed.wav part 0": "777 is not finite",
        "s5/odd.wav part 0": "72000",
        "s6/six.wav part 0": "6 channels",
        "loose.flac": "no speaker's folder",
        "fan-009.wav": "silent",
        "hush-001.wav": "silent",
    }


def test_unusable_files_are_skipped_by_name_with_one_warning(folders: tuple[Path, Path]) -> None:
    expected = spoil(*folders)
    corpus = SpeakerNoiseFolders(*folders)
    with pytest.warns(UserWarning, match="speaker_noise_folders: 10 skipped") as caught:
        items = corpus.items()
    assert len(caught) == 1
    assert len(items) == 32
    assert set(corpus.skipped) == set(expected)
    for name, reason in expected.items():
        assert reason in corpus.skipped[name]
    for item in items[::5]:
        assert np.isfinite(corpus.load(item).mixture).all()


def test_missing_empty_and_useless_folders(folders: tuple[Path, Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for speech, noise, message in (
        (tmp_path / "none", folders[1], "none: no such folder"),
        (folders[0], tmp_path / "none", "none: no such folder"),
        (empty, folders[1], "empty: no usable recording"),
        (folders[0], empty, "empty: no usable recording"),
    ):
        with pytest.raises(CorpusError, match=message):
            SpeakerNoiseFolders(speech, noise).items()


def test_nothing_usable_left_is_an_error_that_names_files(folders: tuple[Path, Path]) -> None:
    for path in folders[0].rglob("*.flac"):
        write(path, np.zeros(32_000))
    with pytest.raises(CorpusError, match=r"no usable recording left \(\d+ skipped: s\d/1/\d.flac part 0.*silent"):
        SpeakerNoiseFolders(*folders).items()


def test_two_speakers_cannot_be_split(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    for speaker in "ab":
        write(tmp_path / "two" / speaker / "1.flac", burst(2, 16_000))
    with pytest.raises(CorpusError, match=r"2 group\(s\) found \(a, b\)"):
        SpeakerNoiseFolders(tmp_path / "two", folders[1]).items()


def test_wrong_sizes_splits_and_items_are_refused(make: Make) -> None:
    with pytest.raises(ParameterError, match="test=-1"):
        make(test=-1)
    with pytest.raises(ParameterError, match="did you mean 'test'"):
        make().items("tset")
    with pytest.raises(CorpusError, match="no item"):
        make().load(Item("train-99999", "", "train"))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("nol_hairDryer-018.flac", "nol_hairDryer"),
        ("tim_vacuuming_0.flac", "tim_vacuuming"),
        ("DKITCHEN/ch03.wav", "DKITCHEN/ch"),
        ("street.wav", "street"),
        ("20145.wav", "20145"),
        ("2020-01-05.wav", "2020-01-05"),
        ("a/7.wav", "a/7"),
        ("café 12.wav", "café"),
    ],
)
def test_sources(name: str, source: str) -> None:
    assert source_of(name) == source


def test_a_noise_segment_avoids_near_silence_and_tiles_what_is_short() -> None:
    samples = np.concatenate([np.full(9000, 1e-6), burst(0.1, 10_000)])
    for seed in range(20):
        piece = noise_segment(samples, 500, np.random.default_rng(seed))
        assert len(piece) == 500 and np.sqrt(np.mean(piece**2)) > 1e-3
    assert np.array_equal(noise_segment(np.arange(3.0), 7, np.random.default_rng(0)), [0, 1, 2, 0, 1, 2, 0])
    assert not noise_segment(np.zeros(100), 10, np.random.default_rng(0)).any()


@on_real
def test_real_recordings() -> None:
    corpus = SpeakerNoiseFolders(BENCH / "speech", BENCH / "noise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        items = corpus.items()
    assert len(items) > 300 and len({item.group for item in items}) == 120
    assert all("near-silent" in reason for reason in corpus.skipped.values())
    for item in items[::40]:
        mixed = corpus.load(item)
        assert abs(measured_snr_db(mixed.target, mixed.noise)) < 1e-3
        assert 2 < len(mixed.target) / 22_050 <= 4.01
