"""Pair making against the ffmpeg command line, in one run: ``python benchmarks/codec_pairs.py``.

Both encode the same clips to 16 kbit/s MP3 and decode them again, one clip after the other, as a training set is made.
The command line writes a WAV, runs ``ffmpeg`` to an MP3 file and again to a WAV, and reads that; `Codec.roundtrip` does
it in memory. They take turns, so that both meet the same load; the best of the rounds counts. The pairs are compared:
with the same LAME they are equal to the last bit. Starting a program is what the command line loses by, so the ratio
falls as clips get longer (``--seconds``).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nblib.audio import Codec, cutoff_hz
from nblib.provenance import random_generator

Roundtrip = Callable[[np.ndarray], np.ndarray]


def clip(index: int, seconds: float, sample_rate: int) -> np.ndarray:
    """A minor chord with vibrato over a noise that swells four times a second."""
    generator = random_generator("codec-pairs", index)
    instant = np.arange(round(seconds * sample_rate)) / sample_rate
    samples = 0.02 * generator.normal(size=len(instant)) * (1 + np.sin(2 * np.pi * 4 * instant))
    root = 110 * 2 ** (generator.integers(0, 24) / 12)
    for step in (0, 3, 7):
        for harmonic in range(1, 20):
            phase = 2 * np.pi * root * 2 ** (step / 12) * harmonic * instant + 0.05 * np.sin(2 * np.pi * 5 * instant)
            samples += 0.1 / harmonic * np.sin(phase)
    return samples.astype(np.float32)


def command_line(samples: np.ndarray, sample_rate: int, folder: Path) -> np.ndarray:
    """Encode and decode by two runs of ``ffmpeg``, one thread each, through files."""
    lossless, mp3, coded = (folder / name for name in ("lossless.wav", "coded.mp3", "coded.wav"))
    ffmpeg = ["ffmpeg", "-y", "-loglevel", "error", "-threads", "1"]
    soundfile.write(lossless, samples, sample_rate, subtype="FLOAT")
    subprocess.run([*ffmpeg, "-i", lossless, "-c:a", "libmp3lame", "-b:a", "16k", mp3], check=True)
    subprocess.run([*ffmpeg, "-i", mp3, "-c:a", "pcm_f32le", coded], check=True)
    return soundfile.read(coded, dtype="float32")[0]


def timed(roundtrip: Roundtrip, clips: list[np.ndarray]) -> tuple[float, list[np.ndarray]]:
    """Seconds for all clips, and the coded ones."""
    begin = time.perf_counter()
    coded = [roundtrip(samples) for samples in clips]
    return time.perf_counter() - begin, coded


def compare(sample_rate: int, clips: list[np.ndarray], rounds: int) -> None:
    """Print both times, speeds over real time, their ratio, and how far the two outputs differ."""
    codec = Codec()
    with tempfile.TemporaryDirectory() as folder:
        makers: dict[str, Roundtrip] = {
            "nblib.audio.Codec": lambda samples: codec.roundtrip(samples, sample_rate),
            "ffmpeg command line": lambda samples: command_line(samples, sample_rate, Path(folder)),
        }
        best = dict.fromkeys(makers, float("inf"))
        coded: dict[str, list[np.ndarray]] = {}
        for _ in range(rounds):
            for name, maker in makers.items():
                seconds, coded[name] = timed(maker, clips)
                best[name] = min(best[name], seconds)
    sound = sum(map(len, clips)) / sample_rate
    for name, seconds in best.items():
        print(f"{sample_rate:6d} Hz  {name:20s} {seconds:7.2f} s  {sound / seconds:5.0f} times real time")
    ours, theirs = coded.values()
    same_length = all(len(one) == len(other) for one, other in zip(ours, theirs, strict=True))
    apart = max(np.abs(a[: len(b)] - b[: len(a)]).max() for a, b in zip(ours, theirs, strict=True))
    cut = np.median([cutoff_hz(before, after, sample_rate) for before, after in zip(clips, ours, strict=True)])
    print(
        f"{'':10s}ratio {best['ffmpeg command line'] / best['nblib.audio.Codec']:.2f}; equal lengths: {same_length}; ",
        end="",
    )
    print(f"largest difference {apart:.1e}; cut-off {cut:.0f} Hz")


def main() -> None:
    """Run at both of the papers' sample rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a clip")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        sys.exit(
            "codec_pairs: the program `ffmpeg` is not installed, so there is nothing to compare with: install it "
            "(apt-get install ffmpeg, or conda install ffmpeg) and run again; nblib itself does not need it"
        )
    print(f"{options.clips} clips of {options.seconds:g} s, best of {options.rounds} rounds; {Codec().identity}")
    for sample_rate in (16_000, 22_050):
        compare(sample_rate, [clip(k, options.seconds, sample_rate) for k in range(options.clips)], options.rounds)


if __name__ == "__main__":
    main()
