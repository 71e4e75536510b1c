"""The figures of MM'19 and of networks as such, each as a function of its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nblib.audio import Geometry
from nblib.figures.base import COLOURS, palette, spectrogram_grid


def figure2(patches: pd.DataFrame, names: Mapping[str, str], geometry: Geometry) -> Figure:
    """MM'19 Figure 2, a row per system, a column per piece; `patches` and `names` are `experiments.teachers`'."""
    frames = [name for name in patches.columns if str(name).startswith("frame")]
    rows = {
        names[str(system)]: {str(title): part[frames].to_numpy() for title, part in own.groupby("title", sort=False)}
        for system, own in patches.groupby("system", sort=False)
    }
    return spectrogram_grid(rows, geometry.sample_rate, geometry.hop)


def interval_points(table: pd.DataFrame, names: Mapping[str, str], unit: str, published: pd.Series) -> Figure:
    """A point per system with its 95 % interval where there is one, the published value beside it.

    Parameters
    ----------
    table : DataFrame
        Columns system, mean, low, high.
    names : dict
        Label per system, in the order of the axis.
    unit : str
        Label of the axis.
    published : Series
        The paper's value by system.
    """
    figure, axes = plt.subplots(figsize=(1.3 * len(names) + 1.5, 3.6))
    own, place = table.set_index("system").reindex(list(names)), np.arange(len(names))
    error = np.nan_to_num(np.abs(own[["low", "high"]].to_numpy().T - own["mean"].to_numpy()))
    axes.errorbar(place - 0.06, own["mean"], error, fmt="o", color=COLOURS["codec"], capsize=4, label="here")
    paper = published.reindex(list(names))
    axes.plot(place + 0.06, paper, "s", color=COLOURS["paper"], mfc="white", label="paper")
    axes.set_xticks(place, [name.replace(", ", ",\n") for name in names.values()])
    axes.set(ylabel=unit, xlim=(-0.5, len(names) - 0.5), ylim=(min(0, axes.get_ylim()[0]), None))
    axes.legend(frameon=False)
    return figure


def aliasing_curves(tones: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Aliasing and distortion of each model against the frequency of a tone, a panel per band limit and quantity.

    `tones` are `experiments.broadband.ALIASING`, seeds averaged as powers; `names` labels the models to be shown.
    """
    limits = sorted(tones["limit_hz"].unique())
    quantities = {"aliasing_db": "aliasing", "distortion_db": "harmonic distortion"}
    size = (5.4 * len(quantities), 3.1 * len(limits) + 0.4)
    figure, panels = plt.subplots(len(limits), len(quantities), figsize=size, sharey=True, squeeze=False)
    for row, limit in zip(panels, limits, strict=True):
        for axes, (quantity, title) in zip(row, quantities.items(), strict=True):
            for model, colour in palette(names).items():
                own = tones[(tones["limit_hz"] == limit) & (tones["system"] == model)]
                power = (10 ** (own[quantity] / 10)).groupby(own["frequency_hz"]).mean()
                axes.plot(power.index / 1000, 10 * np.log10(power), "o-", ms=3, color=colour, label=names[model])
            axes.set(title=f"{title}, material up to {limit / 1000:g} kHz", xlabel="frequency of the tone (kHz)")
        row[0].set(ylabel="dB re tone", ylim=(-60, 5))
    panels[0, 0].legend(frameon=False, fontsize=9)
    return figure


def network_diagram(layers: list[dict[str, Any]], skips: bool = True) -> Figure:
    """A network drawn from itself (IJCNN'20 and MM'19 Figure 1): a box a layer, as high as its output is long.

    `layers` are `nblib.networks.describe`'s, from input to output; `skips` says whether a down layer's output is handed
    to the up layer of its level, which an arrow shows.
    """
    figure, axes = plt.subplots(figsize=(0.98 * len(layers) + 0.4, 3.6))
    sizes = [name for name in layers[0] if name not in ("name", "channels")]
    levels = (len(layers) - 1) // 2
    heights = [(layer[sizes[0]] / layers[0][sizes[0]]) ** 0.5 for layer in layers]
    colours = ["0.75"] + [COLOURS["codec"]] * levels + [COLOURS["l1"]] * levels
    axes.bar(range(len(layers)), heights, width=0.5, color=colours)
    arrow = {"arrowstyle": "->", "color": "0.4", "linewidth": 1.2}
    for level in range(1, levels if skips else 1):  # boxes between a skip's ends are lower, so its arrow passes above
        start, end, height = level + 0.27, 2 * levels - level - 0.27, 0.94 * heights[level]
        axes.annotate("", (end, height), (start, height), arrowprops=arrow)
    labels = [
        f"{layer['name']}\n{layer['channels']} × " + "\n× ".join(str(layer[size]) for size in sizes) for layer in layers
    ]
    axes.set_xticks(range(len(layers)), labels, fontsize=9)
    axes.tick_params(length=0)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    arrows = "; arrows: skips, concatenated" if skips else "; no skips"
    axes.set_title(f"outputs of the layers, channels × {' × '.join(sizes)}{arrows}", fontsize=10)
    return figure


