"""What came out, claim by claim, beside the published values: read from results alone, with intervals over seeds."""

from collections.abc import Iterator

import pandas as pd

from nblib import study, tables
from nblib.entries import BASELINE, CODEC, SPEECH, TASKS
from nblib.evaluation.intervals import contrast, summary, verdict
from nblib.experiments import autoencoding, listening, preferences, redistribution, separation, teachers
from nblib.experiments.autoencoding import MODELS
from nblib.listening import preference_rates
from nblib.settings import Settings
from nblib.tables import interval, published

TABLE = "claims.csv"
DIGITS = {"estoi": 3, "sir_db": 2}
Claim = tuple[str, str, str, str]  # claim, published, here, verdict


def claims(setup: Settings) -> pd.DataFrame:
    """Columns claim, published, here, verdict; from the results of `setup`, and kept beside them where they are own."""
    parts = (_counts, _loss_networks, _models, _broadband, _capacities, _configurations, _redistribution)
    found = [claim for part in parts for claim in part(setup)]
    table = pd.DataFrame(found, columns=["claim", "published", "here", "verdict"])
    if setup.source == "run":
        study.save(setup, TABLE, table)
    return table


def _counts(setup: Settings) -> Iterator[Claim]:
    counts = tables.parameter_table(setup).dropna()
    agree = int((counts["counted"] == counts["published"]).sum())
    found = "holds" if agree == len(counts) else "does not hold"
    claim = "parameter counts of the ten separation networks"
    yield claim, "IJCNN'20 Table II", f"{agree} of {len(counts)} equal", found


def _loss_networks(setup: Settings) -> Iterator[Claim]:
    for name, own in study.read(setup, f"{teachers.LOSS_NETWORKS.name}.csv").groupby("teacher", sort=False):
        title = setup.teachers[str(name)].title
        means = own.groupby("system").mean(numeric_only=True)
        errors = means[teachers.own_error(setup, str(name))]
        identity, low_pass = (float(errors["emulation"] / errors[each]) for each in teachers.BASELINES)
        here = f"{identity:.2f} of the identity's, {low_pass:.2f} of a low-pass's"
        found = "holds, one training" if max(identity, low_pass) < 1 else "does not hold, one training"
        yield f"a U-Net learns the codec ({title}): held-out l1", "shown as pictures", here, found
        recall, precision = means.loc["emulation", ["hole_recall", "hole_precision"]]
        here = f"recall {recall:.2f}, precision {precision:.2f} (a low-pass: recall 0)"
        yield f"it finds the gaps of masking ({title})", "shown as pictures", here, "one training"


def _models(setup: Settings) -> Iterator[Claim]:
    table3, table4 = (published("mm19", table).set_index("system")["value"] for table in ("table3", "table4"))
    snr = summary(study.read(setup, "snr.csv"), "snr_db", ("system",))
    for model, title in MODELS.items():
        for _, row in snr[snr["system"] == model].iterrows():
            yield f"{title}: SNR (dB)", f"{table3[model]:.1f}", interval(row, 1), ""
    rates = preference_rates(listening.all_votes(setup), ["judge"])
    main = f"{next(iter(listening.JUDGES.values()))} (model-predicted, no listeners)"
    preferred = rates[rates["judge"] == main].set_index("system")["preferred_rate"]
    for model in preferred.index.intersection(list(MODELS)):
        here = f"{preferred[model]:.2f} (model-predicted, one training)"
        yield f"{MODELS[model]}: share of its comparisons won", f"{table4[model]:.2f}", here, ""


def _broadband(setup: Settings) -> Iterator[Claim]:
    means = study.read(setup, "broadband.csv").groupby("system").mean(numeric_only=True)
    models = means.reindex(list(MODELS))
    clicks, width = (
        ", ".join(f"{letter} {value:.1f}" for letter, value in zip("ABCD", values.tolist(), strict=True))
        for values in (models["clicks_per_second"], models["level_bandwidth_hz"] * 1e-3)
    )
    here = f"{clicks} (original {means['clicks_per_second'][autoencoding.LOSSLESS]:.1f})"
    yield "5 kHz material: clicks per second", "B and C click, A and D do not", here, "one training"
    paper = "A a fraction, B and C all, D more than A"
    yield "5 kHz material: width recovered in level (kHz)", paper, width, "one training"


