"""Networks and losses drawn from themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nblib.figures.base import COLOURS, Names, palette

Layers = list[dict[str, Any]]  # `nblib.networks.describe`'s, from input to output


def _boxes(axes: Axes, layers: Layers, size: str, labels: list[str], title: str, **style: Any) -> list[float]:
    """A box a layer, on bare axes; gives their heights, which follow `size`."""
    heights = [(layer[size] / layers[0][size]) ** 0.5 for layer in layers]
    axes.bar(range(len(layers)), heights, tick_label=labels, **style)
    axes.tick_params(length=0)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=10)
    return heights


def network_diagram(layers: Layers, skips: bool = True) -> Figure:
    """IJCNN'20 and MM'19 Figure 1: a box a layer, as high as its output is long, and `skips` as arrows if there are."""
    figure, axes = plt.subplots(figsize=(0.98 * len(layers) + 0.4, 3.6))
    _, *sizes = layers[0]
    rows = [map(str, layer.values()) for layer in layers]
    labels = [f"{name}\n{channels} × " + "\n× ".join(shape) for name, channels, *shape in rows]
    levels = (len(layers) - 1) // 2
    colours = ["0.75"] + [COLOURS["codec"]] * levels + [COLOURS["l1"]] * levels
    title = f"outputs of the layers, {' × '.join(sizes)}; {'arrows: skips, concatenated' if skips else 'no skips'}"
    heights = _boxes(axes, layers, sizes[1], labels, title, width=0.5, color=colours)
    axes.tick_params("x", labelsize=9)
    arrow = {"arrowstyle": "->", "color": "0.4", "linewidth": 1.2}
    for level in range(1, levels if skips else 1):  # boxes between a skip's ends are lower, so its arrow passes above
        height = 0.94 * heights[level]
        axes.annotate("", (2 * levels - level - 0.27, height), (level + 0.27, height), arrowprops=arrow)
    return figure


def configurations_diagram(layers: Layers, chosen: Mapping[str, Sequence[str]]) -> Figure:
    """IJCNN'20 Figure 2: a network's layers, once per configuration, those that the loss compares (`chosen`) filled."""
    rows = -(-len(chosen) // 3)
    figure, panels = plt.subplots(rows, 3, figsize=(13.2, 2.5 * rows), squeeze=False, sharey=True)
    labels = [layer["name"] for layer in layers]
    for axes, (configuration, names) in zip(panels.flat, chosen.items(), strict=False):
        colours = [COLOURS["codec"] if label in names else "white" for label in labels]
        style = {"width": 0.62, "color": colours, "edgecolor": "0.3", "linewidth": 0.8}
        _boxes(axes, layers, "bins", labels, f"{configuration}: {len(names)} layers", **style)
        axes.tick_params("x", labelrotation=90, labelsize=8)
    return figure


def models_diagram(terms: pd.DataFrame, names: Names, autoencoder: str) -> Figure:
    """MM'19 Figure 3: what the samples pass, and where each loss compares (`experiments.autoencoding.loss_terms`)."""
    places = {"samples": 3.3, "magnitude": 5.3, "C^S": 7.4, "C^T": 9.9}  # of what is compared
    texts = {0.0: "$x$", 1.6: autoencoder, 3.3: "samples\n$x, x_p$", 5.3: "STFT\n$S, S_p$"}
    texts |= {places[name]: f"codec network\n${name}$, frozen" for name in ("C^S", "C^T")}
    top = len(names) + 0.3
    figure, axes = plt.subplots(figsize=(12.5, 5.0))
    frame = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": "0.3"}
    for place, text in texts.items():
        axes.text(place, top, text, ha="center", va="center", bbox=frame, zorder=3)
    axes.plot([0.0, 7.4], [top, top], color="0.3", linewidth=1.2, zorder=1)
    axes.plot([3.3, 3.3, 9.9, 9.9], [top, top + 0.75, top + 0.75, top], color="0.3", linewidth=1.2, zorder=1)
    for place in places.values():
        axes.plot([place] * 2, [0.2, top], color="0.75", linewidth=1, zorder=0)
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
