"""Who would prefer what: the model listener on the rows of a study. Model-predicted, no listeners."""

import warnings
from collections.abc import Sequence

import pandas as pd

from nblib import listening, study
from nblib.entries import BASELINE, TASKS
from nblib.errors import ParameterError
from nblib.evaluation.intervals import USABLE, seed_interval
from nblib.experiments import separation
from nblib.provenance import derive_seed
from nblib.settings import Settings

TABLE = "preferences.csv"
SCALES = ((1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.5), (1.0, 2.0))  # of choice noise and don't-know zone
TITLES = {"estoi": "ESTOI", "pesq_wb": "PESQ-WB", "sir_db": "SIR", "two_f": "2f-model"}
KINDS = ("preferred", "dont_know")
BY = separation.BY["capacity"]
COLUMNS = [
    *("task", "measure", "contender", "noise_scale", "zone_scale", "capacity", "seed"),
    *("judge", "noticeable_difference"),
    *(f"{kind}_{what}" for kind in KINDS for what in ("rate", "std", "low", "high")),
    *("participants", "comparisons"),
]


def noticeable_difference(setup: Settings, task: str, measure: str) -> float:
    """The JND of 3 dB in the target's level over the rest, in `measure`, from the unprocessed test mixtures.

    `ParameterError` where the measure does not rise with that level: it cannot judge here.
    """
    own = separation.reference(setup).query("task == @task").dropna(subset=[measure])
    return listening.noticeable_difference(own["snr_db"].to_numpy(), own[measure].to_numpy())


def judge(measure: str) -> str:
    """What a listener that goes by `measure` is called, wherever it is shown."""
    return f"{TITLES[measure]} listener ({listening.LABEL})"


def votes(
    setup: Settings, rows: pd.DataFrame, task: str, measure: str, people: int, by: Sequence[str] = BY, **scales: float
) -> pd.DataFrame:
    """Each contender (A) against l1 (B): each of so many `people` hears the same items in each group of `by`.

    Each training seed has participants of its own (IJCNN'20 Sections IV and V). `rows` are the capacity or the
    configuration study's, `scales` as for `ModelListener`; `ParameterError` where nothing can be compared, or as
    `noticeable_difference`.
    """
    listener = listening.ModelListener(noticeable_difference(setup, task, measure), **scales)
    heard = rows["item"].isin(separation.listening_items(setup, rows, task)) & (rows["task"] == task)
    usable = rows[heard & rows["status"].isin(USABLE) & rows["seed"].notna() & rows[measure].notna()]
    one, other = usable[usable["contender"] != BASELINE], usable[usable["contender"] == BASELINE]
    keys = [name for name in (*by, "seed", "item") if name != "contender" and other[name].notna().all()]
    pairs = one.merge(other[[*keys, measure]], on=keys, suffixes=("_a", "_b"))
    if pairs.empty:
        bad = ", ".join(separation.unusable(rows))
        remedy = "lower the learning rate"
        raise ParameterError(f"{task}: no usable network of l1 and another loss to compare ({bad}); {remedy}")
    scores = {f"{measure}_{side}": f"score_{side}" for side in ("a", "b")}
    pairs = pairs[[*by, "seed", "item", *scores]].rename(columns=scores)
    pairs = pairs.assign(system_b=BASELINE, system_a=pairs["contender"])
    parts = []
    # Each group by itself: what is chosen in it must not hang on which others there are, or which of them failed.
    for _, own in pairs.groupby([*by, "seed"], sort=False):
        contender, seed = own[["contender", "seed"]].iloc[0]
        chosen = listener.choose(own, people, derive_seed(setup.seed, "votes", int(seed)))
        parts.append(chosen.assign(participant=f"{contender}-{seed}-" + chosen["participant"].astype(str)))
    return pd.concat(parts, ignore_index=True).assign(judge=judge(measure))


def rates(chosen: pd.DataFrame, seed: int, by: Sequence[str] = BY) -> pd.DataFrame:
    """How often each contender was preferred to l1, per group: of each training seed, and over seeds.

    Columns as `preference_rates`; rows without a seed are means over seeds with their 95 % interval.
    """
    tables = [listening.preference_rates(chosen, own, seed) for own in ([*by, "seed"], list(by))]
    each, pooled = (table[table["system"] == table["contender"]].drop(columns="system") for table in tables)
    for kind in KINDS:
        found = pd.DataFrame(list(each.groupby(list(by))[f"{kind}_rate"].agg(list).map(seed_interval)))
        found = found[["mean", "low", "high"]].clip(0, 1)  # a share lies there
        pooled[[f"{kind}_rate", f"{kind}_low", f"{kind}_high"]] = found.to_numpy()
    return pd.concat([pooled, each], ignore_index=True)


def preferences(setup: Settings, rows: pd.DataFrame) -> pd.DataFrame:
    """Preference and don't-know rates per task, capacity, contender and judge; rows without a seed are over seeds.

    `rows` are the capacity study's. The main judges' rates are there also where the listener's constants halve and
    double; a second judge whose measure cannot judge here is left out with a warning.
    """
    if setup.source == "run":
        judges = [(task, measure) for task in TASKS for measure in separation.JUDGES[task]]
        table = pd.concat([own for each in judges for own in _of_judge(setup, rows, *each)], ignore_index=True)
        study.save(setup, TABLE, table[COLUMNS].sort_values(COLUMNS[:7]))
    return study.read(setup, TABLE)


def _of_judge(setup: Settings, rows: pd.DataFrame, task: str, measure: str) -> list[pd.DataFrame]:
    main, tables = measure == separation.JUDGES[task][0], []
    if not main and rows.loc[rows["task"] == task, measure].isna().all():  # PESQ may not be installed
        return []
    try:
        difference = noticeable_difference(setup, task, measure)
        for noise, zone in SCALES if main else SCALES[:1]:
            chosen = votes(setup, rows, task, measure, setup.participants, noise_scale=noise, zone_scale=zone)
            table = rates(chosen, setup.seed).assign(judge=judge(measure), measure=measure)
            tables.append(table.assign(noise_scale=noise, zone_scale=zone, noticeable_difference=difference))
    except ParameterError as error:
        if main:
            raise
        warnings.warn(f"{task}: no {judge(measure)}: {error}", stacklevel=3)
    return tables


def main_rates(rates: pd.DataFrame, task: str) -> pd.DataFrame:
    """The rows of a task's main judge with its constants as they are."""
    main = (rates["task"] == task) & (rates["measure"] == separation.JUDGES[task][0])
    return rates[main & (rates["noise_scale"] == 1) & (rates["zone_scale"] == 1)]
