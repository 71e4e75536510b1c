"""Votes written by hand; sounds; a small test, its server, and people who talk to it over HTTP."""

import hashlib
import http.client
import json
import multiprocessing
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.signal

from nblib.listening.server import manifest
from nblib.listening.server.app import serve
from nblib.listening.server.build import build_test
from nblib.listening.server.levels import flac
from nblib.listening.server.manifest import HeadphoneTrial, ListeningTest
from nblib.provenance import random_generator

WORDS = {"a": "a", "b": "b", "-": "dont_know"}


def votes(choices: dict[str, str], a: str = "codec", b: str = "l1", **columns: object) -> pd.DataFrame:
    """One letter per vote of a participant on `a` against `b`: a, b or - for "I don't know"."""
    rows = [(name, f"item{n}", WORDS[letter]) for name, letters in choices.items() for n, letter in enumerate(letters)]
    table = pd.DataFrame(rows, columns=["participant", "item", "choice"])
    return table.assign(**({"system_a": a, "system_b": b, "kind": "test"} | columns))


def swapped(table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    return table.assign(
        system_a=table["system_b"].where(rows, table["system_a"]),
        system_b=table["system_a"].where(rows, table["system_b"]),
        choice=table["choice"].replace({"a": "b", "b": "a"}).where(rows, table["choice"]),
    )


RATE = 16_000


def bursts(seconds: float, *seed: str | int, channels: int = 1) -> np.ndarray:
    generator = random_generator("heard", *seed)
    n = round(seconds * RATE)
    envelope = np.repeat(generator.uniform(0.05, 1, n // 1600 + 1), 1600)[:n]
    coloured = scipy.signal.lfilter([1], [1, -0.9], generator.standard_normal((channels, n))) * envelope
    samples = 0.4 * coloured / np.abs(coloured).max()
    return samples[0] if channels == 1 else samples.T


def items(count: int = 3, seconds: float = 1.0, channels: int = 1) -> dict[str, dict[str, np.ndarray]]:
    """So many items, each as it is, softer, low-passed and noisy."""
    low, made = scipy.signal.firwin(101, 3000, fs=RATE), {}
    for name in ("alpha", "beta", "gamma", "delta", "epsilon")[:count]:
        original = bursts(seconds, name, channels=channels)
        noise = random_generator("heard noise", name).standard_normal(original.shape)
        dull = scipy.signal.convolve(original.T, low if channels == 1 else low[None], "same").T
        systems = {"original": original, "fine": 0.2 * original, "dull": 1.5 * dull, "noisy": original + 0.05 * noise}
        made[name] = systems
    return made


def built(folder: Path, **options: object) -> ListeningTest:
    arguments = {"name": "A test", "question": "quality"} | options
    return build_test(folder, items(), RATE, **arguments)  # type: ignore[arg-type]


NAME = "Codecs & <b>music</b>"
TONES_HZ = {"original": 400, "spoilt": 700, "system0": 1000, "system1": 1300, "system2": 1600, "system3": 1900}
TONES_HZ["system4"] = 2200
# A browser, if one is found, and how it starts: silent to the outside, and free to play before any click.
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required"
).split()


def make_test(folder: Path, items: int = 2, systems: int = 3) -> ListeningTest:
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
    tones = [[_tone(200 + k, 0.1 if part == k % 3 else 0.2, 0.04) for part in range(3)] for k in range(6)]
    heard = [HeadphoneTrial(_put(folder, np.concatenate(parts)), k % 3 + 1) for k, parts in enumerate(tones)]
    test = ListeningTest(NAME, "quality", "original", sounds, pairs, heard, 11, RATE, 0.05)
    (folder / manifest.FILE).write_text(test.as_text())
    return test


def _tone(frequency: float, level: float, seconds: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)


def _put(folder: Path, samples: np.ndarray) -> str:
    content = flac(samples, RATE)
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.flac"
    (folder / manifest.SOUNDS / name).write_bytes(content)
    return name


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _serve(folder: Path, port: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started with it ignored
    serve(folder, "127.0.0.1", port)


def start_server(folder: Path, port: int) -> BaseProcess:
    """`serve` in a process of its own, ready for requests; forked where nblib is imported, which takes seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nblib.listening.server.app"])
    process = context.Process(target=_serve, args=(folder, port), daemon=True)
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
        headers = {"Cookie": self.cookie, "Content-Type": "application/json"}
        self.connection.request(method, path, None if content is None else json.dumps(content), headers)
        response = self.connection.getresponse()
        cookie = response.getheader("Set-Cookie")
        if cookie:
            self.cookie = cookie.split(";")[0]
        return response.status, response.read()

    def post(self, path: str, content: object) -> None:
        status, body = self.request("POST", path, content)
        assert status == 200, (path, status, body)
        self.state = json.loads(body)

    def start(self, name: str) -> None:
        """Take part, without the headphone check."""
        self.post("/api/start", {"name": name})
        self.post("/api/headphones/skip", {})

    def answer(self, choice: str) -> None:
        self.post(f"/api/trials/{self.state['trial']['id']}/answer", {"choice": choice, "seconds": 1.5})
