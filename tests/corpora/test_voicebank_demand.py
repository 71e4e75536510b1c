"""VoiceBank-DEMAND's layout: only pairs at 0 dB, by its log or measured; speakers kept apart."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.corpora import BENCH, RATE, burst, groups, loud, on_real, opened, put, put_pair, sizes_of, spoilt
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.audio.signals import labelled_snr_db
from nblib.corpora import SPLITS
from nblib.errors import CorpusError

SNRS = (0.0, 5.0, 10.0, 15.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five speakers with eight pairs each, two at each SNR, no log."""
    for speaker in range(5):
        for take in range(8):
            put_pair(tmp_path, f"p{230 + speaker}_{take:03d}", SNRS[take % 4], 1 + 0.1 * take)
    return tmp_path


def sides(root: Path) -> list[Path]:
    return [root / "voicebank_demand" / f"{side}_trainset_56spk_wav" for side in ("clean", "noisy")]


def write_log(root: Path, **other: str) -> None:
    names = sorted(path.stem for path in sides(root)[0].iterdir())
    lines = [f"{name} cafe {other.get(name, SNRS[int(name[-3:]) % 4])}" for name in names if other.get(name) != ""]
    (root / "voicebank_demand" / "log_trainset_56spk.txt").write_text("\n".join(lines) + "\n\n", encoding="utf-8")


@pytest.mark.parametrize("log", [False, True])
def test_only_pairs_at_0_db_split_by_speaker(root: Path, log: bool) -> None:
    if log:
        write_log(root)
    corpus = opened("speech", root)
    items = corpus.items()
    assert corpus.name == "voicebank_demand" and "CC BY" in corpus.licence and "valentini" in corpus.citation
    assert {SNRS[int(item.name[-3:]) % 4] for item in items} == {0.0} and len(items) == 10
    assert all(abs(float(item.info["snr_db"])) < (1e-9 if log else 0.3) for item in items)
    assert {item.info["noise_kind"] for item in items} == {"cafe" if log else "unknown"}
    assert all(item.name == item.info["file"] and item.group == item.info["speaker"] for item in items)
    speakers = [*groups(corpus).values()]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 5 and all(speakers)
    assert not corpus.skipped


def test_the_log_is_believed_over_the_measure_and_what_it_leaves_out_is_measured(root: Path) -> None:
    write_log(root, p230_000="7.5", p231_000="7.5", p232_000="7.5", p233_000="", p234_001="0")
    found = {item.name: item.info["noise_kind"] for item in opened("speech", root).items()}
    assert {name for name, kind in found.items() if kind == "unknown"} == {"p233_000"}
    assert len(found) == 8 and "p234_001" in found and "p230_000" not in found


def test_speakers_take_turns_and_only_what_is_needed_is_read(root: Path) -> None:
    small = opened("speech", root, {"train": 2, "validation": 1, "test": 0})
    assert sizes_of(small) == [2, 1, 0] and len(groups(small)["train"]) == 2
    assert small.items("train") == opened("speech", root).items("train")[:2]
    write_log(root)
    chosen = opened("speech", root, dict.fromkeys(SPLITS, 1))
    for path in (path for side in sides(root) for path in side.iterdir()):
        if path.stem not in {item.name for item in chosen.items()}:
            path.write_bytes(b"")
    with_empty = opened("speech", root, dict.fromkeys(SPLITS, 1))
    assert with_empty.fingerprint == chosen.fingerprint and not with_empty.skipped


def test_spoilt_pairs_are_skipped_by_name(root: Path) -> None:
    clean, noisy = sides(root)
    (clean / "p230_000.wav").unlink()
    (noisy / "p231_000.wav").unlink()
    put(noisy, "p232_000.wav", seconds=0.5)
    (noisy / "p233_000.wav").write_bytes(b"")
    put(clean, "p234_000.wav", samples=np.zeros(RATE))
    (noisy / "p234_004.wav").write_bytes((clean / "p234_004.wav").read_bytes())
    put_pair(root, "p235_000", 0.0)
    put_pair(root, "p235_004", 0.0)
    with pytest.warns(UserWarning, match="voicebank_demand: 6 skipped") as caught:
        corpus = loud("speech", root)
    assert len(caught) == 1 and len(corpus.items()) == 6
    reasons = {"p230_000": "no p230_000 in clean", "p231_000": "no p231_000 in noisy", "p234_000": "silent"}
    reasons |= {"p232_000": "clean_trainset_56spk_wav/p232_000.wav 16000 at 16000 Hz, noisy_", "p234_004": "the same"}
    assert spoilt(corpus, reasons | {"p233_000": "p233_000.wav"})


