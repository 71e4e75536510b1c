"""A listening test out of any systems and items: level-matched, in line, with catch, training and headphone trials."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nblib import paths
from nblib.audio import SAMPLE_RATES, band_limit, noise_like
from nblib.audio.io import check_rate
from nblib.errors import ParameterError, check_choice, check_whole
from nblib.listening import manifest
from nblib.listening.headphones import tone_trials
from nblib.listening.levels import comparable, fade, flac, matched
from nblib.listening.manifest import QUESTIONS, HeadphoneTrial, ListeningTest
from nblib.listening.pairs import all_pairs, pairs_against
from nblib.listening.votes import SPOILT
from nblib.provenance import random_generator, torch_threads

PAIRS_PER_CATCH, LEAST_CATCHES = 10, 2
SPOILT_CUTOFF_HZ = 3500  # the low anchor of ITU-R BS.1534
HEARD_SECONDS = 1.0


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

    Every sound is cut to its item's shortest, faded over 10 ms at both ends, brought to the reference's loudness
    (`nblib.listening.levels`) and written as 16-bit FLAC named by its digest. Everything follows from the arguments,
    bit for bit; the same test built again changes nothing.

    Parameters
    ----------
    sounds : mapping
        ``sounds[item][system]``: samples [shape=(n,) or (n, 2)], floating point, full scale 1, at least 0.5 s, in line
        with the reference to 5 ms. Every item needs the same systems.
    sample_rate : int
        In Hz, one of `nblib.audio.SAMPLE_RATES`.
    name : str
        Title that participants see.
    question : str
        A key of `nblib.listening.manifest.QUESTIONS`.
    reference : str
        The system that can be heard beside A and B, and that gives loudness and alignment.
    compare_reference : bool
        Let the reference stand behind A and B as well: MM'19 Section 7.2 does, IJCNN'20 does not.
    baseline : str, optional
        Pair each system with this one only; by default every pair of systems meets.
    catch_pairs : int >= 0, optional
        How many pairs of the reference and a spoilt one, which tell who does not listen; by default one for 10 pairs,
        at least 2. Items take turns.
    seed : int
        Of the spoilt sounds' noise, the order of items and trials, and of what is drawn per participant.

    Raises
    ------
    ParameterError
        A name, question, number or system cannot be used; or the folder holds another test or votes.
    AudioError
        A sound cannot be used; the message names item and system (`nblib.listening.levels`).
    """
    check_whole("seed", seed)
    systems = _check_names(name, sounds, sample_rate)
    check_choice("question", question, QUESTIONS)
    check_choice("reference", reference, systems)
    items = list(sounds)
    compared = [system for system in systems if compare_reference or system != reference]
    table = all_pairs(compared, items) if baseline is None else pairs_against(baseline, compared, items)
    pairs = _all_kinds(table, reference, catch_pairs, seed)
    spoilt = {item for item, _, _, kind in pairs if kind != "test"}
    files: dict[str, bytes] = {}
    named: dict[str, dict[str, str]] = {}
    for item in items:
        ready = comparable(item, sounds[item], reference, sample_rate)
        if item in spoilt:
            ready[SPOILT] = fade(spoil(ready[reference], sample_rate, seed, item), sample_rate)
        level = matched(item, ready, reference, sample_rate)
        named[item] = {system: _add(files, flac(samples, sample_rate)) for system, samples in level.items()}
    trials = [
        HeadphoneTrial(_add(files, flac(samples, sample_rate)), quietest)
        for samples, quietest in tone_trials(sample_rate, seed)
    ]
    shortest = min(len(samples) for systems_of in sounds.values() for samples in systems_of.values()) / sample_rate
    heard = min(HEARD_SECONDS, shortest)
    test = ListeningTest(name, question, reference, named, pairs, trials, seed, sample_rate, heard)
    _write(folder, test, files)
    return test


