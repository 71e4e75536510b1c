"""A trained network on sound of any length: spectrogram chunk by chunk, with the result of one pass over all of it.

The networks are convolutional: a frame of the estimate hangs on a bounded stretch of the mixture (`receptive_frames`),
and moving the mixture by ``2 ** num_layers`` frames moves the estimate. So chunks that start on that grid and see their
whole stretch on both sides give what one pass gives, up to rounding, and nothing needs to be faded over.

Training's patches of 128 frames are not used: at their ends the network sees nothing beyond, which leaves a seam every
three seconds (trained speech networks on real speech: -12 to -18 dB from one pass). Before the beginning and after the
end there is silence, as much as the network can see, so that no frame of the file lies at a border either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nblib import audio
from nblib.audio import Geometry, Resampler, WaveWriter, scale, stft, synthesise, unscale
from nblib.errors import check_whole
from nblib.networks import MaskUNet
from nblib.paths import whole
from nblib.provenance import torch_threads

CHUNK_FRAMES = 1024  # 24 s: a quarter of it takes up to a third longer, for the context; more takes memory alone
TINY = 1e-20  # keeps 0 / 0 off where the mixture is silent; the square of a smaller number would vanish in float32

Watch = Callable[[np.ndarray, np.ndarray], None]


def receptive_frames(network: MaskUNet) -> tuple[int, int]:
    """How many frames before and after a stretch of ``2 ** num_layers`` frames, on that grid, its estimate hangs on.

    Followed through the layers' kernels, strides and paddings: 4 and 3 frames for one level, 94 and 95 for five.
    """
    block = 2**network.num_layers
    first, last = 0, block - 1
    wanted = [(first, last)]  # of each level's output, from the top down
    for layer in reversed(network.up):
        kernel, stride, padding = _sizes(layer)
        first, last = math.ceil((first + padding - kernel + 1) / stride), (last + padding) // stride
        wanted.append((first, last))
    for layer, (skip_first, skip_last) in zip(reversed(network.down), reversed(wanted[:-1]), strict=True):
        kernel, stride, padding = _sizes(layer)
        first = min(skip_first, first * stride - padding)
        last = max(skip_last, last * stride - padding + kernel - 1)
    return -first, last - (block - 1)


def _sizes(layer: nn.Module) -> tuple[int, int, int]:
    """Kernel, stride and padding along time."""
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    return layer.kernel_size[1], layer.stride[1], int(layer.padding[1])


class Separator:
    """Samples in, as many samples of the estimate out, later: all at the network's rate, channel by channel.

    Parameters
    ----------
    network : MaskUNet
        Trained, in evaluation mode.
    geometry, domain
        What it was trained with (`RunConfig`).
    channels : int
        Channels of the stream; none of them hears another.
    chunk_frames : int
        Frames that one pass puts out; rounded up to the network's grid.
    watch : callable, optional
        Gets the power of mixture and estimate [shape=(bins, frames), 1 for a full-scale sine], mean over channels, of
        each chunk as it is made.

    Notes
    -----
    The mixture's phase is kept (IJCNN'20 Section IV). Where the mixture exceeds the network's range, full scale, it is
    lowered by as much as it would be at full scale, not cut to it.
    """

    def __init__(
        self,
        network: MaskUNet,
        geometry: Geometry,
        domain: str,
        channels: int,
        chunk_frames: int = CHUNK_FRAMES,
        watch: Watch | None = None,
    ) -> None:
        check_whole("chunk_frames", chunk_frames, least=1)
        grid = 2**network.num_layers
        self._network, self._geometry, self._domain, self._watch = network, geometry, domain, watch
        self._device = next(network.parameters()).device
        self._context = math.ceil(max(receptive_frames(network)) / grid) * grid
        self._frames = math.ceil(max(chunk_frames, geometry.overlap) / grid) * grid
        silence = geometry.hop * self._context + geometry.window - geometry.hop
        self._waiting = [torch.zeros(channels, silence)]
        self._needed = geometry.hop * (self._frames + 2 * self._context - 1) + geometry.window
        self._before = torch.zeros(channels, geometry.bins, geometry.overlap - 1, dtype=torch.complex64)
        self._ahead = geometry.window - geometry.hop  # what is put out before the first sample was put in
        self._taken = self._given = self._shown = 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take samples [shape=(channels, k), float32, full scale 1], give the estimate [shape=(channels, m)] so far."""
        self._taken += samples.shape[-1]
        return self._separate(torch.from_numpy(np.ascontiguousarray(samples)))

    def finish(self) -> np.ndarray:
        """The rest of the estimate: as many samples come out as went in."""
        missing = self._taken - self._given
        parts = [np.zeros((len(self._before), 0), np.float32)]
        while sum(part.shape[-1] for part in parts) < missing:
            parts.append(self._separate(torch.zeros(len(self._before), self._needed - self._waiting_samples())))
        return np.concatenate(parts, axis=-1)[:, :missing]

    def _waiting_samples(self) -> int:
        return sum(part.shape[-1] for part in self._waiting)

    def _separate(self, samples: Tensor) -> np.ndarray:
        self._waiting.append(samples)
        parts = []
        if self._waiting_samples() >= self._needed:
            waiting = torch.cat(self._waiting, dim=-1)
            # One thread does 80 times real time with the largest network: a second one costs more than it gives.
            with torch_threads(1):
                while waiting.shape[-1] >= self._needed:
                    parts.append(self._chunk(waiting[:, : self._needed])[:, self._ahead :])
                    self._ahead = 0
                    waiting = waiting[:, self._geometry.hop * self._frames :]
            self._waiting = [waiting.clone()]  # a view would keep all that was used
        joined = torch.cat([samples[:, :0], *parts], dim=-1)
        self._given += joined.shape[-1]
        return np.asarray(joined)

    @torch.inference_mode()
    def _chunk(self, samples: Tensor) -> Tensor:
        spectrum = stft(samples.to(self._device), self._geometry)
        scaled = scale(spectrum.abs(), self._domain)
        kept = slice(self._context, self._context + self._frames)
        estimate = self._network(scaled.unsqueeze(1)).squeeze(1)[..., kept]
        gain = unscale(estimate, self._domain) / unscale(scaled[..., kept], self._domain).clamp(min=TINY)
        mixture = spectrum[..., kept]
        found = (mixture * gain).cpu()
        if self._watch is not None:
            within = slice(math.ceil(self._taken / self._geometry.hop) - self._shown)  # not the silence after the end
            self._watch(_power(mixture)[:, within], _power(found)[:, within])
            self._shown += self._frames
        joined = torch.cat([self._before, found], dim=-1)
        self._before = joined[..., self._frames :].clone()
        as_one_patch = replace(self._geometry, frames=joined.shape[-1])
        return synthesise(joined.unsqueeze(1), self._frames * self._geometry.hop, as_one_patch)


