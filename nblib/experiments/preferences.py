"""Who would prefer what: the model listener on the rows of an experiment. Model-predicted, no listeners."""

from __future__ import annotations

import warnings

import pandas as pd

from nblib.errors import ParameterError
from nblib.evaluation.intervals import nested_interval
from nblib.experiments import capacity, results, separation
from nblib.experiments.settings import TASKS, Settings
from nblib.listening import LABEL, ModelListener, preference_rates
from nblib.listening import noticeable_difference as carried_over
from nblib.listening.tallies import outcomes
from nblib.provenance import derive_seed

TABLE = "preferences.csv"
SCALES = (0.5, 1.0, 2.0)
TITLES = {"estoi": "ESTOI", "pesq_wb": "PESQ-WB", "sir_db": "SIR", "two_f": "2f-model"}


def noticeable_difference(setup: Settings, task: str, measure: str) -> float:
    """The JND of 3 dB in the target's level over the rest, in `measure`, from the unprocessed test mixtures.

    Raises
    ------
    ParameterError
        The measure does not rise with that level: it cannot judge here.
    """
    reference = results.read(setup, separation.REFERENCE)
    own = reference[reference["task"] == task].dropna(subset=[measure])
    return carried_over(own["snr_db"].to_numpy(), own[measure].to_numpy())


def judge(measure: str) -> str:
    """What a listener that goes by `measure` is called, wherever it is shown."""
    return f"{TITLES[measure]} listener ({LABEL})"


def votes(
    setup: Settings, rows: pd.DataFrame, task: str, measure: str, participants: int, **scales: float
) -> pd.DataFrame:
    """Codec loss (A) against l1 (B): every participant hears the same items in each capacity or configuration.

    Each training seed has participants of its own (IJCNN'20 Sections IV and V).

    Parameters
    ----------
    rows : DataFrame
        As `capacity.results_table` or `configurations.results_table`.
    scales : float
        As for `ModelListener`.

    Raises
    ------
    ParameterError
        Nothing can be compared, or as `noticeable_difference`.
    """
    listener = ModelListener(noticeable_difference(setup, task, measure), **scales)
    heard = [item.name for item in separation.listening_items(setup, task)]
    pairs = separation.paired(rows[rows["task"] == task], measure)
    pairs = pairs[pairs["item"].isin(heard)].rename(columns={"codec": "score_a", "l1": "score_b"})
    pairs = pairs.assign(system_a="codec", system_b="l1")
    if pairs.empty:
        group, bad = separation.grouping(rows), ", ".join(separation.unusable(rows))
        raise ParameterError(f"{task}: no {group} has a usable network of each loss ({bad}); lower the learning rate")
    parts = []
    for seed in sorted(pairs["seed"].astype(int).unique()):
        own = pairs[pairs["seed"] == seed]
        chosen = listener.choose(own, participants, derive_seed(setup.seed, "votes", int(seed)))
        parts.append(chosen.assign(participant=f"{seed}-" + chosen["participant"].astype(str)))
    return pd.concat(parts, ignore_index=True).assign(judge=judge(measure))


def rates(chosen: pd.DataFrame, seed: int) -> pd.DataFrame:
    """How often the codec loss was preferred, per task and group: of each training seed, and pooled.

    Columns as `preference_rates`; rows without a seed pool all participants, and their intervals are nested ones over
    seeds and participants.
    """
    by = ["task", separation.grouping(chosen)]
    single = preference_rates(chosen, [*by, "seed"], seed)
    pooled = preference_rates(chosen, by, seed)
    pooled, single = (table[table["system"] == "codec"].set_index(by) for table in (pooled, single))
    counted = outcomes(chosen, [*by, "seed"])  # "codec" comes first in the alphabet: 1 is a vote for it
    picked = counted.assign(preferred=counted["outcome"] == 1, dont_know=counted["outcome"] == 0)
    shares = picked.groupby([*by, "seed", "participant"])[["preferred", "dont_know"]].mean()
    for group, own in shares.groupby(by):
        for name in own:
            matrix = [list(values) for _, values in own[name].groupby("seed")]
            interval = nested_interval(pd.DataFrame(matrix).to_numpy(float), seed)
            pooled.loc[group, [f"{name}_low", f"{name}_high"]] = interval["low"], interval["high"]
    return pd.concat([pooled.reset_index(), single.reset_index()], ignore_index=True)


def make(setup: Settings) -> None:
    """Write the rates by every judge; by the main ones also where the listener's constants halve and double.

    A second judge whose measure cannot judge here is left out with a warning.
    """
    rows = capacity.results_table(setup, "committed")
    tables = []
    for task in TASKS:
        main, second = separation.JUDGES[task]
        tables += _tables(setup, rows, task, main)
        if rows.loc[rows["task"] == task, second].notna().any():  # PESQ may not be installed
            try:
                tables += _tables(setup, rows, task, second)
            except ParameterError as error:
                warnings.warn(f"{task}: no {judge(second)}: {error}", stacklevel=2)
    table = pd.concat(tables, ignore_index=True).reindex(columns=_COLUMNS)
    order = ["task", "measure", "noise_scale", "zone_scale", "capacity", "seed"]
    results.save(setup, TABLE, table.sort_values(order))


def _tables(setup: Settings, rows: pd.DataFrame, task: str, measure: str) -> list[pd.DataFrame]:
    main = measure == separation.JUDGES[task][0]
    scales = sorted({pair for scale in SCALES for pair in ((scale, 1.0), (1.0, scale))}) if main else [(1.0, 1.0)]
    tables = []
    for noise_scale, zone_scale in scales:
        chosen = votes(setup, rows, task, measure, setup.participants, noise_scale=noise_scale, zone_scale=zone_scale)
        table = rates(chosen, setup.seed).assign(judge=judge(measure), measure=measure)
        tables.append(table.assign(noise_scale=noise_scale, zone_scale=zone_scale))
    difference = noticeable_difference(setup, task, measure)
    return [table.assign(noticeable_difference=difference) for table in tables]


_COLUMNS = [
    *("task", "capacity", "seed", "judge", "measure", "noise_scale", "zone_scale", "noticeable_difference"),
    *("preferred_rate", "preferred_std", "preferred_low", "preferred_high"),
    *("dont_know_rate", "dont_know_std", "dont_know_low", "dont_know_high"),
    *("participants", "comparisons"),
]


def results_table(setup: Settings, source: str) -> pd.DataFrame:
    """Preference and don't-know rates per task, capacity and judge; rows without a seed pool all participants."""
    if results.wants_run(source):
        make(setup)
    return results.read(setup, TABLE).astype({"seed": "Int64"})


def main_rates(rates: pd.DataFrame, task: str) -> pd.DataFrame:
    """The rows of a task's main judge with its constants as they are."""
    main = (rates["task"] == task) & (rates["measure"] == separation.JUDGES[task][0])
    return rates[main & (rates["noise_scale"] == 1) & (rates["zone_scale"] == 1)]
