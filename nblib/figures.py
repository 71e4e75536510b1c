"""Every figure of the notebooks as a function of its table, in one style, saved as PNG and SVG with its CSV."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import soundfile
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nblib import paths

# Okabe and Ito's colours, told apart with every kind of colour vision.
COLOURS = {"codec": "#0072B2", "l1": "#D55E00", "paper": "#555555", "unprocessed": "#999999", "oracle_mask": "#009E73"}
NAMES = {
    "codec": "codec loss",
    "l1": "$\\ell_1$",
    "unprocessed": "unprocessed",
    "oracle_mask": "oracle mask",
    "lossless": "lossless",
    "mp3": "MP3, 16 kbps",
    "emulated": "emulated",
}
DECIBEL_RANGE = (-100.0, -10.0)  # of spectrograms; a full-scale sine is 0 dB


def use_style() -> None:
    """Set matplotlib's and seaborn's defaults for every figure of the suite."""
    sns.set_theme(context="notebook", style="ticks", palette=list(COLOURS.values()))
    plt.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": 150,
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.constrained_layout.use": True,
            "svg.hashsalt": "nblib",  # equal figures give equal files
            "svg.fonttype": "none",
        }
    )


def save(folder: Path, name: str, figure: Figure, data: pd.DataFrame) -> Figure:
    """Write ``name.png``, ``name.svg`` and the data behind them (``name.csv``, ``.csv.gz`` over 10,000 rows x columns).

    Returns the figure, so that a cell can end with the call and show it.
    """
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        with paths.whole(folder / f"{name}.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, metadata=metadata)
    large = data.size > 10_000
    with paths.whole(folder / f"{name}.csv{'.gz' if large else ''}") as temporary:
        compression = {"method": "gzip", "mtime": 0} if large else None
        data.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n", compression=compression)
    plt.close(figure)
    return figure


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


def players(sounds: dict[str, np.ndarray], sample_rate: int) -> HTML:
    """A row of players, one per title."""
    return HTML("".join(player(samples, sample_rate, title).data for title, samples in sounds.items()))


def decibels(magnitude: np.ndarray) -> np.ndarray:
    """Linear magnitude over that of a full-scale sine in dB, not below -120."""
    return 20 * np.log10(np.maximum(magnitude, 1e-6))


def spectrogram(axes: Axes, values_db: np.ndarray, sample_rate: int, hop: int) -> None:
    """Draw decibels [shape=(bins, frames)] over time (s) and frequency (kHz)."""
    extent = (0.0, values_db.shape[1] * hop / sample_rate, 0.0, sample_rate / 2000)
    axes.imshow(
        values_db,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="magma",
        vmin=DECIBEL_RANGE[0],
        vmax=DECIBEL_RANGE[1],
    )


def spectrogram_grid(
    grid: list[list[tuple[str, np.ndarray]]], row_names: list[str], sample_rate: int, hop: int, width: float = 3.2
) -> Figure:
    """Spectrograms in rows and columns with one colour bar; each cell is (title, decibels [shape=(bins, frames)])."""
    rows, columns = len(grid), len(grid[0])
    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns + 1, 2.3 * rows + 0.4), sharex="col", sharey=True, squeeze=False
    )
    for row, cells in enumerate(grid):
        for column, (title, values) in enumerate(cells):
            spectrogram(axes[row, column], values, sample_rate, hop)
            axes[row, column].set_title(title)
        axes[row, 0].set_ylabel(f"{row_names[row]}\nfrequency (kHz)")
    for column in range(columns):
        axes[-1, column].set_xlabel("time (s)")
    figure.colorbar(axes[0, 0].images[0], ax=axes, label="magnitude (dB re full-scale sine)", shrink=0.6)
    return figure


def figure2(patches: pd.DataFrame, sample_rate: int, hop: int) -> Figure:
    """MM'19 Figure 2, rows lossless, MP3 and emulated; `patches` as `experiments.loss_network.make` writes them."""
    frames = [name for name in patches.columns if str(name).startswith("frame")]
    pieces = list(dict.fromkeys(patches["item"]))
    systems = list(dict.fromkeys(patches["system"]))
    chosen = dict(list(patches.groupby(["system", "item"])))
    title = patches.drop_duplicates("item").set_index("item")["character"]
    grid = [
        [(str(title[piece]) if row == 0 else "", chosen[system, piece][frames].to_numpy()) for piece in pieces]
        for row, system in enumerate(systems)
    ]
    return spectrogram_grid(grid, [NAMES[system] for system in systems], sample_rate, hop)


