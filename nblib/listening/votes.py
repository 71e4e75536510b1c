"""One tidy table of votes, for people and for the model listener alike; the latter's; and whose count.

A row is one answer of one participant to one pair: ``participant``, ``item`` (what was heard), ``system_a`` and
``system_b`` (what stood behind A and B), ``choice`` ("a", "b", "dont_know") and ``kind``: "test"; "catch" (one side is
a spoilt original, `SPOILT`, that must lose); "training" (never counted). Further columns are kept.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from nblib import paths
from nblib.errors import ParameterError
from nblib.listening import LABEL
from nblib.provenance import random_generator

COLUMNS = ("participant", "item", "system_a", "system_b", "choice", "kind")
CHOICES, KINDS = ("a", "b", "dont_know"), ("test", "catch", "training")
ORIGINAL, SPOILT = "original", "spoilt"  # the systems of a catch pair
CAUGHT = 0.75  # of catch pairs: of 4, asking for all would lose 19 in 100 attentive listeners, who slip once in twenty
CORRECT_AT_JND = 0.794  # Levitt 1971
PARTICIPANT_SPREAD = 0.3  # standard deviation of the logarithm of a participant's noise: a factor of 1.35 either way
BIAS_OF_NOISE = 0.2  # standard deviation of a participant's bias over the choice noise; assumed


def presented(pairs: pd.DataFrame, seed: int, participants: Sequence[int]) -> pd.DataFrame:
    """The pairs as each participant meets them: in an order and with sides (columns ``_a``, ``_b``) of their own."""
    sides = [(name, f"{name[:-1]}b") for name in pairs.columns if name.endswith("_a") and f"{name[:-1]}b" in pairs]
    swapped = pairs.rename(columns={old: new for a, b in sides for old, new in ((a, b), (b, a))})
    generators = [random_generator("presentation", seed, number) for number in participants]
    rows = [own.permutation(len(pairs)) + len(pairs) * (own.random(len(pairs)) < 0.5) for own in generators]
    return pd.concat([pairs, swapped]).iloc[np.concatenate(rows)].reset_index(drop=True)


def model_votes(
    pairs: pd.DataFrame, jnd: float, participants: int, seed: int, noise: float = 1, zone: float = 1, bias: float = 1
) -> pd.DataFrame:
    """The votes of simulated participants "1", "2", ... on every pair once, as docs/listening-tests.md explains.

    They go by ``score_a`` and ``score_b`` (higher is better, `ParameterError` where one is not finite); `jnd` is in the
    scores' unit, `noise`, `zone` and `bias` are factors on a listener's constants.
    """
    if not np.isfinite(pairs[["score_a", "score_b"]].to_numpy(float)).all():
        raise ParameterError("pairs: some have a score that is not finite; leave their items out")
    deviation, numbers = jnd / norm.ppf(CORRECT_AT_JND), range(1, participants + 1)
    generators = [random_generator(seed, "participant", number) for number in numbers]
    drawn = np.stack([own.standard_normal(2 + len(pairs)) for own in generators])  # for spread and bias, then each pair
    spread = noise * deviation * np.exp(PARTICIPANT_SPREAD * drawn[:, :1])
    leaning = bias * BIAS_OF_NOISE * deviation * drawn[:, 1:2]
    shown = presented(pairs, seed, numbers)
    perceived = (shown["score_a"] - shown["score_b"]).to_numpy(float) + (leaning + spread * drawn[:, 2:]).ravel()
    choice = np.select([np.abs(perceived) < zone * jnd / 2, perceived > 0], ["dont_know", "a"], "b")
    names = np.repeat(numbers, len(pairs)).astype(str)
    return shown.assign(participant=names, choice=choice, kind="test", judge=LABEL)


def read_table(path: Path, columns: Sequence[str], origin: str, **options: Any) -> pd.DataFrame:
    """A CSV file that has `columns` and a row at least; otherwise `ParameterError`, naming `origin`."""
    try:
        table = pd.read_csv(path, keep_default_na=False, encoding="utf-8-sig", **options)
    except FileNotFoundError:
        raise ParameterError(f"{path}: not there; {origin}") from None
    except (OSError, ValueError) as error:
        raise ParameterError(f"{path}: no CSV table of votes ({error}); {origin}") from error
    missing = [f"column {name!r} is missing" for name in columns if name not in table]
    if missing or table.empty:
        raise ParameterError(f"{path}: {', '.join(missing) or 'there are no votes in it'}; {origin}")
    return table


def read_votes(path: Path) -> pd.DataFrame:
    """Votes from a CSV file; a vote that cannot be is a `ParameterError` with file and row (from 1)."""
    origin = "make it by python -m nblib listen export"
    votes = read_table(path, COLUMNS[:-1], origin, dtype=dict.fromkeys(COLUMNS, str), na_values=[""])
    votes = votes.assign(kind=votes.get("kind", "test"))
    for name in COLUMNS:
        refuse_rows(path, votes, votes[name].isna(), name, "is missing")
    for name, known in (("choice", CHOICES), ("kind", KINDS), ("headphones", ("passed", "failed", "skipped", ""))):
        if name in votes:
            refuse_rows(path, votes, ~votes[name].fillna("").isin(known), name, f"is not known: {', '.join(known)}")
    refuse_rows(path, votes, votes["system_a"] == votes["system_b"], "system_b", "stands on both sides")
    spoilt = (votes[["system_a", "system_b"]] == SPOILT).any(axis=1)
    refuse_rows(path, votes, (votes["kind"] == "catch") & ~spoilt, "kind", f"has no {SPOILT!r} side")
    return votes


def refuse_rows(path: Path, table: pd.DataFrame, wrong: pd.Series, column: str, reason: str) -> None:
    """Raise `ParameterError` naming the first row of `table` (from 1) that is `wrong`, and its value in `column`."""
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise ParameterError(f"{path}: row {row + 1}: {column}={table[column].iloc[row]!r} {reason}")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, whole; an apostrophe comes before text that spreadsheets run as a formula (OWASP)."""
    texts = table.select_dtypes(exclude="number").astype(str).where(table.notna())
    texts = texts.replace(r"^(?=[=+\-@\t\r\n])", "'", regex=True)
    with paths.whole(path) as temporary:
        table.assign(**texts).to_csv(temporary, index=False, lineterminator="\n")


def passed_checks(votes: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The votes of those who passed; and of all whose ``headphones`` check, if there was one, did not fail, who did.

    Passed have those who told the spoilt sound in `CAUGHT` of their catch pairs, or had none.
    """
    if "headphones" in votes:
        votes = votes[~votes["participant"].isin(votes["participant"][votes["headphones"] == "failed"])]
    catch = votes["kind"] == "catch"
    right = catch & (votes["choice"] == np.where(votes["system_a"] == SPOILT, "b", "a"))
    people = pd.DataFrame({"catch": catch, "caught": right}).groupby(votes["participant"]).sum().reset_index()
    people["kept"] = kept = people["caught"] >= CAUGHT * people["catch"]
    people["reason"] = np.select([people["catch"] == 0, kept], ["no catch pairs", "passed"], "missed catch pairs")
    return votes[votes["participant"].isin(people["participant"][kept])].reset_index(drop=True), people
