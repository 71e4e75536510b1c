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

    Comes back as ``sounds[item][system]``, float32 samples [shape=(n,) or (n, 2)], items and systems sorted by name,
    and their sample rate in Hz: files are resampled to the highest among them, so that nothing that a system kept is
    lost; `log` gets a line that says so. Hidden files and folders, and files that are no sound by their suffix, are
    left out.

    Raises
    ------
    ParameterError
        There is no such folder, no system in it, an item that not all systems have, or one that is there twice.
    AudioError
        A file cannot be read, or has more than two channels.
    """
    found = {
        item: {system: read(path, mono=False) for system, path in of_item.items()}
        for item, of_item in _files(folder).items()
    }
    rates = [rate for of_item in found.values() for _, rate in of_item.values()]
    highest = max(rates)
    for rate in sorted(set(rates) - {highest}):
        log(f"{folder}: {rates.count(rate)} of {len(rates)} files at {rate} Hz are resampled to {highest} Hz")
    sounds: dict[str, dict[str, np.ndarray]] = {item: {} for item in found}
    for item, of_item in found.items():
        for system, (samples, rate) in of_item.items():
            channels = resample(samples, rate, highest)
            sounds[item][system] = channels[0] if len(channels) == 1 else np.ascontiguousarray(channels.T)
    return sounds, highest


def _files(folder: Path) -> dict[str, dict[str, Path]]:
    """``files[item][system]``, complete."""
    if not folder.is_dir():
        raise ParameterError(f"{folder}: no such folder; it should hold a folder per system")
    systems = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    names = ", ".join(path.name for path in systems) or "none"
    if len(systems) < 2:
        raise ParameterError(f"{folder}: at least two systems are needed, a folder of sound files each; found: {names}")
    files: dict[str, dict[str, Path]] = {}
    for system in systems:
        for path in sorted(system.iterdir()):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file():
                twin = files.setdefault(path.stem, {}).setdefault(system.name, path)
                if twin != path:
                    raise ParameterError(f"{path}: {twin.name} is the same item; keep one of the two")
    if not files:
        raise ParameterError(f"{folder}: no sound files in {names}")
    for item, of_item in sorted(files.items()):
        for system in systems:
            if system.name not in of_item:
                has = f"which system {min(of_item)!r} has; all need the same items"
                raise ParameterError(f"{system}: item {item!r} is missing, {has}")
    return dict(sorted(files.items()))
