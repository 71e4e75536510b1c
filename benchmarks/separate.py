"""Time, memory and seams of ``python -m nblib separate``: ``python benchmarks/separate.py``.

A stereo file at 44.1 kHz is made and separated at P3, for both tasks, by the command line in a process of its own. Said
are the seconds of the separation and of the whole process, start and picture included, each also as times real time,
and the peak memory of that process. Then 30 s are separated in chunks and in one pass, and the difference is given in
dB of the one-pass output. Networks that are not there yet are trained first, untimed.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nblib.entries import TASKS
from nblib.errors import NblibError
from nblib.experiments.separation import one_run
from nblib.provenance import random_generator
from nblib.separate import separated
from nblib.settings import settings

RATE = 44_100
CAPACITY = "P3"
SEAM_SECONDS = 30
COMPARED_CHUNKS = (64, 256, 1024)  # frames; at 1024 there is one seam in 30 s, at 64 there are twenty


def second(index: int) -> np.ndarray:
    """Notes with overtones, and noise, other ones in each channel [shape=(2, RATE)]."""
    generator = random_generator("separate benchmark", index)
    instant = np.arange(RATE) / RATE
    channels = []
    for _ in range(2):
        root = 110 * 2 ** (generator.integers(0, 24) / 12)
        tones = sum(np.sin(2 * np.pi * root * harmonic * instant) / harmonic for harmonic in range(1, 30))
        channels.append(0.15 * tones * np.exp(-4 * (instant % 0.25)) + 0.03 * generator.normal(size=RATE))
    return np.stack(channels).astype(np.float32)


def make_file(path: Path, seconds: int) -> None:
    """A 16-bit stereo WAV."""
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        for index in range(seconds):
            file.write(second(index).T)


def timed(path: Path, task: str, profile: str, seconds: int) -> None:
    """Separate `path` in a process of its own, and print what it took."""
    command = [sys.executable, "-m", "nblib", "separate", str(path), "--task", task]
    command += ["--capacity", CAPACITY, "--profile", profile, "--out", str(path.parent / "out")]
    began = time.perf_counter()
    child = subprocess.Popen(command, cwd=Path(__file__).resolve().parents[1], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    whole = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    found = re.search(r"in (\d+\.\d) s: \d+ times", said)
    if child.returncode or found is None:
        raise NblibError(f"{' '.join(command)} ended with {child.returncode}: {said}")
    own = float(found[1])
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    print(f"{task} {CAPACITY}: {seconds} s of stereo at {RATE} Hz")
    print(f"  separation {own:.1f} s, {seconds / own:.0f} times real time")
    print(f"  whole process {whole:.1f} s, {seconds / whole:.0f} times real time")
    print(f"  processor time {usage.ru_utime + usage.ru_stime:.1f} s; peak memory {peak:.2f} GB")


def seams(task: str, profile: str) -> None:
    """Print how far chunks are from one pass."""
    setup = settings(profile)
    network = one_run(setup, task, CAPACITY).network()
    samples = np.concatenate([second(index) for index in range(SEAM_SECONDS)], axis=1)
    frames = SEAM_SECONDS * setup.geometry.sample_rate // setup.geometry.hop + setup.geometry.overlap
    one_pass = separated(samples, RATE, network, setup, frames)
    for chunk_frames in COMPARED_CHUNKS:
        found = separated(samples, RATE, network, setup, chunk_frames)
        error = np.square(found - one_pass, dtype=np.float64).sum()
        said = "bit for bit one pass's output"
        if error:
            said = f"{10 * math.log10(error / np.square(one_pass, dtype=np.float64).sum()):.1f} dB from one pass"
        print(f"  {SEAM_SECONDS} s in chunks of {chunk_frames} frames: {said}")


def main() -> None:
    """Print times, memory and seams for both tasks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--profile", default="quick", help="whose networks (default: quick)")
    options = parser.parse_args()
    for task in TASKS:
        one_run(settings(options.profile), task, CAPACITY)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        make_file(path, options.seconds)
        for task in TASKS:
            timed(path, task, options.profile, options.seconds)
            seams(task, options.profile)


if __name__ == "__main__":
    main()
