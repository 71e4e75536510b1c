"""The routes: the page, where a participant is, the answers, the sounds of own trials; and running it until Ctrl-C."""

import hashlib
import io
import logging
import socket
from collections.abc import Collection
from pathlib import Path

from flask import Flask, Response, abort, jsonify, render_template, request, send_file
from sqlalchemy import Row
from waitress.server import create_server  # type: ignore[import-untyped]

from nblib.errors import ParameterError
from nblib.listening.server import guard, manifest
from nblib.listening.server.guard import LOOPBACK_HOSTS, MAX_BODY_BYTES
from nblib.listening.server.store import COUNTED, HEADPHONES, Store, Trial

COOKIE_SECONDS = 365 * 86_400
# A browser keeps several connections open, and most systems let a process have 1024 files. Of what is too large so much
# is read, to a file: who hangs up at once is not heard saying why.
_LIMITS = {"threads": 8, "connection_limit": 900, "max_request_body_size": 2**20, "inbuf_overflow": MAX_BODY_BYTES}


def create_app(folder: Path, database_url: str | None = None, hosts: Collection[str] | None = LOOPBACK_HOSTS) -> Flask:
    """The web application of the listening test in `folder`.

    `database_url` is where votes go, as SQLAlchemy writes addresses; by default ``votes.sqlite`` in `folder`. `hosts`
    are names, without port, under which it may be asked; None for any. Errors as for `Store`.
    """
    store = Store(folder, database_url)
    app = Flask(__name__, template_folder="pages")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.extensions["store"] = store
    guard.protect(app, hosts)
    _add_page(app, store, folder / manifest.SOUNDS)
    _add_taking_part(app, store)
    return app


def _add_page(app: Flask, store: Store, sounds: Path) -> None:
    @app.get("/")
    def page() -> str:
        return render_template("index.html", name=store.test.name)

    @app.get("/api/test")
    def test() -> Response:
        kinds = [kind for *_, kind in store.test.pairs]
        checks = len(store.test.headphone_trials)
        facts = {
            "name": store.test.name,
            "question": manifest.QUESTIONS[store.test.question],
            "pairs": sum(kind in COUNTED for kind in kinds),
            "minutes": max(1, round(2 * (checks > 0) + len(kinds) / 3)),  # an estimate for the welcome page
            "headphoneTrials": checks,
            "trainingPairs": kinds.count("training"),
            "minimumHeardSeconds": store.test.minimum_heard_seconds,
        }
        return _fresh(facts | {"started": store.participant(request.cookies.get(store.cookie)) is not None})

    @app.get('/audio/<trial_id>/<any("a","b","reference","tones"):part>')
    def audio(trial_id: str, part: str) -> Response:
        trial = _own(store, _participant(store), trial_id)
        if (part == "tones") != (trial.kind == HEADPHONES):
            abort(404, "There is no such sound of yours.")
        systems = {"a": trial.system_a, "b": trial.system_b, "reference": store.test.reference}
        name = trial.item if part == "tones" else store.test.sounds[trial.item][systems[part]]
        # From memory and with a tag of its own: a file's time and name would tell sounds of one system from another's.
        tag = hashlib.sha256(f"{trial_id}/{part}".encode()).hexdigest()[:32]
        response = send_file(io.BytesIO((sounds / name).read_bytes()), "audio/flac", etag=tag)
        response.cache_control.private = True
        return response


def _add_taking_part(app: Flask, store: Store) -> None:
    @app.post("/api/start")
    def start() -> Response:
        name = guard.checked_name(guard.body("name")["name"])
        token = request.cookies.get(store.cookie)
        if store.participant(token) is None:
            token = store.start(name)
        if token is None:
            abort(503, "This test takes no more participants. Please tell whoever invited you.")
        response = _fresh(store.state(_participant(store, token)))
        response.set_cookie(store.cookie, token, COOKIE_SECONDS, httponly=True, samesite="Strict")
        return response

    @app.get("/api/state")
    def state() -> Response:
        return _fresh(store.state(_participant(store)))

    @app.post("/api/headphones/skip")
    def skip_headphones() -> Response:
        person = _participant(store)
        guard.body()
        checks = [trial for trial in store.left(person) if trial.kind == HEADPHONES]
        if checks:
            store.answer(person, checks, "skipped", 0.0)
        return _fresh(store.state(person))

    @app.post("/api/trials/<trial_id>/answer")
    def answer(trial_id: str) -> Response:
        person = _participant(store)
        content = guard.body("choice", "seconds")
        trial = _own(store, person, trial_id)
        if content["choice"] not in trial.choices:
            abort(422, f"choice is one of {', '.join(trial.choices)}.")
        seconds = guard.checked_seconds(content["seconds"])
        open_trials = store.left(person)
        if trial in open_trials[1:]:
            abort(409, "Another trial comes first.")
        if trial in open_trials:
            store.answer(person, [trial], content["choice"], seconds)
        stored = {"trial": trial.id, "choice": store.choices(person)[trial.position]}
        return _fresh(store.state(person) | {"stored": stored})


def _participant(store: Store, token: str = "") -> Row:
    person = store.participant(token or request.cookies.get(store.cookie))
    if person is None:
        abort(401, "This browser has not started the test, or its cookie is gone.")
    return person


def _own(store: Store, person: Row, trial_id: str) -> Trial:
    for trial in store.trials(person):
        if trial.id == trial_id:
            return trial
    abort(404, "There is no such trial of yours.")


def _fresh(content: dict[str, object]) -> Response:
    response = jsonify(content)
    response.cache_control.no_store = True
    return response


def serve(folder: Path, host: str = "127.0.0.1", port: int = 8000, database_url: str | None = None) -> None:
    """Serve the listening test in `folder` until Ctrl-C.

    Any `host` but the loopback addresses lets others in, and is warned of. `ParameterError` where nobody can listen.
    """
    if not 1 <= port <= 65_535:  # the system would take it modulo 65,536
        raise ParameterError(f"port={port!r}: a port is a number from 1 to 65535")
    local = host in LOOPBACK_HOSTS
    app = create_app(folder, database_url, LOOPBACK_HOSTS if local else None)
    store = app.extensions["store"]
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news
    try:
        server = create_server(app, host=host, port=port, **_LIMITS, asyncore_use_poll=True, ident=None)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ParameterError(
            f"host={host!r}, port={port!r}: cannot listen there ({reason}); end what uses it or choose another port"
        ) from error
    name = socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    print(f"{store.test.name}: open http://{name}:{port}/ in a browser")
    print(f"Votes are stored in {store.address}, each before the page moves on.")
    print("Ctrl-C stops; after a restart people go on where they were.")
    print(f"For the tables: python -m nblib listen export {folder} --out DIR", flush=local)
    if not local:
        print("Warning: anyone who reaches this machine over the network can take part.", flush=True)
    server.run()
    store.engine.dispose()
    print("Stopped; every answer that was confirmed is stored.")
