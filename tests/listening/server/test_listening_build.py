"""A listening test out of systems and items: pairs, levels, lengths, lags, catch pairs, tones, and what is refused."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from helpers import listening as heard
from helpers.listening import RATE

from nblib.errors import AudioError, ParameterError
from nblib.listening.server import levels, manifest
from nblib.listening.server.build import build_test, read_systems, spoil
from nblib.listening.server.levels import tone_trials
from nblib.listening.votes import SPOILT
from nblib.provenance import random_generator


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_test_is_complete_and_tells_nothing_by_its_file_names(tmp_path):
    test = heard.built(tmp_path, seed=4)
    assert manifest.load(tmp_path) == test
    files = {path.name: path.read_bytes() for path in (tmp_path / "sounds").iterdir()}
    assert all(name == f"{hashlib.sha256(content).hexdigest()[:16]}.flac" for name, content in files.items())
    named = {name for of_item in test.sounds.values() for name in of_item.values()}
    assert set(files) == named | {trial.sound for trial in test.headphone_trials}
    assert all(soundfile.info(path).subtype == "PCM_16" for path in (tmp_path / "sounds").iterdir())
    assert (test.sample_rate, test.minimum_heard_seconds) == (RATE, 1.0)


def test_pairs_are_those_of_the_papers(tmp_path):
    five = {
        item: {"original": sounds["original"], **{f"model {k}": 0.5 * sounds["dull"] for k in "ABCD"}}
        for item, sounds in heard.items(5).items()
    }
    mm19 = build_test(tmp_path / "mm", five, RATE, name="MM'19", question="quality")
    assert Counter(kind for *_, kind in mm19.pairs) == {"test": 50, "catch": 5, "training": 1}
    assert Counter(item for item, *_, kind in mm19.pairs if kind == "catch") == dict.fromkeys(five, 1)
    options = {"question": "intelligible", "compare_reference": False, "baseline": "fine", "catch_pairs": 7}
    ijcnn = heard.built(tmp_path / "ijcnn", **options)
    tests = [pair for pair in ijcnn.pairs if pair[3] == "test"]
    assert tests == [(item, system, "fine", "test") for item in ijcnn.sounds for system in ("dull", "noisy")]
    catches = [pair for pair in ijcnn.pairs if pair[3] == "catch"]
    (training,) = (pair for pair in ijcnn.pairs if pair[3] == "training")
    assert sorted(Counter(item for item, *_ in catches).values()) == [2, 2, 3]
    assert {pair[1:3] for pair in [*catches, training]} == {("original", SPOILT)} and training[0] != catches[0][0]


@pytest.mark.parametrize("channels", [1, 2])
def test_all_systems_of_an_item_are_equally_loud_and_under_full_scale(tmp_path, channels):
    sounds = heard.items(2, seconds=2.0, channels=channels)
    sounds["beta"]["noisy"] *= 0.01
    sounds["alpha"]["fine"][4000] = 0.9  # one click, far over -1 dBFS once it is as loud as the original
    test = build_test(tmp_path, sounds, RATE, name="Loud", question="quality")
    peaks = {}
    for item, files in test.sounds.items():
        found = [soundfile.read(tmp_path / "sounds" / name)[0] for name in files.values()]
        assert {samples.ndim for samples in found} == {channels}
        loudness = [levels.loudness(samples, RATE) for samples in found]
        assert max(loudness) - min(loudness) < 0.05
        peaks[item] = max(np.abs(samples).max() for samples in found)
    assert peaks["alpha"] == pytest.approx(10 ** (-1 / 20), abs=1e-3) and peaks["beta"] < 0.8


def test_codec_padding_is_cut_a_lag_under_5_ms_taken_and_loudness_the_recommendations():
    # A full-scale sine of 997 Hz in one channel has -3.01 LUFS (BS.1770-4, end of Annex 1).
    sine = np.sin(2 * np.pi * 997 * np.arange(5 * 48_000) / 48_000)
    assert levels.loudness(sine, 48_000) == pytest.approx(-3.01, abs=0.005)
    sounds = heard.items(1)["alpha"]
    sounds["dull"] = np.append(np.roll(sounds["dull"], 50), np.zeros(700))
    cut = levels.comparable("alpha", sounds, "original", RATE)
    assert {len(samples) for samples in cut.values()} == {RATE}


@pytest.mark.parametrize("channels", [1, 2])
def test_the_spoilt_sound_has_as_much_noise_as_sound_of_the_same_spectrum_and_nothing_high(channels):
    samples = heard.bursts(4.0, "spoil", channels=channels)
    low = scipy.signal.firwin(401, 3500, fs=RATE)
    kept = scipy.signal.convolve(samples.T, low if channels == 1 else low[None], "same").T
    spoilt = spoil(samples, RATE, 1)
    noise = spoilt - spoil(np.zeros_like(samples), RATE, 1) - kept
    bands = [np.abs(np.fft.rfft(part, axis=0)) ** 2 for part in (noise, kept, spoilt)]
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    for low_hz, high_hz in ((50, 500), (500, 1500), (1500, 3000)):
        inside = (hertz > low_hz) & (hertz < high_hz)
        assert bands[0][inside].sum() / bands[1][inside].sum() == pytest.approx(1, abs=0.05)
    assert bands[2][hertz > 3700].sum() < 1e-4 * bands[2].sum()
    assert np.corrcoef(noise.ravel(), kept.ravel())[0, 1] == pytest.approx(0, abs=0.1)


def test_the_tones_of_the_headphone_check():
    orders = set()
    for samples, quietest in tone_trials(RATE, 5):
        tones = [samples[k * RATE * 3 // 2 : k * RATE * 3 // 2 + RATE] for k in range(3)]
        assert samples.shape == (4 * RATE, 2) and not samples[RATE : RATE * 3 // 2].any()
        assert {np.abs(np.fft.rfft(tone[:, 0])).argmax() for tone in tones} == {200}
        alone = np.array([np.square(tone).sum() for tone in tones])
        in_the_air = np.array([np.square(tone.sum(1)).sum() for tone in tones])
        assert alone.argmin() + 1 == quietest
        assert 10 * np.log10(alone.max() / alone.min()) == pytest.approx(6)
        assert in_the_air.min() == 0 and in_the_air.argmin() + 1 != quietest
        orders.add((quietest, int(in_the_air.argmin())))
    assert len(orders) == 6  # every order once


def test_the_same_test_again_changes_nothing_but_what_was_lost_and_another_is_never_overwritten(tmp_path):
    heard.built(tmp_path)
    (tmp_path / manifest.VOTES).write_bytes(b"votes")
    times, whole = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}, contents(tmp_path)
    heard.built(tmp_path)  # everything follows from the seed
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times
    first, second, *_ = sorted((tmp_path / "sounds").iterdir())
    first.unlink()
    second.write_bytes(b"fLaC")
    heard.built(tmp_path)
    assert contents(tmp_path) == whole
    with pytest.raises(ParameterError, match="has votes .* of another test, which must not be lost"):
        heard.built(tmp_path, seed=9)
    (tmp_path / manifest.VOTES).unlink()
    with pytest.raises(ParameterError, match=r"holds another test \(test.json\); build into another folder"):
        heard.built(tmp_path, seed=9)
    assert contents(tmp_path).items() <= whole.items()


ONE, DULL = heard.bursts(1.0, 0), heard.items(1)["alpha"]["dull"]


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.where(np.arange(RATE) == 77, np.nan, ONE), "'dull': sample 77 is not finite"),
        (ONE[:6400], "'dull': 6400 samples are too short, 8000"),
        (np.append(DULL, np.zeros(1400)), r"'dull' has 17400 samples, system '\w+' 16000: more than"),
        (2e-4 * DULL, "'dull': under -70 LUFS throughout"),
        (np.stack([DULL, DULL], 1), "'dull': mono beside stereo"),
        (np.roll(DULL, 1105), "'dull': 1105 samples .*later"),
        (np.roll(DULL, -200), "'dull': 200 samples .*earlier"),
    ],
)
def test_a_sound_that_cannot_be_used_is_named(tmp_path, samples, words):
    sounds = heard.items(1)
    sounds["alpha"]["dull"] = samples
    with pytest.raises(AudioError, match=f"'alpha'.* system {words}"):
        build_test(tmp_path, sounds, RATE, name="Bad", question="quality")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"question": "qualty"}, "question='qualty' is not known.*did you mean 'quality'"),
        ({"name": " "}, "name ' '"),
        ({"sounds": {"a": {"original": ONE, "it": ONE}, "b": {"original": ONE}}}, "item 'b': system 'it' is missing"),
        ({"sounds": {"a\n": {"original": ONE, "it": ONE}}}, r"item 'a\\n': a name of printable characters"),
        ({"sounds": {"a": {"original": ONE, SPOILT: ONE}}}, "is taken by the catch pairs"),
        ({"sounds": {"a": {"original": ONE}}}, "at least 2 different names"),
    ],
)
def test_wrong_options_systems_and_items_are_named(tmp_path, options, words):
    arguments = {"sounds": heard.items(1), "name": "Bad", "question": "quality"} | options
    with pytest.raises(ParameterError, match=words):
        build_test(tmp_path, arguments.pop("sounds"), RATE, **arguments)
    assert contents(tmp_path) == {}


def test_systems_are_read_from_folders_at_their_highest_rate(tmp_path):
    stereo = random_generator("stereo").uniform(-0.5, 0.5, (RATE, 2)).astype(np.float32)
    for system, rate in (("b", RATE), ("a", RATE // 2)):
        (tmp_path / system).mkdir()
        soundfile.write(tmp_path / system / "two.wav", stereo, RATE, subtype="FLOAT")
        soundfile.write(tmp_path / system / "one.flac", stereo[:, 0], rate)
        (tmp_path / system / "notes.txt").write_text("no sound")
    (tmp_path / ".hidden").mkdir()
    said: list[str] = []
    sounds, rate = read_systems(tmp_path, said.append)
    assert (rate, said) == (RATE, [f"{tmp_path}: 1 of 4 files at 8000 Hz are resampled to 16000 Hz"])
    assert [(item, list(of)) for item, of in sounds.items()] == [("one", ["a", "b"]), ("two", ["a", "b"])]
    assert sounds["one"]["a"].shape == (2 * RATE,) and sounds["one"]["b"].shape == (RATE,)
    np.testing.assert_array_equal(sounds["two"]["a"], stereo)


def test_a_folder_without_sounds_or_with_an_item_twice_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=f"{tmp_path}: no sound files; it should hold a folder of them per system"):
        read_systems(tmp_path)
    (tmp_path / "a").mkdir()
    for file in ("more.wav", "more.flac"):
        soundfile.write(tmp_path / "a" / file, ONE, RATE)
    with pytest.raises(ParameterError, match="more.wav: more.flac is the same item"):
        read_systems(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"version": 1', '"version": 2', "no listening test of version 1"),
        ('"catch"', '"cought"', "kind='cought' is not known: choose one of test, catch"),
        ('.flac"', '.wav"', "sound '.*wav' of test.json is not there"),
        ("{", "", "build the test again"),
    ],
)
def test_a_manifest_that_was_changed_is_refused(tmp_path, old, new, words):
    text = heard.built(tmp_path).as_text()
    assert old in text
    (tmp_path / "test.json").write_text(text.replace(old, new))
    with pytest.raises(ParameterError, match=words):
        manifest.load(tmp_path)
