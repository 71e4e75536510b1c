"""The samples of a row: one recording or a target with its mixture, from sound files or a song's stem file."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from nblib.audio import SAMPLE_RATES, check_signal, read_blocks
from nblib.corpora.rows import STEM_FILE, Row
from nblib.errors import AudioError

STEMS = ("mixture", "drums", "bass", "other", "vocals")
"""In the order of a stem file's streams."""

CODER_FRAME = 1024
"""Samples of an AAC frame: streams of one recording may differ by less than this at their end."""


def sounds(row: Row) -> tuple[list[np.ndarray], int]:
    """The row's recording, or its target and its mixture, mono float32 [shape=(n,)], and their sample rate in Hz.

    Raises
    ------
    AudioError
        A file cannot be read or is cut short, or lengths or sample rates differ.
    """
    if row.sound.name.casefold().endswith(STEM_FILE):
        found = {stem: read_stem(row.sound, stem) for stem in ("vocals", "mixture")}
        tolerance = CODER_FRAME - 1
    else:
        paths = [path for path in (row.sound, row.mixture) if path]
        found = {path.relative_to(row.folder).as_posix(): _read(path, row.start, row.seconds) for path in paths}
        tolerance = 0
    lengths, rates = [len(samples) for samples, _ in found.values()], {rate for _, rate in found.values()}
    if len(rates) > 1 or max(lengths) - min(lengths) > tolerance:
        parts = ", ".join(f"{part} {len(samples)} at {rate} Hz" for part, (samples, rate) in found.items())
        raise AudioError(f"{row.file}: target and mixture do not match in samples ({parts}); copy both again")
    rate = rates.pop()
    first = round(row.start * rate)
    last = min(lengths) if row.seconds is None else min(min(lengths), round((row.start + row.seconds) * rate))
    return [samples[first:last] for samples, _ in found.values()], rate


def _read(path: Path, start: float, seconds: float | None) -> tuple[np.ndarray, int]:
    """A file down-mixed by the mean of its channels, read no further than needed."""
    blocks: list[np.ndarray] = []
    done = 0
    for block, sample_rate in read_blocks(path):
        blocks.append(block.mean(0))
        done += block.shape[-1]
        if seconds is not None and done >= (start + seconds) * sample_rate:
            break
    return np.concatenate(blocks), sample_rate


def read_stem(path: Path, stem: str) -> tuple[np.ndarray, int]:
    """One of a stem file's `STEMS`, down-mixed [shape=(n,)], and its sample rate in Hz.

    AAC in MP4 comes back with lag 0, since the container says how many samples the coder put in front; behind, up to a
    coder's frame of silence stays.
    """
    try:
        with av.open(str(path)) as container:
            streams = container.streams.audio
            if len(streams) != len(STEMS):
                raise AudioError(
                    f"{path}: {len(streams)} sound stream(s) instead of {len(STEMS)} ({', '.join(STEMS)}); copy the "
                    "file again, or leave it out"
                )
            stream = streams[STEMS.index(stem)]
            rate = stream.codec_context.sample_rate
            planar = av.AudioResampler(format="fltp")
            blocks = [
                part.to_ndarray().mean(0) for frame in container.decode(stream) for part in planar.resample(frame)
            ]
            promised = round(float((stream.duration or 0) * (stream.time_base or 0)) * rate)
    except (av.FFmpegError, OSError) as error:
        raise AudioError(f"{path}: {stem} cannot be read ({error}); copy the file again") from error
    samples = np.concatenate(blocks or [np.zeros(0, np.float32)])
    if rate not in SAMPLE_RATES or len(samples) < promised - CODER_FRAME:
        raise AudioError(f"{path}: {stem} has {len(samples)} of {promised} samples at {rate} Hz; copy the file again")
    check_signal(samples, path, allow_silence=True)
    return samples, rate
