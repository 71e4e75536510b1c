"""VoiceBank-DEMAND's layout: only pairs at the wanted SNR, by its log or measured; speakers kept apart."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.corpora import speech
from nblib.corpora.base import SPLITS, Item
from nblib.corpora.voicebank import Pair, VoiceBankDemand, active_level_db, checked_pair, labelled_snr_db
from nblib.errors import CorpusError, ParameterError

BENCH = Path(os.environ.get("NBLIB_REALBENCH") or Path(__file__).resolve().parents[2] / "shared" / "realbench")
on_real = pytest.mark.skipif(not BENCH.is_dir(), reason="no real recordings: set NBLIB_REALBENCH to their folder")
RATE = 16_000
SNRS = (0.0, 5.0, 10.0, 15.0)


def tone(seconds: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 0.1 * np.sin(2 * np.pi * random.uniform(150, 300) * np.arange(round(seconds * RATE)) / RATE)


def write_pair(root: Path, name: str, clean: np.ndarray, snr_db: float, folder: str = "trainset_56spk") -> None:
    noise = np.random.default_rng(len(clean)).standard_normal(len(clean))
    noise *= 10 ** ((active_level_db(clean, RATE) - snr_db) / 20) / np.sqrt(np.mean(noise**2))
    for kind, samples in (("clean", clean), ("noisy", clean + noise)):
        path = root / f"{kind}_{folder}_wav" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, RATE, subtype="FLOAT")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five speakers with eight pairs each, two at each SNR, no log."""
    for speaker in range(5):
        for take in range(8):
            clean = tone(1 + 0.1 * take, 10 * speaker + take)
            write_pair(tmp_path, f"p{230 + speaker}_{take:03d}", clean, SNRS[take % 4])
    return tmp_path


def write_log(root: Path) -> None:
    names = sorted(path.stem for path in (root / "clean_trainset_56spk_wav").iterdir())
    lines = [f"{name} cafe {SNRS[int(name[-3:]) % 4]:g}" for name in names]
    (root / "log_trainset_56spk.txt").write_text("\n".join(lines) + "\n\n", encoding="utf-8")


@pytest.mark.parametrize("log", [False, True])
def test_only_pairs_at_the_snr_split_by_speaker(root: Path, log: bool) -> None:
    if log:
        write_log(root)
    for snr_db in (0.0, 10.0):
        corpus = VoiceBankDemand(root, snr_db=snr_db)
        items = corpus.items()
        assert len(items) == 10
        assert {SNRS[int(str(item.info["file"])[-3:]) % 4] for item in items} == {snr_db}
        assert all(abs(float(item.info["snr_db"]) - snr_db) < (1e-9 if log else 0.3) for item in items)
        assert {item.info["snr_from"] for item in items} == {"log" if log else "measured"}
        speakers = [{item.group for item in corpus.items(split)} for split in SPLITS]
        assert sum(map(len, speakers)) == len(set.union(*speakers)) == 5 and all(speakers)
        assert not corpus.skipped


def test_the_log_is_believed_over_the_measure(root: Path) -> None:
    write_log(root)
    log = root / "log_trainset_56spk.txt"
    log.write_text(log.read_text(encoding="utf-8").replace(" 0\n", " 7.5\n"), encoding="utf-8")
    assert len(VoiceBankDemand(root, snr_db=7.5).items()) == 10
    with pytest.raises(CorpusError, match=r"too few pairs at 0 dB.*5 dB: 10, 7.5 dB: 10, 10 dB: 10, 15 dB: 10"):
        VoiceBankDemand(root).items()


def test_a_pair_that_the_log_leaves_out_is_measured(root: Path) -> None:
    write_log(root)
    log = root / "log_trainset_56spk.txt"
    log.write_text("".join(log.read_text(encoding="utf-8").splitlines(keepends=True)[8:]), encoding="utf-8")
    froms = {item.group: item.info["snr_from"] for item in VoiceBankDemand(root).items()}
    assert froms == {"p230": "measured"} | dict.fromkeys(("p231", "p232", "p233", "p234"), "log")


