"""A listening test as a configuration for webMUSHRA, and webMUSHRA's results as votes.

webMUSHRA (Schoeffler et al. 2018, Journal of Open Research Software 6(1), 8; github.com/audiolabs/webMUSHRA) was read
at these commits: ``service/write.php`` 13a105c7, ``PairedComparisonPage.js`` 874ad477, ``MushraAudioControl.js`` and
``startup.js`` f7ecc253, ``FinishPage.js`` 75bf915e. None of its code is used here. What follows from it:

- Behind A and B of a ``paired_comparison`` page stand its ``reference`` and one of its ``stimuli``, sides drawn anew
  each time; two systems with an open original beside them are not foreseen (its issue 88). So the first system of a
  pair is the page's ``reference``, the second its only stimulus; the column of the open reference and the question that
  is fixed, "Which item is the reference?", are hidden by a style, and the original is a player above A and B, at their
  volume, that never sounds together with them. The keys R, 0 and space still play the first system, without its name.
- Choosing the ``reference`` is written as "correct", the stimulus as "incorrect", the label of ``unforced`` as
  "undecided". Which side a system stood on is not written.
- Results are sent unencoded, so that an ampersand typed by a participant would lose them all: the questionnaire has
  nothing to type in.
- ``paired_comparison.csv`` has no column that tells participants apart, but each one's rows are written in one go.
- Sounds of one channel would play on the left alone (its issue 124): they are exported with two equal channels.
"""

from __future__ import annotations

import csv
import html
import re
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from nblib import paths
from nblib.audio import read
from nblib.errors import ParameterError
from nblib.listening import manifest
from nblib.listening.levels import flac
from nblib.listening.manifest import QUESTIONS, ListeningTest
from nblib.provenance import config_hash

FILE = "nblib.yaml"
CONFIGS = "configs"  # where webMUSHRA looks for its configurations; paths in them start above it
ANSWERS = {"correct": "a", "incorrect": "b", "undecided": "dont_know"}
UNANSWERED = "unknown"
PARTICIPANT = "webmushra-"  # before the number of a session
REFERENCE = "reference"  # what webMUSHRA calls a page's reference in its results
COLUMNS = ("session_test_id", "trial_id", "choice_reference", "choice_non_reference", "choice_answer", "choice_time")
_PER_ANSWER = (*COLUMNS[1:], "choice_comment")

_STYLE = (
    "<style>#table_ab tr:nth-child(1) td:nth-child(1), #table_ab tr:nth-child(2) td:nth-child(1), "
    "#table_ab tr:nth-child(3) {display: none}</style>"
)
# At the volume of A and B, which it stops; it stops itself when one of them plays.
_PLAYER = (
    '<audio controls loop src="{path}" '
    "onplay=\"this.volume = audioContext.volume; document.getElementById('buttonStop').click()\" "
    "ontimeupdate=\"if (document.querySelector('#table_ab [active=true]')) this.pause()\"></audio>"
)


_WELCOME = (
    "<p>You will hear two versions of a sound, A and B, and the original beside them. Say which one you choose, or "
    "that you do not know. Switch between them as often as you like. Please wear headphones.</p>"
)
_FINISH = {
    "type": "finish",
    "name": "Thank you",
    "content": "<p>One last question, then press the button to send your answers.</p>",
    "popupContent": "Your answers have been sent. You may close this page.",
    "showErrors": True,
    "showResults": False,
    "writeResults": True,
    "questionnaire": [
        {
            "type": "likert",
            "label": "What did you listen on?",
            "name": "listened_on",
            "response": [
                {"value": "headphones", "label": "headphones"},
                {"value": "loudspeakers", "label": "loudspeakers"},
                {"value": "other", "label": "something else"},
            ],
        }
    ],
}


def test_id(test: ListeningTest) -> str:
    """What webMUSHRA writes beside every answer; changes with anything in the test."""
    return f"nblib-{config_hash(test)}"


