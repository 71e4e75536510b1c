"""Separation of any length: chunks give what one pass gives, in line, in flat memory; files, picture, and refusals."""

from __future__ import annotations

import math
import os
import re
import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import soundfile
import torch
from helpers.full_disk import files, in_process_with_small_files

from nblib import __main__ as command_line
from nblib.audio import Geometry, read, resample, scale, stft
from nblib.figures.base import separated_figure
from nblib.networks import MaskUNet
from nblib.provenance import random_generator
from nblib.separate import RECEPTIVE_GRIDS, separated
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


class AllPass(MaskUNet):
    """A mask of ones."""

    def __init__(self) -> None:
        super().__init__(1, 1)

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        return magnitude


def estimate(samples: np.ndarray, rate: int, made: MaskUNet, setup=SMALL, chunk: int = 1024) -> np.ndarray:
    """Given in uneven blocks, joined; the mixture must come back as it was."""
    blocks = [block for block in np.split(samples, [1, 40, 3000], axis=1) if block.size]
    mixtures, estimates = zip(*separated(iter(blocks), rate, made, setup, chunk), strict=True)
    np.testing.assert_array_equal(np.concatenate(mixtures, axis=1), samples)
    return np.concatenate(estimates, axis=1)


def difference_db(found: np.ndarray, expected: np.ndarray) -> float:
    energy = np.square(expected, dtype=np.float64).sum()
    return 10 * math.log10(max(np.square(found - expected, dtype=np.float64).sum(), 1e-300) / energy)


@pytest.mark.parametrize("levels", range(1, 6))
def test_the_receptive_field_is_what_gradients_reach(levels):
    grid = 2**levels
    at = 4 * grid
    magnitude = torch.rand(1, 1, grid, 9 * grid, requires_grad=True)
    network(levels, 4).double()(magnitude.double())[..., at : at + grid].sum().backward()
    reached = np.flatnonzero(magnitude.grad[0, 0].abs().sum(0).numpy())
    before, after = at - reached.min(), reached.max() - (at + grid - 1)
    assert (RECEPTIVE_GRIDS - 1) * grid - 1 < max(before, after) <= RECEPTIVE_GRIDS * grid


@pytest.mark.parametrize("levels", range(1, 6))
@pytest.mark.parametrize("chunk", [1, 37, 64])
def test_chunks_give_what_one_pass_gives(levels, chunk):
    samples, made = noise(8000 + 13, levels), network(levels)
    whole = estimate(samples, 8000, made, chunk=ONE_PASS)
    found = estimate(samples, 8000, made, chunk=chunk)
    assert found.shape == whole.shape == samples.shape and found.dtype == np.float32
    assert 0.05 < np.linalg.norm(whole) / np.linalg.norm(samples) < 0.95
    assert difference_db(found, whole) < -120
    alone = estimate(samples[1:], 8000, made, chunk=chunk)  # channels do not hear one another
    assert difference_db(found[1:], alone) < -120


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (22_050, 2), (44_100, 2), (48_000, 1)])
def test_an_all_pass_gives_the_band_limited_input_in_line(rate, channels):
    samples = noise(2 * rate + 77, channels=channels)
    # Nothing in the bin that the geometry drops, at half the network's rate.
    samples = resample(resample(samples, rate, 16_000), 16_000, rate)[:, : samples.shape[1]]
    expected = resample(resample(samples, rate, 22_050), 22_050, rate)[:, : samples.shape[1]]
    found = estimate(samples, rate, AllPass(), PAPER, 32)
    assert found.shape == samples.shape
    assert difference_db(found[:, :-99], expected[:, :-99]) < -80  # two passes cut the ringing behind the end
    correlation = np.fft.irfft(np.fft.rfft(found[0]) * np.fft.rfft(samples[0]).conj())
    assert correlation.argmax() == 0


@pytest.mark.parametrize("domain", ["sqrt", "linear", "log1p"])
def test_over_full_scale_nothing_is_cut(domain):
    samples = (3 * np.sin(2 * np.pi * 500 * np.arange(8000) / 8000)).astype(np.float32)[None]
    assert difference_db(estimate(samples, 8000, AllPass(), replace(SMALL, domain=domain)), samples) < -60


@pytest.mark.parametrize("n", [1, 31, 64, 65, 500])
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_sounds_shorter_than_a_window_are_separated(n, rate):
    found = estimate(noise(n), rate, AllPass())
    assert found.shape == (2, n) and np.isfinite(found).all() and np.abs(found).max() > 0
    assert not estimate(np.zeros((2, n), np.float32), rate, network(2)).any()