def _capacities(setup: Settings) -> Iterator[Claim]:
    rows, rates = study.read(setup, "capacity.csv"), study.read(setup, preferences.TABLE)
    present = [name for name in setup.contenders if name in set(rows["contender"]) and name != BASELINE]
    for task in TASKS:
        figure = tables.figure5_data(rows, rates, task)
        for contender in present:
            for name in sorted(set(figure["capacity"].dropna())):
                own = figure[(figure["capacity"] == name) & (figure["contender"] == contender) & figure["seed"].isna()]
                here = _rate(own[own["source"] == "here"], "no usable pair")
                title = f"{task} {name}: share of choices for the {setup.contenders[contender]}"
                yield title, _rate(own[own["source"] == "paper"], "not given"), f"{here} (model-predicted)", ""
    for task in TASKS:
        measure = separation.JUDGES[task][0]
        for contender in present:
            what = f"{preferences.TITLES[measure]}, {setup.contenders[contender]} minus l1"
            for row in _effects(rows[rows["task"] == task], contender, measure):
                found = verdict(row["low"], row["high"])
                yield f"{task} {row['capacity']}: {what}", "not given", interval(row, DIGITS[measure], "+"), found


def _effects(rows: pd.DataFrame, contender: str, measure: str) -> Iterator[pd.Series]:
    found = contrast(rows, contender, BASELINE, measure, ("task", "capacity"))
    return (row for _, row in found.sort_values("capacity").iterrows())


def _rate(own: pd.DataFrame, otherwise: str) -> str:
    values = own.set_index("quantity")["value"].reindex(["preferred_rate", "dont_know_rate"])
    preferred, dont_know = values
    if values.isna().any():
        return otherwise
    return f"{preferred:.2f}, l1 {abs(1 - preferred - dont_know):.2f}, don't know {dont_know:.2f}"


def _configurations(setup: Settings) -> Iterator[Claim]:
    by, people = separation.BY["configuration"], setup.configuration_participants
    chosen = preferences.votes(setup, study.read(setup, "configurations.csv"), SPEECH, "estoi", people, by)
    rates = preferences.rates(chosen, setup.seed, by)
    here = rates[rates["seed"].isna()].set_index("configuration")["preferred_rate"]
    paper = tables.figure3_published().set_index("configuration")["value"]
    shares = [", ".join(f"{name} {value:.2f}" for name, value in own.items()) for own in (paper, here)]
    yield "layer configurations: share of choices over l1", shares[0], f"{shares[1]} (model-predicted)", ""
    costs = separation.costs_table(setup)
    ratios = costs.loc[["A", "B"], ["f_over_step_seconds", "f_over_peak_mib", "f_over_paper_batch_peak_mib"]]
    batch, paper_batch = costs[["batch", "paper_batch"]].iloc[0]
    text = "{} {:.2f} in time, {:.2f} in memory ({:.2f} in batches of " + f"{paper_batch})"
    claim = f"cost of configuration F over that of A and B (batches of {batch})"
    found = "holds" if (ratios < 1).all(axis=None) else "does not hold"
    yield claim, "less", "; ".join(text.format(*row) for row in ratios.itertuples()), found


def _redistribution(setup: Settings) -> Iterator[Claim]:
    totals = redistribution.totals(study.read(setup, "redistribution.csv"))
    for task in TASKS:
        for side in ("above", "below"):
            for row in _effects(totals[totals["task"] == task], CODEC, f"{side}_db"):
                title = f"{task} {row['capacity']}: residual {side} the threshold, codec loss minus l1 (dB)"
                found = verdict(-row["high"], -row["low"]) if side == "above" else ""
                yield title, "elsewhere (spectrograms)", interval(row, 1, "+"), found


def markdown(table: pd.DataFrame) -> str:
    """The table as GitHub shows it."""
    lines = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
