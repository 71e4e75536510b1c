"""Sound files in and out, whole or piece by piece in memory that does not grow."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from math import inf
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import soundfile

from nblib.audio.resampling import check_rate, resample, resample_blocks
from nblib.audio.signals import check_finite, check_signal
from nblib.errors import AudioError, ParameterError
from nblib.paths import whole

# Sample rates (Hz) that files may have; anything else is more likely a broken header than a recording.
SAMPLE_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)

_BLOCK = 65_536
# What libsndfile reads; libav reads all else. (libsndfile leaves the MP3 coder's delay of 1105 samples in.)
_SOUNDFILE_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff")


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
        for block in decoded(container, stream):
            yield block, stream.codec_context.sample_rate


def decoded(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[np.ndarray]:
    """The frames of one of an open container's streams as float32 [shape=(channels, k)]."""
    planar = av.AudioResampler(format="fltp")
    return (part.to_ndarray() for frame in container.decode(stream) for part in planar.resample(frame))


def read_blocks(path: str | Path) -> Iterator[tuple[np.ndarray, int]]:
    """A sound file as it is decoded: float32 blocks [shape=(channels, k)], its sample rate (Hz). Errors as `read`."""
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file; check the name and the data root")
    reader = _soundfile_blocks if path.suffix.lower() in _SOUNDFILE_SUFFIXES else _libav_blocks
    done = 0
    try:
        for block, sample_rate in reader(path):
            check_finite(block, path, done)
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


def read(
    path: str | Path, sample_rate: int | None = None, mono: bool = True, end: float = inf
) -> tuple[np.ndarray, int]:
    """Samples [shape=(n,) or, unless `mono`, (channels, n)] of a sound file and their rate (Hz), given or its own.

    WAV, FLAC, OGG, AIFF (libsndfile), MP3 or what else libav reads; float32, full scale 1, peaks over it are kept; mono
    is the channels' mean. What lies well after `end` (s) is not read. `AudioError` for what is missing, unreadable, cut
    short, empty or not finite, has more than 2 channels, or a rate outside `SAMPLE_RATES`.
    """
    parts: list[np.ndarray] = []
    done = 0
    for block, own_rate in read_blocks(path):
        parts.append(block.mean(0) if mono else block)
        done += block.shape[-1]
        if done >= end * own_rate:
            break
    samples = np.concatenate(parts, axis=-1)
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
    mono = (block.mean(0, keepdims=True) for block in chain([first], (block for block, _ in blocks)))
    waiting = np.zeros(0, np.float32)
    for part in resample_blocks(mono, own_rate, rate):
        waiting = np.concatenate([waiting, part[0]])
        full = len(waiting) // size * size
        yield from waiting[:full].reshape(-1, size)
        waiting = waiting[full:]
    if len(waiting):
        yield waiting


def write(path: str | Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write mono samples [shape=(n,), in [-1, 1]] as 16-bit WAV or FLAC, by the suffix; whole or not at all.

    They are rounded to 1/32768 without dither, so that writing is repeatable, and never clipped: `AudioError` for a
    peak over 1, as for what is no signal. `ParameterError` for another suffix, `StorageError` where the disk is full.
    """
    path, samples = Path(path), np.asarray(samples)
    container = path.suffix[1:].upper()
    if container not in ("WAV", "FLAC"):
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
