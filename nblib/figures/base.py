"""One style for all figures, how they are saved and shown, players, and spectrograms."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import PIL.Image
import seaborn as sns
import soundfile
import torch
from IPython.display import HTML, Image
from matplotlib.figure import Figure

from nblib import paths
from nblib.audio import Geometry, stft

# Okabe and Ito's colours, told apart with every kind of colour vision.
COLOURS = {"codec": "#0072B2", "l1": "#D55E00", "paper": "#555555", "unprocessed": "#999999", "oracle_mask": "#009E73"}
Sounds = Mapping[str, np.ndarray]
Names = Mapping[str, str]  # what is written for each name, in the order in which it is drawn; a baseline comes first


def use_style() -> None:
    """Set matplotlib's and seaborn's defaults; equal figures give equal files."""
    style = {"savefig.dpi": 110, "font.size": 11, "axes.titlesize": 11, "figure.constrained_layout.use": True}
    style |= {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
    files = {"svg.hashsalt": "nblib", "svg.fonttype": "none"}
    sns.set_theme(style="ticks", palette=list(COLOURS.values()), rc=style | files)


def save(folder: Path, name: str, figure: Figure, data: pd.DataFrame) -> Image:
    """Write ``name.png``, ``.svg`` and the data behind them (``.csv``, over 10,000 values ``.csv.gz``); to be shown."""
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        with paths.whole(folder / f"{name}.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, metadata=metadata)
        figure.set_layout_engine("none")  # it stays as the first drawing laid it out, which takes half of the time
    compression = {"method": "gzip", "mtime": 0, "compresslevel": 4} if data.size > 10_000 else None
    with paths.whole(folder / f"{name}.csv{'.gz' if compression else ''}") as temporary:
        data.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n", compression=compression)
    plt.close(figure)
    # A notebook holds it at screen resolution in 256 colours, a third of the full PNG's bytes.
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=80)
    PIL.Image.open(full).convert("RGB").quantize(256).save(small, format="PNG", optimize=True)
    return Image(small.getvalue())


def players(sounds: Mapping[str, np.ndarray], sample_rate: int) -> HTML:
    """A player per title, its samples [shape=(n,)] lossless, turned down where they would clip."""
    page = ""
    for title, samples in sounds.items():
        buffer = io.BytesIO()
        loudest = max(1.0, float(np.abs(samples).max()) / 0.999)
        soundfile.write(buffer, samples / loudest, sample_rate, format="FLAC", subtype="PCM_16")
        source = base64.b64encode(buffer.getvalue()).decode()
        page += f'<figure style="display:inline-block;margin:4px 12px"><figcaption>{title}</figcaption>'
        page += f'<audio controls preload="none" src="data:audio/flac;base64,{source}"></audio></figure>'
    return HTML(page)


def _grid(rows: Mapping[str, Sounds], sample_rate: int, hop: int, width: float = 3.2) -> Figure:
    """Decibels [shape=(bins, frames)] with one colour bar: a row per key, a column per title (over the first row)."""
    columns = len(next(iter(rows.values())))
    size = (width * columns + 1, 2.3 * len(rows) + 0.4)
    figure, panels = plt.subplots(len(rows), columns, figsize=size, sharex="col", sharey=True, squeeze=False)
    for (name, cells), own in zip(rows.items(), panels, strict=True):
        for axes, above, (title, levels) in zip(own, panels[0], cells.items(), strict=True):
            extent = (0.0, levels.shape[1] * hop / sample_rate, 0.0, sample_rate / 2000)
            image = axes.imshow(levels, "magma", aspect="auto", vmin=-100, vmax=-10, origin="lower", extent=extent)
            axes.set_title(title if axes is above else "", parse_math=False)
        own[0].set_ylabel(f"{name}\nfrequency (kHz)")
    plt.setp(panels[-1], xlabel="time (s)")
    figure.colorbar(image, ax=panels, label="dB re full-scale sine", shrink=1.0 if len(rows) == 1 else 0.6)
    return figure


def _decibels(sounds: Sounds, geometry: Geometry) -> dict[str, np.ndarray]:
    spectra = {title: stft(torch.from_numpy(samples), geometry) for title, samples in sounds.items()}
    return {title: 20 * np.log10(np.maximum(spectrum.abs().numpy(), 1e-6)) for title, spectrum in spectra.items()}


def spectrogram_rows(rows: Mapping[str, Sounds], geometry: Geometry) -> Figure:
    """Spectrograms of samples: a row per key, a column per sound, whose titles stand over the first row."""
    return _grid({name: _decibels(own, geometry) for name, own in rows.items()}, geometry.sample_rate, geometry.hop)


def magnitude_table(sounds: Sounds, geometry: Geometry) -> pd.DataFrame:
    """The decibels of one row of `spectrogram_rows`: a line per sound and frequency, one column per frame."""
    frequency_hz = np.arange(geometry.bins) * geometry.sample_rate / geometry.window
    levels = {title: pd.DataFrame(own.round(1), frequency_hz) for title, own in _decibels(sounds, geometry).items()}
    return pd.concat(levels, names=["sound", "frequency_hz"]).add_prefix("frame").reset_index()


def separated_figure(sounds: Sounds, sample_rate: int, title: str) -> Figure:
    """Samples [shape=(channels, n)] of equal length: a column is the mean power of all windows in its time."""
    window, rows = np.hanning(1024), {}
    for name, samples in sounds.items():
        padded = np.pad(samples, ((0, 0), (0, -samples.shape[1] % 1024)))
        step = 1024 * max(1, padded.shape[1] // (1024 * 1600))  # about as many columns as pixels
        parts = (padded[:, start : start + step].reshape(-1, 1024) for start in range(0, padded.shape[1], step))
        columns = [np.square(np.abs(np.fft.rfft(part * window) / (window.sum() / 2))).mean(0) for part in parts]
        rows[name] = {title: 10 * np.log10(np.transpose(columns) + 1e-10)}
    return _grid(rows, sample_rate, step, width=10)
