"""Who would prefer what: the model listener on the rows of a study. Model-predicted, no listeners."""

import warnings
from collections.abc import Sequence

import pandas as pd

from nblib import study
from nblib.entries import BASELINE
from nblib.errors import ParameterError
from nblib.evaluation.intervals import USABLE
from nblib.experiments import separation
from nblib.experiments.listening import share_interval
from nblib.listening import LABEL
from nblib.listening.model_listener import ModelListener
from nblib.listening.model_listener import noticeable_difference as carried_over
from nblib.listening.statistics import preference_rates
from nblib.provenance import derive_seed
from nblib.settings import Settings

TABLE = "preferences.csv"
SCALES = ((1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.5), (1.0, 2.0))  # of choice noise and don't-know zone
KINDS = ("preferred", "dont_know")
TITLES = {"estoi": "ESTOI", "pesq_wb": "PESQ-WB", "sir_db": "SIR", "two_f": "2f-model"}
BY = separation.BY
COLUMNS = """task measure contender noise_scale zone_scale capacity seed judge noticeable_difference preferred_rate
preferred_std preferred_low preferred_high dont_know_rate dont_know_std dont_know_low dont_know_high participants
comparisons""".split()


def noticeable_difference(setup: Settings, task: str, measure: str) -> float:
    """The JND of 3 dB in the target's level over the rest, in `measure`, from the unprocessed test mixtures.

    `ParameterError` where the measure does not rise with that level: it cannot judge here.
    """
    own = study.rows(setup, separation.REFERENCE).query("task == @task").dropna(subset=[measure])
    return carried_over(own["snr_db"].to_numpy(), own[measure].to_numpy())


def judge(measure: str) -> str:
    """What a listener that goes by `measure` is called, wherever it is shown."""
    return f"{TITLES[measure]} listener ({LABEL})"


def votes(
    setup: Settings, rows: pd.DataFrame, task: str, measure: str, people: int, by: Sequence[str] = BY, **scales: float
) -> pd.DataFrame:
    """Each contender (A) against l1 (B): each of so many people hears the same items in each group of `by`.

    Each training seed has participants of its own (IJCNN'20 Sections IV and V). `rows` are the capacity or the
    configuration study's, `scales` `ModelListener`'s; `ParameterError` where nothing can be compared or judged.
    """
    listener, usable = ModelListener(noticeable_difference(setup, task, measure), **scales), rows["status"].isin(USABLE)
    heard = (rows["task"] == task) & rows["item"].isin(separation.listening_items(setup, rows, task))
    scored = rows[heard & usable & rows["seed"].notna()].dropna(subset=[measure])
    one, other = (
        scored[(scored["contender"] == BASELINE) == baseline].rename(columns={measure: score})
        for baseline, score in ((False, "score_a"), (True, "score_b"))
    )
    keys = [name for name in (*by, "seed", "item") if name != "contender" and other[name].notna().all()]
    pairs = one.merge(other[[*keys, "score_b"]], on=keys)[[*by, "seed", "item", "score_a", "score_b"]]
    if pairs.empty:
        bad = rows[~usable].drop_duplicates("run").itertuples()
        named = ", ".join(f"{run.contender} seed {run.seed}: {run.status}" for run in bad)
        wrong = f"{task}: no usable network of l1 and another loss to compare ({named})"
        raise ParameterError(f"{wrong}; lower the learning rate")
    pairs = pairs.assign(system_b=BASELINE, system_a=pairs["contender"])
    parts = []
    # Each group by itself: what is chosen in it must not hang on which others there are, or which of them failed.
    for labels, own in pairs.groupby([*by, "seed"], sort=False):
        group = "-".join(str(label) for label in labels)
        chosen = listener.choose(own, people, derive_seed(setup.seed, "votes", group))
        parts.append(chosen.assign(participant=f"{group}-" + chosen["participant"].astype(str)))
    return pd.concat(parts, ignore_index=True).assign(judge=judge(measure))


def rates(chosen: pd.DataFrame, seed: int, by: Sequence[str] = BY) -> pd.DataFrame:
    """How often each contender was preferred to l1, per group: of each training seed, and over seeds.

    Columns as `preference_rates`; rows without a seed are means over seeds with their 95 % interval.
    """
    each, pooled = (preference_rates(chosen, own, seed) for own in ([*by, "seed"], list(by)))
    each, pooled = (table[table["system"] == table["contender"]].drop(columns="system") for table in (each, pooled))
    for kind in KINDS:
        found = pd.DataFrame([share_interval(own) for _, own in each.groupby(list(by))[f"{kind}_rate"]])
        pooled[[f"{kind}_rate", f"{kind}_low", f"{kind}_high"]] = found[["mean", "low", "high"]].to_numpy()
    return pd.concat([pooled, each], ignore_index=True)


def preferences(setup: Settings, rows: pd.DataFrame) -> pd.DataFrame:
    """Preference and don't-know rates per task, capacity, contender and judge; rows without a seed are over seeds.

    `rows` are the capacity study's. The main judges' rates are there also where the listener's constants halve and
    double; a second judge whose measure cannot judge here is left out with a warning.
    """
    if setup.source == "record":
        return study.read(setup, TABLE)
    tables = []
    for task, measure in [(task, measure) for task, own in separation.JUDGES.items() for measure in own]:
        main = measure == separation.JUDGES[task][0]
        if not main and rows.loc[rows["task"] == task, measure].isna().all():  # PESQ may not be installed
            continue
        about: study.Row = {"judge": judge(measure), "measure": measure}
        try:
            about["noticeable_difference"] = noticeable_difference(setup, task, measure)
            for noise, zone in SCALES if main else SCALES[:1]:
                chosen = votes(setup, rows, task, measure, setup.participants, noise_scale=noise, zone_scale=zone)
                tables.append(rates(chosen, setup.seed).assign(**about, noise_scale=noise, zone_scale=zone))
        except ParameterError as error:
            if main:
                raise
            warnings.warn(f"{task}: no {judge(measure)}: {error}", stacklevel=2)
    table = pd.concat(tables, ignore_index=True)
    study.save(setup, TABLE, table[COLUMNS].sort_values(COLUMNS[:7]))
    return study.read(setup, TABLE)


def main_rates(rates: pd.DataFrame, task: str) -> pd.DataFrame:
    """The rows of a task's main judge with its constants as they are."""
    main = (rates["task"] == task) & (rates["measure"] == separation.JUDGES[task][0])
    return rates[main & (rates["noise_scale"] == 1) & (rates["zone_scale"] == 1)]