def test_what_cannot_be_used_is_an_error_that_says_what_is_there(root: Path, tmp_path: Path) -> None:
    write_log(root, **{f"p{speaker}_00{take}": "5" for speaker in range(230, 235) for take in (0, 4)})
    with pytest.raises(CorpusError, match=r"wanted 0 dB, found 5 to 15 dB"):
        opened("speech", root)
    (root / "voicebank_demand" / "log_trainset_56spk.txt").write_text("p230_000 cafe zero\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="'p230_000 cafe zero' is not 'name noise snr'"):
        opened("speech", root)
    (tmp_path / "empty" / "voicebank_demand").mkdir(parents=True)
    with pytest.raises(CorpusError, match="has no training set"):
        opened("speech", tmp_path / "empty")


def test_28_speakers_stand_in_for_56_and_the_test_set_needs_a_table(tmp_path: Path) -> None:
    for number in range(3):
        put_pair(tmp_path, f"p{number}_001", which="trainset_28spk")
        put_pair(tmp_path, f"t{number}_001", which="testset")
    assert set.union(*groups(opened("speech", tmp_path)).values()) == {"p0", "p1", "p2"}
    lines = [f"p{number}_001,{split},0" for number, split in enumerate(("train", "train", "validation"))]
    lines += [f"t{number}_001,test,0" for number in range(3)]
    (tmp_path / "voicebank_demand" / "items.csv").write_text("\n".join(["file,split,snr_db", *lines]))
    found = groups(opened("speech", tmp_path))
    assert found == {"train": {"p0", "p1"}, "validation": {"p2"}, "test": {"t0", "t1", "t2"}}


def test_pairs_come_before_folders_and_what_stands_in_is_said(tmp_path: Path) -> None:
    for number in range(4):
        put(tmp_path, f"speech/s{number}/a.flac", f"noise/{'abcd'[number]}-1.flac")
        put_pair(tmp_path, f"p{number}_001")
    assert opened("speech", tmp_path).name == "voicebank_demand"
    for number in range(4):
        put_pair(tmp_path, f"p{number}_001", 15.0)
    with pytest.warns(UserWarning, match=r"found 15 to 15 dB(.|\n)*taking speech/<speaker>/ with noise/ instead"):
        found = loud("speech", tmp_path)
    assert found.name == "speech_and_noise" and sizes_of(found) == [2, 1, 1]


@settings(max_examples=20, deadline=None)
@given(st.floats(-40, 5))
def test_the_level_is_that_of_the_tone_with_and_without_pauses_and_follows_the_gain(gain_db: float) -> None:
    tone, full = 0.1 * np.sin(2 * np.pi * 200 * np.arange(4 * RATE) / RATE), np.ones(RATE)  # noise at full scale: 0 dB
    level = 10 * np.log10(np.mean(tone**2))
    assert labelled_snr_db(tone, full, RATE) == pytest.approx(level, abs=0.1)
    assert labelled_snr_db(np.append(tone, np.zeros(8 * RATE)), full, RATE) == pytest.approx(level, abs=0.35)
    said = np.concatenate([burst("word", 0.6), np.zeros(RATE // 2), burst("another", 1.1)])
    change = labelled_snr_db(said * 10 ** (gain_db / 20), full, RATE) - labelled_snr_db(said, full, RATE)
    assert change == pytest.approx(gain_db, abs=0.5)


@on_real
def test_published_pairs_measure_as_their_labels() -> None:
    """Every SNR of the dataset is a multiple of 2.5 dB."""
    paths = sorted((BENCH / "voicebank_demand" / "clean_testset_wav").glob("*.wav"))
    assert len(paths) == 20
    for path in paths:
        clean, rate = soundfile.read(path)
        noisy, _ = soundfile.read(BENCH / "voicebank_demand" / "noisy_testset_wav" / path.name)
        snr_db = labelled_snr_db(clean, noisy - clean, rate)
        assert abs(snr_db - 2.5 * round(snr_db / 2.5)) <= 0.2
