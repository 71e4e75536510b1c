"""nblib separate: from the command line to two sounds and a picture, and what it refuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import full_disk
import matplotlib.pyplot as plt
import numpy as np
import pytest
import soundfile
import torch
from test_separate import AllPass, difference_db, noise

from nblib import __main__ as command_line
from nblib import paths, separate_command
from nblib.audio import Geometry, read, resample
from nblib.experiments import capacity
from nblib.experiments.settings import SPEECH_CAPACITIES, VOCAL_CAPACITIES
from nblib.figures.separation import PooledColumns, separation_figure
from nblib.networks import MaskUNet


class Asked(list):
    """What the command asked `capacity.one_run` for."""

    network: MaskUNet = AllPass()


@pytest.fixture
def asked(monkeypatch):
    calls = Asked()

    def one_run(setup, task, capacity, loss, log):
        calls.append((setup, task, capacity, loss))
        record = {"label": f"{task} {capacity} {loss} seed {setup.seed}", "parameters": 209}
        return SimpleNamespace(hash="0123456789ab", record=record, status="plateau", network=lambda: calls.network)

    monkeypatch.setattr(capacity, "one_run", one_run, raising=False)
    return calls


@pytest.fixture
def song(tmp_path) -> Path:
    path = tmp_path / "my song.wav"
    samples = resample(resample(noise(44_100), 44_100, 16_000), 16_000, 44_100)
    soundfile.write(path, samples.T, 44_100, subtype="FLOAT")
    return path


def separate(*arguments: object) -> int:
    return command_line.main(["separate", *map(str, arguments)])


def test_a_file_is_separated_beside_itself(asked, song, capsys):
    before = song.read_bytes()
    assert separate(song, "--task", "vocals") == 0
    names = ["my song-vocals-P3-rest.wav", "my song-vocals-P3.png", "my song-vocals-P3.wav", "my song.wav"]
    assert full_disk.files(song.parent) == names and song.read_bytes() == before
    original, _ = read(song, mono=False)
    found, rate = read(song.with_name("my song-vocals-P3.wav"), mono=False)
    rest, _ = read(song.with_name("my song-vocals-P3-rest.wav"), mono=False)
    assert rate == 44_100 and found.shape == original.shape
    assert difference_db(found, original) < -50 and difference_db(found + rest, original) < -120
    assert plt.imread(song.with_name("my song-vocals-P3.png")).shape[:2] > (400, 800)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        f"file: {song}: 0:01, stereo, 44100 Hz",
        "network: vocals P3 codec seed 0, 209 parameters, run 0123456789ab, trained at quick on the embedded corpus "
        "(plateau)",
    ]
    assert re.fullmatch(r"separated 0:01 in \d+\.\d s: \d+ times real time", lines[2])
    assert lines[3:] == [
        f"in {song.parent}:",
        "  my song-vocals-P3.wav: the vocals",
        "  my song-vocals-P3-rest.wav: the rest; the two add up to the file",
        "  my song-vocals-P3.png: their spectrograms",
        "the network hears up to 11.025 kHz: what lies above is in the rest",
    ]


def test_every_option_is_handed_on(asked, song, tmp_path):
    options = ["--capacity", "P1", "--loss", "l1", "--profile", "smoke", "--corpus", "real", "--data-root", tmp_path]
    assert separate(song, "--task", "speech", *options, "--seed", 7, "--out", tmp_path / "a" / "b") == 0
    ((setup, *rest),) = asked
    assert rest == ["speech", "P1", "l1"]
    assert (setup.profile, setup.corpus, setup.data_root, setup.seed) == ("smoke", "real", str(tmp_path), 7)
    assert full_disk.files(tmp_path / "a" / "b") == [
        f"my song-speech-P1-l1{end}" for end in ("-rest.wav", ".png", ".wav")
    ]


def test_again_gives_the_same_files(asked, song):
    separate(song, "--task", "vocals")
    first = {path.name: path.read_bytes() for path in song.parent.iterdir()}
    assert separate(song, "--task", "vocals") == 0
    assert {path.name: path.read_bytes() for path in song.parent.iterdir()} == first


def test_a_result_separated_again_keeps_what_it_came_from(asked, song):
    separate(song, "--task", "vocals")
    result = song.with_name("my song-vocals-P3.wav")
    before = result.read_bytes()
    assert separate(result, "--task", "vocals") == 0
    assert result.read_bytes() == before


def test_where_the_file_s_folder_cannot_be_written_the_results_go_to_the_data(
    asked, song, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert separate(song, "--task", "speech") == 0
    assert len(full_disk.files(tmp_path / "data" / "separated")) == 3
    assert f"in {tmp_path / 'data' / 'separated'}:" in capsys.readouterr().out


def test_a_peak_over_full_scale_is_kept_and_said(asked, tmp_path, capsys):
    time = np.arange(22_050) / 22_050
    soundfile.write(tmp_path / "loud.wav", 1.5 * np.sin(2 * np.pi * 440 * time), 22_050, subtype="FLOAT")
    assert separate(tmp_path / "loud.wav", "--task", "speech") == 0
    assert (
        "loud-speech-P3.wav: its peak is 1.5 times full scale; kept, but a player may clip it"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--task", "vocal"], 2, "task='vocal' is not known: choose one of speech, vocals; did you mean 'vocals'?"),
        (
            ["--task", "speech", "--capacity", "P33"],
            2,
            "capacity='P33' is not known: choose one of P1, P2, P3, P4, P5; did",
        ),
        (["--task", "speech", "--loss", "l2"], 2, "loss='l2' is not known: choose one of codec, l1"),
        (["--task", "speech", "--profile", "quik"], 2, "profile='quik' is not known"),
        (["--task", "speech", "--corpus", "real"], 2, "corpus='real' needs data_root"),
        (["--task", "speech", "--seed", "-1"], 2, "seed=-1 must be a whole number from 0 up"),
        (["--task", "speech", "--device", "gpu"], 2, "device='gpu': cannot be used here"),
        (["--task", "speech", "--capasity", "P3"], 2, "argument '--capasity' is not known: did you mean --capacity?"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_trained(asked, song, capsys, arguments, code, words):
    assert separate(song, *arguments) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"nblib: {words}")
    assert asked == [] and full_disk.files(song.parent) == ["my song.wav"]


def test_a_file_that_is_no_sound_is_named_before_anything_is_trained(asked, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no sound")
    for name, words in (("notes.txt", "cannot be read as sound"), ("nowhere.wav", "no such file")):
        assert separate(tmp_path / name, "--task", "speech") == 1
        assert f"nblib: {tmp_path / name}: {words}" in capsys.readouterr().err
    assert asked == [] and full_disk.files(tmp_path) == ["notes.txt"]


def test_a_folder_that_cannot_be_made_is_named(asked, song, capsys):
    assert separate(song, "--task", "speech", "--out", song) == 2
    assert "my song.wav': cannot be made a folder" in capsys.readouterr().err
    assert asked == []


def test_a_fault_in_the_middle_leaves_nothing(asked, song, capsys):
    samples, _ = read(song, mono=False)
    samples[1, 44_000] = np.nan
    soundfile.write(song, np.tile(samples, 3).T, 44_100, subtype="FLOAT")
    assert separate(song, "--task", "speech") == 1
    assert "sample 44000 is not finite" in capsys.readouterr().err
    assert full_disk.files(song.parent) == ["my song.wav"]


def test_silence_and_a_few_samples_are_separated(asked, tmp_path):
    torch.manual_seed(0)
    asked.network = MaskUNet(5, 1).eval()
    soundfile.write(tmp_path / "silence.wav", np.zeros(30_000), 16_000)
    soundfile.write(tmp_path / "short.wav", noise(7).T, 48_000)
    for name, n in (("silence", 30_000), ("short", 7)):
        assert separate(tmp_path / f"{name}.wav", "--task", "speech") == 0
        assert read(tmp_path / f"{name}-speech-P3.wav", mono=False)[0].shape[1] == n


def test_progress_is_a_line_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(separate_command, "PLAIN_SECONDS", 0.0)
    with separate_command._progress(600.0) as progress:
        progress(90.0)
    with separate_command._progress(None) as progress:
        progress(3700.0)
    assert capsys.readouterr().out.splitlines() == ["separated 1:30 of 10:00", "separated 1:01:40"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with separate_command._progress(600.0) as progress:
        progress(300.0)
    assert "separating" in capsys.readouterr().out


def test_pooled_columns_are_means_and_bounded():
    power = np.abs(noise(10_007, channels=3))
    pooled = PooledColumns(3)
    for part in np.array_split(power, 17, axis=1):
        pooled.add(part)
        assert pooled.power().shape[1] <= 1601
    assert pooled.frames == 8
    expected = np.stack([part.mean(1) for part in np.split(power, range(8, 10_007, 8), axis=1)], axis=1)
    np.testing.assert_allclose(pooled.power(), expected, rtol=1e-4)
    few = PooledColumns(3)
    few.add(power[:, :5])
    np.testing.assert_array_equal(few.power(), power[:, :5])


@pytest.mark.parametrize(("seconds", "label"), [(90.0, "time (s)"), (600.0, "time (min:s)")])
def test_the_picture_shows_both_on_one_scale(seconds, label):
    geometry = Geometry()
    mixture, estimate = PooledColumns(geometry.bins), PooledColumns(geometry.bins)
    frames = round(seconds * geometry.sample_rate / geometry.hop)
    power = np.full((geometry.bins, frames), 1e-3, np.float32)
    mixture.add(power)
    estimate.add(power / 10)
    figure = separation_figure("costs $5 and $6: vocals", mixture, estimate, geometry, seconds)
    upper, lower, bar = figure.axes
    assert upper.get_title() == "costs $5 and $6: vocals"
    assert upper.images[0].get_clim() == lower.images[0].get_clim() == (-110.0, -30.0)
    assert lower.get_xlabel() == label and lower.get_xlim() == (0, seconds)
    assert upper.get_ylabel() == "input\nfrequency (kHz)" and "dB" in bar.get_ylabel()
    assert abs(lower.images[0].get_extent()[1] - seconds) < 0.5
    figure.canvas.draw()
    plt.close(figure)


def test_the_capacities_are_the_papers():
    assert list(SPEECH_CAPACITIES) == list(VOCAL_CAPACITIES) == list(separate_command.CAPACITIES)


def test_help_starts_nothing_heavy_and_the_readme_s_command_exists(capsys):
    with pytest.raises(SystemExit) as stopped:
        separate("--help")
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    commands = re.findall(r"^python -m nblib separate (.*?)(?:#.*)?$", (paths.home() / "README.md").read_text(), re.M)
    assert commands
    for option in re.findall(r"--[a-z-]+", " ".join(commands)):
        assert option in shown
    heavy = "torch", "pandas", "scipy", "soundfile", "matplotlib"
    code = f"import sys, nblib.__main__; print([name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=paths.home(), capture_output=True, text=True, check=True).stdout.strip() == "[]"
