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
from nblib.corpora.items import Mixture
from nblib.errors import CorpusError, ParameterError, check_whole
from nblib.parallel import parallel_map
from nblib.paths import whole
from nblib.provenance import random_generator

ITEMS = "items.csv"


def table(name: str) -> dict[str, Any]:
    """The data in a .toml file beside this module."""
    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))


LICENCES = table("licences")
"""Layout: its `licence` and its `citation` (BibTeX)."""


class Recording(NamedTuple):
    """One row of items.csv, its sound files (paths below the layout's folder), and what is needed to make them."""

    file: str
    split: str
    group: str
    info: Mapping[str, Any]
    sounds: tuple[str, ...]
    plan: Any


Make = Callable[[Recording], Sequence[np.ndarray]]


def fill(
    folder: str | Path,
    layout: str,
    recordings: Sequence[Recording],
    make: Make,
    sample_rate: int,
    logs: Mapping[str, str] | None = None,
) -> None:
    """Make `recordings` in `folder` on all cores, then its texts, and last items.csv.

    `make` is picklable and gives samples [shape=(n,)] in [-1, 1] for each of a recording's sounds, in their order.
    """
    folder = Path(folder)
    missing = [each for each in recordings if not all((folder / sound).is_file() for sound in each.sounds)]
    deque(parallel_map(partial(_write_sounds, folder, make, sample_rate), missing), maxlen=0)
    texts = {"LICENCE.txt": LICENCES[layout]["licence"] + "\n", "CITATION.bib": LICENCES[layout]["citation"]}
    rows = [{"file": each.file, "split": each.split, "group": each.group, **each.info} for each in recordings]
    items = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    for name, text in {**texts, **(logs or {}), ITEMS: items}.items():
        with whole(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _write_sounds(folder: Path, make: Make, sample_rate: int, recording: Recording) -> None:
    for sound, samples in zip(recording.sounds, make(recording), strict=True):
        write(folder / sound, samples, sample_rate)


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


def check_settings(sample_rate: int, seconds: float, least: float, **sizes: int) -> None:
    """Refuse what cannot be made: `ParameterError` naming the setting.

    `sample_rate` is 8,000 to 48,000 Hz; `seconds` at least `least` and finite; sizes whole numbers, not all 0.
    """
    check_whole("sample_rate", sample_rate)
    if not 8_000 <= sample_rate <= 48_000:
        raise ParameterError(f"sample_rate={sample_rate!r}: give 8000 to 48000 Hz")
    if not least <= seconds < float("inf"):
        raise ParameterError(f"seconds={seconds!r}: give the length of a recording, at least {least:g}")
    for name, size in sizes.items():
        check_whole(name, size)
    if not any(sizes.values()):
        raise ParameterError(f"{', '.join(f'{name}=0' for name in sizes)}: there is nothing to make")


def shaped(white: np.ndarray, sample_rate: int, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`white` [shape=(n,)] with its spectrum multiplied by `gain` of the frequencies in Hz [shape=(bins,)]."""
    size = scipy.fft.next_fast_len(len(white), real=True)
    frequency = scipy.fft.rfftfreq(size, 1 / sample_rate)
    return scipy.fft.irfft(scipy.fft.rfft(white, size) * gain(frequency), size)[: len(white)]


def reverberated(
    dry: np.ndarray,
    sample_rate: int,
    random: np.random.Generator,
    seconds: tuple[float, float],
    direct_db: tuple[float, float],
    corner_hz: tuple[float, float] = (1000.0, 1000.0),
) -> np.ndarray:
    """`dry` [shape=(n,)] in a room: noise that decays by 60 dB in the drawn time, darker above the drawn corner.

    `direct_db` is the energy of the direct sound over that of the room's; what rings on after `n` samples is cut.
    """
    decay = random.uniform(*seconds)
    length = round(decay * sample_rate)
    tail = random.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    corner, ratio = random.uniform(*corner_hz), 10 ** (random.uniform(*direct_db) / 10)
    tail = shaped(tail, sample_rate, lambda f: 1 / np.sqrt(1 + (f / corner) ** 2))
    gap = np.zeros(int(0.002 * sample_rate))  # between the direct sound and the room's
    room = np.concatenate([[1.0], gap, tail / np.sqrt(np.sum(tail**2) * ratio)])
    return oaconvolve(dry, room)[: len(dry)]


def fade_ends(samples: np.ndarray, sample_rate: int, seconds: float = 0.01) -> None:
    """Fade both ends of `samples` [shape=(n,)] in place."""
    length = min(len(samples) // 2, round(seconds * sample_rate))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(1, length))
    samples[:length] *= ramp
    samples[len(samples) - length :] *= ramp[::-1]