def test_a_pair_is_loaded_as_it_is(root: Path) -> None:
    corpus = VoiceBankDemand(root, sample_rate=RATE)
    for item in corpus.items():
        mixed = corpus.load(item)
        clean, _ = soundfile.read(root / "clean_trainset_56spk_wav" / f"{item.info['file']}.wav", dtype="float32")
        noisy, _ = soundfile.read(root / "noisy_trainset_56spk_wav" / f"{item.info['file']}.wav", dtype="float32")
        assert np.allclose(mixed.target, clean, atol=1e-6) and np.allclose(mixed.mixture, noisy, atol=1e-6)
        assert np.array_equal(mixed.mixture, mixed.target + mixed.noise)
    again = pickle.loads(pickle.dumps(corpus)).load(Item(item.name, "", item.split))
    assert np.array_equal(again.mixture, mixed.mixture)
    resampled = VoiceBankDemand(root).load(item)
    assert len(resampled.target) == -(-len(clean) * 22_050 // RATE)


def test_limits_order_and_fingerprint(root: Path) -> None:
    small = VoiceBankDemand(root, train=2, validation=1, test=0)
    assert [len(small.items(split)) for split in SPLITS] == [2, 1, 0]
    assert len({item.group for item in small.items("train")}) == 2
    assert small.items("train") == VoiceBankDemand(root).items("train")[:2]
    prints = {VoiceBankDemand(root, **{}).fingerprint, small.fingerprint, VoiceBankDemand(root, seed=1).fingerprint}
    assert len(prints | {VoiceBankDemand(root, snr_db=5.0).fingerprint}) == 4
    assert VoiceBankDemand(root).fingerprint in prints


def test_spoilt_pairs_are_skipped_by_name(root: Path) -> None:
    clean, noisy = root / "clean_trainset_56spk_wav", root / "noisy_trainset_56spk_wav"
    (clean / "p230_000.wav").unlink()
    (noisy / "p231_000.wav").unlink()
    soundfile.write(noisy / "p232_000.wav", tone(0.5, 0), RATE)
    (noisy / "p233_000.wav").write_bytes(b"")
    soundfile.write(clean / "p234_000.wav", np.zeros(RATE), RATE)
    (noisy / "p234_004.wav").write_bytes((clean / "p234_004.wav").read_bytes())
    corpus = VoiceBankDemand(root)
    with pytest.warns(UserWarning, match="voicebank_demand: 6 skipped") as caught:
        items = corpus.items()
    assert len(caught) == 1 and len(items) == 4
    for name, reason in {
        "p230_000": "no p230_000 in clean",
        "p231_000": "no p231_000 in noisy",
        "p232_000": "clean has 16000 samples at 16000 Hz, noisy 8000",
        "p233_000": "p233_000.wav",
        "p234_000": "silent",
        "p234_004": "the same",
    }.items():
        assert reason in corpus.skipped[name]


def test_no_pair_at_the_snr_lists_those_that_are_there(root: Path) -> None:
    with pytest.raises(CorpusError, match=r"0 dB: 10, 5 dB: 10, 10 dB: 10, 15 dB: 10 from 5 speaker\(s\); choose"):
        VoiceBankDemand(root, snr_db=-7.5).items()


def test_wrong_layouts(root: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"none of clean_trainset_56spk_wav \+ noisy_trainset_56spk_wav"):
        VoiceBankDemand(tmp_path / "none").items()
    for kind in ("clean", "noisy"):
        (tmp_path / "empty" / f"{kind}_testset_wav").mkdir(parents=True)
    with pytest.raises(CorpusError, match="no usable recording left"):
        VoiceBankDemand(tmp_path / "empty").items()
    (root / "log_trainset_56spk.txt").write_text("p230_000 cafe zero\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="'p230_000 cafe zero' is not 'name noise snr'"):
        VoiceBankDemand(root).items()
    with pytest.raises(ParameterError, match="train=None"):
        VoiceBankDemand(root, train=None)  # type: ignore[arg-type]
    (root / "log_trainset_56spk.txt").unlink()
    with pytest.raises(CorpusError, match="'train-99999' is no item of voicebank_demand"):
        VoiceBankDemand(root).load(Item("train-99999", "", "train"))


def test_two_speakers_cannot_be_split(tmp_path: Path) -> None:
    for name in ("p1_001", "p2_001"):
        write_pair(tmp_path, name, tone(1, 0), 0.0, "testset")
    with pytest.raises(CorpusError, match=r"2 speaker\(s\) for three splits; found 0 dB: 2"):
        VoiceBankDemand(tmp_path).items()


def test_active_level_of_a_tone_with_and_without_pauses() -> None:
    steady = tone(4, 1)
    level = 10 * np.log10(np.mean(steady**2))
    assert active_level_db(steady, RATE) == pytest.approx(level, abs=0.1)
    paused = np.concatenate([steady, np.zeros(8 * RATE)])
    assert active_level_db(paused, RATE) == pytest.approx(level, abs=0.35)


@settings(max_examples=20, deadline=None)
@given(st.floats(-40, 5))
def test_active_level_follows_the_gain(gain_db: float) -> None:
    said = speech.speak(speech.voices(0)["f1-en"], "Where have all the flowers gone, long time passing?", 0)
    change = active_level_db(said * 10 ** (gain_db / 20), 22_050) - active_level_db(said, 22_050)
    assert change == pytest.approx(gain_db, abs=0.5)


def test_no_noise_is_an_infinite_snr() -> None:
    assert labelled_snr_db(tone(1, 0), np.zeros(RATE), RATE) == np.inf


@on_real
def test_published_pairs_measure_as_their_labels() -> None:
    """Every SNR of the dataset is a multiple of 2.5 dB."""
    corpus = VoiceBankDemand(BENCH / "voicebank_demand")
    found = [checked_pair(corpus.folders, None, pair) for pair in corpus.pairs()]
    assert len(found) == 20 and all(isinstance(pair, Pair) for pair in found)
    assert all(abs(pair.snr_db - 2.5 * round(pair.snr_db / 2.5)) <= 0.2 for pair in found if isinstance(pair, Pair))
    with pytest.raises(CorpusError, match=r"2 speaker\(s\) for three splits; found 0 dB: 1, 2.5 dB: 6"):
        corpus.items()
