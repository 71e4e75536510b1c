"""Sound files in and out, whole or piece by piece in memory that does not grow; resampling; what passes as a signal."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import soundfile
import soxr

from nblib.errors import AudioError, ParameterError
from nblib.paths import whole

# Sample rates (Hz) that files may have; anything else is more likely a broken header than a recording.
SAMPLE_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
SILENCE = 2.0**-16  # peak under which a signal is silent: half a step of 16-bit samples

_BLOCK = 65_536
# What libsndfile reads; libav reads all else. (libsndfile leaves the MP3 coder's delay of 1105 samples in.)
_SOUNDFILE_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff")
_CONTAINERS = {".wav": "WAV", ".flac": "FLAC"}


def check_signal(samples: np.ndarray, name: str | Path, minimum_samples: int = 1, allow_silence: bool = False) -> None:
    """Raise `AudioError`, by the `name` of a file or parameter, unless `samples` [shape=(..., n)] can be used.

    They must be floating point and finite (the first index that is not is named), n at least `minimum_samples`, and
    the peak at least `SILENCE` unless `allow_silence`.
    """
    if samples.ndim == 0 or samples.size == 0:
        raise AudioError(f"{name}: empty, 0 samples; leave it out")
    if samples.dtype.kind != "f":
        raise AudioError(f"{name}: samples of type {samples.dtype}; convert to float32 with full scale 1 first")
    if samples.shape[-1] < minimum_samples:
        raise AudioError(f"{name}: {samples.shape[-1]} samples are too short, {minimum_samples} needed; leave it out")
    _check_finite(samples, name)
    peak = float(np.abs(samples).max())
    if not allow_silence and peak < SILENCE:
        raise AudioError(f"{name}: silent (peak {peak:.2g}); leave it out")


def _check_finite(samples: np.ndarray, name: str | Path, first: int = 0) -> None:
    finite = np.isfinite(samples)
    if not finite.all():
        index = first + int(np.flatnonzero(~finite.reshape(-1, samples.shape[-1]).all(0))[0])
        raise AudioError(f"{name}: sample {index} is not finite (NaN or infinite); repair it or leave it out")


def check_rate(name: str, value: object) -> int:
    """`value` as int; `ParameterError` naming the parameter unless it is a whole number of Hz from 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ParameterError(f"{name}={value!r}: a whole number of Hz from 1 is needed")
    return int(value)


def _check_format(path: Path, channels: int, sample_rate: int) -> None:
    if channels not in (1, 2):
        raise AudioError(f"{path}: {channels} channels; mono or stereo is needed: down-mix it first")
    if sample_rate not in SAMPLE_RATES:
        known = ", ".join(map(str, SAMPLE_RATES))
        raise AudioError(f"{path}: sample rate {sample_rate} Hz is none of {known}; resample it or mend its header")


