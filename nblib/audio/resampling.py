"""Resampling, whole or as a stream, and the zero-phase band limit of MM'19 Section 6.1."""

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
import torch
from torchaudio.functional import resample as resample_by_sinc

from nblib.audio.signals import check_signal
from nblib.errors import ParameterError, check_whole


def resample(samples: np.ndarray, sample_rate: int, to: int) -> np.ndarray:
    """Band-limited, zero-phase resampling (soxr HQ: pass band to 0.91 of half the lower rate).

    From `samples` [shape=(n,) or (channels, n)] to float32 of ``ceil(n * to / sample_rate)``, rates in Hz; overshoot
    over full scale is kept. `AudioError` for what is no signal, `ParameterError` for what is no rate.
    """
    check_whole("sample_rate", sample_rate, 1)
    check_whole("to", to, 1)
    check_signal(np.asarray(samples), "samples", allow_silence=True)
    single = np.asarray(samples, np.float32)
    if sample_rate == to:
        return single.copy()
    length = -(-single.shape[-1] * to // sample_rate)
    # soxr rounds its length down or up, and it is wanted up: some more zeros behind.
    behind = [(0, 0)] * (single.ndim - 1) + [(0, -(-sample_rate // to) + 1)]
    longer = soxr.resample(np.pad(single, behind).T, sample_rate, to, quality="HQ")
    return np.ascontiguousarray(longer.T[..., :length])


def resample_blocks(blocks: Iterable[np.ndarray], sample_rate: int, to: int) -> Iterator[np.ndarray]:
    """`resample` of a stream of float32 blocks [shape=(channels, k)], each as late as it can be said; joined, to 1e-6.

    The last block brings the length to ``ceil(n * to / sample_rate)``.
    """
    if sample_rate == to:
        yield from blocks
        return
    stream, taken, given = None, 0, 0
    for block in blocks:
        if stream is None:
            stream = soxr.ResampleStream(sample_rate, to, len(block), quality="HQ")
        part = stream.resample_chunk(np.ascontiguousarray(block.T)).T
        taken, given = taken + block.shape[-1], given + part.shape[-1]
        yield part
    if stream is not None:
        zeros = np.zeros((-(-sample_rate // to) + 1, len(block)), np.float32)
        yield stream.resample_chunk(zeros, last=True).T[:, : -(-taken * to // sample_rate) - given]


def band_limit(samples: np.ndarray, sample_rate: int, cutoff_hz: int) -> np.ndarray:
    """`samples` [shape=(n,)] without what lies above `cutoff_hz`, same length, zero phase, float32.

    Resampled to ``2 * cutoff_hz`` and back, a sinc low-pass of 64 zero crossings on each side: tones up to 93 % of the
    cut-off pass within 0.2 %. `ParameterError` unless 0 < cutoff_hz < sample_rate / 2.
    """
    if not 0 < cutoff_hz < sample_rate / 2:
        raise ParameterError(f"cutoff_hz={cutoff_hz!r}: between 0 and {sample_rate / 2:g} Hz is needed")
    limited = torch.from_numpy(np.array(samples, np.float32))
    for rates in ((sample_rate, 2 * cutoff_hz), (2 * cutoff_hz, sample_rate)):
        limited = resample_by_sinc(limited, *rates, lowpass_filter_width=64)
    # Both steps round the length up, so there are always enough samples to cut the original length from.
    return limited[: len(samples)].numpy()
