"""The figures of IJCNN'20's experiments, each as a function of its table."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from nblib.figures.base import COLOURS, NAMES


def _series(axes: Axes, table: pd.DataFrame, place: dict[str, float], colour: str, label: str, offset: float) -> None:
    """Our points: a line over the pooled values with their intervals, a dot per training seed."""
    pooled, single = table[table["seed"].isna()], table[table["seed"].notna()]
    x = pooled["capacity"].map(place) + offset
    error = np.abs(pooled[["low", "high"]].to_numpy(float).T - pooled["value"].to_numpy(float))
    axes.errorbar(x, pooled["value"], np.nan_to_num(error), fmt="-o", color=colour, capsize=3, label=label)
    axes.plot(single["capacity"].map(place) + offset, single["value"], ".", color=colour, alpha=0.4, markersize=5)


def _paper_series(
    axes: Axes, table: pd.DataFrame, place: dict[str, float], colour: str, label: str, offset: float
) -> None:
    """The published points, open squares on a dashed line."""
    x = table["capacity"].map(place) + offset
    style: dict[str, Any] = {"fmt": "s--", "mfc": "white", "capsize": 3, "elinewidth": 1, "alpha": 0.7}
    axes.errorbar(x, table["value"], table["spread"].fillna(0), color=colour, label=label, **style)


def contender_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour per contender: the papers' two their own, any further one from what is left of the palette."""
    free = itertools.cycle(sorted(set(sns.color_palette("colorblind").as_hex()[1:]) - set(COLOURS.values())))
    return {name: COLOURS[name] if name in COLOURS else next(free) for name in names}


