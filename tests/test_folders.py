"""MusicFolder: layouts, groups, named skips, filter edges, the same samples everywhere."""

from __future__ import annotations

import os
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import firwin, lfilter

from nblib.corpora.folders import MusicFolder, piece_name
from nblib.errors import CorpusError, ParameterError
from nblib.provenance import random_generator

RATE = 22_050


def noise(*parts: str | int, seconds: float = 1.5, rate: int = RATE) -> np.ndarray:
    samples = random_generator("folders", *parts).standard_normal(round(seconds * rate))
    return (0.1 * samples).astype(np.float32)


def put(root: Path, *names: str, rate: int = RATE) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, noise(name, rate=rate), rate)


def quiet(root: Path, **settings: object) -> MusicFolder:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MusicFolder(root, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "piece"),
    [
        ("Album/03 - Song.flac", "Album/song"),
        ("Album/1-03 Song.flac", "Album/song"),
        ("beat_a.wav", "beat"),
        ("flac_subset_11.flac", "flac_subset"),
        ("spi_guit_em9.flac", "spi_guit_em9"),
        ("Album/Song (2).wav", "Album/song"),
        ("Album/07.flac", "Album"),
        ("12.flac", "."),
        ("Album/Track 12.flac", "Album/track"),
    ],
)
def test_piece_name(path: str, piece: str) -> None:
    assert piece_name(path) == piece


def test_takes_of_a_piece_never_lie_in_two_splits(tmp_path: Path) -> None:
    put(tmp_path, *(f"{piece}_{take}.flac" for piece in ("one", "two", "three", "four") for take in range(4)))
    for seed in range(5):
        items = MusicFolder(tmp_path, RATE, seed=seed).items()
        assert len(items) == 16
        assert len({(item.group, item.split) for item in items}) == 4
        assert {item.split for item in items} == {"train", "validation", "test"}


def test_an_album_of_numbered_tracks_is_split_by_file_and_says_so(tmp_path: Path) -> None:
    put(tmp_path, *(f"Album/Track {number:02d}.wav" for number in range(1, 6)))
    with pytest.warns(UserWarning, match="each file is taken for a piece of its own"):
        corpus = MusicFolder(tmp_path, RATE)
    assert len({item.group for item in corpus.items()}) == 5


def test_musdb_layout_gives_mixtures_and_no_stems(tmp_path: Path) -> None:
    stems = ("mixture", "vocals", "drums", "bass", "other")
    tracks = ("train/A - One", "train/B - Two", "test/C - Three")
    put(tmp_path, *(f"{track}/{stem}.wav" for track in tracks for stem in stems))
    corpus = MusicFolder(tmp_path, RATE)
    assert {item.group for item in corpus.items()} == {"A - One", "B - Two", "C - Three"}
    assert {item.info["title"] for item in corpus.items()} == {"A - One", "B - Two", "C - Three"}
    assert not corpus.skipped


def test_unusable_files_are_skipped_by_name_and_reason(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav", "c.flac")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/b.wav").write_bytes((tmp_path / "b.wav").read_bytes())
    (tmp_path / "broken.flac").write_bytes(b"fLaC" + b"\0" * 100)
    (tmp_path / "cut.flac").write_bytes((tmp_path / "c.flac").read_bytes()[:20_000])
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not music")
    (tmp_path / "._a.wav").write_bytes(b"of another system")
    soundfile.write(tmp_path / "lossy.ogg", noise("ogg"), RATE)
    soundfile.write(tmp_path / "phone.wav", noise("phone"), RATE, subtype="ULAW")
    soundfile.write(tmp_path / "short.wav", noise("short", seconds=0.2), RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE * 2), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(RATE * 2, np.nan, np.float32), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "surround.wav", np.zeros((RATE * 2, 6)), RATE)
    with pytest.warns(UserWarning, match=r"10 file\(s\) skipped") as caught:
        corpus = MusicFolder(tmp_path, RATE)
    reasons = {
        "broken.flac": "cannot be read|[Ee]rror",
        "cut.flac": "",
        "empty.wav": "",
        "lossy.ogg": "lossy",
        "phone.wav": "lossily",
        "short.wav": r"too short \(0.20 s",
        "silent.wav": "silent",
        "nan.wav": "not finite",
        "surround.wav": "6 channels",
        "copy/b.wav": "the same sound as b.wav",
    }
    assert set(corpus.skipped) == set(reasons)
    for name, reason in reasons.items():
        assert re.search(reason, corpus.skipped[name])
        assert f"{name}: {corpus.skipped[name]}" in str(caught[0].message)
    assert [item.info["file"] for item in corpus.items()] == ["a.wav", "b.wav", "c.flac"]


def test_nothing_usable_is_an_error_that_says_why(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "lossy.ogg", noise("ogg"), RATE)
    with pytest.raises(CorpusError, match=r"no usable recording.*\n  lossy.ogg: .ogg is lossy"):
        MusicFolder(tmp_path, RATE)
    with pytest.raises(CorpusError, match="no such folder"):
        MusicFolder(tmp_path / "elsewhere", RATE)


