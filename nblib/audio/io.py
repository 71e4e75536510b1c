"""Sound files in and out: WAV, FLAC, OGG, MP3, down-mix, resampling, and what may pass as a signal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

from nblib.errors import AudioError, ParameterError
from nblib.paths import whole

SAMPLE_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
"""Sample rates (Hz) that files may have; anything else is more likely a broken header than a recording."""

SILENCE = 2.0**-16
"""Peak under which a signal is silent: half a step of 16-bit samples."""

_BLOCK = 65_536
_SOUNDFILE_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff")
_CONTAINERS = {".wav": "WAV", ".flac": "FLAC"}


def check_signal(samples: np.ndarray, name: str | Path, minimum_samples: int = 1, allow_silence: bool = False) -> None:
    """Refuse a signal that cannot be used.

    Parameters
    ----------
    samples : np.ndarray [shape=(..., n)]
        Floating point, full scale 1.
    name : str or Path
        The file or parameter that a message shall name.
    minimum_samples : int
        Least n.
    allow_silence : bool
        Let a peak under `SILENCE` pass.

    Raises
    ------
    AudioError
        Empty, too short, not floating point, not finite (the first index is named) or silent.
    """
    if samples.ndim == 0 or samples.size == 0:
        raise AudioError(f"{name}: empty, 0 samples; leave it out")
    if samples.dtype.kind != "f":
        raise AudioError(f"{name}: samples of type {samples.dtype}; convert to float32 with full scale 1 first")
    if samples.shape[-1] < minimum_samples:
        raise AudioError(
            f"{name}: {samples.shape[-1]} samples are too short, {minimum_samples} are needed; leave it out"
        )
    finite = np.isfinite(samples)
    if not finite.all():
        index = int(np.flatnonzero(~finite.reshape(-1, samples.shape[-1]).all(0))[0])
        raise AudioError(
            f"{name}: sample {index} is not finite (NaN or infinite); repair the recording or leave it out"
        )
    peak = float(np.abs(samples).max())
    if not allow_silence and peak < SILENCE:
        raise AudioError(f"{name}: silent (peak {peak:.2g}); leave it out")


def _check_format(path: Path, channels: int, sample_rate: int) -> None:
    if channels not in (1, 2):
        raise AudioError(f"{path}: {channels} channels; mono or stereo is needed: down-mix it first")
    if sample_rate not in SAMPLE_RATES:
        usual = ", ".join(map(str, SAMPLE_RATES))
        raise AudioError(
            f"{path}: sample rate {sample_rate} Hz is none of {usual}; resample the file or mend its header"
        )


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


def is_for_libsndfile(path: Path) -> bool:
    """Whether libsndfile reads this file, by its suffix; libav reads all others."""
    # libsndfile leaves the MP3 coder's delay of 1105 samples in; libav takes it out.
    return path.suffix.lower() in _SOUNDFILE_SUFFIXES


def read_blocks(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """A sound file as it is decoded: float32 blocks [shape=(channels, k)], its sample rate (Hz). Errors as `read`."""
    if not path.is_file():
        raise AudioError(f"{path}: no such file; check the name and the data root")
    reader = _soundfile_blocks if is_for_libsndfile(path) else _libav_blocks
    done = 0
    try:
        for block, sample_rate in reader(path):
            if not np.isfinite(block).all():
                index = done + int(np.flatnonzero(~np.isfinite(block).all(0))[0])
                raise AudioError(f"{path}: sample {index} is not finite (NaN or infinite); leave it out or repair it")
            done += block.shape[-1]
            yield block, sample_rate
    except (soundfile.SoundFileError, av.FFmpegError, OSError) as error:
        raise AudioError(
            f"{path}: cannot be read as sound ({error}); convert it to WAV or FLAC, or leave it out"
        ) from error
    if done == 0:
        raise AudioError(f"{path}: empty, 0 samples; leave it out")


def read(path: str | Path, sample_rate: int | None = None, mono: bool = True) -> tuple[np.ndarray, int]:
    """A whole sound file.

    Parameters
    ----------
    path : str or Path
        WAV, FLAC, OGG, AIFF (libsndfile), MP3 or whatever else libav reads; mono or stereo.
    sample_rate : int, optional
        Resample to this rate (Hz); the file's own by default.
    mono : bool
        Down-mix by the mean of the channels.

    Returns
    -------
    samples : np.ndarray [shape=(n,) or (channels, n)]
        float32, full scale 1; peaks over full scale are kept.
    sample_rate : int
        Hz.

    Raises
    ------
    AudioError
        Missing, unreadable, cut short, empty or not finite; more than 2 channels; a rate outside `SAMPLE_RATES`.
    """
    blocks = [(block.mean(0) if mono else block, own_rate) for block, own_rate in read_blocks(Path(path))]
    samples, own_rate = np.concatenate([block for block, _ in blocks], axis=-1), blocks[0][1]
    return (samples, own_rate) if sample_rate is None else (resample(samples, own_rate, sample_rate), sample_rate)


def write(path: str | Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write mono samples as 16-bit WAV or FLAC, by the suffix; whole or not at all.

    Parameters
    ----------
    path : str or Path
        Ends in ``.wav`` or ``.flac``.
    samples : np.ndarray [shape=(n,)]
        Floating point in [-1, 1]; rounded to 1/32768 without dither, so that writing is repeatable.
    sample_rate : int
        Hz.

    Raises
    ------
    AudioError
        Not one channel, empty, not finite, or a peak over 1: never clipped in silence.
    ParameterError
        Another suffix.
    StorageError
        The disk is full or read-only.
    """
    path = Path(path)
    container = _CONTAINERS.get(path.suffix.lower())
    if container is None:
        raise ParameterError(f"path={str(path)!r}: the suffix must be .wav or .flac")
    samples = np.asarray(samples)
    check_signal(samples, path, allow_silence=True)
    peak = float(np.abs(samples).max())
    if samples.ndim != 1:
        raise AudioError(f"{path}: samples [shape={samples.shape}]: one channel is needed; down-mix first")
    if peak > 1:
        raise AudioError(f"{path}: peak {peak:.4g} would be clipped; divide the samples by it, or lower their level")
    steps = np.minimum(np.round(samples.astype(np.float64) * 32768), 32767).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, steps, sample_rate, subtype="PCM_16", format=container)
    with whole(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def check_rate(name: str, value: object) -> int:
    """`value` as int; `ParameterError` naming the parameter unless it is a whole number of Hz from 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ParameterError(f"{name}={value!r}: a whole number of Hz from 1 is needed")
    return int(value)


def zeros_behind(sample_rate: int, to: int) -> int:
    """Zeros to append before resampling: soxr rounds its length, and ceil(n * to / sample_rate) is wanted."""
    return -(-sample_rate // to) + 1


def resample(samples: np.ndarray, sample_rate: int, to: int) -> np.ndarray:
    """Band-limited, zero-phase resampling (soxr HQ: pass band to 0.91 of half the lower rate).

    Parameters
    ----------
    samples : np.ndarray [shape=(n,) or (channels, n)]
        Floating point.
    sample_rate, to : int
        Rate given and rate wanted (Hz).

    Returns
    -------
    np.ndarray [shape=(m,) or (channels, m)]
        float32, ``m = ceil(n * to / sample_rate)``. Overshoot over full scale is kept.

    Raises
    ------
    AudioError
        Empty, or not finite.
    ParameterError
        A rate is no whole number from 1.
    """
    sample_rate, to = check_rate("sample_rate", sample_rate), check_rate("to", to)
    samples = np.asarray(samples)
    check_signal(samples, "samples", allow_silence=True)
    single = samples.astype(np.float32)
    if sample_rate == to:
        return single
    length = -(-samples.shape[-1] * to // sample_rate)
    behind = [(0, 0)] * (samples.ndim - 1) + [(0, zeros_behind(sample_rate, to))]
    longer = soxr.resample(np.pad(single, behind).T, sample_rate, to, quality="HQ")
    return np.ascontiguousarray(longer.T[..., :length])
