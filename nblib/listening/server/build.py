"""A listening test out of any systems and items: level-matched, in line, with catch, training and headphone trials."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from nblib import paths
from nblib.audio import SAMPLE_RATES, band_limit, noise_like, read, resample
from nblib.errors import ParameterError, check_choice, check_whole
from nblib.listening.server import manifest
from nblib.listening.server.levels import comparable, fade, flac, matched, tone_trials
from nblib.listening.server.manifest import QUESTIONS, HeadphoneTrial, ListeningTest
from nblib.listening.votes import SPOILT
from nblib.provenance import random_generator, torch_threads

PAIRS_PER_CATCH, LEAST_CATCHES, HEARD_SECONDS = 10, 2, 1.0
SPOILT_CUTOFF_HZ = 3500  # the low anchor of ITU-R BS.1534
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff")


def build_test(
    folder: Path,
    sounds: Mapping[str, Mapping[str, np.ndarray]],
    sample_rate: int,
    *,
    name: str,
    question: str,
    reference: str = "original",
    compare_reference: bool = True,
    baseline: str | None = None,
    catch_pairs: int | None = None,
    seed: int = 0,
) -> ListeningTest:
    """Write a listening test's folder: ``sounds/``, and ``test.json`` last, so that what can be loaded is complete.

    Every sound is cut to its item's shortest, faded over 10 ms at both ends, brought to the reference's loudness and
    written as 16-bit FLAC named by its digest. All follows from the arguments, bit for bit (`seed`: spoilt sounds'
    noise, orders and sides); the same test built again changes nothing, another is never overwritten.

    ``sounds[item][system]`` are samples [shape=(n,) or (n, 2)], floating point, full scale 1, at least 0.5 s, in line
    with the reference to 5 ms; the same systems per item. Participants see `name`; `question` is a key of `QUESTIONS`;
    `reference` is at hand beside A and B, and with `compare_reference` behind them as well (MM'19 yes, IJCNN'20 no);
    each system meets every other, or `baseline` only. `catch_pairs` of the reference and a spoilt one are by
    default one for 10 pairs, at least 2, on items in turn.
    """
    check_whole("seed", seed)
    check_choice("sample_rate", str(sample_rate), map(str, SAMPLE_RATES))
    systems = _checked(name, sounds)
    check_choice("question", question, QUESTIONS)
    check_choice("reference", reference, systems)
    compared = [system for system in systems if compare_reference or system != reference]
    table = all_pairs(compared, list(sounds), baseline)
    catches = max(LEAST_CATCHES, len(table) // PAIRS_PER_CATCH) if catch_pairs is None else catch_pairs
    check_whole("catch_pairs", catches)
    order = [list(sounds)[index] for index in random_generator("catch", seed).permutation(len(sounds))]
    pairs = [(item, a, b, "test") for item, a, b in table.itertuples(index=False)]
    pairs += [(order[turn % len(order)], reference, SPOILT, "catch") for turn in range(catches)]
    pairs.append((order[-1], reference, SPOILT, "training"))
    files: dict[str, bytes] = {}
    named: dict[str, dict[str, str]] = {}
    for item, of_item in sounds.items():
        ready = comparable(item, {system: np.asarray(of_item[system]) for system in of_item}, reference, sample_rate)
        if any(own == item and kind != "test" for own, _, _, kind in pairs):
            ready[SPOILT] = fade(spoil(ready[reference], sample_rate, seed, item), sample_rate)
        level = matched(item, ready, reference, sample_rate)
        named[item] = {system: _add(files, samples, sample_rate) for system, samples in level.items()}
    checks = tone_trials(sample_rate, seed)
    tones = [HeadphoneTrial(_add(files, samples, sample_rate), quietest) for samples, quietest in checks]
    shortest = min(len(samples) for of_item in sounds.values() for samples in of_item.values())
    heard = min(HEARD_SECONDS, shortest / sample_rate)
    test = ListeningTest(name, question, reference, named, pairs, tones, seed, sample_rate, heard)
    _write(folder, test, files)
    return test


def _add(files: dict[str, bytes], samples: np.ndarray, sample_rate: int) -> str:
    content = flac(samples, sample_rate)
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.flac"
    files[name] = content
    return name


def spoil(samples: np.ndarray, sample_rate: int, *seed: str | int) -> np.ndarray:
    """A version of samples [shape=(n,) or (n, 2)] that is clearly worse: with noise like it at 0 dB, under 3.5 kHz."""
    with torch_threads(1):
        channels = [
            band_limit(channel + noise_like(channel, "spoilt", number, *seed), sample_rate, SPOILT_CUTOFF_HZ)
            for number, channel in enumerate(np.atleast_2d(samples.T))
        ]
    return np.stack(channels, -1).astype(np.float64).reshape(samples.shape)


def _checked(name: str, sounds: Mapping[str, Mapping[str, np.ndarray]]) -> list[str]:
    """The systems, in the first item's order."""
    every = list(dict.fromkeys(system for of_item in sounds.values() for system in of_item))
    for kind, text in [("name", name), *(("item", item) for item in sounds), *(("system", one) for one in every)]:
        if not text.strip() or not text.isprintable():
            raise ParameterError(f"{kind} {text!r}: a name of printable characters is needed")
    if SPOILT in every:
        raise ParameterError(f"system {SPOILT!r}: the name is taken by the catch pairs; choose another")
    for item, system in ((item, system) for item in sounds for system in every if system not in sounds[item]):
        raise ParameterError(f"item {item!r}: system {system!r} is missing; every item needs every system")
    return every