def export_config(test: ListeningTest, folder_of_test: Path, out_folder: Path) -> None:
    """Write ``nblib.yaml`` and ``sounds/``, to be copied into webMUSHRA's ``configs/``.

    The test then runs at ``http://HOST/?config=nblib.yaml``; its results are in ``results/<test id>/``.

    Raises
    ------
    AudioError
        A sound cannot be read.
    StorageError
        `out_folder` cannot be written.
    """
    sounds = {file for of_item in test.sounds.values() for file in of_item.values()}
    for file in sorted(sounds):
        samples, sample_rate = read(folder_of_test / manifest.SOUNDS / file, mono=False)
        content = flac(samples.repeat(2, axis=0).T, sample_rate) if len(samples) == 1 else None
        with paths.whole(out_folder / manifest.SOUNDS / file) as temporary:
            temporary.write_bytes(content or (folder_of_test / manifest.SOUNDS / file).read_bytes())
    text = yaml.dump(configuration(test), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))
    # webMUSHRA's own reader of YAML takes a list in a list only where it starts on a line of its own.
    text = text.replace("  - - random\n", "  -\n    - random\n")
    with paths.whole(out_folder / FILE) as temporary:
        temporary.write_text(text, encoding="utf-8")


def configuration(test: ListeningTest) -> dict[str, Any]:
    """The content of ``nblib.yaml``: welcome, volume, training, all other pairs in random order, finish."""
    pages = [(kind, _pair_page(test, index)) for index, (_, _, _, kind) in enumerate(test.pairs)]
    title = html.escape(test.name)
    first = next(iter(test.sounds.values()))[test.reference]
    return {
        "testname": test.name,
        "testId": test_id(test),
        "bufferSize": 2048,
        "stopOnErrors": True,
        "showButtonPreviousPage": False,
        "remoteService": "service/write.php",
        "pages": [
            {"type": "generic", "id": "welcome", "name": "Welcome", "content": f"<h3>{title}</h3>{_WELCOME}"},
            {
                "type": "volume",
                "id": "volume",
                "name": "Volume",
                "content": "Set a comfortable volume and leave it there.",
                "stimulus": _path(first),
                "defaultVolume": 0.5,
            },
            *(page for kind, page in pages if kind == "training"),
            ["random", *(page for kind, page in pages if kind != "training")],
            _FINISH,
        ],
    }


def _path(file: str) -> str:
    return f"{CONFIGS}/{manifest.SOUNDS}/{file}"


def _trial_id(index: int) -> str:
    return f"pair-{index + 1}"


def _stimulus(test: ListeningTest, index: int) -> str:
    item, _, system_b, _ = test.pairs[index]
    return test.sounds[item][system_b].removesuffix(".flac")


def _pair_page(test: ListeningTest, index: int) -> dict[str, Any]:
    item, system_a, system_b, kind = test.pairs[index]
    files = test.sounds[item]
    original = _PLAYER.format(path=_path(files[test.reference]))
    question = html.escape(QUESTIONS[test.question])
    return {
        "type": "paired_comparison",
        "id": _trial_id(index),
        "name": "Training" if kind == "training" else "Comparison",
        "unforced": "I don't know",
        "content": f"{_STYLE}<p>The original: {original}</p><p>{question}</p>",
        "showWaveform": False,
        "enableLooping": True,
        "reference": _path(files[system_a]),
        "stimuli": {_stimulus(test, index): _path(files[system_b])},
    }


