"""Sounds of a listening test from a folder of systems."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from nblib.audio import read, resample
from nblib.errors import ParameterError

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff")


def read_systems(folder: Path, log: Callable[[str], None] = print) -> tuple[dict[str, dict[str, np.ndarray]], int]:
    """Every system's rendering of every item, from ``<folder>/<system>/<item>.wav`` (or FLAC, OGG, MP3, ...).

    Files at different sample rates are resampled to the highest among them, so that nothing that a system kept is lost;
    `log` gets a line that says so. Hidden files and folders, and files that are no sound by their suffix, are left out.

    Returns
    -------
    sounds : dict
        ``sounds[item][system]``: float32 samples [shape=(n,) or (n, 2)], items and systems sorted by name.
    sample_rate : int
        In Hz, of all of them.

    Raises
    ------
    ParameterError
        There is no such folder, no system in it, an item that not all systems have, or one that is there twice.
    AudioError
        A file cannot be read, or has more than two channels (`nblib.audio.read`).
    """
    files = _files(folder)
    found = {
        item: {system: read(path, mono=False) for system, path in of_item.items()} for item, of_item in files.items()
    }
    rates = [rate for of_item in found.values() for _, rate in of_item.values()]
    highest = max(rates)
    for rate in sorted(set(rates) - {highest}):
        log(f"{folder}: {rates.count(rate)} of {len(rates)} files at {rate} Hz are resampled to {highest} Hz")
    sounds = {
        item: {system: _as_rows(resample(samples, rate, highest)) for system, (samples, rate) in of_item.items()}
        for item, of_item in found.items()
    }
    return sounds, highest


def _as_rows(samples: np.ndarray) -> np.ndarray:
    return samples[0] if len(samples) == 1 else np.ascontiguousarray(samples.T)


def _files(folder: Path) -> dict[str, dict[str, Path]]:
    """``files[item][system]``, complete."""
    if not folder.is_dir():
        raise ParameterError(f"{folder}: no such folder; it should hold a folder per system")
    systems = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(systems) < 2:
        names = ", ".join(path.name for path in systems) or "none"
        raise ParameterError(f"{folder}: at least two systems are needed, a folder of sound files each; found: {names}")
    files: dict[str, dict[str, Path]] = {}
    for system in systems:
        for path in sorted(system.iterdir()):
            if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
                continue
            of_item = files.setdefault(path.stem, {})
            if system.name in of_item:
                raise ParameterError(f"{path}: {of_item[system.name].name} is the same item; keep one of the two")
            of_item[system.name] = path
    if not files:
        raise ParameterError(f"{folder}: no sound files in {', '.join(path.name for path in systems)}")
    for item, of_item in sorted(files.items()):
        missing = [system for system in systems if system.name not in of_item]
        if missing:
            raise ParameterError(
                f"{missing[0]}: item {item!r} is missing, which system {min(of_item)!r} has; all need the same items"
            )
    return dict(sorted(files.items()))
