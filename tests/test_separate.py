"""Separation of any length: chunks give what one pass gives, in line, channel by channel, in flat memory."""

from __future__ import annotations

import math
import tracemalloc

import full_disk
import numpy as np
import pytest
import soundfile
import torch

from nblib.audio import Geometry, read, resample, scale, stft
from nblib.errors import AudioError, ParameterError
from nblib.networks import MaskUNet
from nblib.provenance import random_generator
from nblib.separation import Separator, receptive_frames, separate, separate_file

GEOMETRY = Geometry(sample_rate=8000, window=64, hop=32, frames=16)
PAPER = Geometry()
ONE_PASS = 1000  # frames: more than any sound here has


def noise(n: int, *parts: str | int, channels: int = 2) -> np.ndarray:
    return random_generator("separate", n, *parts).uniform(-0.5, 0.5, (channels, n)).astype(np.float32)


def network(levels: int, filters: int = 2) -> MaskUNet:
    """Random weights and norms, so that every frame of the receptive field tells."""
    torch.manual_seed(levels)
    made = MaskUNet(levels, filters)
    for norm in [*made.down_norm, *made.up_norm]:
        assert isinstance(norm, torch.nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.uniform_(-0.1, 0.1)
        norm.running_var.uniform_(0.01, 0.1)
    return made.eval()


class AllPass(MaskUNet):
    """A mask of ones."""

    def __init__(self) -> None:
        super().__init__(1, 1)

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        return magnitude


def difference_db(found: np.ndarray, expected: np.ndarray) -> float:
    energy = np.square(expected, dtype=np.float64).sum()
    return 10 * math.log10(max(np.square(found - expected, dtype=np.float64).sum(), 1e-300) / energy)


@pytest.mark.parametrize("levels", range(1, 6))
def test_the_receptive_field_is_what_gradients_reach(levels):
    grid = 2**levels
    before, after = receptive_frames(network(levels))
    at, frames = 4 * grid, 9 * grid
    magnitude = torch.rand(1, 1, grid, frames, requires_grad=True)
    made = network(levels, 4).double()
    made(magnitude.double())[..., at : at + grid].sum().backward()
    assert magnitude.grad is not None
    reached = np.flatnonzero(magnitude.grad[0, 0].abs().sum(0).numpy())
    assert at - reached.min() <= before and reached.max() - (at + grid - 1) <= after
    # A relu that sleeps may hide the outermost frame, no more.
    assert at - reached.min() >= before - 1 and reached.max() - (at + grid - 1) >= after - 1


@pytest.mark.parametrize("levels", range(1, 6))
@pytest.mark.parametrize("chunk_frames", [1, 37, 64])
def test_chunks_give_what_one_pass_gives(levels, chunk_frames):
    samples = noise(8000 + 13, levels)
    made = network(levels)
    whole = separate(samples, 8000, made, GEOMETRY, "sqrt", ONE_PASS)
    found = separate(samples, 8000, made, GEOMETRY, "sqrt", chunk_frames)
    assert found.shape == whole.shape == samples.shape and found.dtype == np.float32
    assert 0.05 < np.linalg.norm(whole) / np.linalg.norm(samples) < 0.95
    assert difference_db(found, whole) < -120


def test_too_little_context_would_show():
    samples, made = noise(8000), network(3)
    whole = separate(samples, 8000, made, GEOMETRY, "sqrt", ONE_PASS)
    separator = Separator(made, GEOMETRY, "sqrt", 2, 64)
    separator._context -= 16
    separator._waiting[0] = separator._waiting[0][:, 16 * GEOMETRY.hop :]
    separator._needed -= 32 * GEOMETRY.hop
    found = np.concatenate([separator.push(samples), separator.finish()], axis=1)
    assert difference_db(found, whole) > -60


def test_training_s_patches_would_be_heard_as_seams():
    """Why long chunks: the same network patch by patch differs by far more than -60 dB, at the patches' ends."""
    samples, made = noise(66_048 * 3, channels=1), network(2)
    whole = separate(samples, 22_050, made, PAPER, "sqrt")
    patchwise = np.concatenate(
        [separate(part, 22_050, made, PAPER, "sqrt") for part in np.split(samples, 3, axis=1)], axis=1
    )
    error = np.abs(whole - patchwise)[0]
    assert difference_db(patchwise, whole) > -60
    assert error[66_048 - 512 : 66_048 + 512].max() > 100 * error[30_000:34_000].max()


@pytest.mark.parametrize("sample_rate", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_all_pass_gives_the_band_limited_input_in_line(sample_rate, channels):
    samples = noise(2 * sample_rate + 77, channels=channels)
    # Nothing in the bin that the geometry drops, at half the network's rate.
    samples = resample(resample(samples, sample_rate, 16_000), 16_000, sample_rate)[:, : samples.shape[1]]
    expected = resample(resample(samples, sample_rate, 22_050), 22_050, sample_rate)[:, : samples.shape[1]]
    found = separate(samples, sample_rate, AllPass(), PAPER, "sqrt", 32)
    assert found.shape == samples.shape
    assert difference_db(found, expected) < -80
    correlation = np.fft.irfft(np.fft.rfft(found[0]) * np.fft.rfft(samples[0]).conj())
    assert correlation.argmax() == 0


@pytest.mark.parametrize("domain", ["sqrt", "linear", "log1p"])
def test_over_full_scale_nothing_is_cut(domain):
    time = np.arange(8000) / 8000
    samples = (3 * np.sin(2 * np.pi * 500 * time)).astype(np.float32)[None]
    assert difference_db(separate(samples, 8000, AllPass(), GEOMETRY, domain), samples) < -60


def test_channels_do_not_hear_one_another():
    samples, made = noise(9000), network(3)
    both = separate(samples, 8000, made, GEOMETRY, "sqrt", 64)
    for channel in range(2):
        alone = separate(samples[channel : channel + 1], 8000, made, GEOMETRY, "sqrt", 64)
        assert difference_db(both[channel : channel + 1], alone) < -120


@pytest.mark.parametrize("n", [1, 31, 32, 63, 64, 65, 500])
def test_sounds_shorter_than_a_window_are_separated(n):
    found = separate(noise(n), 8000, AllPass(), GEOMETRY, "sqrt")
    assert found.shape == (2, n) and np.isfinite(found).all() and np.abs(found).max() > 0


def test_silence_stays_silence():
    assert not separate(np.zeros((2, 5000), np.float32), 8000, network(2), GEOMETRY, "sqrt").any()


def test_the_estimate_is_the_mask_on_the_mixture_s_spectrum():
    samples, made = noise(4096, channels=1), network(1)
    found = separate(samples, 8000, made, GEOMETRY, "linear")
    padded = np.pad(samples, [(0, 0), (GEOMETRY.window - GEOMETRY.hop, GEOMETRY.hop)])
    spectrum = stft(torch.from_numpy(padded), GEOMETRY)
    spectrum = torch.nn.functional.pad(spectrum, (8, 8 + spectrum.shape[-1] % 2))
    with torch.no_grad():
        masked = spectrum * made.mask(scale(spectrum.abs(), "linear")[:, None])[:, 0]
    frames = masked[0, :, 8:].numpy()
    window = np.hanning(GEOMETRY.window + 1)[:-1]
    total, weight = np.zeros(padded.shape[1] + 64), np.zeros(padded.shape[1] + 64)
    for index in range(padded.shape[1] // GEOMETRY.hop - 1):
        place = slice(index * GEOMETRY.hop, index * GEOMETRY.hop + GEOMETRY.window)
        frame = np.fft.irfft(np.append(frames[:, index], 0) * window.sum() / 2)
        total[place] += frame * window
        weight[place] += window**2
    expected = (total / np.maximum(weight, 1e-9))[None, GEOMETRY.window - GEOMETRY.hop :][:, :4096]
    assert difference_db(found, expected) < -100


def test_a_chunk_needs_a_frame():
    with pytest.raises(ParameterError, match="chunk_frames=0"):
        Separator(network(1), GEOMETRY, "sqrt", 1, 0)


def test_a_file_becomes_two_that_add_up_to_it(tmp_path):
    samples = noise(100_003)
    soundfile.write(tmp_path / "x.wav", samples.T, 44_100, subtype="FLOAT")
    shown, done = [], []
    made = network(2)
    outcome = separate_file(
        tmp_path / "x.wav",
        made,
        PAPER,
        "sqrt",
        tmp_path / "new" / "a.wav",
        tmp_path / "new" / "b.wav",
        lambda mixture, estimate: shown.append((mixture, estimate)),
        done.append,
    )
    estimate, rate = read(tmp_path / "new" / "a.wav", mono=False)
    rest, _ = read(tmp_path / "new" / "b.wav", mono=False)
    assert rate == 44_100 and estimate.shape == rest.shape == samples.shape
    np.testing.assert_allclose(estimate + rest, samples, atol=1e-7)
    np.testing.assert_allclose(estimate, separate(samples, 44_100, made, PAPER, "sqrt"), atol=1e-6)
    assert outcome.samples == 100_003
    assert outcome.estimate_peak == np.abs(estimate).max() and outcome.rest_peak == np.abs(rest).max()
    assert done == sorted(done) and done[-1] == pytest.approx(100_003 / 44_100)
    frames = sum(mixture.shape[1] for mixture, _ in shown)
    assert frames == math.ceil(math.ceil(100_003 / 2) / PAPER.hop)
    assert all(mixture.shape == estimate.shape and (mixture >= estimate).all() for mixture, estimate in shown)
    assert full_disk.files(tmp_path / "new") == ["a.wav", "b.wav"]


def test_memory_does_not_grow_with_the_file(tmp_path):
    peaks = []
    for seconds in (20, 60):
        with soundfile.SoundFile(tmp_path / "long.wav", "w", 8000, 2) as file:
            for _ in range(seconds):
                file.write(noise(8000).T)
        tracemalloc.start()
        separate_file(tmp_path / "long.wav", network(1), GEOMETRY, "sqrt", tmp_path / "a.wav", tmp_path / "b.wav")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] + 65_536 < 60 * 8000 * 2 * 4


def test_what_waits_inside_is_bounded():
    separator = Separator(network(3), GEOMETRY, "sqrt", 2, 64)
    waiting = []
    for _ in range(100):
        separator.push(noise(1000))
        waiting.append(sum(part.shape[-1] for part in separator._waiting))
    assert max(waiting) < separator._needed


@pytest.mark.parametrize("fault", ["nan", "empty", "text"])
def test_a_file_that_fails_leaves_nothing_behind(tmp_path, fault):
    samples = noise(300_000).T.copy()
    samples[250_001, 1] = np.nan
    path = tmp_path / "in" / "x.wav"
    path.parent.mkdir()
    soundfile.write(path, samples if fault == "nan" else samples[:0], 44_100, subtype="FLOAT")
    if fault == "text":
        path.write_text("no sound")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.wav").write_bytes(b"of old")
    message = {"nan": "x.wav: sample 250001 is not finite", "empty": "x.wav: empty", "text": "x.wav: cannot be read"}
    with pytest.raises(AudioError, match=message[fault]):
        separate_file(path, network(1), PAPER, "sqrt", out / "a.wav", out / "b.wav")
    assert full_disk.files(out) == ["a.wav"] and (out / "a.wav").read_bytes() == b"of old"


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    soundfile.write(tmp_path / "x.wav", noise(50_000).T[:1000], 44_100)
    (tmp_path / "out").mkdir()
    message = full_disk.in_process_with_small_files(
        f"""
from nblib.audio import Geometry
from nblib.networks import MaskUNet
from nblib.separation import separate_file
out = Path({str(tmp_path / "out")!r})
separate_file({str(tmp_path / "x.wav")!r}, MaskUNet(1, 1).eval(), Geometry(), "sqrt", out / "a.wav", out / "b.wav")
"""
    )
    assert "a.wav" in message
    assert full_disk.files(tmp_path / "out") == []
