"""What is stored: order, one vote a trial, tables, other databases; and what neither crowd nor crash may change."""

import http.client
import json
import os
import signal
import socket
import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from helpers.listening import Person, free_port, served, start_server

from nblib.errors import ParameterError
from nblib.listening.server import manifest
from nblib.listening.server.app import create_app, serve
from nblib.listening.server.store import participants, stored_participants, stored_votes
from nblib.listening.votes import presented, read_votes, write_table

Answer = Callable[[FlaskClient, str], dict]


def choices(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "votes.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = database.execute("SELECT choice FROM answers WHERE choice <> 'skipped' ORDER BY answered_at")
        return [choice for (choice,) in rows]


def test_order_and_sides_are_those_drawn_for_the_participant(app: Flask, folder: Path, answer: Answer) -> None:
    seen: list[tuple[str, int, int]] = []
    for name in ("Ada", "Bob", "Cleo"):
        client = app.test_client()
        state = client.post("/api/start", json={"name": name}).json
        while trial := state["trial"]:
            seen.append((trial["phase"], trial["number"], trial["of"]))
            state = answer(client, "1" if trial["phase"] == "headphones" else "b")
        assert state["answered"] == state["pairs"] == 7
    checks = [("headphones", k, 6) for k in range(1, 7)]
    assert seen == 3 * [*checks, ("training", 1, 1), *(("pair", k, 7) for k in range(1, 8))]
    test, votes = manifest.load(folder), stored_votes(folder)
    columns = ["item", "system_a", "system_b", "kind"]
    pairs = pd.DataFrame(test.pairs, columns=columns)
    parts = [pairs[:1], pd.concat([pairs[2:], pairs[1:2]])]  # training; then test pairs and the catch pair
    for number in (1, 2, 3):
        own = votes[votes["participant"] == f"p{number:03d}"]
        expected = pd.concat([presented(part, test.seed, [number]) for part in parts])
        assert own[columns].to_numpy().tolist() == expected[columns].to_numpy().tolist()
        assert own["position"].tolist() == list(range(1, 9))


def test_the_tables(started: FlaskClient, app: Flask, folder: Path, answer: Answer) -> None:
    assert stored_votes(folder).empty and stored_votes(folder)["seconds"].dtype == float
    for choice in (*6 * "1", "a", "b", "dont_know"):
        answer(started, choice)
    client = app.test_client()
    client.post("/api/start", json={"name": "=cmd|' /C calc'!A0"})
    for _ in range(2):  # nobody without headphones is thrown out
        assert client.post("/api/headphones/skip", json={}).json["trial"]["phase"] == "training"
    votes, people = stored_votes(folder), stored_participants(folder)
    write_table(folder / "votes.csv", votes)
    pd.testing.assert_frame_equal(read_votes(folder / "votes.csv"), votes, check_dtype=False)
    assert votes["choice"].tolist() == ["a", "b", "dont_know"] and votes["kind"].tolist()[0] == "training"
    assert votes[["question", "judge", "seconds"]].drop_duplicates().to_numpy().tolist() == [["quality", "people", 2.5]]
    assert votes["answered_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00").all()
    assert people.drop(columns="started_at").to_numpy().tolist() == [
        ["p001", "Ada", "", 2, "failed"],  # the training pair does not count
        ["p002", "=cmd|' /C calc'!A0", "", 0, "skipped"],
    ]
    for _ in range(5):
        answer(started, "a")
    assert stored_participants(folder)["finished_at"][0] == stored_votes(folder)["answered_at"].iloc[-1]
    text = (folder / "test.json").read_text()
    (folder / "test.json").write_text(text.replace('"seed": 11', '"seed": 12'))
    with pytest.raises(ParameterError, match="votes.sqlite.* holds the votes on another test"):
        create_app(folder)
    (folder / "test.json").write_text(text.replace("Codecs", "Coders"))  # a title may be mended
    assert len(stored_votes(folder)) == 8


@pytest.mark.parametrize(("wrong", "result"), [(1, "passed"), (2, "failed")])
def test_five_of_six_pass_the_headphone_check(
    app: Flask, started: FlaskClient, folder: Path, answer: Answer, wrong: int, result: str
) -> None:
    store = app.extensions["store"]
    quietest = {trial.sound: trial.quietest for trial in store.test.headphone_trials}
    with store.engine.connect() as connection:
        trials = store.trials(connection.execute(sa.select(participants)).one())
    for index, trial in enumerate(trials[:6]):
        answer(started, "123"[(quietest[trial.item] - (index >= wrong)) % 3])
    answer(started, "a")
    assert stored_participants(folder)["headphones"].tolist() == [result]
    assert stored_votes(folder)["headphones"].tolist() == [result]


def test_the_first_answer_counts_and_only_the_present_trial_may_be_answered(started: FlaskClient, folder: Path) -> None:
    state = started.post("/api/headphones/skip", json={}).json
    first_path, later_path = (f"/api/trials/{state[which]['id']}/answer" for which in ("trial", "next"))
    assert started.post(later_path, json={"choice": "a", "seconds": 1}).status_code == 409
    first = started.post(first_path, json={"choice": "a", "seconds": 1.00049999})
    again = started.post(first_path, json={"choice": "b", "seconds": 9})
    assert first.status_code == again.status_code == 200 and again.json == first.json
    assert again.json["stored"] == {"trial": state["trial"]["id"], "choice": "a"}
    assert stored_votes(folder)[["choice", "seconds"]].to_numpy().tolist() == [["a", 1.0]]


def test_a_crowd_votes_at_once_in_eight_tabs_each_and_every_pair_is_stored_once(folder: Path) -> None:
    with served(folder) as port, ThreadPoolExecutor(200) as pool:
        people = [Person(port) for _ in range(25)]
        list(pool.map(lambda person: person.start("x"), people))

        def vote(index: int) -> tuple[str, str]:
            person, tab = people[index // 8], Person(port)
            tab.cookie, tab.state = person.cookie, person.state
            tab.answer(["a", "dont_know", "b"][index % 3])
            return person.cookie, tab.state["stored"]["choice"]

        told = set(pool.map(vote, range(200)))
    votes = stored_votes(folder)
    assert len(told) == votes["participant"].nunique() == len(votes) == len(stored_participants(folder)) == 25
    assert Counter(votes["choice"]) == Counter(choice for _, choice in told)


def test_a_killed_server_loses_no_vote_that_it_confirmed_and_people_go_on(folder: Path) -> None:
    port = free_port()
    server = start_server(folder, port)
    people = [Person(port) for _ in range(8)]
    confirmed: list[int] = []

    def take_part(person: Person, at_most: int = 30) -> None:
        with suppress(OSError, http.client.HTTPException):  # refused, reset, or broken off within an answer
            while person.state["trial"]:
                person.answer("a")
                confirmed.append(1)
                if len(confirmed) >= at_most:
                    server.kill()

    for person in people:
        person.start("x")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take_part, people))
    server.join()
    assert server.exitcode == -signal.SIGKILL
    assert 30 <= len(confirmed) <= len(choices(folder)) < 64
    server = start_server(folder, port)
    for person in people:
        person.connection.close()  # to the server that was killed, also of those who had ended before
        person.state = json.loads(person.request("GET", "/api/state")[1])
        take_part(person, at_most=100)
        assert person.state["trial"] is None
    server.kill()
    assert choices(folder) == 64 * ["a"]