def _write(folder: Path, test: ListeningTest, files: Mapping[str, bytes]) -> None:
    text = test.as_text().encode()
    path = folder / manifest.FILE
    found = path.read_bytes() if path.exists() else None
    if found != text and (folder / manifest.VOTES).exists():
        raise ParameterError(
            f"{folder}: has votes ({manifest.VOTES}) of another test, which must not be lost; build into another folder"
        )
    if found not in (None, text):
        raise ParameterError(f"{folder}: holds another test ({manifest.FILE}); build into another folder or delete it")
    for place, content in [*((folder / manifest.SOUNDS / file, files[file]) for file in files), (path, text)]:
        if not place.is_file() or place.read_bytes() != content:
            with paths.whole(place) as temporary:
                temporary.write_bytes(content)


def read_systems(folder: Path, log: Callable[[str], None] = print) -> tuple[dict[str, dict[str, np.ndarray]], int]:
    """``sounds[item][system]`` from ``<folder>/<system>/<item>.wav`` (or FLAC, OGG, MP3, ...), and their rate in Hz.

    Samples are float32 [shape=(n,) or (n, 2)], resampled to the highest rate among them, so that nothing that a system
    kept is lost; `log` is told. `ParameterError` where there is nothing, or an item twice in a system.
    """
    files: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.glob("*/*")):
        hidden = path.name.startswith(".") or path.parent.name.startswith(".")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden:
            twin = files.setdefault((path.stem, path.parent.name), path)
            if twin != path:
                raise ParameterError(f"{path}: {twin.name} is the same item; keep one of the two")
    if not files:
        raise ParameterError(f"{folder}: no sound files; it should hold a folder of them per system")
    found = {key: read(path, mono=False) for key, path in sorted(files.items())}
    rates = [rate for _, rate in found.values()]
    highest = max(rates)
    for rate in sorted(set(rates) - {highest}):
        log(f"{folder}: {rates.count(rate)} of {len(rates)} files at {rate} Hz are resampled to {highest} Hz")
    sounds: dict[str, dict[str, np.ndarray]] = {}
    for (item, system), (samples, rate) in found.items():
        channels = resample(samples, rate, highest)
        sounds.setdefault(item, {})[system] = channels[0] if len(channels) == 1 else np.ascontiguousarray(channels.T)
    return sounds, highest


def all_pairs(systems: Sequence[str], items: Sequence[str], baseline: str | None = None) -> pd.DataFrame:
    """Every system against every other (MM'19), or against `baseline`, B, only (IJCNN'20), on every item."""
    if baseline is not None:
        check_choice("baseline", baseline, systems)
        systems = [*(system for system in systems if system != baseline), baseline]
    if len(systems) < 2 or len(set(systems)) < len(systems):
        raise ParameterError(f"systems={list(systems)!r}: at least 2 different names are needed")
    pairs = [pair for pair in combinations(systems, 2) if baseline in (None, pair[1])]
    return pd.DataFrame([(item, *pair) for item in items for pair in pairs], columns=["item", "system_a", "system_b"])