def _points(axes: Axes, x: np.ndarray, table: pd.DataFrame, value: str, colour: str, label: str, offset: float) -> None:
    """A line of means over groups with a marker per training seed."""
    pooled = table[table["seed"].isna()]
    position = pooled["capacity"].map(dict(zip(sorted(table["capacity"].unique()), x, strict=True))) + offset
    axes.plot(position, pooled[value], "-o", color=colour, label=label)
    single = table[table["seed"].notna()]
    place = single["capacity"].map(dict(zip(sorted(table["capacity"].unique()), x, strict=True))) + offset
    axes.plot(place, single[value], ".", color=colour, alpha=0.45)


def figure5_preference(rates: pd.DataFrame, published: pd.DataFrame, parameters: dict[str, int]) -> Figure:
    """IJCNN'20 Figure 5, upper speech panel: preference and don't-know against capacity, the published points beside.

    Parameters
    ----------
    rates : DataFrame
        As `experiments.preferences.results_table`, one judge, scales 1; rows without a seed pool all seeds.
    published : DataFrame
        Columns capacity, preferred_rate, preferred_spread, dont_know_rate, dont_know_spread.
    parameters : dict
        Parameters per capacity, for the axis.
    """
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.9), sharex=True, sharey=True)
    names = sorted(rates["capacity"].unique())
    x = np.arange(len(names), dtype=float)
    pooled = rates[rates["seed"].isna()].set_index("capacity").loc[names]
    paper = published.set_index("capacity").loc[names]
    for axes, kind, title in zip(
        panels, ("preferred", "dont_know"), ("codec loss preferred", "“I don't know”"), strict=True
    ):
        rate, bars = f"{kind}_rate", {"capsize": 3, "elinewidth": 1}
        _points(axes, x, rates, rate, COLOURS["codec"], "model-predicted, no listeners", -0.06)
        axes.errorbar(x - 0.06, pooled[rate], pooled[f"{kind}_std"], fmt="none", ecolor=COLOURS["codec"], **bars)
        spread, label = paper[f"{kind}_spread"].fillna(0), "paper, 20 listeners"
        axes.errorbar(x + 0.06, paper[rate], spread, fmt="--s", color=COLOURS["paper"], label=label, **bars)
        axes.set(title=title, ylim=(-0.05, 1.1), xlabel="capacity (parameters)")
        axes.set_xticks(x, [f"{name}\n{parameters[name]:,}" for name in names])
        axes.axhline(0.5, color="0.8", zorder=0)
    panels[0].set_ylabel("share of choices")
    panels[0].legend(frameon=False, loc="lower left")
    return figure


def figure5_l1(means: pd.DataFrame, published: pd.DataFrame, parameters: dict[str, int]) -> Figure:
    """IJCNN'20 Figure 5, lower speech panel: test l1 of both losses against capacity, the published curves beside.

    Parameters
    ----------
    means : DataFrame
        Columns capacity, loss, seed (missing: mean over seeds), l1; loss "unprocessed" and
        "oracle_mask" are drawn as levels.
    published : DataFrame
        Columns capacity, codec, l1.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4.2))
    own = means[means["loss"].isin(["l1", "codec"])]
    names = sorted(own["capacity"].unique())
    x = np.arange(len(names), dtype=float)
    paper = published.set_index("capacity").loc[names]
    for loss, marker, offset in (("l1", "s", -0.04), ("codec", "o", 0.04)):
        _points(axes, x, own[own["loss"] == loss], "l1", COLOURS[loss], NAMES[loss], offset)
        axes.plot(
            x, paper[loss], f":{marker}", color=COLOURS[loss], alpha=0.6, mfc="none", label=f"{NAMES[loss]}, paper"
        )
    for system in ("unprocessed", "oracle_mask"):
        level = float(means.loc[means["loss"] == system, "l1"].iloc[0])
        axes.axhline(level, color=COLOURS[system], linestyle="-.", linewidth=1)
        axes.annotate(NAMES[system], (x[-1] + 0.3, level), ha="right", va="bottom", color=COLOURS[system], fontsize=9)
    axes.set(xlabel="capacity (parameters)", ylabel="test $\\ell_1$ of scaled magnitudes")
    axes.set_xticks(x, [f"{name}\n{parameters[name]:,}" for name in names])
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, ncols=2, fontsize=9)
    return figure


def effects_figure(effects: pd.DataFrame, unit: str) -> Figure:
    """Mean paired difference codec loss - l1 per capacity with its 95 % interval."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    x = np.arange(len(effects))
    error = np.abs(effects[["low", "high"]].to_numpy().T - effects["mean"].to_numpy())
    axes.errorbar(x, effects["mean"], error, fmt="o", color=COLOURS["codec"], capsize=4)
    axes.axhline(0, color="0.6", linewidth=1)
    axes.set_xticks(x, effects["capacity"])
    axes.set(xlabel="capacity", ylabel=f"codec loss − $\\ell_1$\n({unit})")
    return figure
