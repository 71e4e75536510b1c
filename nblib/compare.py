"""Own results against the record, number by number, by the spread that a retraining has.

A number is the mean of a measure over the items and seeds of one cell (task, capacity, contender, ...). The record's
seeds say how far means move from one training to the next; own and recorded mean may differ by
t(n - 1) s sqrt(1 / n + 1 / m), with s the standard deviation over the record's n seeds and m own ones. It assumes that
seeds are independent and roughly normal, and that another processor changes no more than another seed does; 95 of 100
numbers should agree, more where seeds are few. What needs no training may differ by 1 %. A cell with one recorded seed
has no spread: that is said, not guessed.
"""

from __future__ import annotations

import base64
import html
import io
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from nblib import paths, study
from nblib.errors import ResultsMissing
from nblib.evaluation.intervals import USABLE, t_factor
from nblib.experiments import STUDIES
from nblib.figures import COLOURS, save, use_style
from nblib.settings import Settings
from nblib.study import Study

TABLE, PAGE = "comparison.csv", "comparison.html"
UNTRAINED_TOLERANCE = 0.01
AGREES, DIFFERS, UNKNOWN = "agrees", "differs", "no spread known"
SHOWN = 3.0  # tolerances from the middle of the figure to its edge


def compare(setup: Settings, page: Path | None = None) -> int:
    """Compare, print how much agrees, and write the table, the figure and the page; returns 0.

    Parameters
    ----------
    setup : Settings
        Own results are read from its folder, the record from that of its profile and corpus.
    page : Path, optional
        Where the HTML page goes; into the folder of results without.

    Raises
    ------
    ResultsMissing
        There are no own results, or no record of this profile and corpus.
    """
    own, record = (replace(setup, source=source) for source in ("run", "record"))
    if not record.results.is_dir():
        raise ResultsMissing(f"{record.results}: there is no record of this profile and corpus to compare with")
    table = numbers(own, record)
    if table.empty:
        raise ResultsMissing(f"{own.results}: no results; make them by python -m nblib run --profile {setup.profile}")
    study.save(own, TABLE, table)
    use_style()
    figure = comparison_figure(table)
    written = page or own.results / PAGE
    with paths.whole(written) as temporary:
        temporary.write_text(_page(own, table, figure), encoding="utf-8")
    save(own.figures, "comparison", figure, table)
    print(f"own results of {own.name} against the record of {record.record_name}:")
    print(agreement(table).to_string())
    print(f"the numbers that differ, and all others: {written}")
    return 0


