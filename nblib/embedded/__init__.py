"""The embedded corpus: music, noisy speech and songs made on the spot, as 16-bit WAV files in the published layouts.

Everything is a function of the seed, bit for bit. Nothing is downloaded: scores, instruments and voices come with the
packages in `recipe`. A layout's folder is complete once its items.csv is there; a killed run goes on where it stopped.
"""

import importlib.metadata
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from nblib.embedded.layouts import ITEMS, LICENCES, fill
from nblib.embedded.music import plan_music, plan_songs, played, sung
from nblib.embedded.noisy_speech import mixed, plan_speech
from nblib.errors import CorpusError, ParameterError

RECIPES = {"music": 3, "speech": 2, "songs": 3}  # raised with any change that changes a sample
PACKAGES = ("music21", "pretty_midi", "tinysoundfont", "soxr", "espeakng-loader", "praat-parselmouth")

KINDS = {  # layout, what plans its recordings, what makes one, and their seconds where none are given
    "music": ("lossless_music", plan_music, played, 30.0),
    "speech": ("voicebank_demand", plan_speech, mixed, 3.0),
    "vocals": ("musdb18hq", plan_songs, sung, 180.0),  # IJCNN'20 Section IV has tracks of several minutes
}


def recipe() -> dict[str, dict[str, int] | dict[str, str]]:
    """What decides the samples beside the arguments of `write`; `CorpusError` where a package is missing."""
    try:
        return {"recipes": RECIPES, "packages": {name: importlib.metadata.version(name) for name in PACKAGES}}
    except importlib.metadata.PackageNotFoundError as error:
        raise CorpusError(f"{error.name} is not installed, and the embedded corpus needs it: run `make lab`") from error


def write(kind: str, root: Path, sizes: Mapping[str, int], seconds: float | None, seed: int) -> None:
    """Make a layout's folder below `root`, for "music", "speech" or "vocals", unless its items.csv is there.

    `sizes` has the recordings of each split, `seconds` (>= 3) the length of a piece or song. A recording does not
    depend on how many others there are.
    """
    layout, plan, make, usual = KINDS[kind]
    if not 3 <= (length := seconds or usual) < float("inf"):
        raise ParameterError(f"seconds={seconds!r}: give the length of a recording, at least 3")
    if not (root / layout / ITEMS).exists():
        fill(root / layout, LICENCES[layout], plan(sizes, length, seed), partial(make, length))
