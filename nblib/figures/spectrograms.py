"""Spectrograms: of sounds, of a table of patches, and of a separated file as a whole, however long."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
import torch
from matplotlib.figure import Figure

from nblib.audio import Geometry, stft
from nblib.figures.base import use_style
from nblib.paths import whole

LEVEL = "dB re full-scale sine"
WINDOW = 1024  # samples, of a separated file's picture
Sounds = Mapping[str, np.ndarray]


def _grid(rows: Mapping[str, Sounds], geometry: Geometry) -> Figure:
    """Decibels [shape=(bins, frames)] with one colour bar: a row per key, a column per title (over the first row)."""
    first, columns = next(iter(rows)), len(next(iter(rows.values())))
    size = (3.2 * columns + 1, 2.3 * len(rows) + 0.4)
    figure, panels = plt.subplots(len(rows), columns, figsize=size, sharex="col", sharey=True, squeeze=False)
    for (name, cells), own in zip(rows.items(), panels, strict=True):
        for axes, (title, levels) in zip(own, cells.items(), strict=True):
            seconds, kilohertz = levels.shape[1] * geometry.hop / geometry.sample_rate, geometry.sample_rate / 2000
            style = {"origin": "lower", "aspect": "auto", "cmap": "magma", "extent": (0.0, seconds, 0.0, kilohertz)}
            image = axes.imshow(levels, vmin=-100, vmax=-10, **style)
            axes.set_title(title if name == first else "")
        own[0].set_ylabel(f"{name}\nfrequency (kHz)")
    for axes in panels[-1]:
        axes.set_xlabel("time (s)")
    figure.colorbar(image, ax=panels, label=LEVEL, shrink=1.0 if len(rows) == 1 else 0.6)
    return figure


def _decibels(sounds: Sounds, geometry: Geometry) -> dict[str, np.ndarray]:
    magnitudes = {title: stft(torch.from_numpy(samples), geometry).abs().numpy() for title, samples in sounds.items()}
    return {title: 20 * np.log10(np.maximum(magnitude, 1e-6)) for title, magnitude in magnitudes.items()}


def spectrogram_rows(rows: Mapping[str, Sounds], geometry: Geometry) -> Figure:
    """Spectrograms of samples: a row per key, a column per sound, whose titles stand over the first row."""
    return _grid({name: _decibels(sounds, geometry) for name, sounds in rows.items()}, geometry)


def magnitude_table(sounds: Sounds, geometry: Geometry) -> pd.DataFrame:
    """The decibels of one row of `spectrogram_rows`: a line per sound and frequency, one column per frame."""
    frequency_hz = np.arange(geometry.bins) * geometry.sample_rate / geometry.window
    frames = {title: pd.DataFrame(part.round(1), frequency_hz) for title, part in _decibels(sounds, geometry).items()}
    return pd.concat(frames, names=["sound", "frequency_hz"]).add_prefix("frame").reset_index()


def figure2(patches: pd.DataFrame, names: Mapping[str, str], geometry: Geometry) -> Figure:
    """MM'19 Figure 2, a row per system, a column per piece; `patches` and `names` are `experiments.teachers`'."""
    rows: dict[str, dict[str, np.ndarray]] = {}
    for (system, title), own in patches.groupby(["system", "title"], sort=False):
        rows.setdefault(names[str(system)], {})[str(title)] = own.filter(regex="^frame").to_numpy()
    return _grid(rows, geometry)


def save_separated(path: Path, estimate: Path, rest: Path, title: str) -> None:
    """Write `separated_figure` of two sound files of equal length and rate as PNG, equal ones as equal bytes."""
    use_style()
    with whole(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a file may be named in any script
        separated_figure(estimate, rest, title).savefig(temporary, format="png", metadata={"Software": None})


def separated_figure(estimate: Path, rest: Path, title: str) -> Figure:
    """The sum of both files over the first, on one scale of decibels, which begins at the sum's loudest."""
    about = soundfile.info(estimate)
    step = WINDOW * max(1, about.frames // (1600 * WINDOW))  # about as many columns as the picture has pixels across
    blocks = [soundfile.blocks(path, step, dtype="float32", always_2d=True, fill_value=0) for path in (estimate, rest)]
    power = np.array([(_power(own + others), _power(own)) for own, others in zip(*blocks, strict=True)])
    decibels = 10 * np.log10(power.transpose(1, 2, 0) + 1e-12)
    figure, panels = plt.subplots(2, 1, figsize=(11, 6), sharex=True, sharey=True)
    top, seconds = np.ceil(decibels[0].max() / 10) * 10, about.frames / about.samplerate
    unit, name = (60, "min") if seconds >= 120 else (1, "s")
    extent = (0, len(power) * step / about.samplerate / unit, 0, about.samplerate / 2000)
    for axes, levels, label in zip(panels, decibels, ("input", "separated"), strict=True):
        image = axes.imshow(levels, origin="lower", aspect="auto", extent=extent, vmin=top - 80, vmax=top)
        axes.set_ylabel(f"{label}\nfrequency (kHz)")
    panels[0].set_title(title, parse_math=False)
    panels[1].set(xlim=(0, seconds / unit), xlabel=f"time ({name})")
    figure.colorbar(image, ax=panels, label=LEVEL)
    return figure


def _power(samples: np.ndarray) -> np.ndarray:
    """Mean power [shape=(bins,)] of a block [shape=(samples, channels)], 1 for a full-scale sine."""
    window = np.hanning(WINDOW)
    spectrum = np.fft.rfft(samples.T.reshape(samples.shape[1], -1, WINDOW) * window) / (window.sum() / 2)
    return np.square(np.abs(spectrum)).mean((0, 1))
