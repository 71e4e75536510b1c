"""A song's stems in MUSDB18's two layouts: a folder of WAV or FLAC files, or one MP4 file with five AAC streams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from nblib.audio import SAMPLE_RATES, check_signal, read
from nblib.errors import AudioError

STEMS = ("mixture", "drums", "bass", "other", "vocals")
"""In the order of a stem file's streams."""

SUFFIXES = (".wav", ".flac")
STEM_FILE = ".stem.mp4"

CODER_FRAME = 1024
"""Samples of an AAC frame: streams of one recording may differ by less than this at their end."""


def holds_stems(path: Path) -> bool:
    """Whether `path` is a stem file, or a folder with at least one file named like a stem."""
    if path.is_dir():
        return any(_file(path, stem) is not None for stem in STEMS)
    return path.name.casefold().endswith(STEM_FILE) and path.is_file()


def read_stems(path: Path, stems: Sequence[str] = ("mixture", "vocals")) -> tuple[list[np.ndarray], int]:
    """The stems asked for, down-mixed by the mean of their channels, and their sample rate.

    AAC in MP4 comes back with lag 0, since the container says how many samples the coder put in front; behind, up to a
    coder's frame of silence stays.

    Parameters
    ----------
    path : Path
        A folder with ``<stem>.wav`` or ``<stem>.flac``, or a ``.stem.mp4`` file.
    stems : sequence of str
        Of `STEMS`.

    Returns
    -------
    samples : list of np.ndarray [shape=(n,)]
        float32, full scale 1, equal lengths, in the order of `stems`.
    sample_rate : int
        In Hz.

    Raises
    ------
    AudioError
        A stem is missing, cannot be read or is cut short, or lengths or sample rates differ.
    """
    if path.is_dir():
        found = [_read_file(path, stem) for stem in stems]
        tolerance = 0
    else:
        found = [_read_stream(path, STEMS.index(stem)) for stem in stems]
        tolerance = CODER_FRAME - 1
    lengths, rates = [len(samples) for samples, _ in found], {rate for _, rate in found}
    if len(rates) > 1 or max(lengths) - min(lengths) > tolerance:
        parts = (f"{stem} {len(samples)} at {rate} Hz" for stem, (samples, rate) in zip(stems, found, strict=True))
        raise AudioError(f"{path}: the stems do not match in samples ({', '.join(parts)}); copy the track again")
    return [samples[: min(lengths)] for samples, _ in found], rates.pop()


def _file(folder: Path, stem: str) -> Path | None:
    return next((folder / f"{stem}{suffix}" for suffix in SUFFIXES if (folder / f"{stem}{suffix}").is_file()), None)


def _read_file(folder: Path, stem: str) -> tuple[np.ndarray, int]:
    file = _file(folder, stem)
    if file is None:
        wanted = " nor ".join(f"{stem}{suffix}" for suffix in SUFFIXES)
        raise AudioError(f"{folder}: neither {wanted} is there; unpack the track again, or leave it out")
    return read(file)


def _read_stream(path: Path, number: int) -> tuple[np.ndarray, int]:
    try:
        with av.open(str(path)) as container:
            streams = container.streams.audio
            if len(streams) != len(STEMS):
                raise AudioError(
                    f"{path}: {len(streams)} sound stream(s) instead of {len(STEMS)} ({', '.join(STEMS)}); copy the "
                    "file again, or leave it out"
                )
            stream = streams[number]
            rate = stream.codec_context.sample_rate
            planar = av.AudioResampler(format="fltp")
            blocks = [
                part.to_ndarray().mean(0) for frame in container.decode(stream) for part in planar.resample(frame)
            ]
            promised = round(float((stream.duration or 0) * (stream.time_base or 0)) * rate)
    except (av.FFmpegError, OSError) as error:
        raise AudioError(f"{path}: {STEMS[number]} cannot be read ({error}); copy the file again") from error
    samples = np.concatenate(blocks or [np.zeros(0, np.float32)])
    if rate not in SAMPLE_RATES or len(samples) < promised - CODER_FRAME:
        raise AudioError(
            f"{path}: {STEMS[number]} has {len(samples)} of {promised} samples at {rate} Hz; copy the file again"
        )
    check_signal(samples, path, allow_silence=True)
    return samples, rate
