"""The 512 x 128 geometry, the scaled domains, patches and the way back to samples."""

import numpy as np
import pytest
import scipy.signal
import torch
from helpers.measures import noise as drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.audio import Geometry, analyse, patches, scale, stft, synthesise, unscale
from nblib.audio.spectral import DOMAINS
from nblib.errors import AudioError, ParameterError

PAPER = Geometry()
SMALL = Geometry(window=64, hop=32, frames=4)


def noise(n: int, *parts: str | int) -> np.ndarray:
    return 2 * drawn(n, *parts)


def top_bin_part(samples: np.ndarray, geometry: Geometry) -> np.ndarray:
    """What the dropped bin alone would add to the round trip, by plain loops over frames."""
    n, window, hop = len(samples), geometry.window, geometry.hop
    hann = scipy.signal.get_window("hann", window)
    signs = np.cos(np.pi * np.arange(window))
    padded = np.concatenate([np.zeros(window - hop), samples, np.zeros(2 * window)])
    total, weight = np.zeros_like(padded), np.zeros_like(padded)
    for start in range(0, len(padded) - window + 1, hop):
        frame = padded[start : start + window] * hann
        total[start : start + window] += hann * signs * (frame @ signs) / window
        weight[start : start + window] += hann**2
    return (total / np.maximum(weight, 1e-9))[window - hop :][:n]


def test_the_papers_patch_has_exactly_512_bins_and_128_frames():
    assert PAPER.patch_samples == 66_048
    assert tuple(stft(torch.zeros(2, 66_048), PAPER).shape) == (2, PAPER.bins, PAPER.frames) == (2, 512, 128)
    assert tuple(stft(torch.zeros(66_047), PAPER).shape) == (512, 127)
    assert Geometry(frames=31).patch_samples == 16_384


@pytest.mark.parametrize("bin_", [3, 100, 511])
def test_a_full_scale_sine_has_magnitude_one_in_its_bin(bin_):
    magnitude = stft(0.25 * torch.sin(2 * torch.pi * bin_ / 1024 * torch.arange(4096.0).double()), PAPER).abs()
    np.testing.assert_allclose(magnitude[bin_], 0.25, rtol=1e-4)
    assert magnitude.argmax(0).eq(bin_).all()


def test_the_spectrum_is_scipys_in_double_precision_and_any_leading_shape():
    samples = noise(3 * 2 * 9000, "reference").astype(np.float64).reshape(3, 2, 9000)
    ours = stft(torch.from_numpy(samples), PAPER)
    assert ours.dtype == torch.complex128 and ours.shape == (3, 2, 512, 16)
    window = scipy.signal.get_window("hann", 1024)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024, axis=-1)[..., ::512, :] * window
    expected = np.moveaxis(scipy.fft.rfft(frames), -1, -2)[..., :512, :] / (window.sum() / 2)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 3000), overlap=st.integers(2, 4), hop=st.sampled_from([32, 50]), frames=st.integers(1, 9))
def test_round_trip_loses_the_top_bin_and_nothing_else(n, overlap, hop, frames):
    geometry = Geometry(window=overlap * hop, hop=hop, frames=frames)
    samples = noise(n).astype(np.float64)
    spectrum = analyse(torch.from_numpy(samples), geometry)
    assert tuple(spectrum.shape[1:]) == (geometry.bins, frames)
    restored = synthesise(spectrum, n, geometry)
    assert restored.shape == (n,) and restored.dtype == torch.float64
    np.testing.assert_allclose(restored, samples - top_bin_part(samples, geometry), atol=1e-9)


def test_batches_are_analysed_and_restored_like_single_signals():
    samples = np.stack([noise(700, "a"), noise(700, "b")])
    spectrum = analyse(samples, SMALL)
    torch.testing.assert_close(spectrum[1], analyse(samples[1], SMALL), rtol=0, atol=1e-5)
    frames = stft(torch.nn.functional.pad(torch.from_numpy(samples), (32, 4 * 32)), SMALL)
    joined = torch.cat(list(spectrum.unbind(1)), -1)  # patches lie end to end along time
    torch.testing.assert_close(joined[..., : frames.shape[-1]], frames[..., : joined.shape[-1]], rtol=0, atol=1e-5)
    together, alone = synthesise(spectrum, 700, SMALL)[1], synthesise(spectrum[1], 700, SMALL)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    reversed_view = samples[1, ::-1]
    reversed_view.flags.writeable = False
    assert torch.equal(analyse(reversed_view, SMALL), analyse(reversed_view.copy(), SMALL))


@pytest.mark.parametrize("domain", DOMAINS)
def test_scaled_domain_is_monotone_inverted_and_has_finite_slopes(domain):
    magnitude = torch.cat([torch.zeros(1), torch.logspace(-12, 0, 500)]).double().requires_grad_()
    values = scale(magnitude, domain)
    assert values[0] == 0 and values[-1].item() == pytest.approx(1, abs=1e-12)
    assert (values.diff() > 0).all()
    torch.testing.assert_close(unscale(values, domain), magnitude, rtol=1e-9, atol=1e-15)  # in float64
    (slope,) = torch.autograd.grad(values.sum(), magnitude)
    assert torch.isfinite(slope).all() and slope.max() <= 1000.001
    leaf = values.detach().requires_grad_()
    (slope,) = torch.autograd.grad(unscale(leaf, domain).sum(), leaf)
    assert torch.isfinite(slope).all() and (slope > 0).all()
    loud = torch.tensor([0.01, 0.25, 1.0, 1.7]).double()
    expected = {"sqrt": loud.clamp(max=1).sqrt(), "linear": loud.clamp(max=1)}
    torch.testing.assert_close(scale(loud, domain), expected.get(domain, scale(loud.clamp(max=1), domain)))
    for function in (scale, unscale):
        with pytest.raises(ParameterError, match=f"did you mean '{domain}'"):
            function(loud, domain[:-1])


@pytest.mark.parametrize("domain", DOMAINS)
def test_gradients_reach_samples_and_are_finite_at_silence(domain):
    """MM'19's Models B and C differentiate a magnitude error with respect to samples."""
    silent = torch.zeros(2, 2048, requires_grad=True)
    scale(stft(silent, PAPER).abs(), domain).sum().backward()
    assert torch.isfinite(silent.grad).all()
    audible = torch.from_numpy(noise(2048, "grad")).requires_grad_()
    scale(stft(audible, PAPER).abs(), domain).sum().backward()
    assert torch.isfinite(audible.grad).all() and (audible.grad != 0).float().mean() > 0.9


@given(n=st.integers(1, 3 * SMALL.patch_samples))
def test_patches_lie_end_to_end_and_a_short_signal_is_tiled_to_one(n):
    samples, size = np.arange(n, dtype=np.float32), SMALL.patch_samples
    found = patches(samples, SMALL)
    assert found.shape == (max(1, n // size), size) and found.dtype == torch.float32
    np.testing.assert_array_equal(found.flatten(), np.tile(samples, size)[: found.numel()])


def test_what_cannot_be_analysed_is_refused():
    with pytest.raises(AudioError, match="1024"):
        stft(torch.zeros(1023), PAPER)
    spectrum = analyse(noise(700, "refused"), SMALL)
    for length in (0, (spectrum.shape[0] * SMALL.frames - 1) * SMALL.hop + 1):
        with pytest.raises(ParameterError, match="length"):
            synthesise(spectrum, length, SMALL)
    for sizes in ({"window": 1000}, {"hop": 1024}, {"frames": 2.5}, {"window": 3, "hop": 1}):
        with pytest.raises(ParameterError, match=r"=-?\d"):
            Geometry(**sizes)
