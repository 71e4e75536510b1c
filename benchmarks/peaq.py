"""Batched PEAQ against one call after another of a published implementation: ``python benchmarks/peaq.py``.

The rival is PyEvalAudio's PEAQ, which is no dependency of this project; its time for one pair of 5 s, 0.29 s, is taken
as given. Ours is measured here, on pairs of music-like clips and their MP3, the best of the rounds; the
seconds of processor time beside it hang less on what else the machine does.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nblib.audio import Codec
from nblib.evaluation import peaq_basic
from nblib.provenance import random_generator

RIVAL_SECONDS_A_PAIR = 0.29
SAMPLE_RATE = 48_000


def clip(index: int, seconds: float) -> np.ndarray:
    """Harmonics of a random root with decaying notes, four a second."""
    generator = random_generator("peaq benchmark", index)
    instant = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    root = 110 * 2 ** (generator.integers(0, 24) / 12)
    tones = sum(np.sin(2 * np.pi * root * harmonic * instant) / harmonic for harmonic in range(1, 40))
    samples = 0.1 * tones * np.exp(-4 * (instant % 0.25)) + 0.003 * generator.normal(size=len(instant))
    return samples.astype(np.float32)


def main() -> None:
    """Print seconds for all pairs, the rival's, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    reference = np.stack([clip(index, options.seconds) for index in range(options.pairs)])
    codec = Codec("mp3", 32_000)
    estimate = np.stack([codec.roundtrip(samples, SAMPLE_RATE) for samples in reference])
    peaq_basic(reference[:2], estimate[:2], SAMPLE_RATE, options.device)
    timings = []
    for _ in range(options.rounds):
        begin, begin_process = time.perf_counter(), time.process_time()
        values = peaq_basic(reference, estimate, SAMPLE_RATE, options.device)
        timings.append((time.perf_counter() - begin, time.process_time() - begin_process))
    assert np.isfinite(values["odg"]).all()
    seconds, processor = min(timings)
    rival = RIVAL_SECONDS_A_PAIR * options.pairs * options.seconds / 5
    print(f"{options.pairs} pairs of {options.seconds:g} s on {options.device}, {torch.get_num_threads()} threads")
    print(f"  one after another, published implementation: {rival:.2f} s (0.29 s a pair of 5 s, as given)")
    print(f"  batched, here: {seconds:.2f} s ({processor:.2f} s of processor time); ratio {rival / seconds:.1f}")


if __name__ == "__main__":
    main()
