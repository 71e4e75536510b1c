"""The figures of MM'19's experiments and of preferences, each as a function of its table."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nblib.figures.base import COLOURS, Names, palette, whiskers
from nblib.listening import preference_rates


def interval_points(table: pd.DataFrame, names: Names, unit: str, published: pd.Series) -> Figure:
    """A point per system with its 95 % interval where there is one, the published value (by system) beside it.

    `table` has columns system, mean, low, high; `names` labels the systems, in the order of the axis.
    """
    figure, axes = plt.subplots(figsize=(1.3 * len(names) + 1.5, 3.6))
    own, place = table.set_index("system").reindex(list(names)), np.arange(len(names))
    axes.errorbar(place - 0.06, own["mean"], whiskers(own), fmt="o", color=COLOURS["codec"], capsize=4, label="here")
    axes.plot(place + 0.06, published.reindex(list(names)), "s", color=COLOURS["paper"], mfc="white", label="paper")
    axes.set_xticks(place, [name.replace(", ", ",\n") for name in names.values()])
    axes.set(ylabel=unit, xlim=(-0.5, len(names) - 0.5), ylim=(min(0, axes.get_ylim()[0]), None))
    axes.legend()
    return figure


def aliasing_curves(tones: pd.DataFrame, names: Names) -> Figure:
    """Aliasing and distortion of each model against the frequency of a tone, a panel per band limit and quantity.

    `tones` are `experiments.autoencoding.ALIASING`, seeds averaged as powers; `names` labels the models to be shown.
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
    """Training and validation error of loss networks over their epochs, a panel each.

    `history` has columns teacher, epoch, training_loss, validation_l1; `identity` is the identity's error on the
    validation pieces per teacher, in the order of the panels; `names` their titles.
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
    panels[0, 0].legend()
    return figure


def preference_bars(
    votes: pd.DataFrame, names: Names, over: str = "system", chosen: str = "", published: pd.DataFrame | None = None
) -> Figure:
    """How often each system (or `chosen`, in each class of `over`) was preferred: IJCNN'20 Figure 3, MM'19 Table 4.

    `votes` are as in `nblib.listening.votes`, with a column ``judge``; each judge has a bar. `names` labels the values
    of `over` ("system" or a column such as "configuration"), in the order of the axis. `published` are the paper's
    rates: columns `over`, value, spread.
    """
    rates = preference_rates(votes, ["judge"] if over == "system" else ["judge", over])
    rates = rates.rename(columns={"preferred_rate": "value", "preferred_std": "spread"})
    shown = rates[rates["system"] == chosen] if chosen else rates
    tables = {str(judge): own for judge, own in shown.groupby("judge", sort=True)}
    colours = palette(["paper", *tables]) | {"paper": "0.75"}
    if published is not None:
        tables["paper"] = published
    figure, axes = plt.subplots(figsize=(max(5.0, 1.35 * len(names)), 4.2))
    width = 0.8 / len(tables)
    for index, (judge, table) in enumerate(tables.items()):
        own = table.set_index(over).reindex(list(names))
        place = np.arange(len(names)) + (index - (len(tables) - 1) / 2) * width
        style: dict[str, Any] = {"color": colours[judge], "ecolor": "0.25", "capsize": 3}
        axes.bar(place, own["value"], 0.92 * width, yerr=own["spread"].fillna(0), label=judge, **style)
    axes.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names.values()])
    axes.set(ylabel="share of choices, mean ± standard\ndeviation over participants", ylim=(0, 1.08))
    axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return figure
