"""Own results against the record, number by number: how they are judged is said on the page, ``comparison.html``."""

import base64
import contextlib
import html
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

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
COLUMNS = ["study", "cell", "measure", "own", "record", "own_seeds", "record_seeds", "tolerance", "verdict"]
AGREES, DIFFERS, UNKNOWN = "agrees", "differs", "no spread known"
SHOWN = 3.0  # tolerances from the middle of the figure to its edge


def compare(setup: Settings, page: Path | None = None) -> None:
    """Print how much agrees, and write table, figure and page (to `page`, or beside the table), or `ResultsMissing`."""
    own, record = (replace(setup, source=source) for source in ("run", "record"))
    if not record.results.is_dir():
        raise ResultsMissing(f"{record.results}: there is no record of this profile and corpus to compare with")
    table = numbers(own, record)
    study.save(own, TABLE, table)
    use_style()
    counts = pd.crosstab(table["study"], table["verdict"], margins=True, margins_name="all")
    counts = counts.reindex([*table["study"].unique(), "all"], columns=[AGREES, DIFFERS, UNKNOWN], fill_value=0)
    counts["share that agrees"] = (counts[AGREES] / (counts[AGREES] + counts[DIFFERS])).round(3)
    written = page or own.results / PAGE
    picture = save(own.figures, "comparison", comparison_figure(table), table).data
    agree, differ = (int(counts[verdict]["all"]) for verdict in (AGREES, DIFFERS))
    sections = {"By study": counts.reset_index().rename_axis(columns=None)}
    for verdict in (DIFFERS, UNKNOWN, AGREES):
        sections[f"Numbers: {verdict}"] = table[table["verdict"] == verdict].drop(columns="verdict")
    style: dict[str, Any] = {"index": False, "border": 0, "na_rep": "", "float_format": "{:.4g}".format}
    tables = [f'<h2>{title}</h2><div class="wide">{each.to_html(**style)}</div>' for title, each in sections.items()]
    text = Template(Path(__file__).with_name(PAGE).read_text("utf-8")).substitute(
        own=html.escape(own.name),
        record=html.escape(own.record_name),
        headline=f"{agree} of {agree + differ} numbers agree with the record within the spread of a retraining.",
        picture=base64.b64encode(picture).decode(),
        sections="\n".join(tables),
    )
    with paths.whole(written) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"own results of {own.name} against the record of {record.record_name}:\n{counts.to_string()}")
    print(f"the numbers that differ, and all others: {written}")


def numbers(own: Settings, record: Settings) -> pd.DataFrame:
    """Every number that both have, or `ResultsMissing`: own and recorded mean over seeds, what follows (`COLUMNS`)."""
    tables = []
    for each in STUDIES:
        with contextlib.suppress(ResultsMissing):
            mine, theirs = (_means(setup, each, side) for setup, side in ((own, "own"), (record, "record")))
            tables.append(mine.join(theirs, how="inner").reset_index().assign(study=each.name))
    if not any(map(len, tables)):
        raise ResultsMissing(f"{own.results}: no results; make them by python -m nblib run --profile {own.profile}")
    both = pd.concat(tables, ignore_index=True)
    share = 1 / both["record_seeds"] + 1 / both["own_seeds"]
    spread = both["record_seeds"].map(t_factor) * both["record_spread"] * np.sqrt(share)
    tolerance = spread.where(both["record_seeds"] > 0, 0.01 * both["record"].abs())
    off = (both["own"] - both["record"]).abs()
    # Equal to the digits that tables hold is equal, whatever the spread.
    agrees = (off <= tolerance) | (off <= 1e-5 * both["record"].abs())
    verdict = np.where(agrees, AGREES, np.where(tolerance.isna(), UNKNOWN, DIFFERS))
    return both.assign(tolerance=tolerance, verdict=verdict)[COLUMNS]


def _means(setup: Settings, which: Study, side: str) -> pd.DataFrame:
    """Mean, standard deviation and number of seed means per cell and measure."""
    rows = study.read(setup, f"{which.name}.csv").replace([np.inf, -np.inf], np.nan).astype({"seed": float})
    cells = rows[list(which.by)].astype(object).apply(lambda own: " ".join(map(str, own.dropna())), axis=1)
    named, measures = rows.assign(cell=cells), [name for name in which.measures if name in rows]
    long = named[rows["status"].isin(USABLE)].melt(["cell", "seed"], measures, "measure")
    means = long.groupby(["cell", "measure", "seed"], dropna=False, sort=False)["value"].mean().dropna().reset_index()
    columns = {side: ("value", "mean"), f"{side}_spread": ("value", "std"), f"{side}_seeds": ("seed", "count")}
    return means.groupby(["cell", "measure"], sort=False).agg(**columns)


def comparison_figure(table: pd.DataFrame) -> Figure:
    """Every judged number as a point: its distance from the record in units of what a retraining may move it."""
    studies = list(table["study"].unique())
    figure, axes = plt.subplots(figsize=(9, 0.6 * len(studies) + 1.8))
    axes.axvspan(-1, 1, color="0.92", label="within the spread of a retraining")
    judged = table[table["verdict"] != UNKNOWN]
    off = ((judged["own"] - judged["record"]) / judged["tolerance"].replace(0, np.nan)).fillna(0.0).clip(-SHOWN, SHOWN)
    place = judged["study"].map(studies.index) + np.linspace(-0.3, 0.3, 13)[np.arange(len(judged)) % 13]
    for verdict, colour, marker in ((AGREES, COLOURS["codec"], "."), (DIFFERS, COLOURS["l1"], "x")):
        shown = judged["verdict"] == verdict
        axes.plot(off[shown], place[shown], marker, color=colour, label=f"{verdict} ({shown.sum()})")
    axes.set_yticks(range(len(studies)), [name.replace("_", " ") for name in studies])
    axes.set(xlim=(-1.05 * SHOWN, 1.05 * SHOWN), xlabel=f"own − record, over the tolerance (cut at ±{SHOWN:g})")
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=3)
    return figure
