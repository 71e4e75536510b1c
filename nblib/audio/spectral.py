"""From samples to 512 x 128 magnitude patches and back (MM'19 Table 1, IJCNN'20 Table I).

Linear magnitude is 1 for a sine of amplitude 1, in its own bin, whatever the window. Networks, targets, masks and
errors live in a *scaled* magnitude domain with range [0, 1]; `scale` leads into it, `unscale` out of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from nblib.audio.signals import check_signal
from nblib.errors import AudioError, ParameterError, check_choice, check_whole

SQRT_FLOOR = 1e-6  # magnitude under which the sqrt domain runs straight to 0: rounding of 16-bit samples in one bin
LOG_SLOPE = 1000.0  # k of the log1p domain: linear below 1 / k = -60 dB of a full-scale sine, near music's median bin
DOMAINS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], ...]] = {  # into the scaled domain, and out of it
    "sqrt": (lambda m: m * m.clamp(min=SQRT_FLOOR).rsqrt(), lambda v: v * v.clamp(min=math.sqrt(SQRT_FLOOR))),
    "linear": (lambda m: m, lambda v: v),
    "log1p": (  # log1p(k m) / log1p(k)
        lambda m: torch.log1p(LOG_SLOPE * m) / math.log1p(LOG_SLOPE),
        lambda v: torch.expm1(math.log1p(LOG_SLOPE) * v) / LOG_SLOPE,
    ),
}


@dataclass(frozen=True)
class Geometry:
    """Sizes of the spectrogram and of a patch; the defaults are IJCNN'20's, MM'19 has ``sample_rate=16000``."""

    sample_rate: int = 22050  # Hz
    window: int = 1024  # Hann window and FFT size in samples, even and a multiple (2, 3, ...) of `hop`
    hop: int = 512  # samples between frames
    frames: int = 128  # of one patch

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_whole(name, value, least=1)
        if self.window % 2 or self.window % self.hop or self.overlap < 2:
            needed = "it must be even and a multiple (2, 3, ...) of the hop; use hop = window // 2"
            raise ParameterError(f"window={self.window} with hop={self.hop}: {needed}")

    @property
    def bins(self) -> int:
        """Frequency bins of a patch: half the window; the top (Nyquist) bin is dropped."""
        return self.window // 2

    @property
    def patch_samples(self) -> int:
        """Samples whose uncentred spectrogram has exactly `frames` frames: 66,048 by default."""
        return self.window + self.hop * (self.frames - 1)

    @property
    def overlap(self) -> int:
        """Windows that see each sample."""
        return self.window // self.hop


def scale(magnitude: torch.Tensor, domain: str = "sqrt") -> torch.Tensor:
    """Linear magnitude in a domain, [0, 1], above 1 as 1. Slopes are finite (up to 1000) also at silence.

    MM'19's Models B and C (Section 6) send gradients back to samples, so below `SQRT_FLOOR` the root is a line.
    """
    check_choice("domain", domain, DOMAINS)
    return DOMAINS[domain][0](magnitude.clamp(max=1.0))


def unscale(values: torch.Tensor, domain: str = "sqrt") -> torch.Tensor:
    """Linear magnitude in [0, 1] of `values` in [0, 1]: the inverse of `scale`."""
    check_choice("domain", domain, DOMAINS)
    return DOMAINS[domain][1](values)


