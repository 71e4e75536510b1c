"""What a listening test consists of: a folder with ``test.json`` and its sounds, built, served and exported."""

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path

from nblib.errors import ParameterError, check_choice
from nblib.listening.votes import KINDS

FILE, SOUNDS = "test.json", "sounds"
VOTES = "votes.sqlite"  # the server's, unless it is told another database
VERSION = 1
# MM'19 Section 7.2; IJCNN'20 Section IV, speech and vocals.
QUESTIONS = {
    "quality": "Which one has the better audio quality?",
    "intelligible": "Which one is more intelligible?",
    "vocals": "In which one are the vocals more distinct and stronger compared to the background track?",
}


@dataclass(frozen=True)
class HeadphoneTrial:
    """Three tones in one file; the `quietest` (1, 2 or 3) is told on headphones only (Woods et al. 2017)."""

    sound: str
    quietest: int


@dataclass(frozen=True)
class ListeningTest:
    """A test of paired comparisons."""

    name: str  # the title
    question: str  # a key of `QUESTIONS`
    reference: str  # the system that can be heard beside A and B
    sounds: dict[str, dict[str, str]]  # by item and system: files named by their digests, which tell no system
    pairs: list[tuple[str, str, str, str]]  # item, system_a, system_b, kind
    headphone_trials: list[HeadphoneTrial]
    seed: int  # of what is drawn per participant
    sample_rate: int  # Hz
    minimum_heard_seconds: float = 1.0  # of A and B each, before a choice is taken

    def as_text(self) -> str:
        """The content of ``test.json``."""
        return json.dumps({"version": VERSION} | dataclasses.asdict(self), indent=1, ensure_ascii=False) + "\n"


def load(folder: Path) -> ListeningTest:
    """Read a test's folder; `ParameterError` where it is no listening test, of another version, or lacks a sound."""
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.pop("version", None) != VERSION:
            raise ValueError(f"it is no listening test of version {VERSION}")
        content["pairs"] = [(item, a, b, kind) for item, a, b, kind in content["pairs"]]
        content["headphone_trials"] = [HeadphoneTrial(**trial) for trial in content["headphone_trials"]]
        test = ListeningTest(**content)
        check_choice("question", test.question, QUESTIONS)
        names = [test.sounds[item][system] for item, a, b, _ in test.pairs for system in (a, b, test.reference)]
        for *_, kind in test.pairs:
            check_choice("kind", kind, KINDS)
    except FileNotFoundError:
        raise ParameterError(f"{path}: not there; make a test by python -m nblib listen build") from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ParameterError(f"{path}: {type(error).__name__} {error}; build the test again") from error
    for name in [*names, *(trial.sound for trial in test.headphone_trials)]:
        if not re.fullmatch(r"[0-9a-f]{16}\.flac", str(name)) or not (folder / SOUNDS / name).is_file():
            raise ParameterError(f"{folder / SOUNDS}: sound {name!r} of {FILE} is not there; build the test again")
    return test
