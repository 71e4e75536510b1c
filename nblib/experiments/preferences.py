"""Who would prefer what: the model listener on the rows of an experiment. Model-predicted, no listeners."""

from __future__ import annotations

import pandas as pd

from nblib.errors import ParameterError
from nblib.experiments import capacity, results
from nblib.experiments.settings import Settings
from nblib.listening import LABEL, ModelListener, preference_rates
from nblib.listening import noticeable_difference as carried_over
from nblib.provenance import derive_seed

TABLE = "preferences.csv"
SCALES = (0.5, 1.0, 2.0)


def noticeable_difference(setup: Settings) -> float:
    """The speech-to-noise JND in ESTOI, from the unprocessed test mixtures at several SNRs."""
    reference = results.read(setup, capacity.REFERENCE).dropna()
    return carried_over(reference["snr_db"].to_numpy(), reference["estoi"].to_numpy())


def speech_votes(setup: Settings, listener: ModelListener) -> pd.DataFrame:
    """Codec loss (A) against l1 (B) as in IJCNN'20 Section IV: every participant hears the same items at each capacity.

    Each training seed has participants of its own.
    """
    heard = [item.name for item in capacity.listening_items(setup)]
    rows = results.read(setup, capacity.TABLE)
    pairs = capacity.paired(rows, "estoi")
    pairs = pairs[pairs["item"].isin(heard)].rename(columns={"codec": "score_a", "l1": "score_b"})
    pairs = pairs.assign(system_a="codec", system_b="l1")
    if pairs.empty:
        bad = ", ".join(capacity.unusable(rows))
        raise ParameterError(f"no capacity has a usable network of each loss ({bad}); lower the learning rate")
    votes = []
    for seed in sorted(pairs["seed"].astype(int).unique()):
        own = pairs[pairs["seed"] == seed]
        chosen = listener.choose(own, setup.participants, derive_seed(setup.seed, "votes", int(seed)))
        participant = f"{seed}-" + chosen["participant"].astype(str)
        votes.append(chosen.assign(participant=participant))
    return pd.concat(votes, ignore_index=True)


def make(setup: Settings) -> None:
    """Write the rates of all participants and of each training seed's, at each scale of the listener's constants."""
    difference = noticeable_difference(setup)
    tables = []
    for scale in SCALES:
        for noise_scale, zone_scale in {(scale, 1.0), (1.0, scale)}:
            votes = speech_votes(setup, ModelListener(difference, noise_scale, zone_scale))
            for by in (["task", "capacity"], ["task", "capacity", "seed"]):
                rates = preference_rates(votes, by, setup.seed)
                rates = rates[rates["system"] == "codec"].assign(
                    judge=f"ESTOI listener ({LABEL})", noticeable_difference=difference
                )
                tables.append(rates.assign(noise_scale=noise_scale, zone_scale=zone_scale))
    table = pd.concat(tables, ignore_index=True).reindex(columns=_COLUMNS)
    results.save(setup, TABLE, table.sort_values(["task", "noise_scale", "zone_scale", "capacity", "seed"]))


_COLUMNS = [
    *("task", "capacity", "seed", "judge", "noise_scale", "zone_scale", "noticeable_difference"),
    *("preferred_rate", "preferred_std", "preferred_low", "preferred_high", "dont_know_rate", "dont_know_std"),
    *("participants", "comparisons"),
]


def results_table(setup: Settings, source: str) -> pd.DataFrame:
    """Preference and don't-know rates per task and capacity; rows without a seed pool all seeds' participants."""
    if results.wants_run(source):
        make(setup)
    return results.read(setup, TABLE).astype({"seed": "Int64"})
