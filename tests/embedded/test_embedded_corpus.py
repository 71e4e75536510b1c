"""The embedded corpus at the least size: published layouts, the same bits anywhere, sounds that splits do not share."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import parselmouth
import pytest
import soundfile
from helpers.embedded import RATE, SOUNDS, Made, apart, digests, made

from nblib import embedded, paths
from nblib.corpora import PEAK, SPLITS, measured_snr_db
from nblib.embedded import LICENCES, layouts, music, noise, noisy_speech
from nblib.embedded.arranging import ENSEMBLES, Performance, arrange
from nblib.embedded.melodies import RANGES
from nblib.embedded.scores import SHELVES
from nblib.errors import CorpusError, ParameterError

SECONDS = {"music": 5.0, "speech": None, "vocals": 12.0}
SMALL = {"music": (1, 1, 1), "speech": (2, 0, 4), "vocals": (1, 0, 2)}  # recordings in each split
LARGER = {"music": (20, 1, 1), "speech": (6, 6, 6), "vocals": (4, 2, 2)}
Recordings = dict[str, dict[str, Made]]


def sounds_in(folder: Path) -> dict[str, str]:
    return {path: digest for path, digest in digests(folder).items() if path.endswith(".wav")}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with all three layouts."""
    root = tmp_path_factory.mktemp("embedded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBLIB_CORES", "1")
        for kind, sizes in LARGER.items():
            embedded.write(kind, root, dict(zip(SPLITS, sizes, strict=True)), SECONDS[kind], 0)
    return root


@pytest.fixture(scope="module")
def recordings(written: Path) -> Recordings:
    return {layout: made(written / layout, layout) for layout in SOUNDS}


def test_files_lie_as_the_data_sets_are_published(written: Path) -> None:
    assert len(list((written / "lossless_music").glob("*.wav"))) == 22
    folder = written / "voicebank_demand"
    for kind, count in (("trainset_56spk", 12), ("testset", 6)):
        clean, noisy = ({path.name for path in folder.glob(f"{side}_{kind}_wav/*")} for side in ("clean", "noisy"))
        assert clean == noisy and len(clean) == count
        log = [line.split(" ") for line in (folder / f"log_{kind}.txt").read_text().splitlines()]
        assert {f"{name}.wav" for name, _, _ in log} == clean and {snr for *_, snr in log} == {"0"}
    songs = sounds_in(written / "musdb18hq")
    tracks = {path.rpartition("/")[0] for path in songs}
    assert sorted(track.split("/")[0] for track in tracks) == ["test"] * 2 + ["train"] * 6
    assert set(songs) == {f"{track}/{stem}.wav" for track in tracks for stem in ("mixture", "vocals", "other")}
    facts = [soundfile.info(path) for path in written.rglob("*.wav")]
    assert {(each.channels, each.samplerate, each.subtype) for each in facts} == {(1, RATE, "PCM_16")}


def test_each_folder_has_its_table_licence_and_citation(written: Path) -> None:
    for layout, texts in LICENCES.items():
        folder = written / layout
        citation = (folder / "CITATION.bib").read_text()
        assert texts == {"licence": (folder / "LICENCE.txt").read_text().strip(), "citation": citation}
        assert citation.count("{") == citation.count("}") > 0
        rows = pd.read_csv(folder / "items.csv")
        assert list(rows.columns[:4]) == ["file", "split", "group", "title"] and rows["file"].is_unique
        assert set(rows["split"]) == set(SPLITS) and not rows.isna().any(axis=None)


def test_another_process_and_another_size_make_the_same_bits(written: Path, tmp_path: Path) -> None:
    program = "from pathlib import Path\nfrom nblib.embedded import write\nif __name__ == '__main__':\n" + "".join(
        f"    write({kind!r}, Path({str(tmp_path)!r}), {dict(zip(SPLITS, sizes, strict=True))}, {SECONDS[kind]}, 0)\n"
        for kind, sizes in SMALL.items()
    )
    with tempfile.TemporaryDirectory() as home:  # a short path: sockets of worker processes lie there
        environment = {**os.environ, "TMPDIR": home, "HOME": home, "NBLIB_CORES": "2"}
        subprocess.run([sys.executable, "-c", program], env=environment, cwd=paths.home(), check=True)
        assert not [path for path in Path(home).rglob("*") if path.is_file()], "files were left behind"
    assert len(sounds_in(tmp_path)) == 3 + 12 + 9 and sounds_in(tmp_path).items() <= sounds_in(written).items()


