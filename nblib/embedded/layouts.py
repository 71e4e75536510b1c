"""What the makers of the layouts share: rooms, recordings as rows, and folders that are complete with items.csv.

Every sound file is written whole and skipped where it is there already, so that a killed run goes on.
"""

import importlib.util
import tomllib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.fft
from scipy.signal import oaconvolve

from nblib.audio import write
from nblib.corpora import Mixture
from nblib.errors import CorpusError
from nblib.parallel import parallel_map
from nblib.paths import whole
from nblib.provenance import random_generator

ITEMS = "items.csv"
SAMPLE_RATE = 22_050  # Hz, at which espeak-ng speaks and everything is made


def table(name: str) -> dict[str, Any]:
    """The data in a .toml file beside this module."""
    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))


LICENCES = table("licences")  # of each layout: `licence` and `citation` (BibTeX)


class Recording(NamedTuple):
    """One row of items.csv, its sound files (paths below the layout's folder), and what is needed to make them."""

    file: str
    split: str
    group: str
    info: Mapping[str, Any]
    sounds: tuple[str, ...]
    plan: Any
    log: tuple[str, str] = ("", "")  # the file of a log, and the line for it


Make = Callable[[Recording], Sequence[np.ndarray]]


def fill(folder: Path, texts: Mapping[str, str], recordings: Sequence[Recording], make: Make) -> None:
    """Make `recordings` in `folder` on all cores, then its logs, licence and citation, and last items.csv.

    `make` is picklable and gives samples [shape=(n,)] in [-1, 1] for each of a recording's sounds, in their order.
    """
    missing = [each for each in recordings if not all((folder / sound).is_file() for sound in each.sounds)]
    deque(parallel_map(partial(_write_sounds, folder, make), missing), maxlen=0)
    files = {"LICENCE.txt": texts["licence"] + "\n", "CITATION.bib": texts["citation"]}
    for file, line in (each.log for each in recordings if each.log[0]):
        files[file] = files.get(file, "") + f"{line}\n"
    rows = [{"file": each.file, "split": each.split, "group": each.group, **each.info} for each in recordings]
    files[ITEMS] = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    for name, text in files.items():
        with whole(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _write_sounds(folder: Path, make: Make, recording: Recording) -> None:
    for sound, samples in zip(recording.sounds, make(recording), strict=True):
        write(folder / sound, samples, SAMPLE_RATE)


def quantised(parts: Mixture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Target, the rest and their sum on the grid of 16 bits, where the sum holds sample by sample."""
    target, rest = (np.round(part * 32768) / 32768 for part in (parts.target, parts.noise))
    return target, rest, target + rest


def turn(count: int, index: int, *parts: str | int) -> int:
    """A number below `count`, its order drawn from `parts`: every `count` indices in turn draw each number once."""
    turns, place = divmod(index, count)
    return int(random_generator(*parts, turns).permutation(count)[place])


def package_path(package: str, name: str) -> Path:
    """A file or folder that comes with an installed package, found without importing it; `CorpusError` if missing."""
    found = importlib.util.find_spec(package)
    path = (Path(found.origin).parent if found and found.origin else Path(package)) / name
    if not path.exists():
        raise CorpusError(f"{path} is missing, a part of {package}: run `pip install --force-reinstall {package}`")
    return path


def shaped(white: np.ndarray, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`white` [shape=(n,)] with its spectrum multiplied by `gain` of the frequencies in Hz [shape=(bins,)]."""
    size = scipy.fft.next_fast_len(len(white), real=True)
    frequency = scipy.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    return scipy.fft.irfft(scipy.fft.rfft(white, size) * gain(frequency), size)[: len(white)]


def reverberated(
    dry: np.ndarray,
    random: np.random.Generator,
    seconds: tuple[float, float],
    direct_db: tuple[float, float],
    corner_hz: tuple[float, float] = (1000.0, 1000.0),
) -> np.ndarray:
    """`dry` [shape=(n,)] in a room: noise that decays by 60 dB in the drawn time, darker above the drawn corner.

    `direct_db` is the energy of the direct sound over that of the room's; what rings on after `n` samples is cut.
    """
    decay = random.uniform(*seconds)
    length = round(decay * SAMPLE_RATE)
    tail = random.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    corner, ratio = random.uniform(*corner_hz), 10 ** (random.uniform(*direct_db) / 10)
    tail = shaped(tail, lambda f: 1 / np.sqrt(1 + (f / corner) ** 2))
    gap = np.zeros(int(0.002 * SAMPLE_RATE))  # between the direct sound and the room's
    room = np.concatenate([[1.0], gap, tail / np.sqrt(np.sum(tail**2) * ratio)])
    return oaconvolve(dry, room)[: len(dry)]


def fade_ends(samples: np.ndarray, seconds: float = 0.01) -> None:
    """Fade both ends of `samples` [shape=(n,)] in place."""
    length = min(len(samples) // 2, round(seconds * SAMPLE_RATE))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(1, length))
    samples[:length] *= ramp
    samples[len(samples) - length :] *= ramp[::-1]