def spoil(samples: np.ndarray, sample_rate: int, *seed: str | int) -> np.ndarray:
    """A version that is clearly worse by every question: noise of its own long-term spectrum at 0 dB, then a low-pass.

    The noise is `nblib.audio.noise_like` the sound; the low-pass is that of the low anchor of ITU-R BS.1534, 3.5 kHz.

    Parameters
    ----------
    samples : np.ndarray [shape=(n,) or (n, 2)]
        Floating point.
    sample_rate : int
        Hz, over 7000.
    """
    channels = []
    for number, channel in enumerate(np.atleast_2d(samples.T)):
        with torch_threads(1):
            noisy = channel + noise_like(channel, "spoilt", number, *seed)
            channels.append(band_limit(noisy, sample_rate, SPOILT_CUTOFF_HZ))
    return np.stack(channels, -1).astype(np.float64).reshape(samples.shape)


def _all_kinds(
    table: pd.DataFrame, reference: str, catch_pairs: int | None, seed: int
) -> list[tuple[str, str, str, str]]:
    if catch_pairs is None:
        catch_pairs = max(LEAST_CATCHES, len(table) // PAIRS_PER_CATCH)
    check_whole("catch_pairs", catch_pairs)
    items = list(dict.fromkeys(table["item"]))
    order = [items[index] for index in random_generator("catch", seed).permutation(len(items))]
    tests = [(item, a, b, "test") for item, a, b in table.itertuples(index=False)]
    catches = [(order[turn % len(order)], reference, SPOILT, "catch") for turn in range(catch_pairs)]
    return [*tests, *catches, (order[-1], reference, SPOILT, "training")]


def _check_names(name: str, sounds: Mapping[str, Mapping[str, np.ndarray]], sample_rate: int) -> list[str]:
    """The systems, in the first item's order."""
    if check_rate("sample_rate", sample_rate) not in SAMPLE_RATES:
        raise ParameterError(f"sample_rate={sample_rate!r} is none of {', '.join(map(str, SAMPLE_RATES))} (Hz)")
    if not sounds:
        raise ParameterError("sounds={}: there is no item; at least one is needed")
    systems = list(next(iter(sounds.values())))
    every = list(dict.fromkeys(system for systems_of in sounds.values() for system in systems_of))
    for kind, names in (("name", [name]), ("item", list(sounds)), ("system", every)):
        _check_plain(kind, names)
    if SPOILT in every:
        raise ParameterError(f"system {SPOILT!r}: the name is taken by the catch pairs; choose another")
    for item, systems_of in sounds.items():
        missing = [system for system in every if system not in systems_of]
        if missing:
            raise ParameterError(f"item {item!r}: system {missing[0]!r} is missing; every item needs every system")
    return systems


def _check_plain(kind: str, names: Sequence[str]) -> None:
    for text in names:
        if not text.strip() or not text.isprintable():
            raise ParameterError(f"{kind} {text!r}: a name of printable characters is needed")
        if kind != "name" and (set(text) & set("/\\") or text in (".", "..")):
            raise ParameterError(f"{kind} {text!r}: a name without path separators is needed; rename it")


def _add(files: dict[str, bytes], content: bytes) -> str:
    file = f"{hashlib.sha256(content).hexdigest()[:16]}.flac"
    files[file] = content
    return file


def _write(folder: Path, test: ListeningTest, files: Mapping[str, bytes]) -> None:
    kept = _is_there(folder, test)
    for file, content in files.items():
        path = folder / manifest.SOUNDS / file
        if not path.is_file() or path.read_bytes() != content:
            with paths.whole(path) as temporary:
                temporary.write_bytes(content)
    if not kept:
        manifest.save(test, folder)


def _is_there(folder: Path, test: ListeningTest) -> bool:
    """Whether this very test stands in `folder` already; `ParameterError` where another one or its votes do."""
    try:
        found = json.loads((folder / manifest.FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = None
    except (OSError, ValueError):
        found = "damaged"
    wanted = json.loads(json.dumps({"version": manifest.VERSION} | dataclasses.asdict(test)))
    if found == wanted:
        return True
    if (folder / manifest.VOTES).exists():
        raise ParameterError(
            f"{folder}: has votes ({manifest.VOTES}) of another test, which must not be lost; build into another folder"
        )
    if found is not None:
        raise ParameterError(f"{folder}: holds another test ({manifest.FILE}); build into another folder or delete it")
    return False
