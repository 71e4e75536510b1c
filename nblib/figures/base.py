"""One style for all figures, how they are saved and shown, players, and spectrograms."""

import base64
import io
import itertools
import warnings
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
from matplotlib.figure import Figure

from nblib import paths
from nblib.audio import Geometry, stft

# Okabe and Ito's colours, told apart with every kind of colour vision.
COLOURS = {"codec": "#0072B2", "l1": "#D55E00", "paper": "#555555", "unprocessed": "#999999", "oracle_mask": "#009E73"}
PALETTE = ("#555555", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LEVEL = "dB re full-scale sine"
WINDOW = 1024  # samples, of a separated file's picture
COLUMNS = 1600  # about as many as that picture has pixels across
SHOWN_DB = 80.0  # in it, from the loudest column of the input down
Sounds = Mapping[str, np.ndarray]
Names = Mapping[str, str]  # what is written for each name, in the order in which it is drawn


def palette(names: Iterable[str]) -> dict[str, str]:
    """A colour for each of `names`, in order, from the start again after seven."""
    return dict(zip(names, itertools.cycle(PALETTE), strict=False))


def whiskers(table: pd.DataFrame, value: str = "mean") -> np.ndarray:
    """How far the columns low and high lie from `value` [shape=(2, n)]; 0 where there is no interval."""
    return np.nan_to_num(np.abs(table[["low", "high"]].to_numpy(float).T - table[value].to_numpy(float)))


def use_style() -> None:
    """Set matplotlib's and seaborn's defaults for every figure of the suite."""
    sizes = {"savefig.dpi": 110, "font.size": 11, "axes.titlesize": 11, "figure.constrained_layout.use": True}
    frames = {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
    files = {"svg.hashsalt": "nblib", "svg.fonttype": "none"}  # equal figures give equal files
    sns.set_theme("notebook", "ticks", list(COLOURS.values()), rc=sizes | frames | files)


def save(folder: Path, name: str, figure: Figure, data: pd.DataFrame) -> Image:
    """Write ``name.png``, ``name.svg`` and the data behind them (``name.csv``, ``.csv.gz`` over 10,000 values).

    Returns the picture to show, so that a cell can end with the call.
    """
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        with paths.whole(folder / f"{name}.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, metadata=metadata)
        figure.set_layout_engine("none")  # it stays as the first drawing laid it out, which takes half of the time
    large = data.size > 10_000
    with paths.whole(folder / f"{name}.csv{'.gz' if large else ''}") as temporary:
        compression = {"method": "gzip", "mtime": 0, "compresslevel": 4} if large else None
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


def _grid(rows: Mapping[str, Sounds], geometry: Geometry) -> Figure:
    """Decibels [shape=(bins, frames)] with one colour bar: a row per key, a column per title (over the first row)."""
    first, columns = next((name, len(cells)) for name, cells in rows.items())
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
    tables = [
        pd.DataFrame(levels.round(1)).add_prefix("frame").assign(sound=title, frequency_hz=frequency_hz)
        for title, levels in _decibels(sounds, geometry).items()
    ]
    return pd.concat(tables, ignore_index=True).set_index(["sound", "frequency_hz"]).reset_index()


def figure2(patches: pd.DataFrame, names: Mapping[str, str], geometry: Geometry) -> Figure:
    """MM'19 Figure 2, a row per system, a column per piece; `patches` and `names` are `experiments.teachers`'."""
    frames = [name for name in patches.columns if str(name).startswith("frame")]
    rows = {
        names[str(system)]: {str(title): part[frames].to_numpy() for title, part in own.groupby("title", sort=False)}
        for system, own in patches.groupby("system", sort=False)
    }
    return _grid(rows, geometry)


def save_separated(path: Path, estimate: Path, rest: Path, title: str) -> None:
    """Write `separated_figure` of two sound files of equal length and rate as PNG, equal ones as equal bytes."""
    use_style()
    with paths.whole(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a file may be named in any script
        separated_figure(estimate, rest, title).savefig(temporary, format="png", metadata={"Software": None})


def separated_figure(estimate: Path, rest: Path, title: str) -> Figure:
    """The sum of both files over the first, on one scale of decibels, which begins at the sum's loudest."""
    about = soundfile.info(estimate)
    step = WINDOW * max(1, about.frames // (COLUMNS * WINDOW))
    blocks = [soundfile.blocks(path, step, dtype="float32", always_2d=True, fill_value=0) for path in (estimate, rest)]
    power = np.array([(_power(own + others), _power(own)) for own, others in zip(*blocks, strict=True)])
    decibels = 10 * np.log10(power.transpose(1, 2, 0) + 1e-12)
    figure, panels = plt.subplots(2, 1, figsize=(11, 6), sharex=True, sharey=True)
    top, seconds = np.ceil(decibels[0].max() / 10) * 10, about.frames / about.samplerate
    unit, name = (60, "min") if seconds >= 120 else (1, "s")
    extent = (0, len(power) * step / about.samplerate / unit, 0, about.samplerate / 2000)
    for axes, levels, label in zip(panels, decibels, ("input", "separated"), strict=True):
        image = axes.imshow(levels, origin="lower", aspect="auto", extent=extent, vmin=top - SHOWN_DB, vmax=top)
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
