"""What one participant is asked, trial by trial, and what may be told of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from nblib.listening.manifest import ListeningTest
from nblib.listening.pairs import presented
from nblib.listening.votes import CHOICES

HEADPHONES = "headphones"  # the kind of a trial that is no pair
TONES = ("1", "2", "3")
SKIPPED = "skipped"
COUNTED = ("test", "catch")
_WRONG_IN = 6  # Woods et al. 2017: at least five of six right


class Trial(NamedTuple):
    """One thing a participant is asked.

    Parameters
    ----------
    id : str
        Random, so that it tells nothing of what is heard.
    position : int
        From 1, over all of the participant's trials.
    kind : str
        `HEADPHONES`, or as in `nblib.listening.votes`.
    item : str
        What is heard; the sound's file name where the kind is `HEADPHONES`.
    system_a, system_b : str
        As presented; empty where the kind is `HEADPHONES`.
    expected : str
        The right answer where there is one, of `TONES`; else empty.
    choice : str or None
        What was answered, or None as long as nothing was.
    """

    id: str
    position: int
    kind: str
    item: str
    system_a: str
    system_b: str
    expected: str
    choice: str | None = None

    @property
    def phase(self) -> str:
        """What a participant may know of the kind: a catch pair must look like any other."""
        return "pair" if self.kind in COUNTED else self.kind

    @property
    def choices(self) -> Sequence[str]:
        """The answers that it takes."""
        return TONES if self.kind == HEADPHONES else CHOICES


def draw(test: ListeningTest, number: int) -> list[Trial]:
    """The trials of participant `number` in order: headphone check, training, all other pairs shuffled together."""
    tones = pd.DataFrame(
        [(trial.sound, "", "", HEADPHONES, str(trial.quietest)) for trial in test.headphone_trials],
        columns=["item", "system_a", "system_b", "kind", "expected"],
    )
    parts = (
        tones,
        test.pair_table("training").assign(expected=""),
        pd.concat([test.pair_table(kind) for kind in COUNTED]).assign(expected=""),
    )
    shown = pd.concat([presented(part, test.seed, number) for part in parts])[list(tones.columns)]
    rows = shown.itertuples(index=False, name=None)
    return [
        Trial(secrets.token_urlsafe(16), position, kind, item, system_a, system_b, expected)
        for position, (item, system_a, system_b, kind, expected) in enumerate(rows, start=1)
    ]


def current(trials: Sequence[Trial]) -> Trial | None:
    """The first trial that is not answered; None at the end."""
    return next((trial for trial in trials if trial.choice is None), None)


def headphones(trials: Sequence[Trial]) -> str:
    """How the headphone check ended: "passed", "failed", "skipped", or "" before its end.

    Passed is at most one wrong answer in six. A test without the check is as one where it was skipped.
    """
    checks = [trial for trial in trials if trial.kind == HEADPHONES]
    if not checks or any(trial.choice == SKIPPED for trial in checks):
        return SKIPPED
    if any(trial.choice is None for trial in checks):
        return ""
    wrong = sum(trial.choice != trial.expected for trial in checks)
    return "passed" if wrong <= len(checks) // _WRONG_IN else "failed"


def state(name: str, trials: Sequence[Trial]) -> dict[str, object]:
    """Where a participant is, for the page: nothing here tells systems, kinds or files."""
    open_trials = [trial for trial in trials if trial.choice is None]
    counted = [trial for trial in trials if trial.kind in COUNTED]
    return {
        "name": name,
        "answered": sum(trial.choice is not None for trial in counted),
        "pairs": len(counted),
        "trial": _shown(open_trials[0], trials) if open_trials else None,
        "next": _shown(open_trials[1], trials) if len(open_trials) > 1 else None,
        "sample": next((trial.id for trial in trials if trial.kind != HEADPHONES), None),
    }


def _shown(trial: Trial, trials: Sequence[Trial]) -> dict[str, object]:
    alike = [other.id for other in trials if other.phase == trial.phase]
    return {"id": trial.id, "phase": trial.phase, "number": alike.index(trial.id) + 1, "of": len(alike)}
