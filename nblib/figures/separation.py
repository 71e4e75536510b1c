"""The picture that comes with a separated file: the whole of it before and after, however long."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import soundfile
from matplotlib.figure import Figure

from nblib.figures.base import use_style
from nblib.paths import whole

WINDOW = 1024  # samples
COLUMNS = 1600  # about as many as the picture has pixels across
SHOWN_DB = 80.0  # from the loudest column of the input down


def save_spectrograms(path: Path, estimate: Path, rest: Path, title: str) -> None:
    """Write `spectrograms` of two sound files of equal length and rate as PNG, equal ones as equal bytes."""
    use_style()
    with whole(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a file may be named in any script
        spectrograms(estimate, rest, title).savefig(temporary, format="png", metadata={"Software": None})


def spectrograms(estimate: Path, rest: Path, title: str) -> Figure:
    """The sum of both files over the first, on one scale of decibels, which begins at the sum's loudest."""
    about = soundfile.info(estimate)
    step = WINDOW * max(1, about.frames // (COLUMNS * WINDOW))
    blocks = [soundfile.blocks(path, step, dtype="float32", always_2d=True, fill_value=0) for path in (estimate, rest)]
    power = np.array([(_power(own + others), _power(own)) for own, others in zip(*blocks, strict=True)])
    decibels = 10 * np.log10(power.transpose(1, 2, 0) + 1e-12)
    figure, axes = plt.subplots(2, 1, figsize=(11, 6), sharex=True, sharey=True)
    top, seconds = np.ceil(decibels[0].max() / 10) * 10, about.frames / about.samplerate
    unit, name = (60, "min") if seconds >= 120 else (1, "s")
    extent = (0, len(power) * step / about.samplerate / unit, 0, about.samplerate / 2000)
    for axis, levels, label in zip(axes, decibels, ("input", "separated"), strict=True):
        image = axis.imshow(levels, origin="lower", aspect="auto", extent=extent, vmin=top - SHOWN_DB, vmax=top)
        axis.set_ylabel(f"{label}\nfrequency (kHz)")
    axes[0].set_title(title, parse_math=False)
    axes[1].set(xlim=(0, seconds / unit), xlabel=f"time ({name})")
    figure.colorbar(image, ax=axes, label="dB re full-scale sine")
    return figure


def _power(samples: np.ndarray) -> np.ndarray:
    """Mean power [shape=(bins,)] of a block [shape=(samples, channels)], 1 for a full-scale sine."""
    window = np.hanning(WINDOW)
    spectrum = np.fft.rfft(samples.T.reshape(samples.shape[1], -1, WINDOW) * window) / (window.sum() / 2)
    return np.square(np.abs(spectrum)).mean((0, 1))
