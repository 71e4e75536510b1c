"""What the server takes, what it refuses, and what it gives away."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from flask import Flask
from flask.testing import FlaskClient

from nblib.listening import manifest
from nblib.listening.manifest import QUESTIONS
from nblib.listening.server import create_app, store

GOOD = {"choice": "a", "seconds": 1.0}


def present(client: FlaskClient) -> dict:
    return client.get("/api/state").json["trial"]


def place(client: FlaskClient) -> str:
    return f"/api/trials/{present(client)['id']}/answer"


def to_pairs(client: FlaskClient) -> None:
    assert client.post("/api/headphones/skip", json={}).status_code == 200


def test_the_page_has_the_tests_name_and_no_inline_code(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert "<title>Codecs &amp; &lt;b&gt;music&lt;/b&gt;</title>" in response.text
    assert "style=" not in response.text
    assert "onclick" not in response.text
    assert response.text.count("<script") == 1


def test_everything_of_the_page_is_served_here(client: FlaskClient) -> None:
    names = "page.css", "icon.svg", *(f"{name}.js" for name in "app headphones net pair player sounds view".split())
    for name in names:
        response = client.get(f"/static/{name}")
        assert response.status_code == 200, name
        assert "//" not in response.text.replace("http://www.w3.org/2000/svg", "").replace("// ", ""), name
    assert client.get("/static/app.js").mimetype in ("text/javascript", "application/javascript")


def test_what_the_welcome_needs(client: FlaskClient) -> None:
    assert client.get("/api/test").json == {
        "name": "Codecs & <b>music</b>",
        "question": QUESTIONS["quality"],
        "pairs": 7,
        "minutes": 5,
        "headphoneTrials": 6,
        "trainingPairs": 1,
        "minimumHeardSeconds": 0.05,
        "started": False,
    }


def test_every_response_has_the_security_headers(started: FlaskClient) -> None:
    for path in (
        "/",
        "/static/page.css",
        "/api/test",
        "/api/state",
        "/nowhere",
        f"/audio/{present(started)['id']}/tones",
    ):
        headers = started.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_the_token_is_kept_from_scripts_and_other_sites_and_not_stored(client: FlaskClient, folder: Path) -> None:
    response = client.post("/api/start", json={"name": "Ada"})
    cookie = response.headers["Set-Cookie"]
    token = cookie.split("=", 1)[1].split(";")[0]
    assert len(token) == 43  # 256 bits in base64
    for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=31536000"):
        assert part in cookie
    assert token not in response.text
    stored = b"".join(path.read_bytes() for path in folder.glob("votes.sqlite*"))
    assert token.encode() not in stored
    assert b"Ada" in stored


def test_start_again_goes_on_with_the_same_participant(started: FlaskClient, folder: Path) -> None:
    first = started.get("/api/state").json
    assert started.post("/api/start", json={"name": "Another"}).json == first


@pytest.mark.parametrize(("typed", "kept"), [("x" * 80, "x" * 80), ("  Ada \n", "Ada"), ("李 🎧", "李 🎧")])
def test_names_are_trimmed(client: FlaskClient, typed: str, kept: str) -> None:
    assert client.post("/api/start", json={"name": typed}).json["name"] == kept


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 81, "a\nb", "a\x00b", "a\u2028b", "a\ud800b", "\x7fa", 7, None, ["a"], {}]
)
def test_names_that_are_refused(client: FlaskClient, name: object) -> None:
    response = client.post("/api/start", json={"name": name})
    assert response.status_code == 422
    assert "name" in response.json["error"]
    assert "Set-Cookie" not in response.headers


def test_script_in_a_name_stays_text(client: FlaskClient) -> None:
    name = "<script>alert(1)</script>"
    response = client.post("/api/start", json={"name": name})
    assert response.mimetype == "application/json"
    assert response.json["name"] == name
    assert "alert(1)" not in client.get("/").text


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"choice": "c", "seconds": 1}, 422),
        ({"choice": "1", "seconds": 1}, 422),
        ({"choice": "skipped", "seconds": 1}, 422),
        ({"choice": ["a"], "seconds": 1}, 422),
        ({"choice": None, "seconds": 1}, 422),
        ({"choice": "a", "seconds": "1"}, 422),
        ({"choice": "a", "seconds": True}, 422),
        ({"choice": "a", "seconds": -1}, 422),
        ({"choice": "a", "seconds": 1e9}, 422),
        ({"choice": "a", "seconds": 10**400}, 422),
        ({"choice": "a", "seconds": float("nan")}, 422),
        ({"choice": "a", "seconds": float("inf")}, 422),
        ({"choice": "a"}, 422),
        (GOOD | {"kind": "test"}, 422),
        ([], 422),
        ("a", 422),
        (None, 422),
    ],
)
def test_answers_that_are_refused(started: FlaskClient, content: object, status: int) -> None:
    to_pairs(started)
    before = present(started)
    response = started.post(place(started), data=json.dumps(content), content_type="application/json")
    assert response.status_code == status
    assert response.json["error"]
    assert present(started) == before


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"choice": "a", "seconds": 1', b"[" * 4000])
def test_malformed_json(started: FlaskClient, data: bytes) -> None:
    response = started.post(place(started), data=data, content_type="application/json")
    assert response.status_code == 400
    assert "Traceback" not in response.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_wrong_content_type(started: FlaskClient, kind: str | None) -> None:
    assert started.post(place(started), data=json.dumps(GOOD), content_type=kind).status_code == 415


def test_a_body_over_4_kib(started: FlaskClient) -> None:
    for path in (place(started), "/api/start", "/", "/nowhere"):
        assert started.post(path, data=b" " * 4097, content_type="application/json").status_code == 413
    assert started.get("/api/state", data=b" " * 4097).status_code == 413
    assert (
        started.post("/api/start", data=b'{"name": "x"}'.ljust(4096), content_type="application/json").status_code
        == 200
    )


@pytest.mark.parametrize("cookie", ["", "x" * 43, "'; DROP TABLE answers; --", "\x00"])
def test_missing_or_unknown_token(app: Flask, started: FlaskClient, cookie: str) -> None:
    stranger = app.test_client()
    if cookie:
        name = next(iter(started._cookies.values())).key
        stranger.set_cookie(name, cookie)
    trial = present(started)["id"]
    assert stranger.get("/api/state").status_code == 401
    assert stranger.get(f"/audio/{trial}/tones").status_code == 401
    assert stranger.post("/api/headphones/skip", json={}).status_code == 401
    assert stranger.post(f"/api/trials/{trial}/answer", json=GOOD).status_code == 401


def test_another_participants_trial(app: Flask, started: FlaskClient) -> None:
    other = app.test_client()
    other.post("/api/start", json={"name": "Bob"})
    for person in (started, other):
        to_pairs(person)
    trial = present(started)["id"]
    assert other.get(f"/audio/{trial}/a").status_code == 404
    assert other.post(f"/api/trials/{trial}/answer", json=GOOD).status_code == 404
    assert started.post(f"/api/trials/{trial}/answer", json=GOOD).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_posts_from_other_sites(started: FlaskClient, headers: dict[str, str]) -> None:
    assert started.post(place(started), json=GOOD, headers=headers).status_code == 403
    assert started.post("/api/start", json={"name": "x"}, headers=headers).status_code == 403


def test_posts_from_the_page_itself(started: FlaskClient) -> None:
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert started.post("/api/headphones/skip", json={}, headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.2", "", "[", "evil@localhost:x/"])
def test_a_strangers_name_for_this_machine(client: FlaskClient, host: str) -> None:
    assert client.get("/api/test", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:81", "[::1]:8000", "LOCALHOST"])
def test_this_machines_own_names(client: FlaskClient, host: str) -> None:
    assert client.get("/api/test", headers={"Host": host}).status_code == 200


def test_any_name_where_the_network_is_let_in(folder: Path) -> None:
    client = create_app(folder, allowed_hosts=None).test_client()
    assert client.get("/api/test", headers={"Host": "lab.example:8000"}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2f..%2ferrors.py",
        "/static//etc/passwd",
        "/audio/../../test.json/a",
        "/audio/%2e%2e%2ftest.json/a",
        "/audio/..%2f..%2fvotes.sqlite/reference",
        "/sounds/",
        "/test.json",
        "/votes.sqlite",
        "/pages/index.html",
    ],
)
def test_no_way_out_of_what_is_served(started: FlaskClient, path: str) -> None:
    response = started.get(path)
    assert response.status_code in (308, 404)
    assert not response.data.startswith((b"SQLite", b"root:", b'"""'))


