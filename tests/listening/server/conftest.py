"""A small listening test, its page and a participant."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from helpers.listening import make_test

from nblib.listening.server.app import create_app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A listening test of one's own: 6 headphone trials, 1 training pair, 7 pairs of which 1 is a catch pair."""
    make_test(tmp_path / "test")
    return tmp_path / "test"


@pytest.fixture
def app(folder: Path) -> Flask:
    return create_app(folder)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def started(client: FlaskClient) -> FlaskClient:
    """A client whose participant has pressed Start."""
    assert client.post("/api/start", json={"name": "Ada"}).status_code == 200
    return client


@pytest.fixture
def answer() -> Callable[[FlaskClient, str], dict]:
    """Answer the present trial of a client; returns the state after it."""

    def give(client: FlaskClient, choice: str) -> dict:
        trial = client.get("/api/state").json["trial"]
        response = client.post(f"/api/trials/{trial['id']}/answer", json={"choice": choice, "seconds": 2.5})
        assert response.status_code == 200
        return response.json

    return give