def test_the_estimate_is_the_mask_on_the_mixture_s_spectrum():
    """Recomputed frame by frame in numpy: the mask, the mixture's phase, windowed overlap-add."""
    geometry, samples, made = SMALL.geometry, noise(4096, channels=1), network(1)
    found = estimate(samples, 8000, made, replace(SMALL, domain="linear"))
    padded = np.pad(samples, [(0, 0), (geometry.window - geometry.hop, geometry.hop)])
    spectrum = stft(torch.from_numpy(padded), geometry)
    spectrum = torch.nn.functional.pad(spectrum, (7, 8 + (spectrum.shape[-1] + 1) % 2))
    with torch.no_grad():
        masked = spectrum * made.mask(scale(spectrum.abs(), "linear")[:, None])[:, 0]
    frames = masked[0, :, 7:].numpy()
    window = np.hanning(geometry.window + 1)[:-1]
    total, weight = np.zeros(padded.shape[1] + 64), np.zeros(padded.shape[1] + 64)
    for index in range(padded.shape[1] // geometry.hop - 1):
        place = slice(index * geometry.hop, index * geometry.hop + geometry.window)
        total[place] += np.fft.irfft(np.append(frames[:, index], 0) * window.sum() / 2) * window
        weight[place] += window**2
    expected = (total / np.maximum(weight, 1e-9))[None, geometry.window - geometry.hop :][:, :4096]
    assert difference_db(found, expected) < -100


def test_memory_does_not_grow_with_the_sound():
    peaks = []
    for seconds in (20, 60):
        tracemalloc.start()
        for _ in separated((noise(8000) for _ in range(seconds)), 8000, network(1), SMALL):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] + 65_536 < 60 * 8000 * 2 * 4


@pytest.fixture
def asked(monkeypatch):
    """What the command asked for a network, which is the `AllPass`."""
    calls = []

    def one_run(setup, task, capacity, contender="codec"):
        calls.append((setup, task, capacity, contender))
        return SimpleNamespace(network=AllPass)

    monkeypatch.setattr("nblib.experiments.separation.one_run", one_run)
    return calls


@pytest.fixture
def song(tmp_path) -> Path:
    samples = resample(resample(noise(44_100), 44_100, 16_000), 16_000, 44_100)
    soundfile.write(tmp_path / "my song.wav", samples.T, 44_100, subtype="FLOAT")
    return tmp_path / "my song.wav"


def separate(*arguments: object) -> int:
    return command_line.main(["separate", *map(str, arguments)])


def test_a_file_becomes_two_that_add_up_to_it_and_a_picture(asked, song, capsys):
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
    for part in (
        f"file: {song}: stereo, 44100 Hz",
        "54 parameters, codec loss, trained at quick",
        "P3.wav: the vocals",
    ):
        assert part in said
    assert said.endswith("the network hears up to 11.025 kHz: what lies above is in the rest\n")


def test_every_option_is_handed_on(asked, song, tmp_path):
    options = ["--capacity", "P1", "--loss", "l1", "--profile", "smoke", "--corpus", "real", "--data-root", tmp_path]
    further = ["--seed", 7, "--set", "separation_training.max_epochs=3", "--out", tmp_path / "a" / "b"]
    assert separate(song, "--task", "speech", *options, *further) == 0
    ((setup, *rest),) = asked
    assert rest == ["speech", "P1", "l1"]
    assert (setup.profile, setup.corpus, setup.data_root, setup.seed) == ("smoke", "real", str(tmp_path), 7)
    assert setup.separation_training.max_epochs == 3
    assert files(tmp_path / "a" / "b") == [f"my song-speech-P1-l1{end}" for end in ("-rest.wav", ".png", ".wav")]


def test_again_gives_the_same_files_and_a_result_may_be_separated_in_turn(asked, song):
    separate(song, "--task", "vocals")
    first = {path.name: path.read_bytes() for path in song.parent.iterdir()}
    assert separate(song, "--task", "vocals") == 0
    assert {path.name: path.read_bytes() for path in song.parent.iterdir()} == first
    result = song.with_name("my song-vocals-P3.wav")
    assert separate(result, "--task", "vocals") == 0
    assert result.read_bytes() == first[result.name]


