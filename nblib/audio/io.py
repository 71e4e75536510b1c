"""Sound files in and out, whole or piece by piece in memory that does not grow."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import soundfile

from nblib.audio.resampling import resample
from nblib.audio.signals import check_finite, check_signal
from nblib.errors import AudioError, ParameterError
from nblib.paths import whole

# Hz; anything else is more likely a broken header than a recording.
SAMPLE_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)

# What libsndfile reads; libav reads all else. (libsndfile leaves the MP3 coder's delay of 1105 samples in.)
_SOUNDFILE_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff")


def _soundfile_blocks(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    with soundfile.SoundFile(path) as file:
        found = 0
        for block in file.blocks(65_536, dtype="float32", always_2d=True):
            found += len(block)
            yield block.T, file.samplerate
        if found < file.frames:
            missing = f"{file.frames - found} of {file.frames} samples are missing"
            raise AudioError(f"{path}: cut short, {missing}; copy it again")


def _libav_blocks(path: Path, stream: int) -> Iterator[tuple[np.ndarray, int]]:
    with av.open(str(path)) as container:
        if len(streams := container.streams.audio) <= stream:
            raise AudioError(f"{path}: {len(streams)} sound stream(s) where {stream + 1} are needed; leave it out")
        for block in decoded(container, streams[stream]):
            yield block, streams[stream].codec_context.sample_rate


def decoded(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[np.ndarray]:
    """The frames of one of an open container's streams as float32 [shape=(channels, k)]."""
    planar = av.AudioResampler(format="fltp")
    return (part.to_ndarray() for frame in container.decode(stream) for part in planar.resample(frame))


def read_blocks(path: str | Path, stream: int = 0) -> Iterator[tuple[np.ndarray, int]]:
    """A sound file as it is decoded: float32 blocks [shape=(channels, k)], its sample rate (Hz). Errors as `read`."""
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file; check the name and the data root")
    is_plain = path.suffix.lower() in _SOUNDFILE_SUFFIXES
    done = 0
    try:
        for block, sample_rate in _soundfile_blocks(path) if is_plain else _libav_blocks(path, stream):
            if len(block) > 2:
                raise AudioError(f"{path}: {len(block)} channels; mono or stereo is needed: down-mix it first")
            if sample_rate not in SAMPLE_RATES:
                known = ", ".join(map(str, SAMPLE_RATES))
                raise AudioError(f"{path}: sample rate {sample_rate} Hz is none of {known}; resample it")
            check_finite(block, path, done)
            done += block.shape[-1]
            yield block, sample_rate
    except (soundfile.SoundFileError, av.FFmpegError, OSError) as error:
        remedy = "convert it to WAV or FLAC, or leave it out"
        raise AudioError(f"{path}: cannot be read as sound ({error}); {remedy}") from error
    if done == 0:
        raise AudioError(f"{path}: empty, 0 samples; leave it out")


class SoundFacts(NamedTuple):
    """What a sound file holds."""

    sample_rate: int  # Hz
    channels: int
    seconds: float | None  # by its header; None where that says nothing


def facts(path: str | Path) -> SoundFacts:
    """Look at the beginning of a sound file; errors as `read`, for faults that show at once."""
    block, sample_rate = next(read_blocks(path))
    with av.open(str(path)) as container:
        return SoundFacts(sample_rate, len(block), container.duration / av.time_base if container.duration else None)


def read(
    path: str | Path, sample_rate: int | None = None, mono: bool = True, end: float = inf, stream: int = 0
) -> tuple[np.ndarray, int]:
    """Samples [shape=(n,) or, unless `mono`, (channels, n)] of a sound file and their rate (Hz), given or its own.

    WAV, FLAC, OGG, AIFF (libsndfile), MP3 or what else libav reads; float32, full scale 1, peaks over it are kept; mono
    is the channels' mean. What lies well after `end` (s) is not read; of MP4, `stream` tells which. `AudioError` for
    what is missing, unreadable, cut short, empty or not finite, has over 2 channels, or a rate outside `SAMPLE_RATES`.
    """
    parts: list[np.ndarray] = []
    done = 0
    for block, own_rate in read_blocks(path, stream):
        parts.append(block.mean(0) if mono else block)
        done += block.shape[-1]
        if done >= end * own_rate:
            break
    samples = np.concatenate(parts, axis=-1)
    return (samples, own_rate) if sample_rate is None else (resample(samples, own_rate, sample_rate), sample_rate)


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
    if (peak := float(np.abs(samples).max())) > 1:
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
