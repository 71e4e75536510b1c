"""The embedded corpus: music, noisy speech and songs made on the spot, as 16-bit WAV files in the published layouts.

Everything is a function of the seed, bit for bit. Nothing is downloaded: scores, instruments and voices come with the
packages in `recipe`. A layout's folder is complete once its items.csv is there; a killed run goes on where it stopped.
"""

import importlib.metadata

from nblib.embedded.layouts import LICENCES
from nblib.embedded.music import write_music
from nblib.embedded.noisy_speech import write_speech
from nblib.embedded.songs import write_songs
from nblib.errors import CorpusError

RECIPES = {"music": 3, "speech": 2, "songs": 3}
"""Raised with any change that changes a sample."""

PACKAGES = ("music21", "pretty_midi", "tinysoundfont", "soxr", "espeakng-loader", "praat-parselmouth")


def recipe() -> dict[str, dict[str, int] | dict[str, str]]:
    """What decides the samples beside a writer's arguments: versions of the recipes and of the packages that make them.

    Raises `CorpusError` where a package is missing.
    """
    try:
        return {"recipes": RECIPES, "packages": {name: importlib.metadata.version(name) for name in PACKAGES}}
    except importlib.metadata.PackageNotFoundError as error:
        raise CorpusError(f"{error.name} is not installed, and the embedded corpus needs it: run `make lab`") from error
