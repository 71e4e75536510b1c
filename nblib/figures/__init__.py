"""Every figure of the notebooks as a function of its table; networks and losses are drawn from themselves."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from nblib.figures.base import COLOURS, Names, magnitude_table, players, save, spectrogram_rows, use_style

PALETTE = ("#555555", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
Layers = list[dict[str, Any]]  # `nblib.networks.describe`'s, from input to output


def palette(names: Iterable[str], own: Mapping[str, str] | None = None) -> dict[str, str]:
    """A colour for each of `names`: its `own`, or the next that no other owns, from the start again after the last."""
    own = own or {}
    free = itertools.cycle(colour for colour in PALETTE if colour not in own.values())
    return {name: own.get(name) or next(free) for name in names}


def whiskers(table: pd.DataFrame, value: str = "mean") -> np.ndarray:
    """How far the columns low and high lie from `value` [shape=(2, n)]; 0 where there is no interval."""
    return np.nan_to_num(np.abs(table[["low", "high"]].to_numpy(float).T - table[value].to_numpy(float)))


def interval_points(table: pd.DataFrame, names: Names, unit: str, published: pd.Series) -> Figure:
    """A point per system with its 95 % interval, if it has one (system, mean, low, high), and the paper's value."""
    figure, axes = plt.subplots(figsize=(1.3 * len(names) + 1.5, 3.6))
    own, place = table.set_index("system").reindex(list(names)), np.arange(len(names))
    axes.errorbar(place - 0.06, own["mean"], whiskers(own), fmt="o", color=COLOURS["codec"], capsize=4, label="here")
    axes.plot(place + 0.06, published.reindex(list(names)), "s", color=COLOURS["paper"], mfc="white", label="paper")
    axes.set_xticks(place, [name.replace(", ", ",\n") for name in names.values()])
    axes.set(ylabel=unit, xlim=(-0.5, len(names) - 0.5), ylim=(min(0, axes.get_ylim()[0]), None))
    axes.legend()
    return figure


def aliasing_curves(tones: pd.DataFrame, names: Names) -> Figure:
    """`experiments.autoencoding.ALIASING` over a tone's frequency, seeds averaged as powers; a row per band limit."""
    rows = tones["limit_hz"].nunique()
    figure, panels = plt.subplots(rows, 2, figsize=(10.8, 3.1 * rows + 0.4), sharey=True, squeeze=False)
    for (_, own), row in zip(tones.groupby("limit_hz"), panels, strict=True):
        for title, axes in zip(("aliasing", "harmonic distortion"), row, strict=True):
            power = 10 ** (own[f"{title.split()[-1]}_db"] / 10)
            for model, colour in palette(names).items():
                mean = power[own["system"] == model].groupby(own["frequency_hz"]).mean()
                axes.plot(mean.index / 1000, 10 * np.log10(mean), "o-", ms=3, color=colour, label=names[model])
            material = f"material up to {own['limit_hz'].max() / 1000:g} kHz"
            axes.set(title=f"{title}, {material}", xlabel="frequency of the tone (kHz)")
        row[0].set(ylabel="dB re tone", ylim=(-60, 5))
    panels[0, 0].legend(fontsize=9)
    return figure


def hole_shares(table: pd.DataFrame) -> Figure:
    """Share of audible points emptied, over frequency, a line a codec; columns codec, frequency_hz, hole_share."""
    figure, axes = plt.subplots(figsize=(8, 3.6))
    for codec, colour in palette(table["codec"].unique()).items():
        own = table[table["codec"] == codec]
        axes.plot(own["frequency_hz"] / 1000, 100 * own["hole_share"], label=codec, color=colour)
    axes.set(xlabel="frequency (kHz)", ylabel="audible points emptied (%)", ylim=(0, 105), xlim=(0, None))
    axes.legend(loc="upper left")
    return figure


