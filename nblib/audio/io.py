"""Sound files in and out."""

import io
from math import inf
from pathlib import Path

import av
import numpy as np
import soundfile

from nblib.audio.signals import check_signal, resample
from nblib.errors import AudioError
from nblib.paths import whole

# Hz; anything else is more likely a broken header than a recording.
SAMPLE_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)

# What libsndfile reads; libav reads all else. (libsndfile leaves the MP3 coder's delay of 1105 samples in.)
_SOUNDFILE_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff")


def decoded(container: av.container.InputContainer, stream: av.AudioStream) -> np.ndarray:
    """All samples of one of an open container's streams as float32 [shape=(channels, n)]."""
    planar = av.AudioResampler(format="fltp")
    parts = [part.to_ndarray() for frame in container.decode(stream) for part in planar.resample(frame)]
    return np.concatenate(parts or [np.zeros((1, 0), np.float32)], axis=1)


def read(
    path: str | Path, sample_rate: int | None = None, mono: bool = True, end: float = inf, stream: int = 0
) -> tuple[np.ndarray, int]:
    """Samples [shape=(n,) or, unless `mono`, (channels, n)] of a sound file and their rate (Hz), given or its own.

    WAV, FLAC, OGG, AIFF (libsndfile), MP3 or what else libav reads; float32, full scale 1, peaks over it are kept; mono
    is the channels' mean. What lies after `end` (s) may be left out; of MP4, `stream` tells which. `AudioError` for
    what is missing, unreadable, cut short, empty or not finite, has over 2 channels, or a rate outside `SAMPLE_RATES`.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file; check the name and the data root")
    try:
        if path.suffix.lower() in _SOUNDFILE_SUFFIXES:
            with soundfile.SoundFile(path) as file:
                own_rate, wanted = file.samplerate, int(min(file.frames, end * file.samplerate + 1))
                samples = file.read(wanted, dtype="float32", always_2d=True).T
            if samples.shape[1] < wanted:
                raise AudioError(f"{path}: cut short, {samples.shape[1]} of {wanted} samples are there; copy it again")
        else:
            with av.open(str(path)) as container:
                if (count := len(container.streams.audio)) <= stream:
                    raise AudioError(f"{path}: {count} sound stream(s) where {stream + 1} are needed; leave it out")
                found = container.streams.audio[stream]
                samples, own_rate = decoded(container, found), found.codec_context.sample_rate
    except (soundfile.SoundFileError, av.FFmpegError, OSError) as error:
        remedy = "convert it to WAV or FLAC, or leave it out"
        raise AudioError(f"{path}: cannot be read as sound ({error}); {remedy}") from error
    if len(samples) > 2:
        raise AudioError(f"{path}: {len(samples)} channels; mono or stereo is needed: down-mix it first")
    check_signal(samples, path, allow_silence=True)
    if own_rate not in SAMPLE_RATES:
        known = ", ".join(map(str, SAMPLE_RATES))
        raise AudioError(f"{path}: sample rate {own_rate} Hz is none of {known}; resample it")
    samples = samples.mean(0) if mono else samples
    return (samples, own_rate) if sample_rate is None else (resample(samples, own_rate, sample_rate), sample_rate)


def write(path: str | Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write mono samples [shape=(n,), in [-1, 1]] as 16-bit WAV or FLAC, by the suffix; whole or not at all.

    They are rounded to 1/32768 without dither, so that writing is repeatable, and never clipped: `AudioError` for a
    peak over 1, as for what is no signal. `StorageError` where the disk is full.
    """
    path = Path(path)
    check_signal(samples, path, allow_silence=True)
    if (peak := float(np.abs(samples).max())) > 1:
        raise AudioError(f"{path}: peak {peak:.4g} would be clipped; divide the samples by it, or lower their level")
    steps = np.minimum(np.round(samples.astype(np.float64) * 32768), 32767).astype(np.int16)
    buffer = io.BytesIO()  # its bytes are written by Python, whose errors say that the disk is full
    soundfile.write(buffer, steps, sample_rate, subtype="PCM_16", format=path.suffix[1:])
    with whole(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
