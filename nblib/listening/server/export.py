"""What was stored, as tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from nblib.listening.server.manifest import ListeningTest
from nblib.listening.server.schedule import COUNTED, HEADPHONES
from nblib.listening.server.store import Store, answers, participants
from nblib.listening.votes import COLUMNS

_COLUMNS = (*COLUMNS, "question", "judge", "position", "seconds", "answered_at", "headphones")
_WRONG_IN = 6  # Woods et al. 2017: at least five of six right


def stored_votes(folder: Path, database_url: str | None = None) -> pd.DataFrame:
    """All answers to pairs so far, a row each, as in `nblib.listening.votes`; errors as for `create_app`.

    Further columns: ``question`` (a key of `QUESTIONS`), ``judge`` ("people"), ``position`` (from 1, among the pairs as
    they were met, training included), ``seconds`` (from when the pair was shown to the answer), ``answered_at`` (ISO
    8601, UTC) and ``headphones`` ("passed", "failed" or "skipped").
    """
    test, rows, people = _everything(folder, database_url)
    votes = rows[rows["choice"].notna() & (rows["kind"] != HEADPHONES)].merge(people[["participant", "headphones"]])
    votes["position"] -= len(test.headphone_trials)
    votes = votes.assign(question=test.question, judge="people")[list(_COLUMNS)]
    return votes.astype({"position": int, "seconds": float}).reset_index(drop=True)


def stored_participants(folder: Path, database_url: str | None = None) -> pd.DataFrame:
    """Everybody who has started, a row each; errors as for `create_app`.

    Columns: ``participant`` as in `stored_votes`, ``name`` as typed, ``started_at`` and ``finished_at`` (ISO 8601, UTC),
    ``answered`` (pairs that count), ``headphones``; what is not over yet is empty.
    """
    return _everything(folder, database_url)[2]


def _everything(folder: Path, database_url: str | None) -> tuple[ListeningTest, pd.DataFrame, pd.DataFrame]:
    """The test, its participants' answers, and a row per participant."""
    store = Store(folder, database_url)
    joined = sa.select(participants, answers).select_from(participants.outerjoin(answers))
    with store.engine.connect() as connection:
        rows = pd.read_sql_query(joined.order_by(participants.c.number, answers.c.position), connection)
    rows["participant"] = [f"p{number:03d}" for number in rows["number"]]
    people = [_person(store.test, own) for _, own in rows.groupby("number")]
    columns = ["participant", "name", "started_at", "finished_at", "answered", "headphones"]
    return store.test, rows, pd.DataFrame(people, columns=columns).astype({"answered": int})


def _person(test: ListeningTest, own: pd.DataFrame) -> dict[str, object]:
    finished = own["choice"].notna().sum() == len(test.headphone_trials) + len(test.pairs)
    return own.iloc[0][["participant", "name", "started_at"]].to_dict() | {
        "finished_at": own["answered_at"].max() if finished else "",
        "answered": own["kind"].isin(COUNTED).sum(),
        "headphones": _check(test, own[own["kind"] == HEADPHONES]),
    }


def _check(test: ListeningTest, own: pd.DataFrame) -> str:
    """How the headphone check ended: passed is at most one wrong answer in six; without the check it was skipped."""
    right = {trial.sound: str(trial.quietest) for trial in test.headphone_trials}
    if not right or "skipped" in own["choice"].tolist():
        return "skipped"
    if len(own) < len(right):
        return ""
    wrong = (own["choice"] != own["item"].map(right)).sum()
    return "passed" if wrong <= len(right) // _WRONG_IN else "failed"