def figure5(data: pd.DataFrame, counts: pd.DataFrame, judges: Mapping[str, str], titles: Mapping[str, str]) -> Figure:
    """IJCNN'20 Figure 5: preference and don't-know above, test l1 below, against capacity; a column per task.

    Parameters
    ----------
    data : DataFrame
        As `tables.figure5_data`, of one or more tasks.
    counts : DataFrame
        As `tables.parameter_table`: trainable parameters, for the axis.
    judges : dict
        Who chose, per task in the order of the columns.
    titles : dict
        Title per contender, the baseline first.
    """
    figure, panels = plt.subplots(2, len(judges), figsize=(6.4 * len(judges), 10.4), squeeze=False)
    colours = contender_colours(titles)
    parameters = counts.set_index(["task", "capacity"])["counted"]
    for (task, judge), (upper, lower) in zip(judges.items(), panels.T, strict=True):
        own = data[data["task"] == task]
        names = sorted(own["capacity"].dropna().unique())
        place = {name: float(index) for index, name in enumerate(names)}
        _choices_panel(upper, own, place, titles, colours)
        upper.set(title=f"{task}: choices\n(here: {judge}; paper: 20 listeners)")
        _errors_panel(lower, own, place, titles, colours)
        lower.set(title=f"{task}: test error", ylim=(0, None))
        for axes in (upper, lower):
            axes.set_xticks(list(place.values()), [f"{name}\n{parameters[task, name]:,}" for name in names])
            axes.set(xlabel="capacity (trainable parameters)", xlim=(-0.5, len(names) - 0.5))
            axes.legend(frameon=False, fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    panels[0, 0].set_ylabel("share of choices")
    panels[1, 0].set_ylabel("mean $\\ell_1$ of scaled magnitudes")
    return figure


def _choices_panel(
    axes: Axes, data: pd.DataFrame, place: dict[str, float], titles: Mapping[str, str], colours: Mapping[str, str]
) -> None:
    """Rates of every contender against the baseline; "I don't know" of the papers' two alone, for legibility."""
    rivals = list(titles)[1:]
    series = [("preferred_rate", name, f"{titles[name]} preferred", colours[name]) for name in rivals]
    series += [("dont_know_rate", rivals[0], "“I don't know”", COLOURS["unprocessed"])]
    for index, (quantity, name, title, colour) in enumerate(series):
        own = data[(data["quantity"] == quantity) & (data["contender"] == name)]
        offset = 0.1 * (index - (len(series) - 1) / 2)
        _series(axes, own[own["source"] == "here"], place, colour, f"{title}, here", offset)
        _paper_series(axes, own[own["source"] == "paper"], place, colour, f"{title}, paper", offset + 0.03)
    axes.set_ylim(-0.05, 1.12)


def _errors_panel(
    axes: Axes, data: pd.DataFrame, place: dict[str, float], titles: Mapping[str, str], colours: Mapping[str, str]
) -> None:
    errors = data[data["quantity"] == "test_l1"]
    for index, (name, title) in enumerate(titles.items()):
        own, label = errors[errors["contender"] == name], f"trained with {title}"
        offset = 0.08 * (index - (len(titles) - 1) / 2)
        _series(axes, own[own["source"] == "here"], place, colours[name], f"{label}, here", offset)
        _paper_series(axes, own[own["source"] == "paper"], place, colours[name], f"{label}, paper", offset)
    for system in ("unprocessed", "oracle_mask"):
        level = errors.loc[errors["contender"] == system, "value"].mean()
        axes.axhline(level, color=COLOURS[system], linestyle="-.", linewidth=1.2, label=f"{NAMES[system]}, here")


def effects_figure(
    effects: pd.DataFrame, units: Mapping[str, str], titles: Mapping[str, str], group: str = "capacity"
) -> Figure:
    """Mean paired difference to l1 with its 95 % interval over seeds, one panel per measure, a colour per contender.

    Parameters
    ----------
    effects : DataFrame
        As `evaluation.intervals.contrast`, by `group`.
    units : dict
        Axis label per measure, in the order of the panels.
    titles : dict
        Title per contender.
    group : str
        "capacity" or "configuration".
    """
    rows = -(-len(units) // 4)
    columns = -(-len(units) // rows)
    figure, panels = plt.subplots(rows, columns, figsize=(3.4 * columns, 3.2 * rows), squeeze=False)
    colours = contender_colours(titles)
    rivals, names = list(dict.fromkeys(effects["one"])), sorted(effects[group].unique())
    for axes, (measure, unit) in zip(panels.flat, units.items(), strict=False):
        for index, rival in enumerate(rivals):
            own = effects[(effects["measure"] == measure) & (effects["one"] == rival)].set_index(group).reindex(names)
            error = np.nan_to_num(np.abs(own[["low", "high"]].to_numpy(float).T - own["mean"].to_numpy(float)))
            x = np.arange(len(names)) + 0.15 * (index - (len(rivals) - 1) / 2)
            axes.errorbar(x, own["mean"], error, fmt="o", color=colours[rival], capsize=4, label=titles[rival])
        axes.axhline(0, color="0.6", linewidth=1)
        axes.set_xticks(range(len(names)), names)
        axes.set(xlabel=group, title=unit)
    if len(rivals) > 1:
        panels[0, 0].legend(frameon=False, fontsize=8.5)
    for first in panels[:, 0]:
        first.set_ylabel("difference to $\\ell_1$, 95 % interval")
    for empty in panels.flat[len(units) :]:
        empty.axis("off")
    return figure


def configurations_diagram(layers: list[dict[str, Any]], chosen: Mapping[str, Sequence[str]]) -> Figure:
    """IJCNN'20 Figure 2: a network's layers, once per configuration, those that the loss compares filled.

    Parameters
    ----------
    layers : list of dict
        As `nblib.networks.describe`, from input to output.
    chosen : dict
        Layer names per configuration, as `nblib.networks.configuration_layers`.
    """
    columns = 3
    rows = -(-len(chosen) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(4.4 * columns, 2.5 * rows), squeeze=False, sharey=True)
    heights = [(layer["bins"] / layers[0]["bins"]) ** 0.5 for layer in layers]
    for axes, (configuration, names) in zip(panels.flat, chosen.items(), strict=False):
        colours = [COLOURS["codec"] if layer["name"] in names else "white" for layer in layers]
        axes.bar(range(len(layers)), heights, width=0.62, color=colours, edgecolor="0.3", linewidth=0.8)
        axes.set_xticks(range(len(layers)), [layer["name"] for layer in layers], rotation=90, fontsize=8)
        axes.set_title(f"{configuration}: {len(names)} layers", fontsize=10)
        axes.tick_params(length=0)
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return figure


def costs_figure(costs: pd.DataFrame) -> Figure:
    """Time of a training step and the loss's peak memory per configuration; `costs` as `experiments.separation.costs_table`."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6))
    names = list(costs.index)
    rest = costs["step_seconds"] - costs["loss_seconds"]
    left.bar(names, costs["loss_seconds"], color=COLOURS["codec"], label="loss")
    left.bar(names, rest.clip(lower=0), bottom=costs["loss_seconds"], color="0.75", label="separation network")
    left.set(ylabel="s per step", xlabel="configuration", title=f"time, batches of {costs['batch'].iloc[0]} patches")
    right.bar(names, costs["weights_mib"], color=COLOURS["l1"], label="weights of the layers")
    right.bar(
        names, costs["activations_mib"], bottom=costs["weights_mib"], color=COLOURS["codec"], label="what a step holds"
    )
    right.set(ylabel="MiB at the peak", xlabel="configuration", title="memory of the loss")
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return figure


def residual_figure(bands: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Residual above and below the target's masking threshold over frequency: a row a task, a line a contender.

    Parameters
    ----------
    bands : DataFrame
        As `experiments.redistribution.by_band`.
    titles : dict
        Title per contender, the baseline first.
    """
    tasks = list(dict.fromkeys(bands["task"]))
    figure, panels = plt.subplots(len(tasks), 3, figsize=(14.5, 3.5 * len(tasks)), squeeze=False)
    colours = contender_colours(titles)
    baseline = next(iter(titles))
    styles = {"above": "-", "below": ":"}
    for task, row in zip(tasks, panels, strict=True):
        for side, axes in zip(styles, row, strict=False):
            own = bands[(bands["task"] == task) & (bands["side"] == side)]
            for index, (contender, line) in enumerate(own.groupby("contender", sort=False)):
                hertz = line["centre_hz"] / 1000
                if index == 0:
                    axes.plot(hertz, line["l1_db"], color=colours[baseline], label=titles[baseline])
                axes.plot(hertz, line["contender_db"], color=colours[contender], label=titles[contender])
                label = f"{titles[contender]}, {side}" if len(titles) > 2 else side
                row[2].plot(hertz, line["mean"], styles[side], color=colours[contender], label=label)
                row[2].fill_between(hertz, line["low"], line["high"], color=colours[contender], alpha=0.12)
            axes.set(title=f"{task}: residual {side} the masking threshold", ylabel="dB re the target's energy")
        row[2].axhline(0, color="0.6", linewidth=1)
        shown = bands.loc[bands["task"] == task, "mean"].abs().max()
        row[2].set(title=f"{task}: difference to $\\ell_1$, 95 % interval", ylabel="dB", ylim=(-3 * shown, 3 * shown))
        for axes in row:
            axes.legend(frameon=False)
            axes.set(xscale="log", xlabel="frequency (kHz)", xticks=[0.1, 0.3, 1, 3, 10])
            axes.xaxis.set_major_formatter(ScalarFormatter())
    return figure
