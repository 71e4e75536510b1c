"""A small listening test, its server as a process of its own, and participants who talk to it over HTTP."""

from __future__ import annotations

import hashlib
import http.client
import json
import multiprocessing
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import soundfile

from nblib.listening import manifest
from nblib.listening.manifest import HeadphoneTrial, ListeningTest
from nblib.listening.server import serve

SAMPLE_RATE = 16_000
NAME = "Codecs & <b>music</b>"
TONES_HZ = {"original": 400, "spoilt": 700, "system0": 1000, "system1": 1300, "system2": 1600, "system3": 1900}
TONES_HZ["system4"] = 2200
# A browser, if one is found, and how it starts: silent to the outside, and free to play before any click.
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required"
).split()


def make_test(folder: Path, items: int = 2, systems: int = 3, checks: int = 6, minimum: float = 0.05) -> ListeningTest:
    """A test in `folder`: each system is a tone of its own, so that what is heard tells who sounds."""
    (folder / manifest.SOUNDS).mkdir(parents=True)
    names = ["original", "spoilt", *(f"system{k}" for k in range(systems))]
    labels = ["practice", *(f"item{k}" for k in range(items))]
    sounds = {
        item: {name: _put(folder, _tone(TONES_HZ[name], 0.2 + 0.01 * index)) for name in names}
        for index, item in enumerate(labels)
    }
    pairs = [("practice", "system0", "system1", "training"), (labels[1], "original", "spoilt", "catch")]
    pairs += [(item, *pair, "test") for item in labels[1:] for pair in combinations(names[2:], 2)]
    heard = [HeadphoneTrial(_put(folder, _three_tones(k, k % 3)), k % 3 + 1) for k in range(checks)]
    test = ListeningTest(NAME, "quality", "original", sounds, pairs, heard, 11, SAMPLE_RATE, minimum)
    manifest.save(test, folder)
    return test


def _tone(frequency: float, level: float, seconds: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


def _three_tones(index: int, quietest: int) -> np.ndarray:
    levels = [0.1 if k == quietest else 0.2 for k in range(3)]
    return np.concatenate([_tone(200 + index, level, 0.04) for level in levels])


def _put(folder: Path, samples: np.ndarray) -> str:
    path = folder / manifest.SOUNDS / "new.flac"
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
    name = f"{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}.flac"
    path.rename(path.with_name(name))
    return name


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(folder: Path, port: int) -> BaseProcess:
    """`serve` in a process of its own, ready for requests; forked where nblib is imported, which takes seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nblib.listening.server"])
    process = context.Process(target=serve, args=(folder, "127.0.0.1", port), daemon=True)
    process.start()
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            assert process.is_alive(), f"the server ended with {process.exitcode}"
            time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """The port on which the test in `folder` is served."""
    port = free_port()
    process = start_server(folder, port)
    try:
        yield port
    finally:
        process.kill()
        process.join()


class Person:
    """A participant with one connection, which is opened anew where the server closed it."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookie = ""
        self.state: dict = {}

    def request(self, method: str, path: str, content: object = None) -> tuple[int, bytes]:
        """Status and body of one request."""
        headers = {"Cookie": self.cookie, "Content-Type": "application/json"}
        self.connection.request(method, path, None if content is None else json.dumps(content), headers)
        response = self.connection.getresponse()
        cookie = response.getheader("Set-Cookie")
        if cookie:
            self.cookie = cookie.split(";")[0]
        return response.status, response.read()

    def post(self, path: str, content: object) -> None:
        """Post, and take the state that comes back."""
        status, body = self.request("POST", path, content)
        assert status == 200, (path, status, body)
        self.state = json.loads(body)

    def start(self, name: str) -> None:
        """Take part."""
        self.post("/api/start", {"name": name})

    def answer(self, choice: str) -> None:
        """Answer the present trial."""
        self.post(f"/api/trials/{self.state['trial']['id']}/answer", {"choice": choice, "seconds": 1.5})

    def close(self) -> None:
        """Hang up."""
        self.connection.close()