def stft(samples: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """Complex spectrum [shape=(..., bins, frames)], not centred, over that of a full-scale sine, without the top bin.

    Of `samples` [shape=(..., n), full scale 1, float32 or float64]; ``frames = 1 + (n - window) // hop``.
    """
    if samples.ndim == 0 or samples.shape[-1] < geometry.window:
        wanted = f"one window needs {geometry.window}; use analyse(), which pads, or tile by patches()"
        raise AudioError(f"samples [shape={tuple(samples.shape)}]: {wanted}")
    window = torch.hann_window(geometry.window, dtype=samples.dtype, device=samples.device)
    flat = samples.reshape(-1, samples.shape[-1])
    # unfold + rfft gives the same bits in the same time, forward and backward (32 x 66,048 samples on one core).
    spectrum = torch.stft(flat, geometry.window, geometry.hop, window=window, center=False, return_complex=True)
    spectrum = spectrum[:, : geometry.bins] / (window.sum() / 2)
    return spectrum.reshape(*samples.shape[:-1], *spectrum.shape[-2:])


def analyse(samples: np.ndarray | torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """Spectrum [shape=(..., patches, bins, frames), complex] of whole `samples` [shape=(..., n)], patches end to end.

    With zeros in front (window - hop) and behind, equally many windows see each sample, and the last patch is full.
    """
    # A copy, since torch cannot share read-only or reversed arrays.
    tensor = samples if isinstance(samples, torch.Tensor) else torch.from_numpy(np.array(samples, dtype=np.float32))
    frames, front = math.ceil(tensor.shape[-1] / geometry.hop) + geometry.overlap - 1, geometry.window - geometry.hop
    count = math.ceil(frames / geometry.frames)
    padded = torch.nn.functional.pad(tensor, (front, geometry.hop * count * geometry.frames - tensor.shape[-1]))
    return stft(padded, geometry).unflatten(-1, (count, geometry.frames)).movedim(-2, -3).contiguous()


def synthesise(spectrum: torch.Tensor, length: int, geometry: Geometry) -> torch.Tensor:
    """Samples [shape=(..., length)] of `analyse`'s patches, or of some changed since: least-squares overlap-add.

    Exact to 1e-6 for signals without energy at half the sample rate, since the dropped bin counts as zero.
    """
    window = torch.hann_window(geometry.window, dtype=spectrum.real.dtype, device=spectrum.device)
    whole = spectrum.movedim(-3, -2).flatten(-2).transpose(-1, -2)
    frames = torch.fft.irfft(torch.nn.functional.pad(whole, (0, 1)), n=geometry.window) * window * (window.sum() / 2)
    steps = frames.unflatten(-1, (geometry.overlap, geometry.hop))
    # A sample that all its windows see lies in step k of its k-th last frame; the others are padding.
    kept = frames.shape[-2] - geometry.overlap + 1
    if not 1 <= length <= kept * geometry.hop:
        raise ParameterError(f"length={length}: the {frames.shape[-2]} frames given hold 1 to {kept * geometry.hop}")
    parts = [steps[..., geometry.overlap - 1 - k :, k, :][..., :kept, :] for k in range(geometry.overlap)]
    envelope = window.square().reshape(geometry.overlap, geometry.hop).sum(0)
    return (torch.stack(parts).sum(0) / envelope).flatten(-2)[..., :length]


def patches(samples: np.ndarray, geometry: Geometry) -> torch.Tensor:
    """Patches [shape=(patches, patch_samples), float32] of a signal [shape=(n,)], end to end; the rest drops.

    A signal shorter than one patch is repeated until it fills one (IJCNN'20 Section IV).
    """
    count = max(1, len(samples) // geometry.patch_samples)
    return torch.from_numpy(np.resize(samples.astype(np.float32), (count, geometry.patch_samples)))


def cutoff_hz(lossless: np.ndarray, coded: np.ndarray, sample_rate: int) -> float:
    """Cut-off frequency of coded material, above which the codec left nothing: Hz, in steps of sample_rate / 1024.

    The highest where the long-term power of `coded` is within 30 dB of `lossless`'s [shape=(n,), n >= 1024] (holes
    cost under 20 dB), and this within 80 dB of its loudest bin. Material with nothing to cut gives its own upper limit.
    """
    geometry = Geometry(sample_rate)
    check_signal(lossless, "lossless", minimum_samples=geometry.window)
    # Whole windows only: where a signal breaks off, a window padded with zeros holds a click at all frequencies.
    pair = torch.from_numpy(np.stack([lossless, coded]).astype(np.float32))
    before, after = stft(pair, geometry).abs().square().mean(-1)
    left = (before > before.max() * 1e-8) & (after > before * 1e-3)
    return float(left.nonzero().max()) * sample_rate / geometry.window if left.any() else 0.0
