"""What came out, claim by claim, beside the published values: read from results alone, with intervals over seeds."""

from collections.abc import Hashable, Iterator
from itertools import product
from typing import Any

import pandas as pd

from nblib import study, tables
from nblib.entries import BASELINE, CODEC, SPEECH, TASKS
from nblib.evaluation.intervals import contrast, seed_interval, summary, verdict
from nblib.experiments import listening, redistribution, separation, teachers
from nblib.experiments.autoencoding import LOSSLESS, MODELS
from nblib.listening.statistics import preference_rates
from nblib.settings import Settings

TABLE, COLUMNS = "claims.csv", ["claim", "published", "here", "verdict"]
MODEL, HOLDS = "(model-predicted)", {True: "holds", False: "does not hold"}
Claim = tuple[str, str, str, str]  # as `COLUMNS`


def claims(setup: Settings) -> pd.DataFrame:
    """Every claim (`COLUMNS`), from the results of `setup`, and kept beside them where they are own."""
    parts = (_counts, _loss_networks, _models, _broadband, _capacities, _configurations, _redistribution)
    table = pd.DataFrame([claim for part in parts for claim in part(setup)], columns=COLUMNS)
    if setup.source == "run":
        study.save(setup, TABLE, table)
    return table


def _listed(shares: pd.Series, digits: int = 2) -> str:
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in shares.items())


def _trainings(rows: pd.DataFrame) -> str:
    count = rows["seed"].nunique()
    return "one training" if count == 1 else f"mean of {count} trainings"


def _counts(setup: Settings) -> Iterator[Claim]:
    counts = tables.parameter_table(setup).dropna()
    equal = counts["counted"] == counts["published"]
    here = f"{equal.sum()} of {len(equal)} equal"
    yield "parameter counts of the ten separation networks", "IJCNN'20 Table II", here, HOLDS[bool(equal.all())]


def _loss_networks(setup: Settings) -> Iterator[Claim]:
    for name, own in study.read(setup, "loss_networks.csv").groupby("teacher", sort=False):
        title, told = setup.teachers[str(name)].title, _trainings(own)
        ratios = teachers.against_baselines(setup, own)["ratio"]
        here = "{:.2f} of the identity's, {:.2f} of a low-pass's".format(*ratios)  # in the order of `BASELINES`
        learns = f"{HOLDS[ratios.max() < 1]}, {told}"
        yield f"a U-Net learns the codec ({title}): held-out l1", "shown as pictures", here, learns
        recall, precision = own.loc[own["system"] == "emulation", ["hole_recall", "hole_precision"]].mean()
        here = f"recall {recall:.2f}, precision {precision:.2f} (a low-pass: recall 0)"
        yield f"it finds the gaps of masking ({title})", "shown as pictures", here, told


def _models(setup: Settings) -> Iterator[Claim]:
    rows, votes = study.read(setup, "snr.csv"), study.read(setup, listening.VOTES)
    snr = summary(rows, "snr_db", ["system"]).set_index("system").to_dict("index")
    shares = preference_rates(votes[votes["judge"] == listening.judge("two_f")], ["seed"]).groupby("system")
    won = {model: seed_interval(own["preferred_rate"], 0, 1) for model, own in shares}
    for what, table, found, digits, told in (
        ("SNR (dB)", "table3", snr, 1, ""),
        ("share of its comparisons won", "table4", won, 2, f" {MODEL}"),
    ):
        paper = tables.published("mm19", table).set_index("system")["value"]
        for model in filter(found.get, MODELS):
            here = tables.interval(found[model], digits) + told
            yield f"{MODELS[model]}: {what}", f"{paper[model]:.{digits}f}", here, ""