def _soundfile_blocks(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    with soundfile.SoundFile(path) as file:
        _check_format(path, file.channels, file.samplerate)
        remaining = file.frames
        while remaining > 0:
            block = file.read(_BLOCK, dtype="float32", always_2d=True)
            if len(block) == 0:
                raise AudioError(f"{path}: cut short, {remaining} of {file.frames} samples are missing; copy it again")
            remaining -= len(block)
            yield block.T, file.samplerate


def _libav_blocks(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise AudioError(f"{path}: holds no sound; leave it out")
        stream = container.streams.audio[0]
        _check_format(path, stream.codec_context.channels, stream.codec_context.sample_rate)
        planar = av.AudioResampler(format="fltp")
        for frame in container.decode(stream):
            for part in planar.resample(frame):
                yield part.to_ndarray(), part.sample_rate


def read_blocks(path: str | Path) -> Iterator[tuple[np.ndarray, int]]:
    """A sound file as it is decoded: float32 blocks [shape=(channels, k)], its sample rate (Hz). Errors as `read`."""
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file; check the name and the data root")
    reader = _soundfile_blocks if path.suffix.lower() in _SOUNDFILE_SUFFIXES else _libav_blocks
    done = 0
    try:
        for block, sample_rate in reader(path):
            _check_finite(block, path, done)
            done += block.shape[-1]
            yield block, sample_rate
    except (soundfile.SoundFileError, av.FFmpegError, OSError) as error:
        remedy = "convert it to WAV or FLAC, or leave it out"
        raise AudioError(f"{path}: cannot be read as sound ({error}); {remedy}") from error
    if done == 0:
        raise AudioError(f"{path}: empty, 0 samples; leave it out")


class SoundFacts(NamedTuple):
    """What a sound file holds: sample rate (Hz), channels, and by its header seconds, None where that says nothing."""

    sample_rate: int
    channels: int
    seconds: float | None


def facts(path: str | Path) -> SoundFacts:
    """Look at the beginning of a sound file; errors as `read`, for faults that show at once."""
    block, sample_rate = next(read_blocks(path))
    with av.open(str(path)) as container:
        return SoundFacts(sample_rate, len(block), container.duration / av.time_base if container.duration else None)


def read(path: str | Path, sample_rate: int | None = None, mono: bool = True) -> tuple[np.ndarray, int]:
    """A whole sound file: WAV, FLAC, OGG, AIFF (libsndfile), MP3 or whatever else libav reads; mono or stereo.

    Parameters
    ----------
    sample_rate : int, optional
        Resample to this rate (Hz); the file's own by default.
    mono : bool
        Down-mix by the mean of the channels.

    Returns
    -------
    samples, sample_rate : np.ndarray [shape=(n,) or (channels, n), float32], int
        Full scale 1, peaks over it are kept; Hz.

    Raises
    ------
    AudioError
        Missing, unreadable, cut short, empty or not finite; more than 2 channels; a rate outside `SAMPLE_RATES`.
    """
    blocks = [(block.mean(0) if mono else block, own_rate) for block, own_rate in read_blocks(path)]
    samples, own_rate = np.concatenate([block for block, _ in blocks], axis=-1), blocks[0][1]
    return (samples, own_rate) if sample_rate is None else (resample(samples, own_rate, sample_rate), sample_rate)


def read_chunks(path: str | Path, seconds: float, sample_rate: int | None = None) -> Iterator[np.ndarray]:
    """A sound file in down-mixed chunks [shape=(k,), float32] of `seconds` each, the last one shorter.

    Memory does not grow with the file. Joined, the chunks are what `read` gives (resampled ones to 1e-6); errors as
    `read`, when the faulty place is reached, and `ParameterError` where a chunk would hold no sample.
    """
    blocks = read_blocks(path)
    first, own_rate = next(blocks)
    rate = own_rate if sample_rate is None else check_rate("sample_rate", sample_rate)
    size = round(seconds * rate)
    if size < 1:
        raise ParameterError(f"seconds={seconds!r}: a chunk needs at least one sample")
    mono = (block.mean(0, keepdims=True) for block in itertools.chain([first], (block for block, _ in blocks)))
    waiting: list[np.ndarray] = []
    count = 0
    for part in resample_blocks(mono, own_rate, rate):
        waiting.append(part[0])
        count += part.shape[-1]
        if count >= size:
            joined = np.concatenate(waiting)
            full = count // size * size
            yield from joined[:full].reshape(-1, size)
            waiting, count = [joined[full:]], count - full
    if count:
        yield np.concatenate(waiting)


def write(path: str | Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write mono samples [shape=(n,), in [-1, 1]] as 16-bit WAV or FLAC, by the suffix; whole or not at all.

    They are rounded to 1/32768 without dither, so that writing is repeatable, and never clipped: `AudioError` for a
    peak over 1, as for what is no signal. `ParameterError` for another suffix, `StorageError` where the disk is full.
    """
    path, samples = Path(path), np.asarray(samples)
    container = _CONTAINERS.get(path.suffix.lower())
    if container is None:
        raise ParameterError(f"path={str(path)!r}: the suffix must be .wav or .flac")
    check_signal(samples, path, allow_silence=True)
    if samples.ndim != 1:
        raise AudioError(f"{path}: samples [shape={samples.shape}]: one channel is needed; down-mix first")
    peak = float(np.abs(samples).max())
    if peak > 1:
        raise AudioError(f"{path}: peak {peak:.4g} would be clipped; divide the samples by it, or lower their level")
    steps = np.minimum(np.round(samples.astype(np.float64) * 32768), 32767).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, steps, sample_rate, subtype="PCM_16", format=container)
    with whole(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


@contextmanager
def float_wav(path: str | Path, sample_rate: int, channels: int) -> Iterator[Callable[[np.ndarray], None]]:
    """A WAV of 32-bit floats that grows: yields a function that appends samples [shape=(channels, k)].

    Nothing is clipped, equal samples give equal bytes, and a file that outgrows 4 GB becomes an RF64 (EBU Tech 3306).
    It may end short where the block fails: write inside `nblib.paths.whole`.
    """
    # libsndfile puts the time of day into such files, and must know beforehand whether 4 GB suffice.
    with av.open(str(path), "w", format="wav", options={"rf64": "auto", "fflags": "+bitexact"}) as container:
        stream = container.add_stream("pcm_f32le", rate=sample_rate, layout="mono" if channels == 1 else "stereo")
        assert isinstance(stream, av.AudioStream)

        def append(samples: np.ndarray) -> None:
            if samples.size:
                interleaved = np.ascontiguousarray(samples.T, np.float32).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(interleaved, "flt", stream.layout.name)
                frame.sample_rate = sample_rate
                container.mux(stream.encode(frame))

        yield append
        container.mux(stream.encode(None))


def _zeros_behind(sample_rate: int, to: int) -> int:
    """Zeros to append before resampling: soxr rounds its length, and ceil(n * to / sample_rate) is wanted."""
    return -(-sample_rate // to) + 1


def resample(samples: np.ndarray, sample_rate: int, to: int) -> np.ndarray:
    """Band-limited, zero-phase resampling (soxr HQ: pass band to 0.91 of half the lower rate).

    From `samples` [shape=(n,) or (channels, n)] to float32 of ``ceil(n * to / sample_rate)``, rates in Hz; overshoot
    over full scale is kept. `AudioError` for what is no signal, `ParameterError` for what is no rate.
    """
    sample_rate, to = check_rate("sample_rate", sample_rate), check_rate("to", to)
    samples = np.asarray(samples)
    check_signal(samples, "samples", allow_silence=True)
    single = samples.astype(np.float32)
    if sample_rate == to:
        return single
    length = -(-samples.shape[-1] * to // sample_rate)
    behind = [(0, 0)] * (samples.ndim - 1) + [(0, _zeros_behind(sample_rate, to))]
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
        zeros = np.zeros((_zeros_behind(sample_rate, to), len(block)), np.float32)
        yield stream.resample_chunk(zeros, last=True).T[:, : -(-taken * to // sample_rate) - given]
