"""Separation of any length: chunks give what one pass gives, in line; files, picture, and refusals."""

import math
import os
import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import soundfile
import torch
from helpers.full_disk import files, small_files

from nblib import __main__ as command_line
from nblib.audio import Geometry, analyse, read, resample, scale, synthesise
from nblib.figures.base import separated_figure
from nblib.networks import MaskUNet
from nblib.provenance import random_generator
from nblib.separate import separated
from nblib.settings import settings

PAPER = settings()
SMALL = replace(PAPER, geometry=Geometry(sample_rate=8000, window=64, hop=32, frames=16))
ONE_PASS = 1000  # frames: more than any sound here has


def noise(n: int, *parts: str | int, channels: int = 2) -> np.ndarray:
    return random_generator("separate", n, *parts).uniform(-0.5, 0.5, (channels, n)).astype(np.float32)


def network(levels: int, filters: int = 2) -> MaskUNet:
    """Random weights and norms, so that every frame of the receptive field tells."""
    torch.manual_seed(levels)
    made = MaskUNet(levels, filters)
    for norm in [*made.down_norm, *made.up_norm]:
        norm.running_mean.uniform_(-0.1, 0.1)
        norm.running_var.uniform_(0.01, 0.1)
    return made.eval()


def all_pass() -> MaskUNet:
    made = MaskUNet(1, 1)
    made.forward = lambda magnitude: magnitude  # a mask of ones
    return made


def difference_db(found: np.ndarray, expected: np.ndarray) -> float:
    energy = np.square(expected, dtype=np.float64).sum()
    return 10 * math.log10(max(np.square(found - expected, dtype=np.float64).sum(), 1e-300) / energy)


@pytest.mark.parametrize(("levels", "chunk"), [(1, 1), (2, 64), (3, 37), (4, 1), (5, 64)])
def test_chunks_give_what_one_pass_gives(levels, chunk):
    samples, made = noise(8000 + 13, levels), network(levels)
    whole = separated(samples, 8000, made, SMALL, ONE_PASS)
    found = separated(samples, 8000, made, SMALL, chunk)
    assert found.shape == whole.shape == samples.shape and found.dtype == np.float32
    assert 0.05 < np.linalg.norm(whole) / np.linalg.norm(samples) < 0.95
    assert difference_db(found, whole) < -120
    alone = separated(samples[1:], 8000, made, SMALL, chunk)
    assert difference_db(found[1:], alone) < -120, "channels do not hear one another"


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (22_050, 2), (44_100, 2)])
def test_an_all_pass_gives_the_band_limited_input_in_line(rate, channels):
    samples = noise(2 * rate + 77, channels=channels)
    # Nothing in the bin that the geometry drops, at half the network's rate.
    samples = resample(resample(samples, rate, 16_000), 16_000, rate)[:, : samples.shape[1]]
    expected = resample(resample(samples, rate, 22_050), 22_050, rate)[:, : samples.shape[1]]
    found = separated(samples, rate, all_pass(), PAPER, 32)
    assert found.shape == samples.shape
    assert difference_db(found[:, :-99], expected[:, :-99]) < -80  # two passes cut the ringing behind the end
    correlation = np.fft.irfft(np.fft.rfft(found[0]) * np.fft.rfft(samples[0]).conj())
    assert correlation.argmax() == 0


def test_over_full_scale_nothing_is_cut():
    samples = (3 * np.sin(2 * np.pi * 500 * np.arange(8000) / 8000)).astype(np.float32)[None]
    for domain in ("sqrt", "log1p"):
        assert difference_db(separated(samples, 8000, all_pass(), replace(SMALL, domain=domain)), samples) < -60


@pytest.mark.parametrize(("n", "rate"), [(1, 8000), (1, 44_100), (64, 8000), (500, 44_100)])
def test_sounds_shorter_than_a_window_are_separated(n, rate):
    found = separated(noise(n), rate, all_pass(), SMALL)
    assert found.shape == (2, n) and np.isfinite(found).all() and np.abs(found).max() > 0
    assert not separated(np.zeros((2, n), np.float32), rate, network(2), SMALL).any()


