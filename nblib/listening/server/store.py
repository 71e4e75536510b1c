"""Participants, what they are asked, and their answers in a database: SQLite in the test's folder, or another's.

An answer is kept with what was presented, so that it stands for itself; what is still to come is drawn from the test.
"""

import hashlib
import secrets
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from nblib.errors import ParameterError
from nblib.listening.server import manifest
from nblib.listening.server.manifest import ListeningTest
from nblib.listening.votes import CHOICES, COLUMNS, presented
from nblib.provenance import config_hash

HEADPHONES = "headphones"  # the kind of a trial that is no pair
COUNTED = ("test", "catch")
MAX_PARTICIPANTS = 10_000  # some 100 MB: a flood of new participants must not fill the disk
_COLUMNS = (*COLUMNS, "question", "judge", "position", "seconds", "answered_at", "headphones")
_LAYOUT = 2  # of the tables below
_MAY_CHANGE = ("name", "minimum_heard_seconds")  # what leaves the votes on a test comparable
# In WAL mode the default of synchronous could lose the last votes when power fails.
_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000; PRAGMA foreign_keys=ON"
_metadata = sa.MetaData()
tests = sa.Table("tests", _metadata, sa.Column("digest", sa.String(12), primary_key=True))
participants = sa.Table(
    "participants",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("token_sha256", sa.String(64), nullable=False, unique=True),
    *(sa.Column(name, sa.String(80), nullable=False) for name in ("name", "started_at")),
)
# The primary key is what makes it one answer a trial, whoever else writes.
answers = sa.Table(
    "answers",
    _metadata,
    sa.Column("participant", sa.ForeignKey("participants.number"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "item", "system_a", "system_b", "choice")),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("answered_at", sa.String(32), nullable=False),
)
# Built once: that takes longer than their execution.
_PERSON = sa.select(participants).where(participants.c.token_sha256 == sa.bindparam("token"))
_CHOICES = sa.select(answers.c.position, answers.c.choice).where(answers.c.participant == sa.bindparam("number"))
_ANSWER = answers.insert()


class Trial(NamedTuple):
    """One thing a participant is asked, as presented; a trial of kind `HEADPHONES` has the sound's file as item."""

    id: str  # tells nothing of what is heard, and cannot be guessed
    position: int  # from 1
    kind: str
    item: str
    system_a: str
    system_b: str

    @property
    def phase(self) -> str:
        """What a participant may know of the kind: a catch pair must look like any other."""
        return "pair" if self.kind in COUNTED else self.kind

    @property
    def choices(self) -> Sequence[str]:
        """The answers that it takes."""
        return ("1", "2", "3") if self.kind == HEADPHONES else CHOICES


def draw(test: ListeningTest, number: int, secret: str) -> list[Trial]:
    """The trials of participant `number` in order: headphone check, training, all other pairs shuffled together."""
    parts = [[(trial.sound, "", "", HEADPHONES) for trial in test.headphone_trials]]
    parts += [[pair for pair in test.pairs if pair[3] == "training"]]
    parts += [[pair for kind in COUNTED for pair in test.pairs if pair[3] == kind]]
    frames = [pd.DataFrame(part, columns=["item", "system_a", "system_b", "kind"]) for part in parts]
    shown = pd.concat([presented(frame, test.seed, [number]) for frame in frames])
    ids = [hashlib.sha256(f"{secret}/{position}".encode()).hexdigest()[:32] for position in range(1, len(shown) + 1)]
    columns = ids, range(1, len(shown) + 1), shown["kind"], shown["item"], shown["system_a"], shown["system_b"]
    return [Trial(*row) for row in zip(*columns, strict=True)]


