"""The figures of IJCNN'20's experiments, each as a function of its table."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from nblib.figures.base import COLOURS, Names, whiskers


def _colours(names: Iterable[str]) -> dict[str, str]:
    """A colour per contender: the papers' two their own, any further one from what is left of the palette."""
    free = itertools.cycle(sorted(set(sns.color_palette("colorblind").as_hex()[1:]) - set(COLOURS.values())))
    return {name: COLOURS[name] if name in COLOURS else next(free) for name in names}


def figure5(data: pd.DataFrame, counts: pd.DataFrame, judges: Names, titles: Names) -> Figure:
    """IJCNN'20 Figure 5: preference and don't-know above, test l1 below, against capacity; a column per task.

    `data` (of one or more tasks) is `tables.figure5_data`'s, `counts`, for the axis, `tables.parameter_table`'s;
    `judges` says who chose, per task in the order of the columns; `titles` names the contenders, the baseline first.
    """
    figure, panels = plt.subplots(2, len(judges), figsize=(6.4 * len(judges), 10.4), squeeze=False)
    colours, rivals = _colours(titles), list(titles)[1:]
    parameters = counts.set_index(["task", "capacity"])["counted"]
    choices = [("preferred_rate", name, f"{titles[name]} preferred", colours[name]) for name in rivals]
    choices += [
        ("dont_know_rate", rivals[0], "“I don't know”", COLOURS["unprocessed"])
    ]  # the others' would be too much
    errors = [("test_l1", name, f"trained with {title}", colours[name]) for name, title in titles.items()]
    for (task, judge), (upper, lower) in zip(judges.items(), panels.T, strict=True):
        own = data[data["task"] == task]
        names = sorted(own["capacity"].dropna().unique())
        _series(upper, own, names, choices, step=0.1, paper_aside=0.03)
        upper.set(title=f"{task}: choices\n(here: {judge}; paper: 20 listeners)", ylim=(-0.05, 1.12))
        _series(lower, own, names, errors, step=0.08, paper_aside=0.0)
        for system, title in (("unprocessed", "unprocessed"), ("oracle_mask", "oracle mask")):
            level = own.loc[(own["quantity"] == "test_l1") & (own["contender"] == system), "value"].mean()
            lower.axhline(level, color=COLOURS[system], linestyle="-.", linewidth=1.2, label=f"{title}, here")
        lower.set(title=f"{task}: test error", ylim=(0, None))
        for axes in (upper, lower):
            axes.set_xticks(range(len(names)), [f"{name}\n{parameters[task, name]:,}" for name in names])
            axes.set(xlabel="capacity (trainable parameters)", xlim=(-0.5, len(names) - 0.5))
            axes.legend(fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    panels[0, 0].set_ylabel("share of choices")
    panels[1, 0].set_ylabel("mean $\\ell_1$ of scaled magnitudes")
    return figure


def _series(
    axes: Axes, data: pd.DataFrame, names: list[str], series: Sequence[tuple], step: float, paper_aside: float
) -> None:
    """Per series a line over the pooled values with intervals, dots for the seeds, and the paper's open squares."""
    place = {name: float(index) for index, name in enumerate(names)}
    style: dict[str, Any] = {"fmt": "s--", "mfc": "white", "capsize": 3, "elinewidth": 1, "alpha": 0.7}
    for index, (quantity, contender, label, colour) in enumerate(series):
        own = data[(data["quantity"] == quantity) & (data["contender"] == contender)]
        here, paper = (own[own["source"] == source] for source in ("here", "paper"))
        pooled, single = here[here["seed"].isna()], here[here["seed"].notna()]
        offset = step * (index - (len(series) - 1) / 2)
        x, error = pooled["capacity"].map(place) + offset, whiskers(pooled, "value")
        axes.errorbar(x, pooled["value"], error, fmt="-o", color=colour, capsize=3, label=f"{label}, here")
        axes.plot(single["capacity"].map(place) + offset, single["value"], ".", color=colour, alpha=0.4, markersize=5)
        x, spread = paper["capacity"].map(place) + (offset + paper_aside), paper["spread"].fillna(0)
        axes.errorbar(x, paper["value"], spread, color=colour, label=f"{label}, paper", **style)


def effects_figure(effects: pd.DataFrame, units: Names, titles: Names, group: str = "capacity") -> Figure:
    """Mean paired difference to l1 with its 95 % interval over seeds, one panel per measure, a colour per contender.

    `effects` is `evaluation.intervals.contrast`'s by `group` ("capacity" or "configuration"); `units` labels the
    measures, in the order of the panels; `titles` names the contenders.
    """
    rows = math.ceil(len(units) / 4)
    columns = math.ceil(len(units) / rows)
    figure, panels = plt.subplots(rows, columns, figsize=(3.4 * columns, 3.2 * rows), squeeze=False)
    colours = _colours(titles)
    rivals, names = list(dict.fromkeys(effects["one"])), sorted(effects[group].unique())
    for axes, (measure, unit) in zip(panels.flat, units.items(), strict=False):
        for index, rival in enumerate(rivals):
            own = effects[(effects["measure"] == measure) & (effects["one"] == rival)].set_index(group).reindex(names)
            x = np.arange(len(names)) + 0.15 * (index - (len(rivals) - 1) / 2)
            axes.errorbar(x, own["mean"], whiskers(own), fmt="o", color=colours[rival], capsize=4, label=titles[rival])
        axes.axhline(0, color="0.6", linewidth=1)
        axes.set_xticks(range(len(names)), names)
        axes.set(xlabel=group, title=unit)
    if len(rivals) > 1:
        panels[0, 0].legend(fontsize=8.5)
    for first in panels[:, 0]:
        first.set_ylabel("difference to $\\ell_1$, 95 % interval")
    for empty in panels.flat[len(units) :]:
        empty.axis("off")
    return figure


def costs_figure(costs: pd.DataFrame) -> Figure:
    """Time of a training step and the loss's peak memory per configuration; `costs` are `separation.costs_table`'s."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6))
    rest = (costs["step_seconds"] - costs["loss_seconds"]).clip(lower=0)
    left.bar(costs.index, costs["loss_seconds"], color=COLOURS["codec"], label="loss")
    left.bar(costs.index, rest, bottom=costs["loss_seconds"], color="0.75", label="separation network")
    left.set(ylabel="s per step", title=f"time, batches of {costs['batch'].iloc[0]} patches")
    weights, held = costs["weights_mib"], costs["activations_mib"]
    right.bar(costs.index, weights, color=COLOURS["l1"], label="weights of the layers")
    right.bar(costs.index, held, bottom=weights, color=COLOURS["codec"], label="what a step holds")
    right.set(ylabel="MiB at the peak", title="memory of the loss")
    for axes in (left, right):
        axes.set_xlabel("configuration")
        axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return figure


def residual_figure(bands: pd.DataFrame, titles: Names) -> Figure:
    """Residual above and below the target's masking threshold over frequency: a row a task, a line a contender.

    `bands` are `experiments.redistribution.by_band`'s; `titles` names the contenders, the baseline first.
    """
    tasks = list(dict.fromkeys(bands["task"]))
    figure, panels = plt.subplots(len(tasks), 3, figsize=(14.5, 3.5 * len(tasks)), squeeze=False)
    colours, baseline = _colours(titles), next(iter(titles))
    for task, row in zip(tasks, panels, strict=True):
        for (side, style), axes in zip({"above": "-", "below": ":"}.items(), row, strict=False):
            own = bands[(bands["task"] == task) & (bands["side"] == side)]
            for index, (contender, line) in enumerate(own.groupby("contender", sort=False)):
                hertz, colour = line["centre_hz"] / 1000, colours[contender]
                if index == 0:
                    axes.plot(hertz, line["l1_db"], color=colours[baseline], label=titles[baseline])
                axes.plot(hertz, line["contender_db"], color=colour, label=titles[contender])
                label = f"{titles[contender]}, {side}" if len(titles) > 2 else side
                row[2].plot(hertz, line["mean"], style, color=colour, label=label)
                row[2].fill_between(hertz, line["low"], line["high"], color=colour, alpha=0.12)
            axes.set(title=f"{task}: residual {side} the masking threshold", ylabel="dB re the target's energy")
        row[2].axhline(0, color="0.6", linewidth=1)
        shown = bands.loc[bands["task"] == task, "mean"].abs().max()
        row[2].set(title=f"{task}: difference to $\\ell_1$, 95 % interval", ylabel="dB", ylim=(-3 * shown, 3 * shown))
        for axes in row:
            axes.legend()
            axes.set(xscale="log", xlabel="frequency (kHz)", xticks=[0.1, 0.3, 1, 3, 10])
            axes.xaxis.set_major_formatter(ScalarFormatter())
    return figure
