"""Noisy speech adds up, stands at its SNR and level, and shares no voice, no noise source and no sentence."""

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.embedded import RATE, Made, apart, made

from nblib.corpora.items import PEAK, SPLITS, measured_snr_db
from nblib.embedded import noise, noisy_speech, write_speech
from nblib.embedded.noisy_speech import plan_speech
from nblib.embedded.words import split_of


def test_every_mixture_stands_at_0_db_lasts_seconds_and_has_its_level(speech: dict[str, Made]) -> None:
    levels = []
    for row, sounds in speech.values():
        clean, noisy = sounds["clean"], sounds["noisy"]
        assert row["snr_db"] == 0 and abs(measured_snr_db(clean, noisy - clean)) < 1e-3
        assert 2.3 < len(clean) / RATE < 4.3 and np.abs(noisy).max() <= PEAK + 1 / 32768
        levels.append(10 * np.log10(np.mean(clean.astype(float) ** 2)))
    assert min(levels) > -36 and max(levels) <= -17.9 and np.ptp(levels) > 4


@pytest.mark.parametrize(("sample_rate", "snr_db"), [(8_000, -7.5), (44_100, 10.0)])
def test_other_rates_and_ratios(sample_rate: int, snr_db: float, speech: dict[str, Made], tmp_path: Path) -> None:
    write_speech(tmp_path, train=0, validation=0, test=1, sample_rate=sample_rate, seed=0, snr_db=snr_db)
    found = made(tmp_path, {"clean": "clean_*/{}.wav", "noisy": "noisy_*/{}.wav"})
    ((file, (row, sounds)),) = found.items()
    assert row["snr_db"] == snr_db
    assert f" {snr_db:g}\n" in (tmp_path / "log_testset.txt").read_text()
    assert measured_snr_db(sounds["clean"], sounds["noisy"] - sounds["clean"]) == pytest.approx(snr_db, abs=2e-3)
    assert len(sounds["clean"]) == -(-len(speech[file].sounds["clean"]) * sample_rate // RATE)


def test_splits_share_no_voice_no_source_and_no_sentence() -> None:
    items = plan_speech({"train": 400, "validation": 150, "test": 100}, 0, 0.0)
    assert len({item.file for item in items}) == len(items) == 650
    assert all(re.fullmatch(r"p\d{3}_\d{5}", item.file) for item in items)
    heard = {key: apart(items, key) for key in ("voice", "noise_source", "text")}
    assert len({(item.file[:4], item.group, item.info["voice"]) for item in items}) == 48
    assert len(heard["noise_source"]) == 6 * noise.SOURCES_PER_KIND


def test_babble_speaks_with_the_splits_own_voices_and_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[tuple[str, str]] = []

    def listen(voice, text, seed, pace=1.0):  # type: ignore[no-untyped-def]
        spoken.append((voice.split, text))
        return np.sin(np.arange(60_000, dtype=np.float32))

    monkeypatch.setattr(noisy_speech, "speak", listen)
    items = plan_speech({"train": 6, "validation": 6, "test": 6}, 0, 0.0)
    for split in SPLITS:
        assert {item.info["noise_kind"] for item in items if item.split == split} == set(noise.MAKERS)
        spoken.clear()
        crowded = [item for item in items if item.split == split and item.info["noise_kind"] in ("babble", "crowd")]
        for item in crowded:
            noisy_speech._mixed(RATE, 0.0, item)
        assert len(crowded) == 2 and len(spoken) > 6
        assert {voice for voice, _ in spoken} == {split}
        assert {split_of(text) for _, text in spoken} == {split}


def test_golden(speech: dict[str, Made]) -> None:
    """Values of the first run; they move only together with `RECIPE`."""
    row, sounds = speech["p023_00001"]
    assert (row["voice"], row["noise_source"]) == ("m7-en-us-nyc", "hum-02")
    assert row["text"] == "Before lunch, the village baker chose a letter from Vienna."
    assert np.sqrt(np.mean(sounds["clean"].astype(float) ** 2)) == pytest.approx(0.0853895, rel=1e-3)
    assert float(np.abs(sounds["noisy"]).max()) == pytest.approx(0.772675, rel=1e-3)