def test_wrong_method(started: FlaskClient) -> None:
    for path in ("/", "/api/test", "/api/state", f"/audio/{present(started)['id']}/tones"):
        assert started.post(path, json={}).status_code == 405
    assert started.get("/api/start").status_code == 405
    assert started.get(place(started)).status_code == 405
    response = started.delete("/api/start")
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_sounds_are_those_of_the_trial(started: FlaskClient, folder: Path) -> None:
    tones = started.get(f"/audio/{present(started)['id']}/tones")
    assert tones.mimetype == "audio/flac"
    assert len(soundfile.read(io.BytesIO(tones.data))[0]) == 3 * 640
    assert started.get(f"/audio/{present(started)['id']}/a").status_code == 404
    to_pairs(started)
    trial = present(started)["id"]
    sounds = manifest.load(folder).sounds["practice"]
    heard = {part: started.get(f"/audio/{trial}/{part}").data for part in ("a", "b", "reference")}
    files = {name: (folder / "sounds" / file).read_bytes() for name, file in sounds.items()}
    assert heard["reference"] == files["original"]
    assert {heard["a"], heard["b"]} == {files["system0"], files["system1"]}
    for part in ("tones", "c", "", "A", "a/b"):
        assert started.get(f"/audio/{trial}/{part}").status_code == 404


