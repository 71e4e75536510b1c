"""What one participant is asked, trial by trial, and what may be told of it."""

import hashlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

import pandas as pd

from nblib.listening.server.manifest import ListeningTest
from nblib.listening.votes import CHOICES, presented

HEADPHONES = "headphones"  # the kind of a trial that is no pair
COUNTED = ("test", "catch")


class Trial(NamedTuple):
    """One thing a participant is asked, as presented; a trial of kind `HEADPHONES` has the sound's file as item."""

    id: str  # tells nothing of what is heard, and cannot be guessed
    position: int  # from 1
    kind: str
    item: str
    system_a: str
    system_b: str

    @property
    def phase(self) -> str:
        """What a participant may know of the kind: a catch pair must look like any other."""
        return "pair" if self.kind in COUNTED else self.kind

    @property
    def choices(self) -> Sequence[str]:
        """The answers that it takes."""
        return ("1", "2", "3") if self.kind == HEADPHONES else CHOICES


def draw(test: ListeningTest, number: int, secret: str) -> list[Trial]:
    """The trials of participant `number` in order: headphone check, training, all other pairs shuffled together."""
    parts = [[(trial.sound, "", "", HEADPHONES) for trial in test.headphone_trials]]
    parts += [[pair for pair in test.pairs if pair[3] == "training"]]
    parts += [[pair for kind in COUNTED for pair in test.pairs if pair[3] == kind]]
    frames = [pd.DataFrame(part, columns=["item", "system_a", "system_b", "kind"]) for part in parts]
    shown = pd.concat([presented(frame, test.seed, number) for frame in frames])
    ids = [hashlib.sha256(f"{secret}/{position}".encode()).hexdigest()[:32] for position in range(1, len(shown) + 1)]
    columns = ids, range(1, len(shown) + 1), shown["kind"], shown["item"], shown["system_a"], shown["system_b"]
    return [Trial(*row) for row in zip(*columns, strict=True)]


def left(trials: Sequence[Trial], answered: Collection[int]) -> list[Trial]:
    """The trials whose positions are not among `answered`, the present one first."""
    return [trial for trial in trials if trial.position not in answered]


def state(name: str, trials: Sequence[Trial], answered: Collection[int]) -> dict[str, object]:
    """Where a participant is, for the page: nothing here tells systems, kinds or files."""
    shown: list[object] = []
    for trial in left(trials, answered)[:2]:
        alike = [other for other in trials if other.phase == trial.phase]
        shown.append({"id": trial.id, "phase": trial.phase, "number": alike.index(trial) + 1, "of": len(alike)})
    present, following = [*shown, None, None][:2]
    counted = [trial.position for trial in trials if trial.kind in COUNTED]
    done = sum(position in answered for position in counted)
    sample = next((trial.id for trial in trials if trial.kind != HEADPHONES), None)
    numbers = {"answered": done, "pairs": len(counted)}
    return {"name": name, "trial": present, "next": following, "sample": sample} | numbers