def learning_curve(history: pd.DataFrame, identity: Mapping[str, float], names: Names) -> Figure:
    """Errors over epochs (teacher, epoch, training_loss, validation_l1) and the `identity`'s; a panel a teacher."""
    figure, panels = plt.subplots(1, len(identity), figsize=(4.2 * len(identity), 3.3), squeeze=False)
    for axes, (teacher, level) in zip(panels[0], identity.items(), strict=True):
        own = history[history["teacher"] == teacher]
        for column, colour in (("training_loss", COLOURS["l1"]), ("validation_l1", COLOURS["codec"])):
            axes.plot(own["epoch"], own[column], "o-", ms=3, color=colour, label=column.split("_")[0])
        axes.axhline(level, color=COLOURS["unprocessed"], linestyle="-.", label="identity, validation")
        axes.set(xlabel="epoch", ylim=(0, None), title=names[teacher])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0, 0].set(ylabel="mean $\\ell_1$")
    panels[0, 0].legend()
    return figure


def preference_bars(rates: pd.DataFrame, names: Names, published: pd.DataFrame, over: str = "system") -> Figure:
    """How often what `names` has of `over` was preferred, by ``judge`` (`preference_rates`) and in the paper."""
    rates = rates.rename(columns={"preferred_rate": "value", "preferred_std": "spread"})
    tables = {str(judge): own for judge, own in rates.groupby("judge")} | {"paper": published}
    colours = palette(["paper", *tables]) | {"paper": "0.75"}
    figure, axes = plt.subplots(figsize=(max(5.0, 1.35 * len(names)), 4.2))
    width = 0.8 / len(tables)
    for index, (judge, table) in enumerate(tables.items()):
        own = table.set_index(over).reindex(list(names))
        place = np.arange(len(names)) + (index - (len(tables) - 1) / 2) * width
        style: dict[str, Any] = {"color": colours[judge], "ecolor": "0.25", "capsize": 3, "label": judge}
        axes.bar(place, own["value"], 0.92 * width, yerr=own["spread"].fillna(0), **style)
    axes.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names.values()])
    axes.set(ylabel="share of choices, mean ± standard\ndeviation over participants", ylim=(0, 1.08))
    axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return figure


