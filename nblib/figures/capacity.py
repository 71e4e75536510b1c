"""The figures of IJCNN'20's experiments, each as a function of its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
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


def figure5(data: pd.DataFrame, parameters: Mapping[str, Mapping[str, int]], judges: Mapping[str, str]) -> Figure:
    """IJCNN'20 Figure 5: preference and don't-know above, test l1 below, against capacity; a column per task.

    Parameters
    ----------
    data : DataFrame
        As `tables.figure5_data`, of one or more tasks.
    parameters : dict
        Trainable parameters per task and capacity, for the axis.
    judges : dict
        Who chose, per task in the order of the columns.
    """
    figure, panels = plt.subplots(2, len(judges), figsize=(6.4 * len(judges), 9.6), squeeze=False)
    for (task, judge), (upper, lower) in zip(judges.items(), panels.T, strict=True):
        own = data[data["task"] == task]
        names = sorted(own["capacity"].dropna().unique())
        place = {name: float(index) for index, name in enumerate(names)}
        _choices_panel(upper, own, place)
        upper.set(title=f"{task}: choices\n(here: {judge}; paper: 20 listeners)")
        _errors_panel(lower, own, place)
        lower.set(title=f"{task}: test error", ylim=(0, None))
        for axes in (upper, lower):
            axes.set_xticks(list(place.values()), [f"{name}\n{parameters[task][name]:,}" for name in names])
            axes.set(xlabel="capacity (trainable parameters)", xlim=(-0.5, len(names) - 0.5))
            axes.legend(frameon=False, fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    panels[0, 0].set_ylabel("share of choices")
    panels[1, 0].set_ylabel("mean $\\ell_1$ of scaled magnitudes")
    return figure


def _choices_panel(axes: Axes, data: pd.DataFrame, place: dict[str, float]) -> None:
    for quantity, title, colour, offset in (
        ("preferred_rate", "codec loss preferred", COLOURS["codec"], -0.05),
        ("dont_know_rate", "“I don't know”", COLOURS["unprocessed"], 0.05),
    ):
        here, paper = (
            data[(data["source"] == source) & (data["quantity"] == quantity)] for source in ("here", "paper")
        )
        _series(axes, here, place, colour, f"{title}, here", offset)
        _paper_series(axes, paper, place, colour, f"{title}, paper", offset + 0.03)
    axes.set_ylim(-0.05, 1.12)


def _errors_panel(axes: Axes, data: pd.DataFrame, place: dict[str, float]) -> None:
    errors = data[data["quantity"] == "test_l1"]
    here, paper = errors[errors["source"] == "here"], errors[errors["source"] == "paper"]
    for loss, offset in (("l1", -0.04), ("codec", 0.04)):
        label = f"trained with {NAMES[loss]}"
        _series(axes, here[here["loss"] == loss], place, COLOURS[loss], f"{label}, here", offset)
        _paper_series(axes, paper[paper["loss"] == loss], place, COLOURS[loss], f"{label}, paper", offset)
    for system in ("unprocessed", "oracle_mask"):
        level = float(here.loc[here["loss"] == system, "value"].iloc[0])
        axes.axhline(level, color=COLOURS[system], linestyle="-.", linewidth=1.2, label=f"{NAMES[system]}, here")


def effects_figure(effects: pd.DataFrame, units: Mapping[str, str], group: str = "capacity") -> Figure:
    """Mean paired difference codec loss - l1 with its 95 % interval, one panel per measure, one point per group.

    Parameters
    ----------
    effects : DataFrame
        Columns measure, `group`, mean, low, high.
    units : dict
        Axis label per measure, in the order of the panels.
    group : str
        "capacity" or "configuration".
    """
    rows = -(-len(units) // 4)
    columns = -(-len(units) // rows)
    figure, panels = plt.subplots(rows, columns, figsize=(3.4 * columns, 3.2 * rows), squeeze=False)
    for axes, (measure, unit) in zip(panels.flat, units.items(), strict=False):
        own = effects[effects["measure"] == measure]
        error = np.abs(own[["low", "high"]].to_numpy().T - own["mean"].to_numpy())
        axes.errorbar(own[group], own["mean"], error, fmt="o", color=COLOURS["codec"], capsize=4)
        axes.axhline(0, color="0.6", linewidth=1)
        axes.set(xlabel=group, title=unit)
    for first in panels[:, 0]:
        first.set_ylabel("codec loss − $\\ell_1$, 95 % interval")
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
    """Time of a training step and the loss's peak memory per configuration; `costs` as `configurations.costs_table`."""
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


def residual_figure(bands: pd.DataFrame) -> Figure:
    """Residual above and below the target's masking threshold over frequency, both losses: a row a task.

    Parameters
    ----------
    bands : DataFrame
        As `experiments.redistribution.by_band`.
    """
    tasks = list(dict.fromkeys(bands["task"]))
    figure, panels = plt.subplots(len(tasks), 3, figsize=(14.5, 3.5 * len(tasks)), squeeze=False)
    styles = {"above": "-", "below": ":"}
    for task, (above, below, difference) in zip(tasks, panels, strict=True):
        for axes, side in ((above, "above"), (below, "below")):
            own = bands[(bands["task"] == task) & (bands["side"] == side)]
            for loss in ("l1", "codec"):
                axes.plot(own["centre_hz"] / 1000, own[f"{loss}_db"], color=COLOURS[loss], label=NAMES[loss])
            axes.set(title=f"{task}: residual {side} the masking threshold", ylabel="dB re the target's energy")
            axes.legend(frameon=False)
        for side, colour in (("above", COLOURS["codec"]), ("below", "0.5")):
            own = bands[(bands["task"] == task) & (bands["side"] == side)]
            difference.plot(own["centre_hz"] / 1000, own["mean"], styles[side], color=colour, label=side)
            difference.fill_between(own["centre_hz"] / 1000, own["low"], own["high"], color=colour, alpha=0.2)
        difference.axhline(0, color="0.6", linewidth=1)
        difference.set(title=f"{task}: codec loss − $\\ell_1$, 95 % interval", ylabel="dB")
        difference.legend(frameon=False)
        for axes in (above, below, difference):
            axes.set(xscale="log", xlabel="frequency (kHz)", xticks=[0.1, 0.3, 1, 3, 10])
            axes.xaxis.set_major_formatter(ScalarFormatter())
    return figure
