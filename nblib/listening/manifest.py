"""What a listening test consists of: a folder with ``test.json`` and its sounds, built, served and exported."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nblib import paths
from nblib.errors import ParameterError, check_choice
from nblib.listening.votes import KINDS

FILE = "test.json"
SOUNDS = "sounds"
VOTES = "votes.sqlite"  # the server's, unless it is told another database
VERSION = 1
# MM'19 Section 7.2; IJCNN'20 Section IV, speech and vocals.
QUESTIONS = {
    "quality": "Which one has the better audio quality?",
    "intelligible": "Which one is more intelligible?",
    "vocals": "In which one are the vocals more distinct and stronger compared to the background track?",
}
_SOUND_NAME = re.compile(r"[0-9a-f]{16}\.flac")


@dataclass(frozen=True)
class HeadphoneTrial:
    """Three tones in one file, one of them quieter: told apart on headphones only (Woods et al. 2017)."""

    sound: str
    quietest: int  # 1, 2 or 3


@dataclass(frozen=True)
class ListeningTest:
    """A test of paired comparisons.

    Parameters
    ----------
    name : str
        Title that participants see.
    question : str
        A key of `QUESTIONS`.
    reference : str
        The system that participants can hear beside A and B ("the original").
    sounds : dict
        ``sounds[item][system]``: file name under ``sounds/``, the digest of its content and ".flac", so that it tells
        nothing of the system.
    pairs : list of tuple
        (item, system_a, system_b, kind), with kind as in `nblib.listening.votes`.
    headphone_trials : list of HeadphoneTrial
        May be empty.
    seed : int
        Of the orders and sides that are drawn per participant.
    sample_rate : int
        In Hz, of all sounds.
    minimum_heard_seconds : float
        How long A and B must each have sounded before a choice is taken.
    """

    name: str
    question: str
    reference: str
    sounds: dict[str, dict[str, str]]
    pairs: list[tuple[str, str, str, str]]
    headphone_trials: list[HeadphoneTrial]
    seed: int
    sample_rate: int
    minimum_heard_seconds: float = 1.0

    def pair_table(self, kind: str) -> pd.DataFrame:
        """Its pairs of one kind: columns item, system_a, system_b, kind."""
        check_choice("kind", kind, KINDS)
        rows = [pair for pair in self.pairs if pair[3] == kind]
        return pd.DataFrame(rows, columns=["item", "system_a", "system_b", "kind"])


def save(test: ListeningTest, folder: Path) -> None:
    """Write ``test.json``, whole. The sounds must lie there before, so that what can be loaded is complete."""
    text = json.dumps({"version": VERSION} | dataclasses.asdict(test), indent=1, ensure_ascii=False)
    with paths.whole(folder / FILE) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def load(folder: Path) -> ListeningTest:
    """Read a test's folder.

    Raises
    ------
    ParameterError
        It is missing, no listening test, of another version, or lacks a sound; the message names what and where.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"{path}: not there; make a test by python -m nblib listen build") from None
    except (ValueError, OSError) as error:
        raise ParameterError(f"{path}: cannot be read ({error}); build the test again") from error
    if not isinstance(content, dict) or content.pop("version", None) != VERSION:
        raise ParameterError(f"{path}: no listening test of version {VERSION}; build the test again")
    try:
        content["pairs"] = [(item, a, b, kind) for item, a, b, kind in content["pairs"]]
        content["headphone_trials"] = [HeadphoneTrial(**trial) for trial in content["headphone_trials"]]
        test = ListeningTest(**content)
        check_choice("question", test.question, QUESTIONS)
        names = [test.sounds[item][system] for item, a, b, _ in test.pairs for system in (a, b, test.reference)]
    except (KeyError, TypeError, ValueError) as error:
        raise ParameterError(f"{path}: {type(error).__name__} {error}; build the test again") from error
    for name in [*names, *(trial.sound for trial in test.headphone_trials)]:
        if not _SOUND_NAME.fullmatch(str(name)) or not (folder / SOUNDS / name).is_file():
            raise ParameterError(f"{folder / SOUNDS}: sound {name!r} of {FILE} is not there; build the test again")
    return test
