"""The papers' figures, each as a function of its table."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nblib.audio import Geometry
from nblib.figures.base import COLOURS, NAMES, spectrogram_grid


def figure2(patches: pd.DataFrame, geometry: Geometry) -> Figure:
    """MM'19 Figure 2, rows lossless, MP3 and emulated; `patches` as `experiments.loss_network.make` writes them."""
    frames = [name for name in patches.columns if str(name).startswith("frame")]
    pieces = list(dict.fromkeys(patches["item"]))
    systems = list(dict.fromkeys(patches["system"]))
    chosen = dict(list(patches.groupby(["system", "item"])))
    title = patches.drop_duplicates("item").set_index("item")["title"]
    grid = [
        [(str(title[piece]) if row == 0 else "", chosen[system, piece][frames].to_numpy()) for piece in pieces]
        for row, system in enumerate(systems)
    ]
    return spectrogram_grid(grid, [NAMES[system] for system in systems], geometry.sample_rate, geometry.hop)


def _series(axes: Axes, table: pd.DataFrame, place: dict[str, float], colour: str, label: str, offset: float) -> None:
    """Our points: a line over the pooled values with their spread, a dot per training seed."""
    pooled, single = table[table["seed"].isna()], table[table["seed"].notna()]
    x = pooled["capacity"].map(place) + offset
    axes.plot(x, pooled["value"], "-o", color=colour, label=label)
    axes.errorbar(x, pooled["value"], pooled["spread"].fillna(0), fmt="none", ecolor=colour, capsize=3, elinewidth=1)
    axes.plot(single["capacity"].map(place) + offset, single["value"], ".", color=colour, alpha=0.4, markersize=5)


def _paper_series(
    axes: Axes, table: pd.DataFrame, place: dict[str, float], colour: str, label: str, offset: float
) -> None:
    """The published points, open squares on a dashed line."""
    x = table["capacity"].map(place) + offset
    style: dict[str, Any] = {"fmt": "s--", "mfc": "white", "capsize": 3, "elinewidth": 1, "alpha": 0.7}
    axes.errorbar(x, table["value"], table["spread"].fillna(0), color=colour, label=label, **style)


def figure5(data: pd.DataFrame, parameters: dict[str, int], judge: str) -> Figure:
    """IJCNN'20 Figure 5, the two panels of one task: preference and don't-know, and test l1, against capacity.

    Parameters
    ----------
    data : DataFrame
        As `tables.figure5_data`.
    parameters : dict
        Trainable parameters per capacity, for the axis.
    judge : str
        Who chose, for the title.
    """
    figure, (upper, lower) = plt.subplots(1, 2, figsize=(12.5, 4.8))
    names = sorted(data["capacity"].dropna().unique())
    place = {name: float(index) for index, name in enumerate(names)}
    here, paper = data[data["source"] == "here"], data[data["source"] == "paper"]
    for quantity, title, colour, offset in (
        ("preferred_rate", "codec loss preferred", COLOURS["codec"], -0.05),
        ("dont_know_rate", "“I don't know”", COLOURS["unprocessed"], 0.05),
    ):
        _series(upper, here[here["quantity"] == quantity], place, colour, f"{title}, here", offset)
        _paper_series(upper, paper[paper["quantity"] == quantity], place, colour, f"{title}, paper", offset + 0.03)
    upper.set(title=f"choices (here: {judge};\npaper: 20 listeners)", ylabel="share of choices", ylim=(-0.05, 1.12))
    l1, l1_paper = here[here["quantity"] == "test_l1"], paper[paper["quantity"] == "test_l1"]
    for loss, offset in (("l1", -0.04), ("codec", 0.04)):
        label = f"trained with {NAMES[loss]}"
        _series(lower, l1[l1["loss"] == loss], place, COLOURS[loss], f"{label}, here", offset)
        _paper_series(lower, l1_paper[l1_paper["loss"] == loss], place, COLOURS[loss], f"{label}, paper", offset)
    for system in ("unprocessed", "oracle_mask"):
        level = float(l1.loc[l1["loss"] == system, "value"].iloc[0])
        lower.axhline(level, color=COLOURS[system], linestyle="-.", linewidth=1.2, label=f"{NAMES[system]}, here")
    lower.set(title="test error", ylabel="mean $\\ell_1$ of scaled magnitudes")
    lower.set_ylim(0, None)
    for axes in (upper, lower):
        axes.set_xticks(list(place.values()), [f"{name}\n{parameters[name]:,}" for name in names])
        axes.set(xlabel="capacity (trainable parameters)", xlim=(-0.5, len(names) - 0.5))
        axes.legend(frameon=False, fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, -0.23), ncols=2)
    return figure


