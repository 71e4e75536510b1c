"""Participants, their trials and answers in a database: SQLite in the test's folder, or whatever SQLAlchemy reaches."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from nblib.errors import NblibError, ParameterError
from nblib.listening import manifest
from nblib.listening.manifest import ListeningTest
from nblib.listening.server.schedule import HEADPHONES, SKIPPED, Trial, draw
from nblib.provenance import config_hash

MAX_PARTICIPANTS = 10_000  # some 100 MB: a flood of new participants must not fill the disk
_BUSY_MILLISECONDS = 20_000

_metadata = sa.MetaData()
tests = sa.Table("tests", _metadata, sa.Column("digest", sa.String(12), primary_key=True))
participants = sa.Table(
    "participants",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("token_sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False),
)
trials = sa.Table(
    "trials",
    _metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("participant", sa.ForeignKey("participants.number"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("system_a", sa.Text, nullable=False),
    sa.Column("system_b", sa.Text, nullable=False),
    sa.Column("expected", sa.String(16), nullable=False),
    sa.UniqueConstraint("participant", "position"),
)
# The primary key is what makes it one answer a trial, whoever else writes.
answers = sa.Table(
    "answers",
    _metadata,
    sa.Column("trial", sa.ForeignKey("trials.id"), primary_key=True),
    sa.Column("choice", sa.String(16), nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("answered_at", sa.String(32), nullable=False),
)
_TRIAL_COLUMNS = [trials.c[name] for name in Trial._fields if name != "choice"]
# Built once: that takes longer than their execution.
_PARTICIPANT = sa.select(participants.c.number, participants.c.name).where(
    participants.c.token_sha256 == sa.bindparam("token_sha256")
)
_TRIALS = (
    sa.select(*_TRIAL_COLUMNS, answers.c.choice)
    .select_from(trials.outerjoin(answers))
    .where(trials.c.participant == sa.bindparam("number"))
    .order_by(trials.c.position)
)
_TRIAL = _TRIALS.where(trials.c.id == sa.bindparam("trial"))
_ANSWER = answers.insert()


class NoMoreParticipants(NblibError):
    """The test has as many as it takes."""


@dataclass(frozen=True)
class Participant:
    """Who takes the test: `number` from 1, and the name as typed."""

    number: int
    name: str


def now() -> str:
    """This instant in UTC, ISO 8601 to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def database_address(folder: Path, database_url: str | None) -> sa.URL:
    """The database of a test: `database_url`, or SQLite in the test's `folder`.

    Raises
    ------
    ParameterError
        It is no address of a database, or of one in memory, which would forget every vote.
    """
    if database_url is None:
        return sa.URL.create("sqlite", database=str(folder.resolve() / manifest.VOTES))
    try:
        url = sa.make_url(database_url)
    except ArgumentError:
        raise ParameterError(
            f"database_url={database_url!r} is no database address: write it as sqlite:////folder/votes.sqlite or "
            "postgresql+psycopg://user:password@host/name"
        ) from None
    if url.get_backend_name() == "sqlite" and (url.database or ":memory:") == ":memory:":
        raise ParameterError(f"database_url={database_url!r} keeps votes in memory only: name a file")
    return url


def _engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def _set_pragmas(connection: Any, _record: object) -> None:
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",  # in WAL mode the default could lose the last votes when power fails
                f"busy_timeout={_BUSY_MILLISECONDS}",
                "foreign_keys=ON",
            ):
                connection.execute(f"PRAGMA {pragma}")

    return engine


class Store:
    """The database of one listening test.

    Raises
    ------
    ParameterError
        The database cannot be used, or belongs to another test; the message names it and the remedy.
    """

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        self.test: ListeningTest = manifest.load(folder)
        url = database_address(folder, database_url)
        self.address = url.render_as_string(hide_password=True)
        # SQLite's own waiting for a lock polls with growing pauses: writers of one process do better in a queue.
        self._writing = threading.Lock()
        self.digest = config_hash({k: v for k, v in vars(self.test).items() if k not in _MAY_CHANGE})
        try:
            self.engine = _engine(url)
            _metadata.create_all(self.engine)
            self._claim()
        except (DBAPIError, NoSuchModuleError, ImportError) as error:
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise ParameterError(
                f"database_url={self.address!r} cannot be used ({reason}): check that the place exists and may be "
                "written, and that the database's Python driver is installed"
            ) from error

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _claim(self) -> None:
        with self._writing, self.engine.begin() as connection:
            found = connection.scalars(sa.select(tests.c.digest)).all()
            if not found:
                connection.execute(tests.insert().values(digest=self.digest))
        if found and found != [self.digest]:
            raise ParameterError(
                f"database_url={self.address!r} holds the votes on another test: the test was built anew since, or the "
                "address is of another one; name another database, or move this one away"
            )

    def start(self, name: str) -> str:
        """Take in a participant with all his trials; returns his token, of which only a digest is stored.

        Raises
        ------
        NoMoreParticipants
            There are `MAX_PARTICIPANTS` already.
        """
        token = secrets.token_urlsafe(32)
        with self._writing, self.engine.begin() as connection:
            if (connection.scalar(sa.select(sa.func.count()).select_from(participants)) or 0) >= MAX_PARTICIPANTS:
                raise NoMoreParticipants("This test takes no more participants. Please tell whoever invited you.")
            row = participants.insert().values(token_sha256=_digest(token), name=name, started_at=now())
            number = connection.execute(row).inserted_primary_key[0]  # type: ignore[index]
            drawn = [_row(trial) | {"participant": number} for trial in draw(self.test, number)]
            connection.execute(trials.insert(), drawn)
        return token

    def participant(self, token: str) -> Participant | None:
        """Whose token this is; None where it is nobody's."""
        with self.engine.connect() as connection:
            row = connection.execute(_PARTICIPANT, {"token_sha256": _digest(token)}).first()
        return Participant(*row) if row else None

    def trials(self, number: int) -> list[Trial]:
        """All trials of a participant in order, with what was answered."""
        with self.engine.connect() as connection:
            return [Trial._make(row) for row in connection.execute(_TRIALS, {"number": number})]

    def trial(self, number: int, trial_id: str) -> Trial | None:
        """One of the participant's own trials; None where he has no such."""
        with self.engine.connect() as connection:
            row = connection.execute(_TRIAL, {"number": number, "trial": trial_id}).first()
        return Trial._make(row) if row else None

    def answer(self, asked: Sequence[Trial], choice: str, seconds: float) -> bool:
        """Store one answer to each of the trials; on return it is on the disk.

        The first answer to a trial counts: False, and nothing is stored, where one of them has been answered before.
        """
        rows = [{"trial": trial.id, "choice": choice, "seconds": seconds, "answered_at": now()} for trial in asked]
        try:
            with self._writing, self.engine.begin() as connection:
                connection.execute(_ANSWER, rows)
        except IntegrityError:
            with self.engine.connect() as connection:
                if connection.scalar(sa.select(answers.c.trial).where(answers.c.trial.in_([t.id for t in asked]))):
                    return False
            raise
        return True

    def skip_headphones(self, number: int) -> None:
        """Mark what is left of the headphone check as skipped."""
        left = [trial for trial in self.trials(number) if trial.kind == HEADPHONES and trial.choice is None]
        if left:
            self.answer(left, SKIPPED, 0.0)


_MAY_CHANGE = ("name", "minimum_heard_seconds")  # what leaves the votes on a test comparable


def _row(trial: Trial) -> dict[str, object]:
    return {name: value for name, value in trial._asdict().items() if name != "choice"}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
