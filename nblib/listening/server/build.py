"""A listening test out of any systems and items: level-matched, in line, with catch, training and headphone trials."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nblib import paths
from nblib.audio import SAMPLE_RATES, band_limit, noise_like
from nblib.errors import ParameterError, check_choice, check_whole
from nblib.listening.pairs import all_pairs, pairs_against
from nblib.listening.server import manifest
from nblib.listening.server.headphones import tone_trials
from nblib.listening.server.levels import comparable, fade, flac, matched
from nblib.listening.server.manifest import QUESTIONS, HeadphoneTrial, ListeningTest
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
    (`nblib.listening.server.levels`) and written as 16-bit FLAC named by its digest. Everything follows from the
    arguments, bit for bit; the same test built again changes nothing.

    Parameters
    ----------
    sounds : mapping
        ``sounds[item][system]``: samples [shape=(n,) or (n, 2)], floating point, full scale 1, at least 0.5 s, in line
        with the reference to 5 ms. Every item needs the same systems.
    sample_rate : int
        In Hz, one of `nblib.audio.SAMPLE_RATES`.
    name, question : str
        Title that participants see; a key of `nblib.listening.server.manifest.QUESTIONS`.
    reference : str
        The system that can be heard beside A and B, and that gives loudness and alignment.
    compare_reference : bool
        Let the reference stand behind A and B as well: MM'19 Section 7.2 does, IJCNN'20 does not.
    baseline : str, optional
        Pair each system with this one only; by default every pair of systems meets.
    catch_pairs : int >= 0, optional
        How many pairs of the reference and a spoilt one, on items in turn, tell who does not listen; by default one for
        10 pairs, at least 2.
    seed : int
        Of the spoilt sounds' noise, the order of items and trials, and of what is drawn per participant.

    Raises
    ------
    ParameterError
        A name, question, number or system cannot be used; or the folder holds another test or votes.
    AudioError
        A sound cannot be used; the message names item and system.
    """
    systems = _checked(name, sounds, sample_rate, seed)
    check_choice("question", question, QUESTIONS)
    check_choice("reference", reference, systems)
    compared = [system for system in systems if compare_reference or system != reference]
    table = pairs_against(baseline, compared, list(sounds)) if baseline else all_pairs(compared, list(sounds))
    catches = max(LEAST_CATCHES, len(table) // PAIRS_PER_CATCH) if catch_pairs is None else catch_pairs
    check_whole("catch_pairs", catches)
    order = [list(sounds)[index] for index in random_generator("catch", seed).permutation(len(sounds))]
    pairs = [(item, a, b, "test") for item, a, b in table.itertuples(index=False)]
    pairs += [(order[turn % len(order)], reference, SPOILT, "catch") for turn in range(catches)]
    pairs.append((order[-1], reference, SPOILT, "training"))
    files: dict[str, bytes] = {}

    def add(samples: np.ndarray) -> str:
        content = flac(samples, sample_rate)
        file = f"{hashlib.sha256(content).hexdigest()[:16]}.flac"
        files[file] = content
        return file

    named: dict[str, dict[str, str]] = {}
    for item, of_item in sounds.items():
        ready = comparable(item, {system: np.asarray(of_item[system]) for system in of_item}, reference, sample_rate)
        if any(own == item and kind != "test" for own, _, _, kind in pairs):
            ready[SPOILT] = fade(spoil(ready[reference], sample_rate, seed, item), sample_rate)
        named[item] = {system: add(samples) for system, samples in matched(item, ready, reference, sample_rate).items()}
    tones = [HeadphoneTrial(add(samples), quietest) for samples, quietest in tone_trials(sample_rate, seed)]
    shortest = min(len(samples) for of_item in sounds.values() for samples in of_item.values()) / sample_rate
    heard = min(HEARD_SECONDS, shortest)
    test = ListeningTest(name, question, reference, named, pairs, tones, seed, sample_rate, heard)
    _write(folder, test, files)
    return test


def spoil(samples: np.ndarray, sample_rate: int, *seed: str | int) -> np.ndarray:
    """A version of samples [shape=(n,) or (n, 2)] that is clearly worse by every question.

    To it are added `nblib.audio.noise_like` it at 0 dB, then the low-pass of the low anchor of ITU-R BS.1534, 3.5 kHz.
    """
    with torch_threads(1):
        channels = [
            band_limit(channel + noise_like(channel, "spoilt", number, *seed), sample_rate, SPOILT_CUTOFF_HZ)
            for number, channel in enumerate(np.atleast_2d(samples.T))
        ]
    return np.stack(channels, -1).astype(np.float64).reshape(samples.shape)


def _checked(name: str, sounds: Mapping[str, Mapping[str, np.ndarray]], sample_rate: int, seed: int) -> list[str]:
    """The systems, in the first item's order."""
    check_whole("seed", seed)
    check_whole("sample_rate", sample_rate, 1)
    check_choice("sample_rate", str(sample_rate), map(str, SAMPLE_RATES))
    if not sounds:
        raise ParameterError("sounds={}: there is no item; at least one is needed")
    every = list(dict.fromkeys(system for of_item in sounds.values() for system in of_item))
    for kind, text in [("name", name), *(("item", item) for item in sounds), *(("system", one) for one in every)]:
        if not text.strip() or not text.isprintable():
            raise ParameterError(f"{kind} {text!r}: a name of printable characters is needed")
        if kind != "name" and (set(text) & set("/\\") or text in (".", "..")):
            raise ParameterError(f"{kind} {text!r}: a name without path separators is needed; rename it")
    if SPOILT in every:
        raise ParameterError(f"system {SPOILT!r}: the name is taken by the catch pairs; choose another")
    for item, of_item in sounds.items():
        for system in every:
            if system not in of_item:
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