def numbers(own: Settings, record: Settings) -> pd.DataFrame:
    """Every number of every study that both have.

    Returns
    -------
    DataFrame
        Columns study, cell, measure, own, record (means over seeds), own_seeds, record_seeds, tolerance, verdict.
    """
    tables = []
    for each in STUDIES:
        try:
            mine, theirs = (study.read(setup, f"{each.name}.csv") for setup in (own, record))
        except ResultsMissing:
            continue
        tables.append(_judged(each, _means(each, mine), _means(each, theirs)))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _means(which: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and number of seed means per cell and measure."""
    measures = [name for name in which.measures if name in rows]
    usable = rows[rows["status"].isin(USABLE)].replace([np.inf, -np.inf], np.nan)
    usable = usable.assign(seed=usable["seed"].astype(float), cell=_cells(which, usable))
    per_seed = usable.groupby(["cell", "seed"], dropna=False, sort=False)[measures].mean().reset_index()
    long = per_seed.melt(["cell", "seed"], measures, "measure").dropna(subset=["value"])
    found = long.groupby(["cell", "measure"], sort=False).agg(
        mean=("value", "mean"), spread=("value", "std"), seeds=("seed", "count")
    )
    return found


def _cells(which: Study, rows: pd.DataFrame) -> pd.Series:
    labels = [rows[name].map(lambda value: "" if pd.isna(value) else f"{value}") for name in which.by]
    return pd.Series([" ".join(filter(None, parts)) for parts in zip(*labels, strict=True)], rows.index)


def _judged(which: Study, own: pd.DataFrame, record: pd.DataFrame) -> pd.DataFrame:
    both = own.join(record, how="inner", lsuffix="_own", rsuffix="_record").reset_index()
    trained = both["seeds_record"] > 0
    factor = both["seeds_record"].map(t_factor)
    share = 1 / both["seeds_record"].where(trained) + 1 / both["seeds_own"].where(trained)
    tolerance = (factor * both["spread_record"] * np.sqrt(share)).where(
        trained, UNTRAINED_TOLERANCE * both["mean_record"].abs()
    )
    off = (both["mean_own"] - both["mean_record"]).abs()
    # Equal to the digits that tables hold is equal, whatever the spread.
    agrees = (off <= tolerance) | (off <= 1e-5 * both["mean_record"].abs())
    verdict = np.where(agrees, AGREES, np.where(tolerance.isna(), UNKNOWN, DIFFERS))
    return pd.DataFrame(
        {
            "study": which.name,
            "cell": both["cell"],
            "measure": both["measure"],
            "own": both["mean_own"],
            "record": both["mean_record"],
            "own_seeds": both["seeds_own"],
            "record_seeds": both["seeds_record"],
            "tolerance": tolerance,
            "verdict": verdict,
        }
    )


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """How many numbers of each study agree, differ, or have no spread to judge by."""
    counts = table.groupby(["study", "verdict"], sort=False).size().unstack(fill_value=0)
    counts = counts.reindex(columns=[AGREES, DIFFERS, UNKNOWN], fill_value=0)
    counts.loc["all"] = counts.sum()
    judged = counts[AGREES] + counts[DIFFERS]
    return counts.assign(**{"share that agrees": (counts[AGREES] / judged.where(judged > 0)).round(3)})


def comparison_figure(table: pd.DataFrame) -> Figure:
    """Every judged number as a point: its distance from the record in units of what a retraining may move it."""
    studies = list(dict.fromkeys(table["study"]))
    figure, axes = plt.subplots(figsize=(9, 0.6 * len(studies) + 1.8))
    axes.axvspan(-1, 1, color="0.92", label="within the spread of a retraining")
    judged = table[table["verdict"] != UNKNOWN]
    off = ((judged["own"] - judged["record"]) / judged["tolerance"].replace(0, np.nan)).fillna(0.0)
    place = judged["study"].map(studies.index) + np.linspace(-0.3, 0.3, 13)[np.arange(len(judged)) % 13]
    for verdict, colour, marker in ((AGREES, COLOURS["codec"], "."), (DIFFERS, COLOURS["l1"], "x")):
        shown = judged["verdict"] == verdict
        axes.plot(
            off[shown].clip(-SHOWN, SHOWN), place[shown], marker, color=colour, label=f"{verdict} ({shown.sum()})"
        )
    axes.set_yticks(range(len(studies)), [name.replace("_", " ") for name in studies])
    axes.set(xlim=(-1.05 * SHOWN, 1.05 * SHOWN), xlabel=f"own − record, over the tolerance (cut at ±{SHOWN:g})")
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=3)
    return figure


def _page(own: Settings, table: pd.DataFrame, figure: Figure) -> str:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    counts = agreement(table)
    agree, differ = int(counts.loc["all", AGREES]), int(counts.loc["all", DIFFERS])
    headline = f"{agree} of {agree + differ} numbers agree with the record within the spread of a retraining."
    sections = {"By study": counts.reset_index()}
    for verdict in (DIFFERS, UNKNOWN, AGREES):
        sections[f"Numbers: {verdict}"] = table[table["verdict"] == verdict].drop(columns="verdict")
    parts = [f"<h2>{title}</h2>{_html(each)}" for title, each in sections.items()]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(own.name)} against the record</title><style>{STYLE}</style>"
        f"<h1>{html.escape(own.name)} against the record of {html.escape(own.record_name)}</h1><p>{headline}</p>"
        f'<img alt="{headline} Each number as a point by study." '
        f'src="data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}">'
        f"<p>{html.escape(' '.join((__doc__ or '').split()))}</p>{''.join(parts)}</html>"
    )


def _html(table: pd.DataFrame) -> str:
    return (
        '<div class="wide">' + table.to_html(index=False, border=0, na_rep="", float_format="{:.4g}".format) + "</div>"
    )


STYLE = (
    "body{font:16px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "img{max-width:100%}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}"
    "th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #ddd}th{background:#f4f4f4}"
    "td:nth-child(-n+3),th:nth-child(-n+3){text-align:left}"
)
