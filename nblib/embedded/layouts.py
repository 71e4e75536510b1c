"""What the makers of the three layouts share: recordings as rows, and folders that are complete with items.csv.

Every sound file is written whole and skipped where it is there already, so that a killed run goes on.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nblib.audio import write
from nblib.corpora.items import Mixture
from nblib.errors import CorpusError, ParameterError, check_whole
from nblib.parallel import parallel_map
from nblib.paths import whole
from nblib.provenance import random_generator

ITEMS = "items.csv"

_SCORES = (
    "Scores: music21's corpus, out of copyright works in encodings free to use, some not commercially (see "
    "music21/corpus/license.txt). Instruments: TimGM6mb.sf2 inside pretty_midi (GPL-2; see pretty_midi)."
)
_VOICES = "generated here; espeak-ng is GPL-3.0-or-later, which does not reach to its output"
_MUSIC21 = """@inproceedings{cuthbert2010music21, author = {Cuthbert, Michael Scott and Ariza, Christopher},
  title = {music21: A Toolkit for Computer-Aided Musicology and Symbolic Music Data}, booktitle = {ISMIR},
  year = {2010}}
"""
_ESPEAK = """@misc{espeakng, title = {{eSpeak NG}: open source speech synthesizer},
  author = {Dunn, Reece H. and Vitolins, Valdis and Duddington, Jonathan and others},
  howpublished = {https://github.com/espeak-ng/espeak-ng}}
"""
_PRAAT = """@article{jadoul2018parselmouth, title = {Introducing {Parselmouth}: A {Python} interface to {Praat}},
  author = {Jadoul, Yannick and Thompson, Bill and de Boer, Bart}, journal = {Journal of Phonetics}, volume = {71},
  year = {2018}}
"""
LICENCES = {
    "lossless_music": (_SCORES, _MUSIC21),
    "voicebank_demand": (f"Voices and noise: {_VOICES}.", _ESPEAK),
    "musdb18hq": (f"{_SCORES} Voices: {_VOICES}; Praat (GPL-3.0-or-later) likewise.", _MUSIC21 + _ESPEAK + _PRAAT),
}
"""Layout: its licence and its citation (BibTeX)."""


class Recording(NamedTuple):
    """One row of items.csv, its sound files (paths below the layout's folder), and what is needed to make them."""

    file: str
    split: str
    group: str
    info: Mapping[str, Any]
    sounds: tuple[str, ...]
    plan: Any


def fill(
    folder: str | Path,
    layout: str,
    recordings: Sequence[Recording],
    make: Callable[[Recording], Sequence[np.ndarray]],
    sample_rate: int,
    texts: Mapping[str, str] | None = None,
) -> None:
    """Make `recordings` in `folder` on all cores, then its texts, and last items.csv.

    `make` is picklable and gives samples [shape=(n,)] in [-1, 1] for each of a recording's sounds, in their order.
    """
    folder = Path(folder)
    missing = [each for each in recordings if not all((folder / sound).is_file() for sound in each.sounds)]
    deque(parallel_map(partial(_write_sounds, folder, make, sample_rate), missing), maxlen=0)
    licence, citation = LICENCES[layout]
    rows = [{"file": each.file, "split": each.split, "group": each.group, **each.info} for each in recordings]
    items = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    for name, text in {"LICENCE.txt": licence + "\n", "CITATION.bib": citation, **(texts or {}), ITEMS: items}.items():
        with whole(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _write_sounds(
    folder: Path, make: Callable[[Recording], Sequence[np.ndarray]], sample_rate: int, recording: Recording
) -> None:
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


def check_settings(sample_rate: int, seconds: float, least: float, sizes: Mapping[str, int]) -> None:
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