def figure5(data: pd.DataFrame, counts: pd.DataFrame, judges: Names, titles: Names) -> Figure:
    """IJCNN'20 Figure 5 of `tables.figure5_data` and `tables.parameter_table`; `judges` says who chose, per task."""
    figure, panels = plt.subplots(2, len(judges), figsize=(6.4 * len(judges), 10.4), squeeze=False)
    colours, rivals = palette(titles, COLOURS), list(titles)[1:]
    parameters = counts.set_index(["task", "capacity"])["counted"]
    choices = [("preferred_rate", name, f"{titles[name]} preferred", colours[name]) for name in rivals]
    choices.append(("dont_know_rate", rivals[0], "“I don't know”", COLOURS["unprocessed"]))
    errors = [("test_l1", name, f"trained with {title}", colours[name]) for name, title in titles.items()]
    for (task, judge), (upper, lower) in zip(judges.items(), panels.T, strict=True):
        own = data[data["task"] == task]
        names = sorted(own["capacity"].dropna().unique())
        _series(upper, own, names, choices, step=0.1)
        upper.set(title=f"{task}: choices\n(here: {judge}; paper: 20 listeners)", ylim=(-0.05, 1.12))
        _series(lower, own, names, errors, step=0.08)
        means = own[own["quantity"] == "test_l1"].groupby("contender")["value"].mean()
        for system, title in (("unprocessed", "unprocessed"), ("oracle_mask", "oracle mask")):
            lower.axhline(means.get(system, np.nan), color=COLOURS[system], ls="-.", lw=1.2, label=f"{title}, here")
        lower.set(title=f"{task}: test error", ylim=(0, None))
        for axes in (upper, lower):
            axes.set_xticks(range(len(names)), [f"{name}\n{parameters[task, name]:,}" for name in names])
            axes.set(xlabel="capacity (trainable parameters)", xlim=(-0.5, len(names) - 0.5))
            axes.legend(fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    panels[0, 0].set_ylabel("share of choices")
    panels[1, 0].set_ylabel("mean $\\ell_1$ of scaled magnitudes")
    return figure


def _series(axes: Axes, data: pd.DataFrame, names: list[str], series: Sequence[tuple], step: float) -> None:
    """Per series a line over the pooled values with intervals, dots for the seeds, and the paper's open squares."""
    style: dict[str, Any] = {"fmt": "s--", "mfc": "white", "capsize": 3, "elinewidth": 1, "alpha": 0.7}
    for index, (quantity, contender, label, colour) in enumerate(series):
        own = data[(data["quantity"] == quantity) & (data["contender"] == contender)]
        own = own.assign(x=own["capacity"].map(names.index) + step * (index - (len(series) - 1) / 2))
        here, paper = (own[own["source"] == source] for source in ("here", "paper"))
        pooled, single = here[here["seed"].isna()], here[here["seed"].notna()]
        error, aside = whiskers(pooled, "value"), 0.0 if quantity == "test_l1" else 0.03
        axes.errorbar(pooled["x"], pooled["value"], error, fmt="-o", color=colour, capsize=3, label=f"{label}, here")
        axes.plot(single["x"], single["value"], ".", color=colour, alpha=0.4, markersize=5)
        if not paper.empty:
            error, style["label"] = paper["spread"].fillna(0), f"{label}, paper"
            axes.errorbar(paper["x"] + aside, paper["value"], error, color=colour, **style)


def effects_figure(effects: pd.DataFrame, units: Names, titles: Names, group: str = "capacity") -> Figure:
    """`evaluation.intervals.contrast` to l1 by `group`, a panel per measure of `units`, a colour per contender."""
    rows = math.ceil(len(units) / 4)
    columns = math.ceil(len(units) / rows)
    figure, panels = plt.subplots(rows, columns, figsize=(3.4 * columns, 3.2 * rows), squeeze=False)
    colours, rivals, names = palette(titles, COLOURS), list(effects["one"].unique()), sorted(effects[group].unique())
    for axes, (measure, unit) in zip(panels.flat, units.items(), strict=False):
        for index, rival in enumerate(rivals):
            own = effects[(effects["measure"] == measure) & (effects["one"] == rival)].set_index(group).reindex(names)
            x = np.arange(len(names)) + 0.15 * (index - (len(rivals) - 1) / 2)
            axes.errorbar(x, own["mean"], whiskers(own), fmt="o", color=colours[rival], capsize=4, label=titles[rival])
        axes.axhline(0, color="0.6", linewidth=1)
        axes.set(xticks=range(len(names)), xticklabels=names, xlabel=group, title=unit)
    if len(rivals) > 1:
        panels[0, 0].legend(fontsize=8.5)
    plt.setp(panels[:, 0], ylabel="difference to $\\ell_1$, 95 % interval")
    plt.setp(panels.flat[len(units) :], visible=False)
    return figure


def costs_figure(costs: pd.DataFrame) -> Figure:
    """Time of a training step and the loss's peak memory per configuration; `costs` are `separation.costs_table`'s."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6))
    loss, weights = costs["loss_seconds"], costs["weights_mib"]
    rest, blue = (costs["step_seconds"] - loss).clip(lower=0), COLOURS["codec"]
    left.bar(costs.index, loss, color=blue, label="loss")
    left.bar(costs.index, rest, bottom=loss, color="0.75", label="separation network")
    left.set(ylabel="s per step", title=f"time, batches of {costs['batch'].iloc[0]} patches")
    right.bar(costs.index, weights, color=COLOURS["l1"], label="weights of the layers")
    right.bar(costs.index, costs["activations_mib"], bottom=weights, color=blue, label="what a step holds")
    right.set(ylabel="MiB at the peak", title="memory of the loss")
    for axes in (left, right):
        axes.set(xlabel="configuration")
        axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return figure


def residual_figure(bands: pd.DataFrame, titles: Names) -> Figure:
    """`experiments.redistribution.by_band` above and below the threshold: a row a task, a line a contender."""
    rows = bands["task"].nunique()
    figure, panels = plt.subplots(rows, 3, figsize=(14.5, 3.5 * rows), squeeze=False)
    colours, baseline = palette(titles, COLOURS), next(iter(titles))
    for (task, own), row in zip(bands.groupby("task", sort=False), panels, strict=True):
        for side, style, axes in (("above", "-", row[0]), ("below", ":", row[1])):
            for contender, line in own[own["side"] == side].groupby("contender", sort=False):
                hertz, colour, title = line["centre_hz"] / 1000, colours[str(contender)], titles[str(contender)]
                if not axes.lines:
                    axes.plot(hertz, line["l1_db"], color=colours[baseline], label=titles[baseline])
                axes.plot(hertz, line["contender_db"], color=colour, label=title)
                label = f"{title}, {side}" if len(titles) > 2 else side
                row[2].plot(hertz, line["mean"], style, color=colour, label=label)
                row[2].fill_between(hertz, line["low"], line["high"], color=colour, alpha=0.12)
            axes.set(title=f"{task}: residual {side} the masking threshold", ylabel="dB re the target's energy")
        row[2].axhline(0, color="0.6", linewidth=1)
        shown = own["mean"].abs().max()
        row[2].set(title=f"{task}: difference to $\\ell_1$, 95 % interval", ylabel="dB", ylim=(-3 * shown, 3 * shown))
        for axes in row:
            axes.legend()
            axes.set(xscale="log", xlabel="frequency (kHz)", xticks=[0.1, 0.3, 1, 3, 10])
            axes.xaxis.set_major_formatter(ScalarFormatter())
    return figure


def _boxes(axes: Axes, layers: Layers, size: str, labels: list[str], title: str, **style: Any) -> list[float]:
    """A box a layer, on bare axes; gives their heights, which follow `size`."""
    heights = [(layer[size] / layers[0][size]) ** 0.5 for layer in layers]
    axes.bar(range(len(layers)), heights, tick_label=labels, **style)
    axes.tick_params(length=0, left=False, labelleft=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=10)
    return heights


def network_diagram(layers: Layers, skips: bool = True) -> Figure:
    """IJCNN'20 and MM'19 Figure 1: a box a layer, as high as its output is long, and `skips` as arrows if there are."""
    figure, axes = plt.subplots(figsize=(0.98 * len(layers) + 0.4, 3.6))
    _, *sizes = layers[0]
    labels = [f"{name}\n{depth} × " + "\n× ".join(map(str, own)) for name, depth, *own in map(dict.values, layers)]
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
    rows = math.ceil(len(chosen) / 3)
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
    axes.plot([list(places.values())] * 2, [0.2, top], color="0.75", linewidth=1, zorder=0)
    written = terms["term"] + terms["terms"].map(lambda count: f" (×{count})" if count > 1 else "")
    for row, (model, colour) in enumerate(palette(names).items()):
        style: dict[str, Any] = {"va": "center", "color": colour}
        height = len(names) - row - 0.8
        axes.text(0.0, height, f"{names[model]}, $L_{{{model[-1].upper()}}}$", weight="bold", **style)
        for through, own in written[terms["system"] == model].groupby(terms["through"]):
            axes.plot(places[str(through)], height, "o", color=colour, markersize=9, zorder=2)
            axes.text(places[str(through)] + 0.15, height + 0.04, "\n+ ".join(own), fontsize=10, **style)
    axes.set(xlim=(-0.5, 11.4), ylim=(-0.1, top + 1))
    axes.set_title("dots: where a loss takes the $\\ell_1$ distance of estimate and target", fontsize=10)
    axes.axis("off")
    return figure