def test_the_estimate_is_the_mask_on_the_mixture_s_spectrum():
    """In one pass over all: seven frames of silence before put the first sample on the grid of two."""
    geometry, samples, made = replace(SMALL.geometry, frames=200), noise(4096, channels=1), network(1)
    silence = 7 * geometry.hop
    spectrum = analyse(np.pad(samples, ((0, 0), (silence, 0))), geometry)
    with torch.no_grad():
        masked = spectrum * made.mask(scale(spectrum.abs(), "linear"))
    expected = synthesise(masked, silence + 4096, geometry)[:, silence:]
    found = separated(samples, 8000, made, replace(SMALL, domain="linear"))
    assert difference_db(found, expected.numpy()) < -100


@pytest.fixture
def asked(monkeypatch):
    """What the command asked for a network, which is the `all_pass`."""
    calls = []

    def one_run(setup, task, capacity, contender="codec"):
        calls.append((setup, task, capacity, contender))
        return SimpleNamespace(network=all_pass)

    monkeypatch.setattr("nblib.experiments.separation.one_run", one_run)
    return calls


@pytest.fixture
def song(tmp_path) -> Path:
    samples = resample(resample(noise(44_100), 44_100, 16_000), 16_000, 44_100)
    soundfile.write(tmp_path / "my song.wav", samples.T, 44_100, subtype="FLOAT")
    return tmp_path / "my song.wav"


def separate(*arguments: object) -> int:
    return command_line.main(["separate", *map(str, arguments)])


def test_a_file_becomes_two_that_add_up_to_it_and_a_picture_the_same_every_time(asked, song, capsys):
    before = song.read_bytes()
    assert separate(song, "--task", "vocals") == 0
    names = ["my song-vocals-P3-rest.wav", "my song-vocals-P3.png", "my song-vocals-P3.wav", "my song.wav"]
    assert files(song.parent) == names and song.read_bytes() == before
    original, _ = read(song, mono=False)
    found, rate = read(song.with_name("my song-vocals-P3.wav"), mono=False)
    rest, _ = read(song.with_name("my song-vocals-P3-rest.wav"), mono=False)
    assert rate == 44_100 and found.shape == rest.shape == original.shape
    assert difference_db(found, original) < -50
    np.testing.assert_allclose(found + rest, original, atol=1e-7)
    assert soundfile.info(song.with_name("my song-vocals-P3.wav")).subtype == "FLOAT"
    assert plt.imread(song.with_name("my song-vocals-P3.png")).shape[:2] > (400, 800)
    said = capsys.readouterr().out
    assert re.search(r"separated 1.0 s in \d+\.\d s: \d+ times real time\n", said)
    for part in (f"{song}: stereo, 44100 Hz", "54 parameters, codec loss, trained at quick", "P3.wav: the vocals"):
        assert part in said
    assert said.endswith("the network hears up to 11.025 kHz: what lies above is in the rest\n")
    first = {path.name: path.read_bytes() for path in song.parent.iterdir()}
    time.sleep(1.1)  # some writers stamp the second
    assert separate(song, "--task", "vocals") == 0
    assert {path.name: path.read_bytes() for path in song.parent.iterdir()} == first


def test_what_outgrows_a_wav_becomes_an_rf64(asked, song, monkeypatch):
    monkeypatch.setattr("nblib.separate.WAV_BYTES", 1000)
    assert separate(song, "--task", "vocals") == 0
    parts = [song.with_name(f"my song-vocals-P3{end}.wav") for end in ("", "-rest")]
    assert [soundfile.info(part).format for part in parts] == ["RF64"] * 2
    np.testing.assert_allclose(sum(read(part)[0] for part in parts), read(song)[0], atol=1e-7)