def test_where_the_file_s_folder_cannot_be_written_the_results_go_to_the_data(asked, song, monkeypatch, capsys):
    monkeypatch.setenv("NBLIB_DATA", str(song.parent / "data"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert separate(song, "--task", "speech") == 0
    assert len(files(song.parent / "data" / "separated")) == 3


def test_a_peak_over_full_scale_is_kept_and_said(asked, tmp_path, capsys):
    sine = 1.5 * np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050)
    soundfile.write(tmp_path / "loud.wav", sine, 22_050, subtype="FLOAT")
    assert separate(tmp_path / "loud.wav", "--task", "speech") == 0
    assert "the largest peak is 1.5 times full scale; kept" in capsys.readouterr().out
    assert np.abs(read(tmp_path / "loud-speech-P3.wav")[0]).max() > 1.4


@pytest.mark.parametrize(("suffix", "n"), [(".mp3", 30_000), (".flac", 7)])
def test_other_formats_and_short_sounds_are_taken(asked, tmp_path, suffix, n):
    soundfile.write(tmp_path / f"x{suffix}", noise(n).T, 48_000)
    assert separate(tmp_path / f"x{suffix}", "--task", "speech") == 0
    expected, _ = read(tmp_path / f"x{suffix}", mono=False)
    parts = [read(tmp_path / f"x-speech-P3{end}.wav", mono=False)[0] for end in ("", "-rest")]
    np.testing.assert_allclose(sum(parts), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "vocal"], "task='vocal' is not known: choose one of speech, vocals; did you mean 'vocals'?"),
        (["--task", "speech", "--capacity", "P33"], "capacity='P33' is not known: choose one of P1, P2, P3, P4, P5; "),
        (["--task", "speech", "--profile", "quik"], "profile='quik' is not known"),
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
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 44_100)
    found = {"notes.txt": "cannot be read as sound", "nowhere.wav": "no such file", "empty.wav": "empty"}
    for name, words in found.items():
        assert separate(tmp_path / name, "--task", "speech") == 1
        assert f"nblib: {tmp_path / name}: {words}" in capsys.readouterr().err
    assert asked == [] and files(tmp_path) == ["empty.wav", "notes.txt"]


def test_a_fault_in_the_middle_leaves_what_was_there(asked, song, capsys):
    samples, _ = read(song, mono=False)
    samples[1, 44_000] = np.nan
    soundfile.write(song, np.tile(samples, 3).T, 44_100, subtype="FLOAT")
    (song.parent / "my song-speech-P3.wav").write_bytes(b"of old")
    assert separate(song, "--task", "speech") == 1
    assert "sample 44000 is not finite" in capsys.readouterr().err
    assert files(song.parent) == ["my song-speech-P3.wav", "my song.wav"]
    assert (song.parent / "my song-speech-P3.wav").read_bytes() == b"of old"


def test_a_full_disk_leaves_nothing_behind(song):
    message = in_process_with_small_files(
        f"""
from types import SimpleNamespace
from nblib.networks import MaskUNet
from nblib.separate import separate
from nblib.settings import settings
import nblib.experiments.separation as studies
studies.one_run = lambda *asked: SimpleNamespace(network=lambda: MaskUNet(1, 1).eval())
separate(settings(), Path({str(song)!r}), "speech", "P3", "codec", None)
"""
    )
    assert "my song-speech-P3" in message and files(song.parent) == ["my song.wav"]


@pytest.mark.parametrize(("seconds", "label"), [(9, "time (s)"), (600, "time (min)")])
def test_the_picture_shows_both_on_one_scale(tmp_path, seconds, label):
    sine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype(np.float32)
    for name, share in (("estimate", 0.1), ("rest", 0.9)):
        soundfile.write(tmp_path / f"{name}.wav", share * np.tile(sine, seconds), 8000, subtype="FLOAT")
    figure = separated_figure(tmp_path / "estimate.wav", tmp_path / "rest.wav", "costs $5 and $6: vocals")
    upper, lower, bar = figure.axes
    assert upper.get_title() == "costs $5 and $6: vocals"
    assert upper.images[0].get_clim() == lower.images[0].get_clim() == (-80.0, 0.0)
    both, own = (np.asarray(axis.images[0].get_array()) for axis in (upper, lower))
    assert both.shape == own.shape and both.shape[1] <= 3200
    assert both[:, 1].argmax() == 128  # 1000 Hz of 8000 in 1024
    np.testing.assert_allclose(both[128, 1:-1], -6.02, atol=0.05)
    np.testing.assert_allclose(own[128, 1:-1], -26.02, atol=0.05)
    assert lower.get_xlabel() == label and lower.get_xlim() == (0, seconds if seconds < 120 else seconds / 60)
    assert upper.get_ylabel() == "input\nfrequency (kHz)" and "dB" in bar.get_ylabel()
    figure.canvas.draw()
    plt.close(figure)