def test_sounds_by_part_and_by_condition(started: FlaskClient) -> None:
    path = f"/audio/{present(started)['id']}/tones"
    whole = started.get(path)
    part = started.get(path, headers={"Range": "bytes=10-19"})
    assert part.status_code == 206
    assert part.data == whole.data[10:20]
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.data)}"
    assert started.get(path, headers={"Range": "bytes=99999999-"}).status_code == 416
    same = started.get(path, headers={"If-None-Match": whole.headers["ETag"]})
    assert same.status_code == 304
    assert same.data == b""
    assert "private" in whole.headers["Cache-Control"]


def test_nothing_tells_systems_kinds_or_files(started: FlaskClient, folder: Path, answer: Callable) -> None:
    test = manifest.load(folder)
    files = {name[:16] for systems in test.sounds.values() for name in systems.values()}
    secrets = {"system0", "system1", "system2", "spoilt", "catch", "item0", "item1", '"test"', *files}
    tags: list[str] = []
    for _ in range(6):
        answer(started, "1")
    while (state := started.get("/api/state").json)["trial"]:
        for part in ("a", "b", "reference"):
            response = started.get(f"/audio/{state['trial']['id']}/{part}")
            told = str(response.headers)
            tags.append(response.headers["ETag"])
            assert "Last-Modified" not in response.headers
            assert not [secret for secret in secrets if secret in told]
        text = json.dumps(answer(started, "a"))
        assert not [secret for secret in secrets if secret in text]
        assert state["trial"]["phase"] in ("training", "pair")
    assert len(set(tags)) == len(tags)  # equal tags would tell that the same file sounds again


def test_a_flood_of_participants_is_stopped(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_PARTICIPANTS", 2)
    statuses = [app.test_client().post("/api/start", json={"name": "x"}) for _ in range(3)]
    assert [response.status_code for response in statuses] == [200, 200, 503]
    assert "no more participants" in statuses[-1].json["error"]


def test_an_unforeseen_error_tells_nothing(app: Flask, started: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(app.extensions["store"], "trials", broken)
    response = started.get("/api/state")
    assert response.status_code == 500
    assert response.mimetype == "application/json"
    assert "secret" not in response.text
    assert "Traceback" not in response.text


def test_a_lost_sound_file_is_an_error_in_json(started: FlaskClient, folder: Path) -> None:
    path = f"/audio/{present(started)['id']}/tones"
    for sound in (folder / "sounds").iterdir():
        sound.unlink()
    response = started.get(path)
    assert response.status_code == 500
    assert str(folder) not in response.text
