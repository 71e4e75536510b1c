"""What is planned and what is heard: music, noisy speech and songs that splits do not share."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import parselmouth
import pytest
from helpers.embedded import RATE, Made, apart, made

from nblib.corpora.items import PEAK, SPLITS, measured_snr_db
from nblib.embedded import music, noise, noisy_speech, songs, write_speech
from nblib.embedded.arranging import ENSEMBLES, Performance, arrange
from nblib.embedded.layouts import reverberated
from nblib.embedded.melodies import RANGES
from nblib.embedded.scores import SHELVES
from nblib.embedded.words import split_of
from nblib.provenance import random_generator

Recordings = dict[str, dict[str, Made]]


def test_pieces_are_planned_by_work_without_opening_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(music, "read_score")
    pieces = music.plan_music(1500, seed=5)
    assert len({piece.file for piece in pieces}) == 1500
    assert {piece.info["kind"] for piece in pieces} == set(SHELVES)
    assert {piece.info["ensemble"] for piece in pieces[: len(ENSEMBLES)]} == {each.name for each in ENSEMBLES}
    works = apart(pieces, "group")
    for split, fraction in zip(SPLITS, (0.7, 0.2, 0.1), strict=True):
        found = {piece.group for piece in pieces if piece.split == split}
        assert len(found) / len(works) == pytest.approx(fraction, abs=0.01)


def test_songs_share_no_work_and_no_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(songs, "read_score")
    planned = songs.plan_songs({"train": 300, "validation": 90, "test": 60}, 12.0, 2)
    assert len({song.file for song in planned}) == len(planned) == 450
    assert all(re.fullmatch(r"(train|test)/[\w-]+", song.file) for song in planned)
    assert len(apart(planned, "group")) > 200 and len(apart(planned, "singer")) > 40
    assert {song.info["ensemble"] for song in planned} == {each.name for each in songs.ACCOMPANISTS}
    assert {song.info["range"] for song in planned[:4]} == {singer.name for singer in RANGES}
    levels = [song.info["snr_db"] for song in planned]
    assert songs.SNR_DB[0] <= min(levels) < -8.5 and 0.5 < max(levels) <= songs.SNR_DB[1]
    assert all(re.fullmatch(r"[a-zA-Z' ]{60,}", song.info["lyrics"]) for song in planned)


def test_noisy_speech_shares_no_voice_no_source_and_no_sentence() -> None:
    items = noisy_speech.plan_speech({"train": 400, "validation": 150, "test": 100}, 0, 0.0)
    assert len({item.file for item in items}) == len(items) == 650 and len(apart(items, "text")) > 640
    assert all(re.fullmatch(r"p\d{3}_\d{5}", item.file) for item in items)
    assert len(apart(items, "voice")) == 48 == len({(item.file[:4], item.group, item.info["voice"]) for item in items})
    assert len(apart(items, "noise_source")) == 6 * noise.SOURCES_PER_KIND


def test_pieces_are_whole_music_and_fill_the_band(recordings: Recordings) -> None:
    shares = []
    for file, (_, sounds) in recordings["lossless_music"].items():
        samples = sounds["piece"]
        peak = 20 * np.log10(np.abs(samples).max())
        assert samples.shape == (5 * RATE,) and -12.01 < peak < -0.99
        assert max(np.abs(samples[:5]).max(), np.abs(samples[-5:]).max()) < 0.03, "a click at a cut end"
        loudness = np.sqrt(np.mean(samples.reshape(10, -1) ** 2, axis=1))
        assert loudness.min() > 1e-3, f"{file}: half a second of silence"
        assert 8 < peak - 20 * np.log10(np.sqrt(np.mean(samples**2))) < 30
        power = np.abs(np.fft.rfft(samples)) ** 2
        shares.append(10 * np.log10(power[5 * 5_500 :].sum() / power.sum()))
    assert np.median(shares) > -30, "less above 5.5 kHz than recordings have"
    assert max(shares) - min(shares) > 15, "every piece has the same tone"


@pytest.mark.parametrize("sample_rate", [8_000, 44_100])
def test_a_room_decays_by_60_db_in_its_time_and_is_as_loud_as_said(sample_rate: int) -> None:
    dry = np.zeros(sample_rate)
    dry[0] = 1.0
    heard = reverberated(dry, sample_rate, random_generator(1), (0.5, 0.5), (6.0, 6.0), (3000, 3000))
    assert heard[0] == pytest.approx(1) and not np.any(np.abs(heard[1 : round(0.002 * sample_rate)]) > 1e-9)
    tail = heard[1:]
    assert 10 * np.log10(np.sum(tail**2)) == pytest.approx(-6, abs=0.1)
    early, late = (np.mean(tail[round(t * sample_rate) : round((t + 0.05) * sample_rate)] ** 2) for t in (0.05, 0.4))
    assert 10 * np.log10(late / early) == pytest.approx(-60 * 0.35 / 0.5, abs=3)
    assert not np.any(np.abs(tail[round(0.52 * sample_rate) :]) > 1e-9)


def test_songs_are_sums_at_their_level_sung_throughout(recordings: Recordings) -> None:
    peaks = []
    for row, sounds in recordings["musdb18hq"].values():
        assert {len(samples) for samples in sounds.values()} == {12 * RATE}
        assert np.array_equal(sounds["mixture"], sounds["vocals"] + sounds["other"])
        assert measured_snr_db(sounds["vocals"], sounds["other"]) == pytest.approx(row["snr_db"], abs=1e-3)
        peaks.append(np.abs(sounds["mixture"]).max())
        assert np.abs(sounds["mixture"][[0, 1, 2, -3, -2, -1]]).max() < 0.01, "a click at a cut end"
        frames = sounds["vocals"][: 120 * 2205].reshape(120, 2205)
        heard = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > 0.02 * np.abs(sounds["vocals"]).max() / 3)
        assert len(heard) > 75 and np.diff([-1, *heard, 120]).max() < 30, "a long rest"
    assert max(peaks) <= PEAK + 1 / 32768 and min(peaks) > 0.2 and np.ptp(peaks) > 0.1


def test_the_voice_follows_the_bands_clock_and_key(recordings: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    arranged: list[Performance] = []

    def listen(*settings: Any) -> Performance:
        arranged.append(arrange(*settings))
        raise InterruptedError

    monkeypatch.setattr(songs, "arrange", listen)
    for plan in songs.plan_songs({"train": 4, "validation": 2, "test": 2}, 12.0, 0):
        with pytest.raises(InterruptedError):
            songs._sung(12.0, RATE, plan)
        vocals = recordings["musdb18hq"][plan.file].sounds["vocals"].astype(float)
        pitch = parselmouth.Sound(vocals, RATE).to_pitch_ac(0.01, 70, pitch_ceiling=1100)
        hertz, times = pitch.selected_array["frequency"], pitch.xs()
        off: list[float] = []
        for note in arranged[-1].sung:
            inside = (times > note.start + 0.1) & (times < note.end - 0.1) & (hertz > 0)
            off += list(1200 * np.log2(hertz[inside] / (440 * 2 ** ((note.key - 69) / 12))))
        # Half a second off, as many notes would be others.
        assert len(off) > 200 and np.mean(np.abs(off) < 100) > 0.8 and np.median(np.abs(off)) < 35, plan.file
        singer = next(each for each in RANGES if each.name == plan.info["range"])
        assert all(singer.low <= note.key <= singer.high for note in arranged[-1].sung)


def test_noisy_speech_stands_at_0_db_lasts_seconds_and_has_its_level(recordings: Recordings) -> None:
    levels = []
    for row, sounds in recordings["voicebank_demand"].values():
        clean, noisy = sounds["clean"], sounds["noisy"]
        assert row["snr_db"] == 0 and abs(measured_snr_db(clean, noisy - clean)) < 1e-3
        assert 2.3 < len(clean) / RATE < 4.3 and np.abs(noisy).max() <= PEAK + 1 / 32768
        levels.append(10 * np.log10(np.mean(clean.astype(float) ** 2)))
    assert min(levels) > -36 and max(levels) <= -17.9 and np.ptp(levels) > 4


@pytest.mark.parametrize(("sample_rate", "snr_db"), [(8_000, -7.5), (44_100, 10.0)])
def test_other_rates_and_ratios(sample_rate: int, snr_db: float, recordings: Recordings, tmp_path: Path) -> None:
    write_speech(tmp_path, train=0, validation=0, test=1, sample_rate=sample_rate, seed=0, snr_db=snr_db)
    ((file, (row, sounds)),) = made(tmp_path, "voicebank_demand").items()
    assert row["snr_db"] == snr_db and f" {snr_db:g}\n" in (tmp_path / "log_testset.txt").read_text()
    assert measured_snr_db(sounds["clean"], sounds["noisy"] - sounds["clean"]) == pytest.approx(snr_db, abs=2e-3)
    usual = recordings["voicebank_demand"][file].sounds["clean"]
    assert len(sounds["clean"]) == -(-len(usual) * sample_rate // RATE)


def test_babble_speaks_with_the_splits_own_voices_and_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[tuple[str, str]] = []

    def listen(voice, text, seed, pace=1.0):  # type: ignore[no-untyped-def]
        spoken.append((voice.split, text))
        return np.sin(np.arange(60_000, dtype=np.float32))

    monkeypatch.setattr(noisy_speech, "speak", listen)
    items = noisy_speech.plan_speech({"train": 6, "validation": 6, "test": 6}, 0, 0.0)
    for split in SPLITS:
        kinds = {item.info["noise_kind"]: item for item in items if item.split == split}
        assert set(kinds) == set(noise.MAKERS)
        spoken.clear()
        for kind in ("babble", "crowd"):
            noisy_speech._mixed(RATE, 0.0, kinds[kind])
        assert len(spoken) > 6 and {(voice, split_of(text)) for voice, text in spoken} == {(split, split)}


SONG = {"group": "ryansMammoth/GreenGrowTheRushesOReel", "singer": "m7-en-us-nyc", "ensemble": "reggae band"}
TEXT = "Before lunch, the village baker chose a letter from Vienna."
SPEECH = {"voice": "m7-en-us-nyc", "noise_source": "hum-02", "text": TEXT}


@pytest.mark.parametrize(
    ("layout", "file", "facts", "rms", "peak"),
    [
        ("musdb18hq", "test/test-00000", {**SONG, "snr_db": -4.87}, ("vocals", 0.0758429), ("mixture", 0.815521)),
        ("voicebank_demand", "p023_00001", SPEECH, ("clean", 0.0853895), ("noisy", 0.772675)),
    ],
)
def test_golden(layout: str, file: str, facts: dict, rms: tuple, peak: tuple, recordings: Recordings) -> None:
    """Values of the first run; they move only together with `RECIPES`."""
    row, sounds = recordings[layout][file]
    assert {name: row[name] for name in facts} == facts
    assert np.sqrt(np.mean(sounds[rms[0]].astype(float) ** 2)) == pytest.approx(rms[1], rel=1e-3)
    assert float(np.abs(sounds[peak[0]]).max()) == pytest.approx(peak[1], rel=1e-3)
