"""A crowd on the listening page's server: ``python benchmarks/listening_server.py``.

The server runs as it does for people (waitress, SQLite in the test's folder) in a process of its own, on loopback. All
participants start, then answer all pairs over a connection each, twice: first without a pause, which shows how many
votes a second the server takes and how long one waits in such a queue; then with a pause before each answer, still
many times faster than people listen, which shows how long a participant waits. The time of an answer is from its first
byte sent to the response's last byte read. In the end every confirmed vote is looked for in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))

from helpers.listening import make_test, served

from nblib.listening.server.store import stored_participants, stored_votes


class Client:
    """A participant with one connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.cookie = ""
        self.state: dict = {}

    async def post(self, path: str, content: object) -> float:
        """Post, take the state that comes back; returns the seconds that it took."""
        body = json.dumps(content)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n"
        begin = time.perf_counter()
        self.writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        status = await self.reader.readline()
        headers = {}
        while (line := (await self.reader.readline()).strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        answer = await self.reader.readexactly(int(headers["content-length"]))
        seconds = time.perf_counter() - begin
        if b" 200 " not in status:
            sys.exit(f"listening_server: {path}: {status!r} {answer!r}")
        self.cookie = headers.get("set-cookie", self.cookie).split(";")[0]
        self.state = json.loads(answer)
        return seconds


async def take_part(port: int, pairs: int, pause: float, started: asyncio.Barrier) -> list[float]:
    """Answer the training pair and `pairs` pairs; returns the seconds that each answer took."""
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    await client.post("/api/start", {"name": "x"})
    await client.post("/api/headphones/skip", {})
    await started.wait()
    times = []
    for _ in range(pairs):
        await asyncio.sleep(random.uniform(0, 2 * pause))
        trial = client.state["trial"]["id"]
        times.append(await client.post(f"/api/trials/{trial}/answer", {"choice": "a", "seconds": 1.0}))
    client.writer.close()
    return times


async def crowd(port: int, participants: int, pairs: int, pause: float) -> tuple[float, np.ndarray]:
    """Seconds from when all have started to the last answer, and the seconds of each answer."""
    started = asyncio.Barrier(participants + 1)
    people = [asyncio.create_task(take_part(port, pairs, pause, started)) for _ in range(participants)]
    await started.wait()
    begin = time.perf_counter()
    times = await asyncio.gather(*people)
    return time.perf_counter() - begin, np.concatenate(times)


def main() -> None:
    """Run both crowds, each on a test of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--participants", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=50, help="at most 53")
    parser.add_argument("--pause", type=float, default=1.0, help="mean pause before an answer, in seconds")
    options = parser.parse_args()
    for pause in (0.0, options.pause):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "test"
            make_test(folder, items=5, systems=5)
            with served(folder) as port:
                seconds, times = asyncio.run(crowd(port, options.participants, options.pairs, pause))
            stored, people = len(stored_votes(folder)), len(stored_participants(folder))
        median, late = np.percentile(1000 * times, [50, 99])
        print(
            f"pause {pause:g} s: {people} participants, {len(times)} votes, {len(times) / seconds:.0f} votes/s, "
            f"median {median:.1f} ms, 99th percentile {late:.1f} ms; stored {stored}"
        )
        if stored != len(times):
            sys.exit(f"listening_server: {len(times)} votes were confirmed, {stored} are stored")


if __name__ == "__main__":
    main()
