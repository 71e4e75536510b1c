"""What was stored, as tables."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from nblib.listening.server import schedule
from nblib.listening.server.schedule import COUNTED, HEADPHONES, Trial
from nblib.listening.server.store import Store, answers, participants, trials

VOTE_COLUMNS = {
    "participant": "object",
    "item": "object",
    "system_a": "object",
    "system_b": "object",
    "choice": "object",
    "kind": "object",
    "question": "object",
    "judge": "object",
    "position": "int64",
    "seconds": "float64",
    "answered_at": "object",
    "headphones": "object",
}
PARTICIPANT_COLUMNS = {
    "participant": "object",
    "name": "object",
    "started_at": "object",
    "finished_at": "object",
    "answered": "int64",
    "headphones": "object",
}


def stored_votes(folder: Path, database_url: str | None = None) -> pd.DataFrame:
    """All answers to pairs so far, a row each, as in `nblib.listening.votes`.

    Further columns: ``question`` (a key of `QUESTIONS`), ``judge`` ("people"), ``position`` (from 1, among the pairs as
    this participant met them, training included), ``seconds`` (from when the pair was shown to the answer),
    ``answered_at`` (ISO 8601, UTC) and ``headphones`` ("passed", "failed" or "skipped").

    Raises
    ------
    ParameterError
        As for `create_app`.
    """
    store = Store(folder, database_url)
    rows = []
    for person, asked in _everything(store):
        pairs = [trial for trial in asked if trial["kind"] != HEADPHONES]
        shared = {"question": store.test.question, "judge": "people", "headphones": person["headphones"]}
        for position, trial in enumerate(pairs, start=1):
            if trial["choice"] is not None:
                rows.append(dict(trial) | shared | {"participant": person["participant"], "position": position})
    return pd.DataFrame(rows, columns=list(VOTE_COLUMNS)).astype(VOTE_COLUMNS)


def stored_participants(folder: Path, database_url: str | None = None) -> pd.DataFrame:
    """Everybody who has started, a row each.

    Columns: ``participant`` (the label in `stored_votes`), ``name`` (as typed), ``started_at`` and ``finished_at`` (ISO
    8601, UTC; the latter empty before the end), ``answered`` (pairs that count), ``headphones`` ("passed", "failed",
    "skipped", or empty before the end of the check). Errors as for `stored_votes`.
    """
    rows = [person for person, _ in _everything(Store(folder, database_url))]
    return pd.DataFrame(rows, columns=list(PARTICIPANT_COLUMNS)).astype(PARTICIPANT_COLUMNS)


def _everything(store: Store) -> list[tuple[dict[str, object], list[sa.RowMapping]]]:
    wanted = (
        sa.select(participants.c.number, participants.c.name, participants.c.started_at, trials, answers)
        .select_from(participants.join(trials).outerjoin(answers))
        .order_by(participants.c.number, trials.c.position)
    )
    with store.engine.connect() as connection:
        rows = connection.execute(wanted).mappings().all()
    return [_person(list(asked)) for _, asked in groupby(rows, key=lambda row: row["number"])]


def _person(asked: list[sa.RowMapping]) -> tuple[dict[str, object], list[sa.RowMapping]]:
    first = asked[0]
    finished = all(row["choice"] is not None for row in asked)
    check = [Trial(**{name: row[name] for name in Trial._fields}) for row in asked]
    return {
        "participant": f"p{first['number']:03d}",
        "name": first["name"],
        "started_at": first["started_at"],
        "finished_at": max(row["answered_at"] for row in asked) if finished else "",
        "answered": sum(row["kind"] in COUNTED and row["choice"] is not None for row in asked),
        "headphones": schedule.headphones(check),
    }, asked
