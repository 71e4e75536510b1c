"""Figures of paired comparisons, each a function of one tidy table of votes, people's and a model's side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from nblib.figures.base import palette
from nblib.listening import preference_rates


def preference_bars(
    votes: pd.DataFrame,
    names: Mapping[str, str],
    over: str = "system",
    chosen: str | None = None,
    published: pd.DataFrame | None = None,
) -> Figure:
    """How often each system (or `chosen`, in each class of `over`) was preferred: IJCNN'20 Figure 3, MM'19 Table 4.

    Parameters
    ----------
    votes : DataFrame
        As in `nblib.listening.votes`, with a column ``judge``; each judge has a bar.
    names : dict
        Label per value of `over`, in the order of the axis.
    over : str
        "system", or a column such as "configuration".
    chosen : str, optional
        The system whose rate is shown, where `over` is not "system".
    published : DataFrame, optional
        The paper's rates: columns `over`, value, spread.
    """
    rates = preference_rates(votes, ["judge"] if over == "system" else ["judge", over])
    rates = rates.rename(columns={"preferred_rate": "value", "preferred_std": "spread"})
    shown = rates if chosen is None else rates[rates["system"] == chosen]
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
    axes.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return figure