@pytest.mark.parametrize("kind", SMALL)
def test_a_killed_run_goes_on_where_it_stopped(
    kind: str, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBLIB_CORES", "1")
    seconds, folder = None if kind == "speech" else 3.01, tmp_path / embedded.KINDS[kind][0]

    def write() -> None:
        embedded.write(kind, tmp_path, dict(zip(SPLITS, SMALL[kind], strict=True)), seconds, 6)

    write()
    whole, lengths = digests(folder), {soundfile.info(path).frames for path in folder.rglob("*.wav")}
    assert kind == "speech" or lengths == {round(3.01 * RATE)}
    assert not set(sounds_in(folder).values()) & set(sounds_in(written).values()), "the seed changed no sample"
    *kept, first, last = sounds_in(folder)
    times = {path: (folder / path).stat().st_mtime_ns for path in kept}
    for path in ("items.csv", first, last):
        (folder / path).unlink()
    write()
    assert digests(folder) == whole
    assert sum((folder / path).stat().st_mtime_ns == times[path] for path in kept) >= len(kept) - 2, "all made anew"
    (folder / last).unlink()
    write()
    assert not (folder / last).exists(), "a folder with items.csv is complete"


def test_what_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"seconds=2.5: give the length of a recording, at least 3"):
        embedded.write("music", tmp_path, {"train": 3}, 2.5, 0)
    monkeypatch.setattr(embedded, "PACKAGES", ("no-such-package",))
    with pytest.raises(CorpusError, match="no-such-package is not installed"):
        embedded.recipe()
    for package in ("music21", "no_such_package"):
        with pytest.raises(CorpusError, match=f"pip install --force-reinstall {package}"):
            layouts.package_path(package, "nothing")


def test_pieces_are_planned_by_work_without_opening_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(music, "read_score")
    pieces = music.plan_music({"train": 1500}, 5.0, 5)
    assert len({piece.file for piece in pieces}) == 1500
    assert {piece.info["kind"] for piece in pieces} == set(SHELVES)
    assert {piece.info["ensemble"] for piece in pieces[: len(ENSEMBLES)]} == {each.name for each in ENSEMBLES}
    works = apart(pieces, "group")
    for split, fraction in zip(SPLITS, (0.7, 0.2, 0.1), strict=True):
        found = {piece.group for piece in pieces if piece.split == split}
        assert len(found) / len(works) == pytest.approx(fraction, abs=0.01)


def test_songs_share_no_work_and_no_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(music, "read_score")
    planned = music.plan_songs({"train": 300, "validation": 90, "test": 60}, 12.0, 2)
    assert len({song.file for song in planned}) == len(planned) == 450
    assert len(apart(planned, "group")) > 200 and len(apart(planned, "singer")) > 40
    assert {song.info["ensemble"] for song in planned} == {each.name for each in music.ACCOMPANISTS}
    assert {song.info["range"] for song in planned[:4]} == {singer.name for singer in RANGES}
    levels = [song.info["snr_db"] for song in planned]
    assert music.SNR_DB[0] <= min(levels) < -8.5 and 0.5 < max(levels) <= music.SNR_DB[1]
    assert all(re.fullmatch(r"[a-zA-Z' ]{60,}", song.info["lyrics"]) for song in planned)


def test_noisy_speech_shares_no_voice_no_source_and_no_sentence() -> None:
    items = noisy_speech.plan_speech({"train": 400, "validation": 150, "test": 100}, 3.0, 0)
    assert len({item.file for item in items}) == len(items) == 650 and len(apart(items, "text")) > 640
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

    monkeypatch.setattr(music, "arrange", listen)
    for plan in music.plan_songs({"train": 4, "validation": 2, "test": 2}, 12.0, 0):
        with pytest.raises(InterruptedError):
            music.sung(12.0, plan)
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


def test_golden(recordings: Recordings) -> None:
    """Values of the first run; they move only together with `RECIPES`."""
    row, song = recordings["musdb18hq"]["test/test-00000"]
    assert (row["group"], row["singer"]) == ("ryansMammoth/GreenGrowTheRushesOReel", "m7-en-us-nyc")
    assert (row["ensemble"], row["snr_db"]) == ("reggae band", -4.87)
    row, speech = recordings["voicebank_demand"]["p023_00001"]
    assert (row["voice"], row["noise_source"]) == ("m7-en-us-nyc", "hum-02")
    assert row["text"] == "Before lunch, the village baker chose a letter from Vienna."
    levels = [np.sqrt(np.mean(part.astype(float) ** 2)) for part in (song["vocals"], speech["clean"])]
    peaks = [np.abs(part).max() for part in (song["mixture"], speech["noisy"])]
    assert levels + peaks == pytest.approx([0.0758429, 0.0853895, 0.815521, 0.772675], rel=1e-3)