def _broadband(setup: Settings) -> Iterator[Claim]:
    rows = study.read(setup, "broadband.csv")
    means, told = rows.groupby("system")[["clicks_per_second", "level_bandwidth_hz"]].mean(), _trainings(rows)
    models = means.reindex(list(MODELS)).rename(index=lambda model: model[-1].upper())
    clicks = f"{_listed(models['clicks_per_second'], 1)} (original {means['clicks_per_second'][LOSSLESS]:.1f})"
    yield "5 kHz material: clicks per second", "B and C click, A and D do not", clicks, told
    paper, width = "A a fraction, B and C all, D more than A", _listed(models["level_bandwidth_hz"] * 1e-3, 1)
    yield "5 kHz material: width recovered in level (kHz)", paper, width, told


def _capacities(setup: Settings) -> Iterator[Claim]:
    rows, rates = study.read(setup, "capacity.csv"), study.read(setup, listening.TABLE)
    trained = set(rows["contender"]) - {BASELINE}
    rivals = [(name, title) for name, title in setup.contenders.items() if name in trained]
    text = "{preferred_rate:.2f}, l1 {l1:.2f}, don't know {dont_know_rate:.2f}".format_map
    for task in TASKS:
        figure = tables.figure5_data(rows, rates, task)
        pooled = figure[figure["seed"].isna()].pivot_table("value", ["source", "capacity", "contender"], "quantity")
        shares = pooled.dropna(subset=["preferred_rate", "dont_know_rate"])
        told = shares.assign(l1=(1 - shares["preferred_rate"] - shares["dont_know_rate"]).abs()).apply(text, axis=1)
        for (name, title), capacity in product(rivals, sorted(figure["capacity"].dropna().unique())):
            paper, here = told.get(("paper", capacity, name), "not given"), told.get(("here", capacity, name))
            claim = f"{task} {capacity}: share of choices for the {title}"
            yield claim, paper, f"{here or 'no usable pair'} {MODEL}", ""
    for task, (name, title) in product(TASKS, rivals):
        measure = separation.JUDGES[task][0]
        for row in _effects(rows, task, name, measure):
            claim = f"{task} {row['capacity']}: {listening.TITLES[measure]}, {title} minus l1"
            here = tables.interval(row, 3 if measure == "estoi" else 2, "+")
            yield claim, "not given", here, verdict(row["low"], row["high"])


def _effects(rows: pd.DataFrame, task: str, contender: str, measure: str) -> list[dict[Hashable, Any]]:
    found = contrast(rows[rows["task"] == task], contender, BASELINE, measure, ("capacity",))
    return found.sort_values("capacity").to_dict("records")


def _configurations(setup: Settings) -> Iterator[Claim]:
    rows, by = study.read(setup, "configurations.csv"), separation.CONFIGURATION.by
    chosen = listening.votes(setup, rows, SPEECH, "estoi", setup.configuration_participants, by)
    own = listening.rates(chosen, setup.seed, by).query("seed.isna()").set_index("configuration")["preferred_rate"]
    paper = _listed(tables.figure3_published().set_index("configuration")["value"])
    yield "layer configurations: share of choices over l1", paper, f"{_listed(own)} {MODEL}", ""
    costs = separation.costs_table(setup)
    ratios = costs.loc[["A", "B"], ["f_over_step_seconds", "f_over_peak_mib", "f_over_paper_batch_peak_mib"]]
    batch, paper_batch = costs[["batch", "paper_batch"]].iloc[0]
    text = "{} {:.2f} in time, {:.2f} in memory ({:.2f} in batches of " + f"{paper_batch})"
    here = "; ".join(text.format(*row) for row in ratios.itertuples())
    claim = f"cost of configuration F over that of A and B (batches of {batch})"
    yield claim, "less", here, HOLDS[bool((ratios < 1).all(axis=None))]


def _redistribution(setup: Settings) -> Iterator[Claim]:
    totals = redistribution.totals(study.read(setup, "redistribution.csv"))
    for task, side in product(TASKS, ("above", "below")):
        for row in _effects(totals, task, CODEC, f"{side}_db"):
            claim = f"{task} {row['capacity']}: residual {side} the threshold, codec loss minus l1 (dB)"
            found = verdict(-row["high"], -row["low"]) if side == "above" else ""
            yield claim, "elsewhere (spectrograms)", tables.interval(row, 1, "+"), found
