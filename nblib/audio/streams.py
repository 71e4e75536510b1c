"""Sound of any length piece by piece: what a file holds, chunks, a resampler with memory, a WAV that grows."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import soundfile
import soxr

from nblib.audio.io import check_rate, is_for_libsndfile, read_blocks, zeros_behind
from nblib.errors import ParameterError

RIFF_LIMIT = 2**32 - 1
"""Bytes that a RIFF file's 32-bit sizes can count; a longer WAV becomes an RF64 (EBU Tech 3306)."""

_HEADER_BYTES = 94
_IN_DS64 = 0xFFFFFFFF  # what an RF64's 32-bit sizes say
_FLOAT = 3  # WAVE_FORMAT_IEEE_FLOAT


@dataclass(frozen=True)
class SoundFacts:
    """What a sound file holds: sample rate (Hz), channels, and by its header seconds, None where that says nothing."""

    sample_rate: int
    channels: int
    seconds: float | None


def facts(path: str | Path) -> SoundFacts:
    """Look at a sound file without reading more than its beginning.

    Raises
    ------
    AudioError
        As `nblib.audio.read`, for faults that show at once.
    """
    path = Path(path)
    block, sample_rate = next(read_blocks(path))
    if is_for_libsndfile(path):
        seconds: float | None = soundfile.info(path).frames / sample_rate
    else:
        with av.open(str(path)) as container:
            seconds = container.duration / av.time_base if container.duration else None
    return SoundFacts(sample_rate, len(block), seconds)


class Resampler:
    """Resampling of a stream, zero-phase: what comes out, joined, is `resample`'s result to 1e-6.

    Parameters
    ----------
    sample_rate, to : int
        Rate given and rate wanted (Hz).
    channels : int
        Channels, each resampled on its own.

    Raises
    ------
    ParameterError
        A rate is no whole number from 1.
    """

    def __init__(self, sample_rate: int, to: int, channels: int) -> None:
        self.sample_rate, self.to = check_rate("sample_rate", sample_rate), check_rate("to", to)
        self.channels = channels
        self._taken = self._given = 0
        self._stream = None if sample_rate == to else soxr.ResampleStream(sample_rate, to, channels, quality="HQ")

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take float32 samples [shape=(channels, k)], give those that can be said by now [shape=(channels, m)]."""
        return samples if self._stream is None else self._resample(samples, last=False)

    def finish(self) -> np.ndarray:
        """The rest, so that all that was given is ``ceil(n * to / sample_rate)`` long."""
        if self._stream is None:
            return np.zeros((self.channels, 0), np.float32)
        missing = -(-self._taken * self.to // self.sample_rate) - self._given
        zeros = np.zeros((self.channels, zeros_behind(self.sample_rate, self.to)), np.float32)
        return self._resample(zeros, last=True)[:, :missing]

    def _resample(self, samples: np.ndarray, last: bool) -> np.ndarray:
        assert self._stream is not None
        part = self._stream.resample_chunk(np.ascontiguousarray(samples.T), last=last).T
        self._taken += samples.shape[-1]
        self._given += part.shape[-1]
        return part


def _rechunk(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    waiting: list[np.ndarray] = []
    count = 0
    for block in blocks:
        waiting.append(block)
        count += len(block)
        if count >= size:
            joined = np.concatenate(waiting)
            whole_chunks = count // size * size
            yield from joined[:whole_chunks].reshape(-1, size)
            waiting, count = [joined[whole_chunks:]], count - whole_chunks
    if count:
        yield np.concatenate(waiting)


def _resampled(blocks: Iterable[np.ndarray], resampler: Resampler) -> Iterator[np.ndarray]:
    for block in blocks:
        yield resampler.push(block.mean(0, keepdims=True))[0]
    yield resampler.finish()[0]


def read_chunks(path: str | Path, seconds: float, sample_rate: int | None = None) -> Iterator[np.ndarray]:
    """A sound file piece by piece, down-mixed, in memory that does not grow with the file.

    Joined together, the chunks are `read`'s samples (resampled ones to 1e-6).

    Parameters
    ----------
    path, sample_rate
        As for `read`.
    seconds : float > 0
        Length of every chunk but the last, which may be shorter.

    Yields
    ------
    np.ndarray [shape=(k,)]
        float32.

    Raises
    ------
    AudioError
        As `read`, when the faulty place is reached.
    ParameterError
        `seconds` holds no sample.
    """
    blocks = read_blocks(Path(path))
    first, own_rate = next(blocks)
    rate = own_rate if sample_rate is None else check_rate("sample_rate", sample_rate)
    size = round(seconds * rate)
    if size < 1:
        raise ParameterError(f"seconds={seconds!r}: a chunk needs at least one sample")
    all_blocks = itertools.chain([first], (block for block, _ in blocks))
    yield from _rechunk(_resampled(all_blocks, Resampler(own_rate, rate, 1)), size)


class WaveWriter:
    """A WAV of 32-bit floats that grows: nothing is ever clipped, any length, equal samples give equal bytes.

    libsndfile writes such files too, but puts the time of day into them, and must know beforehand whether 4 GB suffice.

    Parameters
    ----------
    file : BinaryIO
        Open for writing, empty, seekable; stays open.
    sample_rate : int
        Hz.
    channels : int
        Channels.

    Attributes
    ----------
    samples : int
        Samples per channel written so far.
    peak : float
        Largest absolute sample so far; full scale is 1.
    """

    def __init__(self, file: BinaryIO, sample_rate: int, channels: int) -> None:
        self._file, self._sample_rate, self._channels = file, sample_rate, channels
        self.samples, self.peak = 0, 0.0
        file.write(self._header())

    def write(self, samples: np.ndarray) -> None:
        """Append samples [shape=(channels, k)]."""
        if samples.size:
            self._file.write(np.ascontiguousarray(samples.T, "<f4").data)
            self.samples += samples.shape[-1]
            self.peak = max(self.peak, float(np.abs(samples).max()))

    def finish(self) -> None:
        """Put the sizes, known at last, into the header."""
        self._file.seek(0)
        self._file.write(self._header())

    def _header(self) -> bytes:
        frame = 4 * self._channels
        data = self.samples * frame
        riff = _HEADER_BYTES - 8 + data
        large = riff > RIFF_LIMIT
        sizes = struct.pack("<QQQI", riff, data, self.samples, 0) if large else bytes(28)

        def count(value: int) -> int:
            return _IN_DS64 if large else value

        described = (_FLOAT, self._channels, self._sample_rate, self._sample_rate * frame, frame, 32, 0)
        return b"".join(
            [
                struct.pack("<4sI4s", b"RF64" if large else b"RIFF", count(riff), b"WAVE"),
                struct.pack("<4sI", b"ds64" if large else b"JUNK", len(sizes)) + sizes,
                struct.pack("<4sIHHIIHHH", b"fmt ", 18, *described),
                struct.pack("<4sII", b"fact", 4, count(self.samples)),
                struct.pack("<4sI", b"data", count(data)),
            ]
        )
