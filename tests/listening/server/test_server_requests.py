"""What the server takes, what it refuses, and what it gives away."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from flask import Flask
from flask.testing import FlaskClient

from nblib.listening.server import manifest, store
from nblib.listening.server.app import create_app

GOOD = {"choice": "a", "seconds": 1.0}


def present(client: FlaskClient) -> str:
    return client.get("/api/state").json["trial"]["id"]


def test_the_page_has_no_inline_code_and_every_response_the_security_headers(started: FlaskClient) -> None:
    page = started.get("/").text
    assert "<title>Codecs &amp; &lt;b&gt;music&lt;/b&gt;</title>" in page
    assert "style=" not in page and "onclick" not in page and page.count("<script") == 1
    assert started.get("/static/app.js").mimetype in ("text/javascript", "application/javascript")
    for path in ("/", "/static/page.css", "/api/state", "/nowhere", f"/audio/{present(started)}/tones"):
        headers = started.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer", path
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy


def test_the_token_is_kept_from_scripts_and_other_sites_and_not_stored(
    client: FlaskClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = client.post("/api/start", json={"name": "  Ada \n"})
    cookie = response.headers["Set-Cookie"]
    token = cookie.split("=", 1)[1].split(";")[0]
    assert response.json["name"] == "Ada" and len(token) == 43  # 256 bits in base64
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=31536000"} <= set(cookie.split("; "))
    stored = b"".join(path.read_bytes() for path in folder.glob("votes.sqlite*"))
    assert token not in response.text and token.encode() not in stored and b"Ada" in stored
    assert client.post("/api/start", json={"name": "Another"}).json == client.get("/api/state").json
    monkeypatch.setattr(store, "MAX_PARTICIPANTS", 1)
    full = client.application.test_client().post("/api/start", json={"name": "x"})
    assert full.status_code == 503 and "no more participants" in full.json["error"]


@pytest.mark.parametrize("name", ["   ", "x" * 81, "a\x00b", "a\u2028b", "a\ud800b", None])
def test_names_that_are_refused(client: FlaskClient, name: object) -> None:
    response = client.post("/api/start", json={"name": name})
    assert response.status_code == 422 and "name" in response.json["error"] and "Set-Cookie" not in response.headers


@pytest.mark.parametrize(
    ("content", "status"),
    [
        *((GOOD | {"choice": choice}, 422) for choice in ("c", "skipped", ["a"])),
        *((GOOD | {"seconds": value}, 422) for value in ("1", True, -1, 10**400, float("nan"))),
        *((content, 422) for content in ({"choice": "a"}, GOOD | {"kind": "test"}, [])),
        *((content, 400) for content in (b"", b"\xff\xfe", b"[" * 4000)),
        (b" " * 4097, 413),
    ],
)
def test_answers_that_are_refused(started: FlaskClient, content: object, status: int) -> None:
    started.post("/api/headphones/skip", json={})
    before = present(started)
    data, path = content if isinstance(content, bytes) else json.dumps(content), f"/api/trials/{before}/answer"
    response = started.post(path, data=data, content_type="application/json")
    assert response.status_code == status and response.json["error"] and "Traceback" not in response.text
    assert present(started) == before
    assert started.post(path, data=json.dumps(GOOD), content_type="text/plain").status_code == 415


@pytest.mark.parametrize("cookie", ["", "'; DROP TABLE answers; --", "\x00"])
def test_missing_or_unknown_token(app: Flask, started: FlaskClient, cookie: str) -> None:
    stranger = app.test_client()
    stranger.set_cookie(next(iter(started._cookies.values())).key, cookie)
    for path in ("/api/state", f"/audio/{present(started)}/tones"):
        assert stranger.get(path).status_code == 401
    for path, content in (("/api/headphones/skip", {}), (f"/api/trials/{present(started)}/answer", GOOD)):
        assert stranger.post(path, json=content).status_code == 401


def test_another_participants_trial(app: Flask, started: FlaskClient) -> None:
    other = app.test_client()
    other.post("/api/start", json={"name": "Bob"})
    for person in (started, other):
        person.post("/api/headphones/skip", json={})
    trial = present(started)
    assert other.get(f"/audio/{trial}/a").status_code == 404
    assert other.post(f"/api/trials/{trial}/answer", json=GOOD).status_code == 404
    assert started.post(f"/api/trials/{trial}/answer", json=GOOD).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 200),
        *(({"Origin": origin}, 403) for origin in ("https://evil.example", "http://localhost:1", "null", "http://[")),
        *(({"Sec-Fetch-Site": site}, 403) for site in ("cross-site", "same-site", "none")),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_posts_from_other_sites(started: FlaskClient, headers: dict[str, str], status: int) -> None:
    assert started.post("/api/start", json={"name": "x"}, headers=headers).status_code == status
    assert started.post("/api/headphones/skip", json={}, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((name, 400) for name in ("evil.example", "localhost.evil.example", "127.0.0.2", "", "[", "e@localhost:x/")),
        *((name, 200) for name in ("localhost", "localhost:8000", "127.0.0.1:81", "[::1]:8000", "LOCALHOST")),
    ],
)
def test_a_strangers_name_for_this_machine(client: FlaskClient, folder: Path, host: str, status: int) -> None:
    assert client.get("/api/test", headers={"Host": host}).status_code == status
    open_to_all = create_app(folder, hosts=None).test_client()
    assert open_to_all.get("/api/test", headers={"Host": "lab.example:8000"}).status_code == 200


def test_sounds_are_those_of_the_trial(started: FlaskClient, folder: Path) -> None:
    tones = started.get(f"/audio/{present(started)}/tones")
    assert tones.mimetype == "audio/flac" and len(soundfile.read(io.BytesIO(tones.data))[0]) == 3 * 640
    assert started.get(f"/audio/{present(started)}/a").status_code == 404
    started.post("/api/headphones/skip", json={})
    trial = present(started)
    sounds = manifest.load(folder).sounds["practice"]
    heard = {part: started.get(f"/audio/{trial}/{part}").data for part in ("a", "b", "reference")}
    files = {name: (folder / "sounds" / file).read_bytes() for name, file in sounds.items()}
    assert heard["reference"] == files["original"]
    assert {heard["a"], heard["b"]} == {files["system0"], files["system1"]}
    for part in ("tones", "c", "a/b"):
        assert started.get(f"/audio/{trial}/{part}").status_code == 404


def test_nothing_tells_systems_kinds_or_files(started: FlaskClient, folder: Path, answer: Callable) -> None:
    test = manifest.load(folder)
    files = {name[:16] for systems in test.sounds.values() for name in systems.values()}
    secrets = {"system0", "system1", "system2", "spoilt", "catch", "item0", "item1", '"test"', *files}
    tags: list[str] = []
    started.post("/api/headphones/skip", json={})
    while (state := started.get("/api/state").json)["trial"]:
        for part in ("a", "b", "reference"):
            response = started.get(f"/audio/{state['trial']['id']}/{part}")
            tags.append(response.headers["ETag"])
            assert "Last-Modified" not in response.headers
            assert not [secret for secret in secrets if secret in str(response.headers)]
        text = json.dumps(answer(started, "a"))
        assert not [secret for secret in secrets if secret in text]
        assert state["trial"]["phase"] in ("training", "pair")
    assert len(set(tags)) == len(tags)  # equal tags would tell that the same file sounds again


def test_an_unforeseen_error_tells_nothing(app: Flask, started: FlaskClient, folder: Path) -> None:
    path = f"/audio/{present(started)}/tones"
    for sound in (folder / "sounds").iterdir():
        sound.unlink()
    response = started.get(path)
    assert (response.status_code, response.mimetype) == (500, "application/json")
    assert str(folder) not in response.text and "Traceback" not in response.text