def hole_shares(table: pd.DataFrame) -> Figure:
    """Share of audible points emptied, over frequency, a line a codec; columns codec, frequency_hz, hole_share."""
    figure, axes = plt.subplots(figsize=(8, 3.6))
    for codec, colour in palette(table["codec"].unique()).items():
        own = table[table["codec"] == codec]
        axes.plot(own["frequency_hz"] / 1000, 100 * own["hole_share"], label=codec, color=colour)
    axes.set(xlabel="frequency (kHz)", ylabel="audible points emptied (%)", ylim=(0, 105), xlim=(0, None))
    axes.legend(frameon=False, loc="upper left")
    return figure


def learning_curve(history: pd.DataFrame, identity: Mapping[str, float], names: Mapping[str, str]) -> Figure:
    """Training and validation error of loss networks over their epochs, a panel each.

    Parameters
    ----------
    history : DataFrame
        Columns teacher, epoch, training_loss, validation_l1.
    identity : dict
        The identity's error on the validation pieces per teacher, in the order of the panels.
    names : dict
        Title per teacher.
    """
    figure, panels = plt.subplots(1, len(identity), figsize=(4.2 * len(identity), 3.3), squeeze=False)
    for axes, (teacher, level) in zip(panels[0], identity.items(), strict=True):
        own = history[history["teacher"] == teacher]
        for column, colour in (("training_loss", COLOURS["l1"]), ("validation_l1", COLOURS["codec"])):
            axes.plot(own["epoch"], own[column], "o-", ms=3, color=colour, label=column.split("_")[0])
        axes.axhline(level, color=COLOURS["unprocessed"], linestyle="-.", label="identity, validation")
        axes.set(xlabel="epoch", ylim=(0, None), title=names[teacher])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0, 0].set_ylabel("mean $\\ell_1$")
    panels[0, 0].legend(frameon=False)
    return figure


def models_diagram(terms: pd.DataFrame, names: Mapping[str, str], autoencoder: str) -> Figure:
    """MM'19 Figure 3: what the samples pass, and where each model's loss compares estimate and target.

    `terms` are `experiments.autoencoding.loss_terms`; `names` labels the models from top to bottom; `autoencoder` is
    written on the autoencoder's box.
    """
    network = "codec network\n{}, frozen"
    places = {"x": 0.0, "autoencoder": 1.6, "samples": 3.3, "magnitude": 5.3, "C^S": 7.4, "C^T": 9.9}
    texts = {"x": "$x$", "autoencoder": autoencoder, "samples": "samples\n$x, x_p$", "magnitude": "STFT\n$S, S_p$"}
    texts |= {"C^S": network.format("$C^S$"), "C^T": network.format("$C^T$")}
    top, (figure, axes) = len(names) + 0.3, plt.subplots(figsize=(12.5, 5.0))
    frame: dict[str, Any] = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": "0.3"}
    for place, text in texts.items():
        axes.text(places[place], top, text, ha="center", va="center", bbox=frame, zorder=3)
    axes.plot([places["x"], places["C^S"]], [top, top], color="0.3", linewidth=1.2, zorder=1)
    around = [places["samples"], places["samples"], places["C^T"], places["C^T"]]
    axes.plot(around, [top, top + 0.75, top + 0.75, top], color="0.3", linewidth=1.2, zorder=1)
    for place in ("samples", "magnitude", "C^S", "C^T"):
        axes.plot([places[place]] * 2, [0.2, top], color="0.75", linewidth=1, zorder=0)
    for row, (model, colour) in enumerate(palette(names).items()):
        style: dict[str, Any] = {"va": "center", "color": colour}
        height = len(names) - row - 0.8
        axes.text(0.0, height, f"{names[model]}, $L_{{{model[-1].upper()}}}$", weight="bold", **style)
        for through, own in terms[terms["system"] == model].groupby("through"):
            counted = zip(own["term"], own["terms"], strict=True)
            parts = "\n+ ".join(f"{term} (×{count})" if count > 1 else term for term, count in counted)
            axes.plot(places[str(through)], height, "o", color=colour, markersize=9, zorder=2)
            axes.text(places[str(through)] + 0.15, height + 0.04, parts, fontsize=10, **style)
    axes.set(xlim=(-0.5, 11.4), ylim=(-0.1, top + 1))
    axes.set_title("dots: where a loss takes the $\\ell_1$ distance of estimate and target", fontsize=10)
    axes.axis("off")
    return figure
