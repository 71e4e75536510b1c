"""Folders of speech and noise: split by speaker and source, long recordings cut, unusable files skipped by name."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.corpora import BENCH, RATE, burst, groups, loud, on_real, opened, put, sizes_of, spoilt

from nblib.audio.signals import noise_segment
from nblib.corpora import SPLITS, measured_snr_db
from nblib.corpora.layouts import source_of
from nblib.errors import CorpusError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight speakers with two recordings (2.5 and 9 s), six noise sources with two recordings."""
    for speaker in range(8):
        put(tmp_path, f"speech/s{speaker}/1/0.flac", seconds=2.5)
        put(tmp_path, f"speech/s{speaker}/1/1.flac", seconds=9.0)
    for source in ("fan", "street", "water", "keys", "paper", "drill"):
        put(tmp_path, f"noise/{source}-001.wav", seconds=1.5, level=0.02)
        put(tmp_path, f"noise/{source}-002.wav", seconds=9.5, level=0.02)
    return tmp_path


def test_all_speech_is_used_once_at_0_db_and_splits_share_nothing(root: Path) -> None:
    corpus = opened("speech", root)
    items = corpus.items()
    assert len(items) == 8 * (1 + 3) == len({item.name for item in items})  # 2.5 s is one part, 9 s are three
    assert {item.info["seconds"] for item in items} == {2.5, 3.0} and not corpus.skipped
    for key in ("speaker", "noise_source", "noise"):
        heard = [{item.info[key] for item in corpus.items(split)} for split in SPLITS]
        assert all(heard) and not (heard[0] & heard[1] or heard[0] & heard[2] or heard[1] & heard[2])
    for item in items[::3]:
        mixed = corpus.load(item)
        assert np.array_equal(mixed.mixture, mixed.target + mixed.noise)
        assert item.info["snr_db"] == 0.0 == pytest.approx(measured_snr_db(mixed.target, mixed.noise), abs=1e-3)
        whole, _ = soundfile.read(root / "speech" / str(item.info["file"]).split(" part ")[0], dtype="float32")
        start = round(float(item.info["start"]) * RATE)
        assert len(mixed.target) == len(mixed.noise) == round(float(item.info["seconds"]) * RATE)
        assert np.corrcoef(whole[start : start + len(mixed.target)], mixed.target)[0, 1] > 0.9999
    small = opened("speech", root, {"train": 5, "validation": 1, "test": 0})
    assert sizes_of(small) == [5, 1, 0] and len(groups(small)["train"]) == 5
    assert small.items("train") == corpus.items("train")[:5]
    for path in sorted((root / "noise").iterdir()):
        put(root / "noise", path.name, samples=-soundfile.read(path)[0])
    assert opened("speech", root).fingerprint != corpus.fingerprint


def test_unusable_files_are_skipped_by_name_with_one_warning(root: Path) -> None:
    speech, noise = root / "speech", root / "noise"
    (speech / "s0/text.flac").write_text("no sound")
    put(speech, "s3/short.flac", seconds=0.2)
    put(speech, "s6/six.wav", samples=np.zeros((RATE * 2, 6)))
    put(speech, "loose.flac")
    put(noise, "hush-001.wav", samples=np.zeros(RATE * 2))
    put(noise, "fan-009.wav", samples=1e-4 * burst("fan", level=1.0))
    (speech / ".hidden.wav").write_text("passed over")
    reasons = {"s0/text.flac": "cannot be read", "s3/short.flac": "too short: 0.20 s", "hush-001.wav": "silent"}
    reasons |= {"s6/six.wav": "6 channels", "fan-009.wav": "near-silent: -7", "loose.flac": "no speaker's folder"}
    with pytest.warns(UserWarning, match="speech_and_noise: 6 skipped") as caught:
        corpus = loud("speech", root)
    assert len(caught) == 1 and len(corpus.items()) == 32 and spoilt(corpus, reasons)


def test_missing_empty_and_useless_folders(root: Path, tmp_path: Path) -> None:
    for path in (root / "speech").rglob("*.flac"):
        put(path.parent, path.name, samples=np.zeros(2 * RATE))
    with pytest.raises(CorpusError, match=r"no usable recording for train; \d+ skipped\n  s\d/1/\d.flac.*silent"):
        opened("speech", root)
    bare = tmp_path / "bare"
    (bare / "noise").mkdir(parents=True)
    put(bare / "speech", "a/1.flac", "b/1.flac", "c/1.flac")
    with pytest.raises(CorpusError, match=r"noise sources: 0 group\(s\) found"):
        opened("speech", bare)


def test_sources() -> None:
    sources = {"nol_hairDryer-018": "nol_hairDryer", "tim_vacuuming_0": "tim_vacuuming", "DKITCHEN/ch03": "DKITCHEN/ch"}
    sources |= {name: name for name in ("street", "20145", "2020-01-05", "a/7")}
    assert {name: source_of(f"{name}.wav") for name in sources} == sources


def test_a_noise_segment_avoids_near_silence_and_tiles_what_is_short() -> None:
    samples = np.concatenate([np.full(9000, 1e-6), burst("loud", 0.1, rate=10_000)])
    for seed in range(20):
        piece = noise_segment(samples, 500, np.random.default_rng(seed))
        assert len(piece) == 500 and np.sqrt(np.mean(piece**2)) > 1e-3
    assert np.array_equal(noise_segment(np.arange(3.0), 7, np.random.default_rng(0)), [0, 1, 2, 0, 1, 2, 0])
    assert not noise_segment(np.zeros(100), 10, np.random.default_rng(0)).any()


@on_real
def test_real_recordings() -> None:
    with pytest.warns(UserWarning, match="no training set"):
        corpus = loud("speech", BENCH, sample_rate=22_050)
    items = corpus.items()
    assert sizes_of(corpus) == [297, 87, 45] and len({item.group for item in items}) == 120
    assert all("near-silent" in reason for reason in corpus.skipped.values())
    for item in items[::40]:
        mixed = corpus.load(item)
        assert abs(measured_snr_db(mixed.target, mixed.noise)) < 1e-3
        assert 2 < len(mixed.target) / 22_050 <= 4.01