def test_two_recordings_cannot_be_split(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav")
    with pytest.raises(CorpusError, match="at least 3"):
        MusicFolder(tmp_path, RATE)


def test_filter_edge_is_named_only_for_rates_it_matters_to(tmp_path: Path) -> None:
    put(tmp_path, "full_x.wav", "wide_x.wav", "third_x.wav", rate=44_100)
    low_pass = firwin(401, 9_000, fs=44_100)
    soundfile.write(tmp_path / "dull.wav", lfilter(low_pass, 1, noise("dull", rate=44_100)), 44_100)
    soundfile.write(tmp_path / "narrow.wav", noise("narrow", rate=16_000), 16_000)
    with pytest.warns(UserWarning, match="lossy codec") as caught:
        at_22k = MusicFolder(tmp_path, 22_050)
    assert set(at_22k.band_limited) == {"dull.wav", "narrow.wav"}
    assert at_22k.band_limited["dull.wav"] == pytest.approx(9_000, abs=600)
    assert at_22k.band_limited["narrow.wav"] == pytest.approx(8_000, abs=600)
    assert "dull.wav: nothing above" in str(caught[0].message)
    assert len(at_22k.items()) == 5
    assert not quiet(tmp_path, sample_rate=8_000).band_limited


def test_samples_are_mono_in_range_and_at_the_rate(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav")
    left, right = noise("left", rate=44_100), noise("right", rate=44_100)
    soundfile.write(tmp_path / "stereo.wav", np.stack([left, right], axis=1), 44_100, subtype="FLOAT")
    soundfile.write(tmp_path / "loud.wav", 30 * noise("loud"), RATE, subtype="FLOAT")
    corpus = quiet(tmp_path, sample_rate=44_100)
    loaded = {str(item.info["file"]): corpus.load(item) for item in corpus.items()}
    np.testing.assert_allclose(loaded["stereo.wav"], (left + right) / 2, atol=1e-6)
    assert loaded["a.wav"].shape == (66_150,)
    assert np.abs(loaded["loud.wav"]).max() == pytest.approx(1.0)
    assert all(samples.dtype == np.float32 for samples in loaded.values())


def test_max_seconds_takes_the_beginning(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav", "c.wav")
    whole, begun = MusicFolder(tmp_path, RATE), MusicFolder(tmp_path, RATE, max_seconds=1.0)
    assert begun.fingerprint != whole.fingerprint
    for item in begun.items():
        np.testing.assert_array_equal(begun.load(item), whole.load(item)[:RATE])
    for wrong in (0.5, -1.0, float("nan")):
        with pytest.raises(ParameterError, match="max_seconds"):
            MusicFolder(tmp_path, RATE, max_seconds=wrong)


def test_fingerprint_follows_content_and_settings_not_the_place(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        put(tmp_path / folder, "a.wav", "b.wav", "c.wav")
    here = MusicFolder(tmp_path / "here", RATE)
    assert here.fingerprint == MusicFolder(tmp_path / "there", RATE).fingerprint
    assert here.fingerprint != MusicFolder(tmp_path / "here", 16_000).fingerprint
    assert here.fingerprint != MusicFolder(tmp_path / "here", RATE, seed=1).fingerprint
    soundfile.write(tmp_path / "there/a.wav", -noise("a.wav"), RATE)
    assert here.fingerprint != MusicFolder(tmp_path / "there", RATE).fingerprint


def test_a_pickled_corpus_loads_without_another_survey(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav", "c.wav", "d.wav")
    corpus = MusicFolder(tmp_path, RATE)
    (tmp_path / "d.wav").unlink()
    copy = pickle.loads(pickle.dumps(corpus))
    assert copy.items() == corpus.items()
    assert copy.fingerprint == corpus.fingerprint
    np.testing.assert_array_equal(copy.load(copy.items()[1]), corpus.load(corpus.items()[1]))


def test_foreign_items_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "one", "a.wav", "b.wav", "c.wav")
    put(tmp_path / "two", "x.wav", "y.wav", "z.wav")
    one, two = MusicFolder(tmp_path / "one", RATE), MusicFolder(tmp_path / "two", RATE)
    with pytest.raises(CorpusError, match="not a recording"):
        one.load(two.items()[0])


def test_names_are_unique_and_fit_for_files(tmp_path: Path) -> None:
    put(tmp_path, "x y/é 音楽?.wav", "x-y/é 音楽!.wav", "b" * 150 + ".wav", "b" * 151 + ".wav")
    items = MusicFolder(tmp_path, RATE).items()
    assert len({item.name for item in items}) == 4
    for item in items:
        (tmp_path / f"{item.name}.npy").touch()


REALBENCH = Path(os.environ.get("NBLIB_REALBENCH") or Path(__file__).resolve().parents[2] / "shared" / "realbench")
needs_realbench = pytest.mark.skipif(
    not REALBENCH.is_dir(), reason="no folder of real recordings; point NBLIB_REALBENCH at one"
)


@needs_realbench
def test_real_clips_by_takes() -> None:
    corpus = quiet(REALBENCH / "lossless_music", sample_rate=RATE)
    assert not corpus.skipped
    assert not corpus.band_limited
    assert len(corpus.items()) == 22
    assert len({item.group for item in corpus.items()}) == 13


@needs_realbench
def test_real_band_limited_clips_are_suspicious_at_22_but_not_at_16_khz() -> None:
    folder = REALBENCH / "lossless_music_bandlimited11k"
    assert len(quiet(folder, sample_rate=RATE).band_limited) == 6
    assert not quiet(folder, sample_rate=16_000).band_limited


@needs_realbench
def test_real_songs() -> None:
    corpus = quiet(REALBENCH / "musdb18hq", sample_rate=RATE)
    assert len(corpus.items()) == 8
    assert all(str(item.info["file"]).endswith("mixture.flac") for item in corpus.items())