class _Dumper(yaml.SafeDumper):
    """Lists indented, all but plain words quoted, no references: webMUSHRA's reader of YAML knows no more."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = re.fullmatch(r"[A-Za-z_][\w./-]*", text, re.ASCII)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _represent)


def read_results(csv_path: Path, test: ListeningTest) -> pd.DataFrame:
    """Votes from webMUSHRA's ``results/<test id>/paired_comparison.csv``.

    A new participant starts where the answers to the questionnaire or the session's id change, or a pair comes again.
    Pages without a choice are left out.

    Returns
    -------
    DataFrame
        As `nblib.listening.votes`, A and B in the order of the test's pairs, with ``question``, ``judge`` ("people")
        and ``seconds`` (on the page).

    Raises
    ------
    ParameterError
        The file is missing or no such table, or a row is of another test or has an unknown trial, stimulus, answer or
        time; the message names file, row (from 1) and value.
    """
    rows = _read_rows(csv_path)
    known = {_trial_id(index): index for index in range(len(test.pairs))}
    wrong = {
        "session_test_id": rows["session_test_id"] != test_id(test),
        "trial_id": ~rows["trial_id"].isin(known),
        "choice_reference": rows["choice_reference"] != REFERENCE,
        "choice_answer": ~rows["choice_answer"].isin([*ANSWERS, UNANSWERED]),
        "choice_time": ~(pd.to_numeric(rows["choice_time"], errors="coerce").between(0, 1e12)),
    }
    expected = {"session_test_id": test_id(test), "choice_reference": REFERENCE}
    for column, bad in wrong.items():
        _refuse(csv_path, rows, bad, column, expected.get(column, ""))
    stimuli = rows["trial_id"].map(lambda trial: _stimulus(test, known[trial]))
    _refuse(csv_path, rows, rows["choice_non_reference"] != stimuli, "choice_non_reference", "that pair's sound")
    rows = rows.assign(participant=_participants(rows))[rows["choice_answer"] != UNANSWERED]
    if rows.empty:
        raise ParameterError(f"{csv_path}: there are no answers in it")
    pairs = [test.pairs[known[trial]] for trial in rows["trial_id"]]
    votes = pd.DataFrame(pairs, columns=["item", "system_a", "system_b", "kind"])
    votes.insert(0, "participant", rows["participant"].to_numpy())
    votes.insert(4, "choice", rows["choice_answer"].map(ANSWERS).to_numpy())
    seconds = pd.to_numeric(rows["choice_time"]).to_numpy() / 1000
    return votes.assign(question=test.question, judge="people", seconds=seconds)


def _read_rows(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *lines = [line for line in csv.reader(file, strict=True) if line] or [[]]
    except FileNotFoundError:
        raise ParameterError(f"{path}: not there; webMUSHRA writes it to results/<test id>/") from None
    except (OSError, ValueError, csv.Error) as error:
        raise ParameterError(f"{path}: no CSV table of webMUSHRA's ({error})") from error
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise ParameterError(f"{path}: column {missing[0]!r} is missing; is it webMUSHRA's paired_comparison.csv?")
    if not lines:
        raise ParameterError(f"{path}: there are no answers in it")
    for row, line in enumerate(lines, start=1):
        if len(line) != len(header):
            raise ParameterError(
                f"{path}: row {row}: {len(line)} fields, {len(header)} are named in the first line; results sent twice "
                "or cut short look so: take the row out"
            )
    return pd.DataFrame(lines, columns=header)


def _participants(rows: pd.DataFrame) -> list[str]:
    per_session = rows[[name for name in rows.columns if name not in _PER_ANSWER]]
    number, before = 0, None
    answered: set[str] = set()
    found = []
    for trial, session in zip(rows["trial_id"], per_session.itertuples(index=False, name=None), strict=True):
        if session != before or trial in answered:
            number, before, answered = number + 1, session, set()
        answered.add(trial)
        found.append(f"{PARTICIPANT}{number}")
    return found


def _refuse(path: Path, rows: pd.DataFrame, bad: pd.Series, column: str, expected: str) -> None:
    if bad.any():
        row = int(bad.to_numpy().argmax())
        hint = f", wanted is {expected}" if expected else ""
        raise ParameterError(f"{path}: row {row + 1}: {column}={rows.at[row, column]!r} is not of this test{hint}")
