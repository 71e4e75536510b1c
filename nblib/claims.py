"""What came out, claim by claim, beside the published values: read from results alone, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from nblib import study, tables
from nblib.entries import BASELINE, CODEC, SPEECH, TASKS
from nblib.evaluation.intervals import contrast, summary, verdict
from nblib.experiments import autoencoding, listening, preferences, redistribution, separation, teachers
from nblib.experiments.autoencoding import MODELS
from nblib.listening import preference_rates
from nblib.settings import Settings

TABLE = "claims.csv"
DIGITS = {"estoi": 3, "sir_db": 2}
Claim = tuple[str, str, str, str]  # claim, published, here, verdict


def claims(setup: Settings) -> pd.DataFrame:
    """Columns claim, published, here, verdict; from the results of `setup`, and kept beside them where they are own."""
    found = [*_counts(setup), *_loss_networks(setup), *_models(setup), *_broadband(setup)]
    found += [*_capacities(setup), *_configurations(setup), *_redistribution(setup)]
    table = pd.DataFrame(found, columns=["claim", "published", "here", "verdict"])
    if setup.source == "run":
        study.save(setup, TABLE, table)
    return table


def _counts(setup: Settings) -> Iterator[Claim]:
    counts = tables.parameter_table(setup).dropna()
    agree = int((counts["counted"] == counts["published"]).sum())
    here = f"{agree} of {len(counts)} equal"
    holds = "holds" if agree == len(counts) else "does not hold"
    yield "parameter counts of the ten separation networks", "IJCNN'20 Table II", here, holds


def _loss_networks(setup: Settings) -> Iterator[Claim]:
    scores = study.read(setup, f"{teachers.LOSS_NETWORKS.name}.csv")
    for name, teacher in setup.teachers.items():
        own = scores[scores["teacher"] == name]
        if own.empty:
            continue
        errors = own.groupby("system")[teachers.own_error(setup, name)].mean()
        identity, low_pass = (float(errors["emulation"] / errors[each]) for each in ("identity", "low_pass"))
        here = f"{identity:.2f} of the identity's, {low_pass:.2f} of a low-pass's"
        found = "holds, one training" if max(identity, low_pass) < 1 else "does not hold, one training"
        yield f"a U-Net learns the codec ({teacher.title}): held-out l1", "shown as pictures", here, found
        holes = own[own["system"] == "emulation"][["hole_recall", "hole_precision"]].mean()
        here = f"recall {holes['hole_recall']:.2f}, precision {holes['hole_precision']:.2f} (a low-pass: recall 0)"
        yield f"it finds the gaps of masking ({teacher.title})", "shown as pictures", here, "one training"


def _models(setup: Settings) -> Iterator[Claim]:
    snr = summary(study.read(setup, "snr.csv"), "snr_db", ("system",)).set_index("system")
    table3 = tables.published("mm19", "table3").set_index("system")["value"]
    table4 = tables.published("mm19", "table4").set_index("system")["value"]
    rates = preference_rates(listening.all_votes(setup), ["judge"])
    main = f"{next(iter(listening.JUDGES.values()))} (model-predicted, no listeners)"
    preferred = rates[rates["judge"] == main].set_index("system")["preferred_rate"]
    for model, title in MODELS.items():
        if model in snr.index:
            yield f"{title}: SNR (dB)", f"{table3[model]:.1f}", _interval(snr.loc[model], 1, ""), ""
    for model, title in MODELS.items():
        if model in preferred.index:
            here = f"{preferred[model]:.2f} (model-predicted, one training)"
            yield f"{title}: share of its comparisons won", f"{table4[model]:.2f}", here, ""


def _broadband(setup: Settings) -> Iterator[Claim]:
    rows = study.read(setup, "broadband.csv")
    means = rows.groupby("system")[["clicks_per_second", "level_bandwidth_hz"]].mean()
    clicks, width = (
        ", ".join(
            f"{title[-1]} {means[column].get(model, float('nan')) * factor:.1f}" for model, title in MODELS.items()
        )
        for column, factor in (("clicks_per_second", 1), ("level_bandwidth_hz", 1e-3))
    )
    original = float(means["clicks_per_second"][autoencoding.LOSSLESS])
    here = f"{clicks} (original {original:.1f})"
    yield "5 kHz material: clicks per second", "B and C click, A and D do not", here, "one training"
    published = "A a fraction, B and C all, D more than A"
    yield "5 kHz material: width recovered in level (kHz)", published, width, "one training"


def _capacities(setup: Settings) -> Iterator[Claim]:
    rows, rates = study.read(setup, "capacity.csv"), study.read(setup, preferences.TABLE)
    present = [name for name in setup.contenders if name in set(rows["contender"]) and name != BASELINE]
    for task in TASKS:
        figure = tables.figure5_data(rows, rates, task)
        for contender in present:
            for name in sorted(set(figure["capacity"].dropna())):
                here = _rate(figure, name, contender, "here")
                published = _rate(figure, name, contender, "paper")
                title = f"{task} {name}: share of choices for the {setup.contenders[contender]}"
                yield title, published, f"{here} (model-predicted)", ""
    for task in TASKS:
        measure = separation.JUDGES[task][0]
        for contender in present:
            for row in _effects(rows[rows["task"] == task], contender, measure):
                title = (
                    f"{task} {row['capacity']}: {preferences.TITLES[measure]}, {setup.contenders[contender]} minus l1"
                )
                yield title, "not given", _interval(row, DIGITS[measure]), verdict(row["low"], row["high"])


def _effects(rows: pd.DataFrame, contender: str, measure: str) -> list[Any]:
    found = contrast(rows, contender, BASELINE, measure, ("task", "capacity"))
    return [row for _, row in found.sort_values("capacity").iterrows()]


def _rate(figure: pd.DataFrame, name: str, contender: str, source: str) -> str:
    own = figure[(figure["capacity"] == name) & (figure["source"] == source) & figure["seed"].isna()]
    values = own[own["contender"] == contender].set_index("quantity")["value"]
    preferred, dont_know = values.get("preferred_rate"), values.get("dont_know_rate")
    if preferred is None or dont_know is None:
        return "not given" if source == "paper" else "no usable pair"
    return f"{preferred:.2f}, l1 {abs(1 - preferred - dont_know):.2f}, don't know {dont_know:.2f}"


def _interval(row: Any, digits: int, sign: str = "+") -> str:
    text = f"{row['mean']:{sign}.{digits}f}"
    return (
        f"{text} [{row['low']:{sign}.{digits}f}, {row['high']:{sign}.{digits}f}]" if row["low"] == row["low"] else text
    )


def _configurations(setup: Settings) -> Iterator[Claim]:
    rows = study.read(setup, "configurations.csv")
    by = ("task", "configuration", "contender")
    chosen = preferences.votes(setup, rows, SPEECH, "estoi", setup.configuration_participants, by)
    rates = preferences.rates(chosen, setup.seed, by)
    here = rates[rates["seed"].isna()].set_index("configuration")["preferred_rate"]
    paper = tables.figure3_published().set_index("configuration")["value"]
    shares = [", ".join(f"{name} {value:.2f}" for name, value in own.items()) for own in (paper, here)]
    yield "layer configurations: share of choices over l1", shares[0], f"{shares[1]} (model-predicted)", ""
    costs = separation.costs_table(setup)
    columns = ("f_over_step_seconds", "f_over_peak_mib", "f_over_paper_batch_peak_mib")
    batch, paper_batch = int(costs["batch"].iloc[0]), int(costs["paper_batch"].iloc[0])
    ratios = {name: [float(costs[column][name]) for column in columns] for name in ("A", "B")}
    here = "; ".join(
        f"{name} {seconds:.2f} in time, {memory:.2f} in memory ({larger:.2f} in batches of {paper_batch})"
        for name, (seconds, memory, larger) in ratios.items()
    )
    less = all(ratio < 1 for own in ratios.values() for ratio in own)
    title = f"cost of configuration F over that of A and B (batches of {batch})"
    yield title, "less", here, "holds" if less else "does not hold"


def _redistribution(setup: Settings) -> Iterator[Claim]:
    totals = redistribution.totals(study.read(setup, "redistribution.csv"))
    for task in TASKS:
        own = totals[totals["task"] == task]
        for side in ("above", "below"):
            for row in _effects(own, CODEC, f"{side}_db"):
                title = f"{task} {row['capacity']}: residual {side} the threshold, codec loss minus l1 (dB)"
                found = verdict(-row["high"], -row["low"]) if side == "above" else ""
                yield title, "elsewhere (spectrograms)", _interval(row, 1), found


def markdown(table: pd.DataFrame) -> str:
    """The table as GitHub shows it."""
    lines = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
