"""One tidy table of votes, for people and for the model listener alike.

A row is one answer of one participant to one pair. Columns:

- ``participant``: a label, equal for all of one person's answers.
- ``item``: what was heard (a track, a sentence).
- ``system_a``, ``system_b``: what stood behind A and B as they were presented.
- ``choice``: "a", "b" or "dont_know".
- ``kind``: "test"; "catch" (one side is a spoilt original, `SPOILT`, that must lose); "training" (never counted).

Further columns (question, judge, capacity, seed, seconds, ...) are kept and can be grouped by.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from nblib import paths
from nblib.errors import ParameterError

COLUMNS = ("participant", "item", "system_a", "system_b", "choice", "kind")
CHOICES = ("a", "b", "dont_know")
KINDS = ("test", "catch", "training")
ORIGINAL, SPOILT = "original", "spoilt"  # the systems of a catch pair
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")  # what spreadsheet programs take for a formula (OWASP)


def check_votes(votes: pd.DataFrame, source: str = "votes") -> pd.DataFrame:
    """The votes with a plain index, names as text, and ``kind`` "test" where there was no such column.

    Raises
    ------
    ParameterError
        There are no votes, a column or value is missing, a choice or kind is unknown, or a system meets itself; the
        message names `source` and the row (from 1).
    """
    if "kind" not in votes.columns:
        votes = votes.assign(kind="test")
    missing = [name for name in COLUMNS if name not in votes.columns]
    if missing:
        raise ParameterError(f"{source}: column {missing[0]!r} is missing; needed are {', '.join(COLUMNS)}")
    if votes.empty:
        raise ParameterError(f"{source}: there are no votes")
    votes = votes.reset_index(drop=True)
    for name in COLUMNS:
        _refuse(votes, votes[name].isna(), name, "is missing", source)
    votes = votes.astype(dict.fromkeys(COLUMNS, str))
    _refuse(votes, ~votes["choice"].isin(CHOICES), "choice", f"is not known: {', '.join(CHOICES)}", source)
    _refuse(votes, ~votes["kind"].isin(KINDS), "kind", f"is not known: {', '.join(KINDS)}", source)
    _refuse(votes, votes["system_a"] == votes["system_b"], "system_b", "stands on both sides", source)
    return votes


def _refuse(votes: pd.DataFrame, wrong: pd.Series, column: str, reason: str, source: str) -> None:
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise ParameterError(f"{source}: row {row + 1}: {column}={votes.at[row, column]!r} {reason}")


def read_votes(path: Path) -> pd.DataFrame:
    """Votes from a CSV file. Errors as for `check_votes`, and for a file that is missing or no CSV."""
    try:
        votes = pd.read_csv(path, dtype=dict.fromkeys(COLUMNS, str), keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise ParameterError(f"{path}: not there; make it by python -m nblib listen export") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: no CSV table of votes ({error})") from error
    return check_votes(votes, str(path))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table with text from people as CSV, whole; what a spreadsheet would run as a formula is made text.

    A cell that starts with ``= + - @``, a tab or a line break gets an apostrophe before it (OWASP, "CSV injection").
    """
    texts = table.select_dtypes(exclude="number").columns
    safe = table.assign(**{name: table[name].map(_neutral) for name in texts})
    with paths.whole(path) as temporary:
        safe.to_csv(temporary, index=False, lineterminator="\n")


def _neutral(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
