"""Recordings of the embedded corpus as a test looks at them."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from nblib.audio import read
from nblib.corpora import SPLITS
from nblib.embedded.layouts import Recording

RATE = 22_050
SOUNDS = {
    "lossless_music": {"piece": "{}.wav"},
    "voicebank_demand": {"clean": "clean_*/{}.wav", "noisy": "noisy_*/{}.wav"},
    "musdb18hq": {stem: f"{{}}/{stem}.wav" for stem in ("mixture", "vocals", "other")},
}


class Made(NamedTuple):
    """A recording's row of items.csv and its sounds [shape=(n,)] by name."""

    row: pd.Series
    sounds: dict[str, np.ndarray]


def made(folder: Path, layout: str) -> dict[str, Made]:
    """All recordings in a layout's folder by file."""
    rows = pd.read_csv(folder / "items.csv", index_col="file")
    return {
        str(file): Made(row, {name: read(next(folder.glob(p.format(file))))[0] for name, p in SOUNDS[layout].items()})
        for file, row in rows.iterrows()
    }


def digest(samples: np.ndarray) -> str:
    """Changes with any bit."""
    return hashlib.sha256(samples.tobytes()).hexdigest()


def apart(recordings: list[Recording], key: str) -> set[str]:
    """All values of `key` in the recordings' rows, none of which is heard in two splits."""
    rows = [{"split": each.split, "group": each.group, **each.info} for each in recordings]
    heard = [{row[key] for row in rows if row["split"] == split} for split in SPLITS]
    assert sum(map(len, heard)) == len(set.union(*heard))
    return set.union(*heard)


def digests(folder: Path) -> dict[str, str]:
    """Every file below `folder` by its path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