def test_large_bodies_ways_out_and_a_clean_stop(folder: Path) -> None:
    def status(text: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert b"\r\nServer:" not in answer
        return answer[:12]

    head = b"POST /api/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    port = free_port()
    server = start_server(folder, port)
    with pytest.raises(ParameterError, match=f"port={port}: cannot listen there .*in use.*choose another port"):
        serve(folder, port=port)
    for size in (5_000, 100_000):
        content = b'{"name": "' + b"x" * size + b'"}'
        assert status(head + b"Content-Length: %d\r\n\r\n%s" % (len(content), content)) == b"HTTP/1.1 413"
        head_chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
        assert status(head_chunked + b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)) == b"HTTP/1.1 413"
    for path in (b"/static/../app.py", b"/../../etc/passwd", b"/audio/..%2f..%2fvotes.sqlite/a"):
        assert status(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") == b"HTTP/1.1 404"
    assert stored_participants(folder).empty
    os.kill(server.pid or 0, signal.SIGINT)
    server.join(30)
    assert server.exitcode == 0


@pytest.mark.parametrize(("host", "place"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("0.0.0.0", ":80")])
def test_where_to_go_is_printed(folder: Path, capsys, monkeypatch, host: str, place: str) -> None:
    stopped = type("Stopped", (), {"run": lambda self: None})
    monkeypatch.setattr("nblib.listening.server.app.create_server", lambda *_, **__: stopped())
    serve(folder, host, 80)
    out = capsys.readouterr().out
    assert f"{place}/ in a browser" in out and str(folder / "votes.sqlite") in out and f"listen export {folder}" in out
    assert ("Warning: anyone" in out) == (host == "0.0.0.0")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("votes", "is no database address: write it as sqlite"),
        ("postgresql+nodriver://user:pass@host/name", "cannot be used .*driver is installed"),
        (None, "votes.sqlite.*not a database"),
    ],
)
def test_databases_that_cannot_be_used(folder: Path, address: str | None, reason: str) -> None:
    (folder / "votes.sqlite").write_text("not a database, but long enough to have been one " * 9)
    with pytest.raises(ParameterError, match=reason) as caught:
        stored_votes(folder, address)
    assert "pass@" not in str(caught.value)


def test_a_vote_that_cannot_be_stored_is_not_confirmed(started: FlaskClient, app: Flask, folder: Path) -> None:
    with app.extensions["store"].engine.connect() as connection:  # and what is confirmed lasts through a power cut
        found = [connection.execute(sa.text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
        assert found == ["wal", 2]
    path = f"/api/trials/{started.post('/api/headphones/skip', json={}).json['trial']['id']}/answer"
    for old, new, status in (("answers", "away", 503), ("away", "answers", 200)):
        with sqlite3.connect(folder / "votes.sqlite") as database:
            database.execute(f"ALTER TABLE {old} RENAME TO {new}")
        assert started.post(path, json={"choice": "a", "seconds": 1}).status_code == status
    assert stored_votes(folder)["choice"].tolist() == ["a"]
