"""A listening test as a configuration for webMUSHRA, and webMUSHRA's results as votes.

webMUSHRA (Schoeffler et al. 2018, Journal of Open Research Software 6(1), 8; github.com/audiolabs/webMUSHRA) was read
at these commits: ``service/write.php`` 13a105c7, ``PairedComparisonPage.js`` 874ad477, ``MushraAudioControl.js`` and
``startup.js`` f7ecc253, ``FinishPage.js`` 75bf915e. None of its code is used here. What follows from it:

- Behind A and B of a ``paired_comparison`` page stand its ``reference`` and one of its ``stimuli``, sides drawn anew
  each time; two systems with an open original beside them are not foreseen (its issue 88). So the first system of a
  pair is the page's ``reference``, the second its only stimulus; the column of the open reference and the fixed
  question, "Which item is the reference?", are hidden by a style, and the original is a player of its own above. The
  keys R, 0 and space still play the first system, without its name.
- Choosing the ``reference`` is written as "correct", the stimulus as "incorrect", ``unforced`` as "undecided". Results
  are sent unencoded, so that a typed ampersand would lose them all: the questionnaire has nothing to type in. No column
  tells participants apart, but each one's rows are written in one go.
- Sounds of one channel would play on the left alone (its issue 124): they are exported with two equal channels.
"""

import html
import re
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from nblib import paths
from nblib.audio import read
from nblib.errors import ParameterError
from nblib.listening.server.levels import flac
from nblib.listening.server.manifest import QUESTIONS, SOUNDS, ListeningTest
from nblib.listening.votes import COLUMNS, read_table, refuse_rows
from nblib.provenance import config_hash

FILE = "nblib.yaml"
_PATH = f"configs/{SOUNDS}/{{}}"  # as webMUSHRA finds a sound
ANSWERS = {"correct": "a", "incorrect": "b", "undecided": "dont_know"}
_COLUMNS = ("session_test_id", "trial_id", "choice_reference", "choice_non_reference", "choice_answer", "choice_time")


def test_id(test: ListeningTest) -> str:
    """What webMUSHRA writes beside every answer; changes with anything in the test."""
    return f"nblib-{config_hash(test)}"


def export_config(test: ListeningTest, folder_of_test: Path, out_folder: Path) -> None:
    """Write ``nblib.yaml`` and ``sounds/``, to be copied into webMUSHRA's ``configs/``."""
    for file in sorted({file for of_item in test.sounds.values() for file in of_item.values()}):
        source = folder_of_test / SOUNDS / file
        samples, sample_rate = read(source, mono=False)
        content = flac(samples.repeat(2, axis=0).T, sample_rate) if len(samples) == 1 else source.read_bytes()
        with paths.whole(out_folder / SOUNDS / file) as temporary:
            temporary.write_bytes(content)
    text = yaml.dump(configuration(test), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))
    # webMUSHRA's own reader of YAML takes a list in a list only where it starts on a line of its own.
    text = text.replace("  - - random\n", "  -\n    - random\n")
    with paths.whole(out_folder / FILE) as temporary:
        temporary.write_text(text, encoding="utf-8")


def configuration(test: ListeningTest) -> dict[str, Any]:
    """The content of ``nblib.yaml``: welcome, volume, training, all other pairs in random order, finish."""
    shared = yaml.safe_load((Path(__file__).parent / "pages" / "webmushra.yaml").read_text(encoding="utf-8"))
    welcome = shared["welcome"]["content"].format(title=html.escape(test.name))
    first = next(iter(test.sounds.values()))[test.reference]
    training: list[object] = [
        shared["welcome"] | {"content": welcome},
        shared["volume"] | {"stimulus": _PATH.format(first)},
    ]
    shuffled: list[object] = ["random"]
    for index, (item, system_a, system_b, kind) in enumerate(test.pairs):
        trial, stimulus = _trial(test, index)
        files = {system: _PATH.format(file) for system, file in test.sounds[item].items()}
        question = html.escape(QUESTIONS[test.question])
        page = shared["pair"] | {
            "id": trial,
            "name": "Training" if kind == "training" else "Comparison",
            "content": shared["pair"]["content"].format(original=files[test.reference], question=question),
            "reference": files[system_a],
            "stimuli": {stimulus: files[system_b]},
        }
        (training if kind == "training" else shuffled).append(page)
    pages = [*training, shuffled, shared["finish"]]
    return {"testname": test.name, "testId": test_id(test)} | shared["test"] | {"pages": pages}


def _trial(test: ListeningTest, index: int) -> tuple[str, str]:
    """What a pair and its second sound are called."""
    item, _, system_b, _ = test.pairs[index]
    return f"pair-{index + 1}", test.sounds[item][system_b].removesuffix(".flac")


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
    """Votes from webMUSHRA's ``results/<test id>/paired_comparison.csv``, A and B in the order of the test's pairs.

    A new participant starts where the answers to the questionnaire or the session's id change, or a pair comes again.
    Pages without a choice are left out.
    """
    rows = read_table(csv_path, _COLUMNS, "webMUSHRA writes paired_comparison.csv to results/<test id>/", dtype=str)
    trials = {trial: (index, stimulus) for index in range(len(test.pairs)) for trial, stimulus in [_trial(test, index)]}
    stimuli = rows["trial_id"].map(lambda trial: trials.get(trial, (0, None))[1])
    seconds = pd.to_numeric(rows["choice_time"], errors="coerce") / 1000
    for column, right, wanted in (
        ("session_test_id", rows["session_test_id"] == test_id(test), test_id(test)),
        ("trial_id", rows["trial_id"].isin(trials), "a pair's"),
        ("choice_reference", rows["choice_reference"] == "reference", "reference"),
        ("choice_answer", rows["choice_answer"].isin([*ANSWERS, "unknown"]), ", ".join(ANSWERS)),
        ("choice_time", seconds.between(0, 1e9), "milliseconds"),
        ("choice_non_reference", rows["choice_non_reference"] == stimuli, "that pair's sound"),
    ):
        refuse_rows(csv_path, rows, ~right, column, f"is not of this test, wanted is {wanted}")
    pairs = [test.pairs[trials[trial][0]] for trial in rows["trial_id"]]
    votes = pd.DataFrame(pairs, columns=["item", "system_a", "system_b", "kind"])
    votes = votes.assign(participant=_participants(rows), choice=rows["choice_answer"].map(ANSWERS))[list(COLUMNS)]
    votes = votes.assign(question=test.question, judge="people", seconds=seconds).dropna(ignore_index=True)
    if votes.empty:
        raise ParameterError(f"{csv_path}: there are no answers in it")
    return votes


def _participants(rows: pd.DataFrame) -> list[str]:
    session = rows[[name for name in rows if name not in (*_COLUMNS[1:], "choice_comment")]]
    changes = (session != session.shift()).any(axis=1)
    number, found = 0, []
    answered: set[str] = set()
    for trial, change in zip(rows["trial_id"], changes, strict=True):
        if change or trial in answered:
            number, answered = number + 1, set()
        answered.add(trial)
        found.append(f"webmushra-{number}")
    return found