def effects_figure(effects: pd.DataFrame, units: dict[str, str]) -> Figure:
    """Mean paired difference codec loss - l1 with its 95 % interval, one panel per measure, one point per capacity.

    Parameters
    ----------
    effects : DataFrame
        Columns measure, capacity, mean, low, high.
    units : dict
        Axis label per measure, in the order of the panels.
    """
    figure, panels = plt.subplots(1, len(units), figsize=(3.4 * len(units), 3.2), squeeze=False)
    for axes, (measure, unit) in zip(panels[0], units.items(), strict=True):
        own = effects[effects["measure"] == measure]
        error = np.abs(own[["low", "high"]].to_numpy().T - own["mean"].to_numpy())
        axes.errorbar(own["capacity"], own["mean"], error, fmt="o", color=COLOURS["codec"], capsize=4)
        axes.axhline(0, color="0.6", linewidth=1)
        axes.set(xlabel="capacity", title=unit)
    panels[0, 0].set_ylabel("codec loss − $\\ell_1$, 95 % interval")
    return figure


def unet_diagram(layers: list[dict[str, Any]]) -> Figure:
    """IJCNN'20 Figure 1 / MM'19 Figure 1 drawn from a network: a box a layer, as high as it has bins, arrows for skips.

    Parameters
    ----------
    layers : list of dict
        As `nblib.networks.describe`: name, channels, bins, frames, from input to output.
    """
    figure, axes = plt.subplots(figsize=(0.98 * len(layers) + 0.4, 3.6))
    levels = (len(layers) - 1) // 2
    heights = [(layer["bins"] / layers[0]["bins"]) ** 0.5 for layer in layers]
    colours = ["0.75"] + [COLOURS["codec"]] * levels + [COLOURS["l1"]] * levels
    axes.bar(range(len(layers)), heights, width=0.5, color=colours)
    arrow = {"arrowstyle": "->", "color": "0.4", "linewidth": 1.2}
    for level in range(1, levels):  # boxes between the two ends of a skip are lower, so its arrow passes above them
        start, end, height = level + 0.27, 2 * levels - level - 0.27, 0.94 * heights[level]
        axes.annotate("", (end, height), (start, height), arrowprops=arrow)
    labels = [f"{layer['name']}\n{layer['channels']} × {layer['bins']}\n× {layer['frames']}" for layer in layers]
    axes.set_xticks(range(len(layers)), labels, fontsize=9)
    axes.tick_params(length=0)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title("outputs of the layers, channels × bins × frames; arrows: skips, concatenated", fontsize=10)
    return figure


def hole_shares(table: pd.DataFrame) -> Figure:
    """Share of audible points emptied, over frequency, a line a codec; columns codec, frequency_hz, hole_share."""
    figure, axes = plt.subplots(figsize=(8, 3.6))
    for (codec, own), colour in zip(table.groupby("codec", sort=False), COLOURS.values(), strict=False):
        axes.plot(own["frequency_hz"] / 1000, 100 * own["hole_share"], label=codec, color=colour)
    axes.set(xlabel="frequency (kHz)", ylabel="audible points emptied (%)", ylim=(0, 105), xlim=(0, None))
    axes.legend(frameon=False, loc="upper left")
    return figure


def learning_curve(history: pd.DataFrame, identity: float) -> Figure:
    """Training and validation l1 of a loss network over its epochs; columns epoch, training_loss, validation_l1."""
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    axes.plot(history["epoch"], history["training_loss"], "-o", markersize=3, color=COLOURS["l1"], label="training")
    axes.plot(
        history["epoch"], history["validation_l1"], "-o", markersize=3, color=COLOURS["codec"], label="validation"
    )
    axes.axhline(identity, color=COLOURS["unprocessed"], linestyle="-.", label="identity, validation")
    axes.set(xlabel="epoch", ylabel="mean $\\ell_1$ of scaled magnitudes", ylim=(0, None))
    axes.legend(frameon=False)
    return figure
