"""One style for all figures, how they are saved and shown, players, and spectrograms."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import PIL.Image
import seaborn as sns
import soundfile
import torch
from IPython.display import HTML, Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nblib import paths
from nblib.audio import Geometry, stft

# Okabe and Ito's colours, told apart with every kind of colour vision.
COLOURS = {"codec": "#0072B2", "l1": "#D55E00", "paper": "#555555", "unprocessed": "#999999", "oracle_mask": "#009E73"}
PALETTE = ("#555555", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
NAMES = {"codec": "codec loss", "l1": "$\\ell_1$", "unprocessed": "unprocessed", "oracle_mask": "oracle mask"}
DECIBEL_RANGE = (-100.0, -10.0)  # of spectrograms; a full-scale sine is 0 dB
Sounds = Mapping[str, np.ndarray]


def palette(names: Iterable[str]) -> dict[str, str]:
    """A colour for each of `names`, in order, from the start again after seven."""
    return dict(zip(names, itertools.cycle(PALETTE), strict=False))


def use_style() -> None:
    """Set matplotlib's and seaborn's defaults for every figure of the suite."""
    sns.set_theme(context="notebook", style="ticks", palette=list(COLOURS.values()))
    plt.rcParams.update(
        {
            "savefig.dpi": 110,
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.constrained_layout.use": True,
            "svg.hashsalt": "nblib",  # equal figures give equal files
            "svg.fonttype": "none",
        }
    )


def save(folder: Path, name: str, figure: Figure, data: pd.DataFrame) -> Image:
    """Write ``name.png``, ``name.svg`` and the data behind them (``name.csv``, ``.csv.gz`` over 10,000 values).

    Returns the picture to show, so that a cell can end with the call.
    """
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        with paths.whole(folder / f"{name}.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, metadata=metadata)
    large = data.size > 10_000
    with paths.whole(folder / f"{name}.csv{'.gz' if large else ''}") as temporary:
        compression = {"method": "gzip", "mtime": 0} if large else None
        data.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n", compression=compression)
    plt.close(figure)
    # A notebook holds it at screen resolution in 256 colours, a third of the full PNG's bytes.
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=80)
    PIL.Image.open(full).convert("RGB").quantize(256).save(small, format="PNG", optimize=True)
    return Image(small.getvalue())


def player(samples: np.ndarray, sample_rate: int, title: str) -> HTML:
    """An audio player for `samples` [shape=(n,)], lossless, turned down where it would clip."""
    buffer = io.BytesIO()
    loudest = max(1.0, float(np.abs(samples).max()) / 0.999)
    soundfile.write(buffer, samples / loudest, sample_rate, format="FLAC", subtype="PCM_16")
    source = base64.b64encode(buffer.getvalue()).decode()
    return HTML(
        f'<figure style="display:inline-block;margin:4px 12px"><figcaption>{title}</figcaption>'
        f'<audio controls preload="none" src="data:audio/flac;base64,{source}"></audio></figure>'
    )


def players(sounds: Sounds, sample_rate: int) -> HTML:
    """A row of players, one per title."""
    return HTML("".join(player(samples, sample_rate, title).data for title, samples in sounds.items()))


def decibels(magnitude: np.ndarray) -> np.ndarray:
    """Linear magnitude over that of a full-scale sine in dB, not below -120."""
    return 20 * np.log10(np.maximum(magnitude, 1e-6))


def spectrogram(axes: Axes, values_db: np.ndarray, sample_rate: int, hop: int) -> None:
    """Draw decibels [shape=(bins, frames)] over time (s) and frequency (kHz)."""
    extent = (0.0, values_db.shape[1] * hop / sample_rate, 0.0, sample_rate / 2000)
    low, high = DECIBEL_RANGE
    axes.imshow(values_db, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=low, vmax=high)


def spectrogram_grid(rows: Mapping[str, Sounds], sample_rate: int, hop: int) -> Figure:
    """Decibels [shape=(bins, frames)] with one colour bar: a row per key, a column per title (over the first row)."""
    columns = len(next(iter(rows.values())))
    size = (3.2 * columns + 1, 2.3 * len(rows) + 0.4)
    figure, axes = plt.subplots(len(rows), columns, figsize=size, sharex="col", sharey=True, squeeze=False)
    for place, (name, cells) in enumerate(rows.items()):
        for panel, (title, values) in zip(axes[place], cells.items(), strict=True):
            spectrogram(panel, values, sample_rate, hop)
            panel.set_title(title if place == 0 else "")
        axes[place, 0].set_ylabel(f"{name}\nfrequency (kHz)")
    for panel in axes[-1]:
        panel.set_xlabel("time (s)")
    figure.colorbar(axes[0, 0].images[0], ax=axes, label="dB re full-scale sine", shrink=1.0 if len(rows) == 1 else 0.6)
    return figure


def _decibels(sounds: Sounds, geometry: Geometry) -> dict[str, np.ndarray]:
    return {title: decibels(stft(torch.from_numpy(own), geometry).abs().numpy()) for title, own in sounds.items()}


def spectrogram_rows(rows: Mapping[str, Sounds], geometry: Geometry) -> Figure:
    """Spectrograms of samples: a row per key, a column per sound, whose titles stand over the first row."""
    grid = {name: _decibels(sounds, geometry) for name, sounds in rows.items()}
    return spectrogram_grid(grid, geometry.sample_rate, geometry.hop)


def magnitude_table(sounds: Sounds, geometry: Geometry) -> pd.DataFrame:
    """The decibels of one row of `spectrogram_rows`: a line per sound and frequency, one column per frame."""
    frequency_hz = np.arange(geometry.bins) * geometry.sample_rate / geometry.window
    tables = [
        pd.DataFrame(values.round(1)).add_prefix("frame").assign(sound=title, frequency_hz=frequency_hz)
        for title, values in _decibels(sounds, geometry).items()
    ]
    return pd.concat(tables, ignore_index=True).set_index(["sound", "frequency_hz"]).reset_index()