def test_a_peak_is_kept_and_said_and_results_go_to_the_data_where_the_folder_cannot_be_written(
    asked, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    sine = 1.5 * np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050)
    soundfile.write(tmp_path / "loud.wav", sine, 22_050, subtype="FLOAT")
    assert separate(tmp_path / "loud.wav", "--task", "speech") == 0
    assert "the largest peak is 1.5 times full scale; kept" in capsys.readouterr().out
    assert np.abs(read(tmp_path / "data" / "separated" / "loud-speech-P3.wav")[0]).max() > 1.4


@pytest.mark.parametrize(("name", "n"), [("x.mp3", 30_000), ("x.flac", 7)])
def test_other_formats_and_short_sounds_are_taken_and_every_option_is_handed_on(asked, tmp_path, name, n):
    soundfile.write(tmp_path / name, noise(n).T, 48_000)
    options = "--task speech --capacity P1 --loss l1 --profile smoke --seed 7 --set separation_training.max_epochs=3"
    assert separate(tmp_path / name, *options.split(), "--out", tmp_path / "a" / "b") == 0
    ((setup, *rest),) = asked
    assert rest == ["speech", "P1", "l1"]
    assert (setup.profile, setup.seed, setup.separation_training.max_epochs) == ("smoke", 7, 3)
    assert files(tmp_path / "a" / "b") == [f"x-speech-P1-l1{end}" for end in ("-rest.wav", ".png", ".wav")]
    parts = [read(tmp_path / "a" / "b" / f"x-speech-P1-l1{end}.wav", mono=False)[0] for end in ("", "-rest")]
    np.testing.assert_allclose(sum(parts), read(tmp_path / name, mono=False)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "vocal"], "task='vocal' is not known: choose one of speech, vocals; did you mean 'vocals'?"),
        (["--task", "speech", "--capacity", "P33"], "capacity='P33' is not known: choose one of P1, P2, P3, P4, P5; "),
        (["--task", "speech", "--out", "my song.wav"], "out='my song.wav': cannot be made a folder"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_trained(asked, song, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(song.parent)
    assert separate(song, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"nblib: {words}")
    assert asked == [] and files(song.parent) == ["my song.wav"]


def test_a_file_that_is_no_sound_is_named_before_anything_is_trained(asked, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no sound")
    for name, words in {"notes.txt": "cannot be read as sound", "nowhere.wav": "no such file"}.items():
        assert separate(tmp_path / name, "--task", "speech") == 1
        assert f"nblib: {tmp_path / name}: {words}" in capsys.readouterr().err
    assert asked == [] and files(tmp_path) == ["notes.txt"]


def test_a_full_disk_leaves_nothing_behind(asked, song, capsys):
    with small_files():
        assert separate(song, "--task", "speech") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search("my song-speech-P3.wav: could not be written .*free some space", line)
    assert files(song.parent) == ["my song.wav"]


@pytest.mark.parametrize("seconds", [9, 600])
def test_the_picture_shows_both_on_one_scale(seconds):
    sine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype(np.float32)
    sounds = {"input": np.tile(sine, (2, seconds)), "separated": 0.1 * np.tile(sine, (2, seconds))}
    figure = separated_figure(sounds, 8000, "costs $5 and $6: vocals")
    upper, lower, _ = figure.axes
    assert upper.get_title() == "costs $5 and $6: vocals" and upper.get_ylabel().startswith("input")
    assert upper.images[0].get_clim() == lower.images[0].get_clim()
    both, own = (np.asarray(axis.images[0].get_array()) for axis in (upper, lower))
    assert both.shape == own.shape and both.shape[1] <= 3200
    assert both[:, 1].argmax() == 128  # 1000 Hz of 8000 in 1024
    np.testing.assert_allclose(both[128, 1:-1], -6.02, atol=0.05)
    np.testing.assert_allclose(own[128, 1:-1], -26.02, atol=0.05)
    assert lower.get_xlim()[1] == pytest.approx(seconds, rel=0.02)
    figure.canvas.draw()
    plt.close(figure)