class Store:
    """The database of the test in `folder`; `ParameterError` where either cannot be used, or it is another test's."""

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        self.test = manifest.load(folder)
        # SQLite's own waiting for a lock polls with growing pauses: writers of one process do better in a queue.
        self._writing = threading.Lock()
        kept = {name: value for name, value in vars(self.test).items() if name not in _MAY_CHANGE}
        self.digest = config_hash(kept | {"layout": _LAYOUT})
        self.cookie = f"participant_{self.digest}"  # cookies do not tell the ports of tests side by side apart
        self.trials = lru_cache(1000)(lambda person: draw(self.test, person.number, person.token_sha256))
        url = _address(folder, database_url)
        self.address = url.render_as_string()  # without the password
        try:
            self.engine = _engine(url)
            _metadata.create_all(self.engine)
            with self.engine.begin() as connection:
                found = connection.scalars(sa.select(tests.c.digest)).all()
                if not found:
                    connection.execute(tests.insert().values(digest=self.digest))
        except (DBAPIError, NoSuchModuleError, ImportError) as error:
            raise ParameterError(
                f"database_url={self.address!r} cannot be used ({getattr(error, 'orig', error)}): check that the place "
                "exists and may be written, and that the database's Python driver is installed"
            ) from error
        if found and found != [self.digest]:
            raise ParameterError(
                f"database_url={self.address!r} holds the votes on another test: the test was built anew since, or the "
                "address is of another one; name another database, or move this one away"
            )

    def start(self, name: str) -> str | None:
        """Take in a participant; returns the token, or None where there are `MAX_PARTICIPANTS` already."""
        token = secrets.token_urlsafe(32)
        with self._writing, self.engine.begin() as connection:
            if (connection.scalar(sa.select(sa.func.count()).select_from(participants)) or 0) >= MAX_PARTICIPANTS:
                return None
            row = {"token_sha256": _digest(token), "name": name, "started_at": _now()}
            connection.execute(participants.insert(), row)
        return token

    def participant(self, token: str | None) -> sa.Row | None:
        """Whose token this is, a row of `participants`; None where it is nobody's."""
        with self.engine.connect() as connection:
            return connection.execute(_PERSON, {"token": _digest(token)}).first()

    def choices(self, person: sa.Row) -> dict[int, str]:
        """What was answered, by position."""
        with self.engine.connect() as connection:
            return dict(connection.execute(_CHOICES, {"number": person.number}).all())

    def left(self, person: sa.Row) -> list[Trial]:
        """What was not, the present trial first."""
        answered = self.choices(person)
        return [trial for trial in self.trials(person) if trial.position not in answered]

    def state(self, person: sa.Row) -> dict[str, object]:
        """Where a participant is, for the page: nothing here tells systems, kinds or files."""
        trials, left, shown = self.trials(person), self.left(person), []
        for trial in left[:2]:
            alike = [other for other in trials if other.phase == trial.phase]
            shown.append({"id": trial.id, "phase": trial.phase, "number": alike.index(trial) + 1, "of": len(alike)})
        present, following = [*shown, None, None][:2]
        pairs, open_pairs = ([trial.id for trial in own if trial.phase == "pair"] for own in (trials, left))
        sample = next((trial.id for trial in trials if trial.kind != HEADPHONES), None)
        numbers = {"answered": len(pairs) - len(open_pairs), "pairs": len(pairs)}
        return {"name": person.name, "trial": present, "next": following, "sample": sample} | numbers

    def answer(self, person: sa.Row, asked: Sequence[Trial], choice: str, seconds: float) -> None:
        """Store one answer to each of the trials, unless one has been answered before; on return it is on the disk."""
        shared = {"participant": person.number, "choice": choice, "seconds": seconds, "answered_at": _now()}
        rows = [{name: value for name, value in trial._asdict().items() if name != "id"} | shared for trial in asked]
        try:
            with self._writing, self.engine.begin() as connection:
                connection.execute(_ANSWER, rows)
        except IntegrityError:
            if not self.choices(person).keys() & {trial.position for trial in asked}:
                raise


def _address(folder: Path, database_url: str | None) -> sa.URL:
    if database_url is None:
        return sa.URL.create("sqlite", database=str(folder.resolve() / manifest.VOTES))
    try:
        url = sa.make_url(database_url)
    except ArgumentError:
        forms = "sqlite:////folder/votes.sqlite or postgresql+psycopg://user:password@host/name"
        raise ParameterError(f"database_url={database_url!r} is no database address: write it as {forms}") from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ParameterError(f"database_url={database_url!r} keeps votes in memory only: name a file")
    return url


def _engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def _set_pragmas(connection: Any, _record: object) -> None:
            connection.executescript(_PRAGMAS)

    return engine


def _digest(token: str | None) -> str:
    return hashlib.sha256((token or "").encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def stored_votes(folder: Path, database_url: str | None = None) -> pd.DataFrame:
    """All answers to pairs so far, a row each; ``position`` is from 1, ``seconds`` from when the pair was shown."""
    test, rows, people = _everything(folder, database_url)
    votes = rows[rows["choice"].notna() & (rows["kind"] != HEADPHONES)].reset_index(drop=True)
    checks = votes["participant"].map(people.set_index("participant")["headphones"])
    votes = votes.assign(question=test.question, judge="people", headphones=checks)[list(_COLUMNS)]
    votes["position"] -= len(test.headphone_trials)
    return votes.astype({"position": int, "seconds": float})


def stored_participants(folder: Path, database_url: str | None = None) -> pd.DataFrame:
    """Everybody who has started, a row each; ``finished_at`` and ``headphones`` are empty before the end of either."""
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


def _person(test: ListeningTest, own: pd.DataFrame) -> list[object]:
    finished = own["choice"].notna().sum() == len(test.headphone_trials) + len(test.pairs)
    end = own["answered_at"].max() if finished else ""
    check = _check(test, own[own["kind"] == HEADPHONES])
    return [*own.iloc[0][["participant", "name", "started_at"]], end, own["kind"].isin(COUNTED).sum(), check]


def _check(test: ListeningTest, own: pd.DataFrame) -> str:
    """How the headphone check ended; without one it was skipped."""
    right = {trial.sound: str(trial.quietest) for trial in test.headphone_trials}
    wrong = (own["choice"] != own["item"].map(right)).sum()
    if not right or "skipped" in own["choice"].tolist():
        return "skipped"
    if len(own) < len(right):
        return ""
    return "passed" if wrong <= len(right) // 6 else "failed"  # Woods et al. 2017: at least five of six right
