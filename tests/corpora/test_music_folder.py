"""Folders of music: pieces, stems passed over, named skips, filter edges."""

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.corpora import BENCH, RATE, burst, loud, on_real, opened, put, spoilt
from scipy.signal import firwin, lfilter

from nblib.corpora.layouts import piece_name
from nblib.errors import CorpusError


def test_piece_name() -> None:
    pieces = {"Album/03 - Song": "Album/song", "Album/1-03 Song": "Album/song", "Album/Song (2)": "Album/song"}
    pieces |= {"beat_a": "beat", "beat 03": "beat", "flac_subset_11": "flac_subset", "spi_guit_em9": "spi_guit_em9"}
    pieces |= {"Album/07": "Album", "12": ".", "Album/Track 12": "Album/track"}
    assert {name: piece_name(f"{name}.flac") for name in pieces} == pieces


@pytest.mark.parametrize("place", ["lossless_music", ".", "musdb18hq/train"])
def test_music_is_found_where_it_is_looked_for_without_stems_beside_a_mixture(tmp_path: Path, place: str) -> None:
    names = {"alpha", "bravo", "charlie", "delta"}
    stems = ("/mixture.flac", "/vocals.flac") if "musdb" in place else (".flac",)
    put(tmp_path / place, *(f"{name}{stem}" for name in names for stem in stems))
    corpus = opened("music", tmp_path)
    assert {item.info["title"] for item in corpus.items()} == names and len(corpus.items()) == 4 and not corpus.skipped


def test_takes_of_a_piece_never_lie_in_two_splits(tmp_path: Path) -> None:
    put(tmp_path, *(f"{piece}_{take}.flac" for piece in ("one", "two", "three", "four") for take in range(4)))
    for seed in range(5):
        items = opened("music", tmp_path, seed=seed).items()
        assert len(items) == 16 and len({(item.group, item.split) for item in items}) == 4
        assert {item.split for item in items} == {"train", "validation", "test"}


def test_an_album_of_numbered_tracks_is_split_by_file_and_says_so(tmp_path: Path) -> None:
    put(tmp_path / "lossless_music", "Track 1.wav", "Track 2.wav", "Track 3.wav")
    with pytest.warns(UserWarning, match="each file is taken for one"):
        corpus = loud("music", tmp_path)
    assert len({item.group for item in corpus.items()}) == 3


def test_unusable_files_are_skipped_by_name_and_reason(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav", "c.flac")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/b.wav").write_bytes((tmp_path / "b.wav").read_bytes())
    (tmp_path / "broken.flac").write_bytes(b"fLaC" + b"\0" * 100)
    (tmp_path / "cut.flac").write_bytes((tmp_path / "c.flac").read_bytes()[:20_000])
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not music")
    (tmp_path / "._a.wav").write_bytes(b"of another system")
    put(tmp_path, "lossy.ogg")
    put(tmp_path, "phone.wav", subtype="ULAW")
    put(tmp_path, "short.wav", seconds=0.2)
    put(tmp_path, "silent.wav", samples=np.zeros(RATE * 2))
    put(tmp_path, "nan.wav", samples=np.full(RATE * 2, np.nan, np.float32), subtype="FLOAT")
    put(tmp_path, "surround.wav", samples=np.zeros((RATE * 2, 6)))
    put(tmp_path, "odd.wav", rate=72_000)
    with pytest.warns(UserWarning, match="music_folder: 11 skipped(.|\n)*and 1 more"):
        corpus = loud("music", tmp_path)
    reasons = {"broken.flac": "cannot be read", "cut.flac": "", "empty.wav": "cannot be read", "nan.wav": "not finite"}
    reasons |= {"lossy.ogg": "lossily", "phone.wav": "lossily", "short.wav": "3200 samples are too short"}
    reasons |= {"silent.wav": "silent", "surround.wav": "6 channels", "odd.wav": "72000", "copy/b.wav": "as b.wav"}
    assert spoilt(corpus, reasons)
    assert {item.info["file"] for item in corpus.items()} == {"a.wav", "b.wav", "c.flac"}


def test_nothing_usable_is_an_error_that_says_why(tmp_path: Path) -> None:
    put(tmp_path / "lossless_music", "lossy.ogg", "a.wav", "b.wav")
    with pytest.raises(CorpusError, match=r"2 group\(s\) found \(a, b\), at least 3(.|\n)*lossy.ogg: coded lossily"):
        opened("music", tmp_path)


def test_filter_edge_is_named_only_for_rates_it_matters_to(tmp_path: Path) -> None:
    put(tmp_path, "full_x.wav", "wide_x.wav", "third_x.wav", rate=44_100)
    low_pass = firwin(401, 9_000, fs=44_100)
    put(tmp_path, "dull.wav", samples=lfilter(low_pass, 1, burst("dull", rate=44_100)), rate=44_100)
    put(tmp_path, "narrow.wav", rate=16_000)
    with pytest.warns(UserWarning, match="2 used, but") as caught:
        corpus = loud("music", tmp_path, sample_rate=22_050)
    edges = re.findall(r"(dull|narrow).wav: nothing above (\S+) kHz", str(caught[0].message))
    assert {name: float(edge) for name, edge in edges} == pytest.approx({"dull": 9, "narrow": 8}, abs=0.6)
    assert len(corpus.items()) == 5


def test_samples_are_mono_in_range_at_the_rate_and_begin_with_the_file(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav", subtype="FLOAT")
    left, right = burst("left", 3.0, rate=44_100), burst("right", 3.0, rate=44_100)
    put(tmp_path, "stereo.wav", samples=np.stack([left, right], axis=1), rate=44_100, subtype="FLOAT")
    put(tmp_path, "loud.wav", samples=30 * burst("loud"), subtype="FLOAT")
    corpus = opened("music", tmp_path, sample_rate=44_100)
    loaded = {str(item.info["file"]): corpus.load(item) for item in corpus.items()}
    np.testing.assert_allclose(loaded["stereo.wav"], (left + right) / 2, atol=1e-6)
    assert loaded["a.wav"].shape == (66_150,) and np.abs(loaded["loud.wav"]).max() == pytest.approx(1.0)
    assert all(samples.dtype == np.float32 for samples in loaded.values())
    begun = opened("music", tmp_path, sample_rate=44_100, seconds=1.0)
    (item,) = [item for item in begun.items() if item.info["file"] == "stereo.wav"]
    assert begun.fingerprint != corpus.fingerprint and item.info["seconds"] == 1.0
    np.testing.assert_array_equal(begun.load(item), loaded["stereo.wav"][:44_100])


@on_real
def test_real_clips_by_takes_and_suspicious_ones_at_22_but_not_at_16_khz() -> None:
    corpus = opened("music", BENCH, sample_rate=22_050, seconds=5.0)
    assert not corpus.skipped and not [item for item in corpus.items() if item.note]
    assert len(corpus.items()) == 22 and len({item.group for item in corpus.items()}) == 13
    assert {len(corpus.load(item)) for item in corpus.items()} <= set(range(22_050, 110_251))
    for rate, count in ((22_050, 6), (16_000, 0)):
        corpus = opened("music", BENCH / "lossless_music_bandlimited11k", sample_rate=rate)
        assert len([item for item in corpus.items() if item.note]) == count
