"""Songs add up, stand at their level, keep the band's clock and key, and share no work and no voice between splits."""

import re

import numpy as np
import parselmouth
import pytest
from helpers.embedded import RATE, Made, apart

from nblib.corpora.items import PEAK, measured_snr_db
from nblib.embedded import songs as making
from nblib.embedded.arranging import Performance, arrange
from nblib.embedded.melodies import RANGES
from nblib.embedded.songs import ACCOMPANISTS, SNR_DB, plan_songs


def test_mixtures_are_sums_at_their_level_sung_throughout(songs: dict[str, Made]) -> None:
    peaks = []
    for row, sounds in songs.values():
        assert {len(samples) for samples in sounds.values()} == {12 * RATE}
        assert np.array_equal(sounds["mixture"], sounds["vocals"] + sounds["other"])
        assert measured_snr_db(sounds["vocals"], sounds["other"]) == pytest.approx(row["snr_db"], abs=1e-3)
        peaks.append(np.abs(sounds["mixture"]).max())
        assert np.abs(sounds["mixture"][[0, 1, 2, -3, -2, -1]]).max() < 0.01, "a click at a cut end"
        frames = sounds["vocals"][: 120 * 2205].reshape(120, 2205)
        heard = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > 0.02 * np.abs(sounds["vocals"]).max() / 3)
        assert len(heard) > 75
        assert np.diff(np.concatenate([[-1], heard, [120]])).max() < 30, "a long rest"
    assert max(peaks) <= PEAK + 1 / 32768 and min(peaks) > 0.2 and np.ptp(peaks) > 0.1


def test_the_voice_follows_the_bands_clock_and_key(songs: dict[str, Made], monkeypatch: pytest.MonkeyPatch) -> None:
    arranged: list[Performance] = []

    def listen(*settings: object) -> Performance:
        arranged.append(arrange(*settings))  # type: ignore[arg-type]
        raise InterruptedError

    monkeypatch.setattr(making, "arrange", listen)
    for plan in plan_songs({"train": 4, "validation": 2, "test": 2}, 12.0, 0):
        with pytest.raises(InterruptedError):
            making._sung(12.0, RATE, plan)
        vocals = songs[plan.file].sounds["vocals"].astype(float)
        pitch = parselmouth.Sound(vocals, RATE).to_pitch_ac(0.01, 70, pitch_ceiling=1100)
        hertz, times = pitch.selected_array["frequency"], pitch.xs()
        off: list[float] = []
        for note in arranged[-1].sung:
            inside = (times > note.start + 0.1) & (times < note.end - 0.1) & (hertz > 0)
            off += list(1200 * np.log2(hertz[inside] / (440 * 2 ** ((note.key - 69) / 12))))
        assert len(off) > 200
        # Half a second off, as many notes would be others.
        assert np.mean(np.abs(off) < 100) > 0.8 and np.median(np.abs(off)) < 35, plan.file
        singer = next(each for each in RANGES if each.name == plan.info["range"])
        assert all(singer.low <= note.key <= singer.high for note in arranged[-1].sung)


def test_songs_are_planned_apart_without_opening_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("nblib.embedded.songs.read_score")
    songs = plan_songs({"train": 300, "validation": 90, "test": 60}, 12.0, 2)
    assert len({song.file for song in songs}) == len(songs) == 450
    assert all(re.fullmatch(r"(train|test)/[\w-]+", song.file) for song in songs)
    apart(songs, "group")
    assert len(apart(songs, "singer")) > 40
    assert {song.info["ensemble"] for song in songs} == {each.name for each in ACCOMPANISTS}
    assert {song.info["range"] for song in songs[:4]} == {singer.name for singer in RANGES}
    levels = [song.info["snr_db"] for song in songs]
    assert SNR_DB[0] <= min(levels) < -8.5 and 0.5 < max(levels) <= SNR_DB[1]
    assert all(re.fullmatch(r"[a-zA-Z' ]{60,}", song.info["lyrics"]) for song in songs)


def test_golden(songs: dict[str, Made]) -> None:
    """Values of the first run; they move only together with `RECIPE`."""
    row, sounds = songs["test/test-00000"]
    assert (row["group"], row["singer"]) == ("ryansMammoth/GreenGrowTheRushesOReel", "m7-en-us-nyc")
    assert (row["ensemble"], row["snr_db"]) == ("reggae band", -4.87)
    assert np.sqrt(np.mean(sounds["vocals"].astype(float) ** 2)) == pytest.approx(0.0758429, rel=1e-3)
    assert float(np.abs(sounds["mixture"]).max()) == pytest.approx(0.815521, rel=1e-3)
