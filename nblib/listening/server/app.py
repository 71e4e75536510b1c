"""The routes: the page, where a participant is, his answers, and the sounds of his own trials."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection
from pathlib import Path

from flask import Flask, Response, abort, jsonify, render_template, request, send_file

from nblib.listening import manifest
from nblib.listening.manifest import QUESTIONS, ListeningTest
from nblib.listening.server import guard, schedule
from nblib.listening.server.schedule import HEADPHONES, Trial
from nblib.listening.server.store import NoMoreParticipants, Participant, Store

COOKIE_SECONDS = 365 * 86_400
_MINUTES_A_PAIR = 1 / 3  # an estimate for the welcome page
_MINUTES_OF_CHECK = 2


def create_app(
    folder: Path, database_url: str | None = None, allowed_hosts: Collection[str] | None = guard.LOOPBACK_HOSTS
) -> Flask:
    """The web application of one listening test.

    Parameters
    ----------
    folder : Path
        The test's folder, as in `nblib.listening.manifest`.
    database_url : str or None
        Where votes go, as SQLAlchemy writes addresses; None for ``votes.sqlite`` in `folder`.
    allowed_hosts : collection of str or None
        Host names, without port, under which it may be asked; None for any.

    Raises
    ------
    ParameterError
        The folder is no listening test, or the database cannot be used or belongs to another test.
    """
    store = Store(folder, database_url)
    app = Flask(__name__, template_folder="pages")
    app.config["MAX_CONTENT_LENGTH"] = guard.MAX_BODY_BYTES
    app.extensions["store"] = store
    guard.protect(app, allowed_hosts)
    _add_page(app, store)
    _add_taking_part(app, store)
    _add_sounds(app, store, folder / manifest.SOUNDS)
    return app


def _add_page(app: Flask, store: Store) -> None:
    @app.get("/")
    def page() -> str:
        return render_template("index.html", name=store.test.name)

    @app.get("/api/test")
    def test() -> Response:
        return _fresh(_facts(store.test) | {"started": _known(store) is not None})


def _add_taking_part(app: Flask, store: Store) -> None:
    @app.post("/api/start")
    def start() -> Response:
        name = guard.checked_name(guard.body("name")["name"])
        token = request.cookies.get(_cookie(store), "")
        person = store.participant(token)
        if person is None:
            try:
                token = store.start(name)
            except NoMoreParticipants as error:
                abort(503, str(error))
            person = store.participant(token)
            assert person is not None
        response = _state(store, person)
        response.set_cookie(_cookie(store), token, COOKIE_SECONDS, httponly=True, samesite="Strict")
        return response

    @app.get("/api/state")
    def state() -> Response:
        return _state(store, _participant(store))

    @app.post("/api/headphones/skip")
    def skip_headphones() -> Response:
        person = _participant(store)
        guard.body()
        store.skip_headphones(person.number)
        return _state(store, person)

    @app.post("/api/trials/<trial_id>/answer")
    def answer(trial_id: str) -> Response:
        person = _participant(store)
        content = guard.body("choice", "seconds")
        trials = store.trials(person.number)
        trial = next((trial for trial in trials if trial.id == trial_id), None)
        if trial is None:
            abort(404, "There is no such trial of yours.")
        if content["choice"] not in trial.choices:
            abort(422, f"choice is one of {', '.join(trial.choices)}.")
        seconds = guard.checked_seconds(content["seconds"])
        if trial.choice is None and trial != schedule.current(trials):
            abort(409, "Another trial comes first.")
        if trial.choice is None:
            first = store.answer([trial], content["choice"], seconds)
            answered = trial._replace(choice=content["choice"])
            trials = [answered if one is trial else one for one in trials] if first else store.trials(person.number)
        stored = next(one.choice for one in trials if one.id == trial_id)
        return _fresh(schedule.state(person.name, trials) | {"stored": {"trial": trial_id, "choice": stored}})


def _add_sounds(app: Flask, store: Store, sounds: Path) -> None:
    @app.get('/audio/<trial_id>/<any("a","b","reference","tones"):part>')
    def audio(trial_id: str, part: str) -> Response:
        trial = store.trial(_participant(store).number, trial_id)
        name = _sound(store.test, trial, part) if trial else None
        if name is None:
            abort(404, "There is no such sound of yours.")
        # From memory and with a tag of its own: a file's time and name would tell sounds of one system from another's.
        content = io.BytesIO((sounds / name).read_bytes())
        tag = hashlib.sha256(f"{trial_id}/{part}".encode()).hexdigest()[:32]
        response = send_file(content, "audio/flac", etag=tag)
        response.cache_control.private = True
        return response


def _sound(test: ListeningTest, trial: Trial, part: str) -> str | None:
    if trial.kind == HEADPHONES:
        return trial.item if part == "tones" else None
    systems = {"a": trial.system_a, "b": trial.system_b, "reference": test.reference}
    return test.sounds[trial.item][systems[part]] if part in systems else None


def _facts(test: ListeningTest) -> dict[str, object]:
    counted = sum(len(test.pair_table(kind)) for kind in schedule.COUNTED)
    check = _MINUTES_OF_CHECK if test.headphone_trials else 0
    return {
        "name": test.name,
        "question": QUESTIONS[test.question],
        "pairs": counted,
        "minutes": max(1, round(check + len(test.pairs) * _MINUTES_A_PAIR)),
        "headphoneTrials": len(test.headphone_trials),
        "trainingPairs": len(test.pair_table("training")),
        "minimumHeardSeconds": test.minimum_heard_seconds,
    }


def _cookie(store: Store) -> str:
    # Cookies do not tell ports apart: tests that are served side by side need names of their own.
    return f"participant_{store.digest}"


def _known(store: Store) -> Participant | None:
    return store.participant(request.cookies.get(_cookie(store), ""))


def _participant(store: Store) -> Participant:
    person = _known(store)
    if person is None:
        abort(401, "This browser has not started the test, or its cookie is gone.")
    return person


def _state(store: Store, person: Participant) -> Response:
    return _fresh(schedule.state(person.name, store.trials(person.number)))


def _fresh(content: dict[str, object]) -> Response:
    response = jsonify(content)
    response.cache_control.no_store = True
    return response