def _power(spectrum: Tensor) -> np.ndarray:
    return np.asarray((spectrum.real.square() + spectrum.imag.square()).mean(0).cpu())


class _Delay:
    """Holds samples [shape=(channels, k)] back until as many are asked for."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []

    def put(self, samples: np.ndarray) -> None:
        self._parts.append(samples)

    def take(self, count: int | None = None) -> np.ndarray:
        """So many samples, or all."""
        if count == 0:
            return self._parts[0][:, :0]
        joined = np.concatenate(self._parts, axis=-1)
        count = joined.shape[-1] if count is None else count
        self._parts = [joined[:, count:]]
        return joined[:, :count]


def separate_blocks(
    blocks: Iterable[np.ndarray], sample_rate: int, separator: Separator, geometry: Geometry
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A stream at any rate through `separator`: pairs of mixture and estimate, in line, each [shape=(channels, k)].

    Joined, both are as long as the stream, which holds at least one block. The estimate ends at half the network's
    rate or the stream's.

    Parameters
    ----------
    blocks : iterable of np.ndarray [shape=(channels, k)]
        float32, full scale 1.
    sample_rate : int
        Of the stream (Hz).
    """
    mixture = _Delay()
    down = up = None
    for block in blocks:
        if down is None or up is None:
            down = Resampler(sample_rate, geometry.sample_rate, len(block))
            up = Resampler(geometry.sample_rate, sample_rate, len(block))
        mixture.put(block)
        estimate = up.push(separator.push(down.push(block)))
        yield mixture.take(estimate.shape[-1]), estimate
    if down is not None and up is not None:
        ends = [up.push(separator.push(down.finish())), up.push(separator.finish()), up.finish()]
        remaining = mixture.take()
        yield remaining, np.concatenate(ends, axis=-1)[:, : remaining.shape[-1]]


def separate(
    samples: np.ndarray,
    sample_rate: int,
    network: MaskUNet,
    geometry: Geometry,
    domain: str,
    chunk_frames: int = CHUNK_FRAMES,
) -> np.ndarray:
    """The estimate for a sound in memory, same shape [shape=(channels, n), n >= 1]; parameters as for `Separator`.

    With `chunk_frames` at or over the sound's own frames this is one pass.
    """
    separator = Separator(network, geometry, domain, len(samples), chunk_frames)
    parts = separate_blocks([np.asarray(samples, np.float32)], sample_rate, separator, geometry)
    return np.concatenate([estimate for _, estimate in parts], axis=-1)


@dataclass(frozen=True)
class Separated:
    """What a separation came to: samples per channel, and the peaks of what was written (full scale 1)."""

    samples: int
    estimate_peak: float
    rest_peak: float


def separate_file(
    path: str | Path,
    network: MaskUNet,
    geometry: Geometry,
    domain: str,
    estimate: Path,
    rest: Path,
    watch: Watch | None = None,
    progress: Callable[[float], None] = lambda seconds: None,
) -> Separated:
    """Separate a sound file of any length, in memory that does not grow with it.

    Parameters
    ----------
    path : str or Path
        Mono or stereo, any format that `audio.read` takes.
    network, geometry, domain, watch
        As for `Separator`.
    estimate, rest : Path
        WAV of 32-bit floats to write, whole or not at all, at the file's rate, length and channels: the network's
        estimate, and the file minus it, so that the two add up to the file.
    progress : callable
        Gets the seconds of sound that are done.

    Raises
    ------
    AudioError
        As `audio.read`.
    StorageError
        The disk is full or the folder cannot be written.
    """
    path = Path(path)
    sound = audio.facts(path)
    separator = Separator(network, geometry, domain, sound.channels, watch=watch)
    with ExitStack() as stack:
        files = [stack.enter_context(stack.enter_context(whole(place)).open("wb")) for place in (estimate, rest)]
        writers = [WaveWriter(file, sound.sample_rate, sound.channels) for file in files]
        blocks = (block for block, _ in audio.read_blocks(path))
        for mixture, found in separate_blocks(blocks, sound.sample_rate, separator, geometry):
            writers[0].write(found)
            writers[1].write(mixture - found)
            progress(writers[0].samples / sound.sample_rate)
        for writer in writers:
            writer.finish()
    return Separated(writers[0].samples, writers[0].peak, writers[1].peak)
