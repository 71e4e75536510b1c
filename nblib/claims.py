"""What came out, claim by claim, beside the published values: the table of the README, read from results alone."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nblib import tables
from nblib.experiments import (
    autoencoding,
    broadband,
    capacity,
    configurations,
    listening,
    loss_network,
    preferences,
    redistribution,
    results,
    separation,
)
from nblib.experiments.autoencoding import MODELS
from nblib.experiments.settings import SPEECH, TASKS, Settings
from nblib.listening import preference_rates

Claim = tuple[str, str, str]  # claim, published, here


def summary(setup: Settings) -> pd.DataFrame:
    """What came out so far: columns claim, published, here; read from the results of `setup`."""
    claims = [*_counts(), *_loss_networks(setup), *_models(setup), *_broadband(setup)]
    claims += [*_capacities(setup), *_configurations(setup), *_redistribution(setup)]
    return pd.DataFrame(claims, columns=["claim", "published", "here"])


def _counts() -> list[Claim]:
    counts = tables.parameter_table()
    agree = int((counts["counted"] == counts["published"]).sum())
    return [("parameter counts of the ten separation networks", "IJCNN'20 Table II", f"{agree} of {len(counts)} equal")]


def _loss_networks(setup: Settings) -> list[Claim]:
    scores = results.read(setup, loss_network.TABLE)
    beaten = loss_network.against_baselines(scores).set_index(["network", "baseline"])
    claims = []
    for name, title in loss_network.NETWORKS.items():
        over = {baseline: float(beaten["ratio"][name, baseline]) for baseline in ("identity", "low_pass")}
        here = f"{over['identity']:.2f} of the identity's, {over['low_pass']:.2f} of a low-pass's"
        claims.append((f"a U-Net learns the codec ({title}): held-out l1", "shown as pictures", here))
    emulated = scores[(scores["system"] == "emulation") & (scores["network"] != loss_network.IJCNN20)]
    holes = emulated.groupby("network")[["hole_recall", "hole_precision"]].mean()
    for name in (loss_network.SPECTRAL, loss_network.TIME_DOMAIN):
        recall, precision = float(holes["hole_recall"][name]), float(holes["hole_precision"][name])
        here = f"recall {recall:.2f}, precision {precision:.2f} (a low-pass: recall 0)"
        claims.append((f"it finds the gaps of masking ({loss_network.NETWORKS[name]})", "shown as pictures", here))
    return claims


def _models(setup: Settings) -> list[Claim]:
    rows = autoencoding.results_table(setup, "committed")
    snr = autoencoding.intervals(rows, "snr_db").set_index("system")
    table3 = tables.published("mm19", "table3").set_index("system")["value"]
    table4 = tables.published("mm19", "table4").set_index("system")["value"]
    rates = preference_rates(listening.all_votes(setup), ["judge"])
    main = f"{next(iter(listening.JUDGES.values()))} (model-predicted, no listeners)"
    preferred = rates[rates["judge"] == main].set_index("system")["preferred_rate"]
    claims = []
    for model, title in MODELS.items():
        mean, low, high = (float(snr[column][model]) for column in ("mean", "low", "high"))
        interval = f"{mean:.1f} [{low:.1f}, {high:.1f}]"
        claims.append((f"{title}: SNR (dB)", f"{table3[model]:.1f}", interval))
    for model, title in MODELS.items():
        here = f"{preferred[model]:.2f} (model-predicted)"
        claims.append((f"{title}: share of its comparisons won", f"{table4[model]:.2f}", here))
    return claims


def _broadband(setup: Settings) -> list[Claim]:
    means = broadband.results_table(setup, "committed").groupby("system")[["clicks_per_second", "level_bandwidth_hz"]]
    found = means.mean()
    clicks, width = (
        ", ".join(f"{title[-1]} {float(found[column][model]) * factor:.1f}" for model, title in MODELS.items())
        for column, factor in (("clicks_per_second", 1), ("level_bandwidth_hz", 1e-3))
    )
    original = float(found["clicks_per_second"][autoencoding.LOSSLESS])
    return [
        ("5 kHz material: clicks per second", "B and C click, A and D do not", f"{clicks} (original {original:.1f})"),
        ("5 kHz material: width recovered in level (kHz)", "A a fraction, B and C all, D more than A", width),
    ]


def _capacities(setup: Settings) -> list[Claim]:
    rows, rates = capacity.results_table(setup, "committed"), results.read(setup, preferences.TABLE)
    claims = []
    for task in TASKS:
        figure = tables.figure5_data(rows, rates, task)
        for name in ("P1", "P5"):
            chosen = {source: _rate(figure, name, source) for source in ("paper", "here")}
            title = f"{task} {name}: share of choices for the codec loss"
            claims.append((title, chosen["paper"], f"{chosen['here']} (model-predicted)"))
    for task in TASKS:
        measure = separation.JUDGES[task][0]
        for effect in separation.effects(rows[rows["task"] == task], measure).itertuples():
            title = f"{task} {effect.capacity}: {preferences.TITLES[measure]}, codec loss minus l1"
            claims.append((title, "not given", _interval(effect, 3 if measure == "estoi" else 2)))
    return claims


def _rate(figure: pd.DataFrame, name: str, source: str) -> str:
    own = figure[(figure["capacity"] == name) & (figure["source"] == source) & figure["seed"].isna()]
    values = own.set_index("quantity")["value"]
    preferred, dont_know = values.get("preferred_rate"), values.get("dont_know_rate")
    if preferred is None:
        return "no usable pair"
    return f"{preferred:.2f}, l1 {abs(1 - preferred - dont_know):.2f}, don't know {dont_know:.2f}"


def _interval(effect: Any, digits: int) -> str:
    return f"{effect.mean:+.{digits}f} [{effect.low:+.{digits}f}, {effect.high:+.{digits}f}]"


def _configurations(setup: Settings) -> list[Claim]:
    rows = configurations.results_table(setup, "committed")
    chosen = preferences.votes(setup, rows, SPEECH, "estoi", setup.configuration_participants)
    rates = preferences.rates(chosen, setup.seed)
    here = rates[rates["seed"].isna()].set_index("configuration")["preferred_rate"]
    paper = tables.figure3_published().set_index("configuration")["value"]
    shares = [", ".join(f"{name} {value:.2f}" for name, value in own.items()) for own in (paper, here)]
    costs = configurations.costs_table(setup)
    columns = ("f_over_step_seconds", "f_over_peak_mib", "f_over_paper_batch_peak_mib")
    ratios = {name: [float(costs[column][name]) for column in columns] for name in ("A", "B")}
    batch, paper_batch = int(costs["batch"].iloc[0]), int(costs["paper_batch"].iloc[0])
    cost = "; ".join(
        f"{name} {seconds:.2f} in time, {memory:.2f} in memory ({larger:.2f} in batches of {paper_batch})"
        for name, (seconds, memory, larger) in ratios.items()
    )
    return [
        ("layer configurations: share of choices over l1", shares[0], f"{shares[1]} (model-predicted)"),
        (f"cost of configuration F over that of A and B (batches of {batch})", "less", cost),
    ]


def _redistribution(setup: Settings) -> list[Claim]:
    totals = redistribution.totals(redistribution.results_table(setup, "committed"))
    claims = []
    for task in TASKS:
        effects = {
            side: next(separation.effects(totals[totals["task"] == task], f"{side}_db").itertuples())
            for side in ("above", "below")
        }
        here = "; ".join(f"{side} the threshold {_interval(effect, 1)} dB" for side, effect in effects.items())
        claims.append((f"{task} P1: residual, codec loss minus l1", "elsewhere (spectrograms)", here))
    return claims


def markdown(table: pd.DataFrame) -> str:
    """The table as GitHub shows it."""
    lines = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
