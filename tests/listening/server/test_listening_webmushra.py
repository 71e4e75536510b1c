"""webMUSHRA: a configuration that it can read, and its results read back as the votes that were given."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from helpers import listening as heard

from nblib.errors import ParameterError
from nblib.listening.server.manifest import QUESTIONS, ListeningTest
from nblib.listening.server.webmushra import configuration, export_config, read_results, test_id
from nblib.listening.votes import read_votes, write_table
from nblib.provenance import random_generator

test_id.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test
ANSWER = {"a": "correct", "b": "incorrect", "dont_know": "undecided"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("test")


@pytest.fixture(scope="module")
def made(folder: Path) -> ListeningTest:
    test = heard.built(folder, question="vocals", name="No & <i>loud</i>: 1e3 # yes")
    export_config(test, folder, folder / "out")
    return test


@pytest.fixture(scope="module")
def text(folder: Path, made: ListeningTest) -> str:
    return (folder / "out" / "nblib.yaml").read_text(encoding="utf-8")


def test_the_configuration_comes_back_from_yaml_as_it_was(made, text):
    assert yaml.safe_load(text) == configuration(made)
    # webMUSHRA's reader of YAML knows no list begun on the line of another's dash, no references and no folded lines.
    assert not re.search(r"^ *- - ", text, re.MULTILINE)
    assert not re.search(r"[&*]id\d+|: [|>]", text)
    assert all(re.match(r" *(- )*[\w\"]|  -$", line) for line in text.splitlines())


def test_there_is_a_page_for_every_pair_with_its_two_sounds_and_the_original(made, folder, text):
    pages = yaml.safe_load(text)["pages"]
    kinds = ["random" if isinstance(page, list) else page["type"] for page in pages]
    assert kinds == ["generic", "volume", "paired_comparison", "random", "finish"] and pages[3][0] == "random"
    assert all(question["type"] == "likert" for question in pages[-1]["questionnaire"])  # nothing to type in
    by_id = {page["id"]: page for page in [pages[2], *pages[3][1:]]}  # training, then all others shuffled together
    assert len(by_id) == len(made.pairs) and pages[1]["stimulus"].startswith("configs/sounds/")
    for index, (item, a, b, kind) in enumerate(made.pairs, start=1):
        page = by_id[f"pair-{index}"]
        files = {system: f"configs/sounds/{name}" for system, name in made.sounds[item].items()}
        assert page["reference"] == files[a] and list(page["stimuli"].values()) == [files[b]]
        assert f'src="{files["original"]}"' in page["content"] and QUESTIONS["vocals"] in page["content"]
        assert "#table_ab tr:nth-child(3) {display: none}" in page["content"]
        assert page["unforced"] and page["name"] == ("Training" if kind == "training" else "Comparison")
        for path in (page["reference"], *page["stimuli"].values()):
            assert (folder / "out" / path.removeprefix("configs/")).is_file()


def test_nothing_that_a_participant_sees_or_loads_names_a_system(made, text):
    assert not re.search(r"\b(fine|dull|noisy|spoilt|alpha|beta|gamma|catch)\b", text)
    assert "<i>loud" not in text.replace('testname: "No & <i>loud</i>', "")
    assert "No &amp; &lt;i&gt;loud" in text
    assert re.fullmatch(r"nblib-[0-9a-f]{12}", test_id(made))  # what becomes a folder's name, and is posted as it is


@pytest.mark.usefixtures("made")
def test_sounds_of_one_channel_get_a_second(folder):
    for path in (folder / "out" / "sounds").iterdir():
        mono, both = (soundfile.read(place, dtype="int16")[0] for place in (folder / "sounds" / path.name, path))
        np.testing.assert_array_equal(both, np.stack([mono, mono], 1))


def fputcsv(fields: Sequence[str]) -> str:
    """A line as PHP's fputcsv writes it: quoted where there is a comma, quote, white space or backslash."""
    cells = ('"' + field.replace('"', '""') + '"' if re.search(r'[,"\\ \t\r\n]', field) else field for field in fields)
    return ",".join(cells) + "\n"


def written(
    test: ListeningTest, sessions: Sequence[Sequence[tuple[int, str, int]]], own: Sequence[Sequence[str]] = ()
) -> str:
    """What service/write.php appends for these sessions of (pair, choice, milliseconds): the header once, then rows."""
    own = own or [["headphones"]] * len(sessions)
    tail = ["trial_id", "choice_reference", "choice_non_reference", "choice_answer", "choice_time", "choice_comment"]
    lines = [fputcsv(["session_test_id", *["listened_on", "session_uuid"][: len(own[0])], *tail])]
    for session, about in zip(sessions, own, strict=True):
        for pair, choice, time in session:
            item, _, b, _ = test.pairs[pair]
            sound = test.sounds[item][b].split(".")[0]
            answer = ["reference", sound, ANSWER.get(choice, choice), str(time), ""]
            lines.append(fputcsv([test_id(test), *about, f"pair-{pair + 1}", *answer]))
    return "".join(lines)


def drawn(test: ListeningTest, seed: int) -> list[tuple[int, str, int]]:
    """One participant: every pair once, in an order, with choices and times of his own."""
    generator = random_generator("webmushra", seed)
    order = generator.permutation(len(test.pairs))
    return [(int(k), str(generator.choice(list(ANSWER))), int(generator.integers(1, 60_000))) for k in order]


def save(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "paired_comparison.csv").write_bytes(text.encode(encoding))
    return folder / "paired_comparison.csv"


@pytest.mark.parametrize("change", ["as written", "BOM", "CRLF"])
def test_results_come_back_as_exactly_the_votes_given(tmp_path, made, change):
    sessions = [drawn(made, seed) for seed in range(3)]
    text = written(made, sessions)
    text = text.replace("\n", "\r\n" if change == "CRLF" else "\n")
    votes = read_results(save(tmp_path, text, "utf-8-sig" if change == "BOM" else "utf-8"), made)
    expected = [
        (f"webmushra-{person}", *made.pairs[pair][:3], choice, made.pairs[pair][3], time / 1000)
        for person, session in enumerate(sessions, start=1)
        for pair, choice, time in session
    ]
    columns = ["participant", "item", "system_a", "system_b", "choice", "kind", "seconds"]
    assert list(votes[columns].itertuples(index=False, name=None)) == expected
    assert set(votes["judge"]) == {"people"} and set(votes["question"]) == {"vocals"}
    write_table(tmp_path / "votes.csv", votes)
    assert read_votes(tmp_path / "votes.csv").astype(object).equals(votes.astype(object))


def test_participants_are_told_apart_by_their_answers_or_by_a_pair_that_comes_again(tmp_path, made):
    one, two = [(0, "a", 5), (1, "b", 5)], [(2, "a", 5)]
    text = written(made, [one, two, one, one], [["headphones"], ["headphones"], ["other"], ["other"]])
    found = read_results(save(tmp_path, text), made)["participant"].tolist()
    # Sessions one and two would run together: webMUSHRA never writes half a session, so that a pair comes again.
    assert found == [f"webmushra-{k}" for k in (1, 1, 1, 2, 2, 3, 3)]
    uuids = written(made, [one, two], [["headphones", "u1"], ["headphones", "u2"]])
    assert read_results(save(tmp_path, uuids), made)["participant"].nunique() == 2


def test_pages_without_a_choice_are_left_out_and_what_people_type_does_no_harm(tmp_path, made):
    session = [(0, "a", 5), (1, "unknown", 7), (2, "dont_know", 0)]
    votes = read_results(save(tmp_path, written(made, [session], [['=HYPERLINK("e"),<script>', 'a,b\n"c"; --']])), made)
    assert votes["choice"].tolist() == ["a", "dont_know"] and votes["participant"].nunique() == 1
    write_table(tmp_path / "votes.csv", votes)
    assert not re.search("HYPERLINK|script|--", (tmp_path / "votes.csv").read_text())
    with pytest.raises(ParameterError, match="there are no answers"):
        read_results(save(tmp_path, written(made, [[(1, "unknown", 7)]])), made)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("nblib-", "other-", r"row 1: session_test_id='other-\w+' is not of this test, wanted is nblib-"),
        ("pair-2,", "=cmd|' /C calc'!A0,", "row 2: trial_id="),
        (",5,", ",soon,", "row 1: choice_time='soon'"),
        ("STIMULUS", "0123456789abcdef", "row 2: choice_non_reference='0123456789abcdef'.*that pair's sound"),
        ("choice_answer", "answer", "column 'choice_answer' is missing"),
        (",pair-2,", ",headphones,pair-2,", "no CSV table of votes .*Expected 8 fields in line 3, saw 9"),
    ],
)
def test_a_wrong_cell_is_named_with_file_and_row(tmp_path, made, old, new, words):
    with pytest.raises(ParameterError, match="x.csv: not there"):
        read_results(tmp_path / "x.csv", made)
    item, _, b, _ = made.pairs[1]
    text = written(made, [[(0, "a", 5), (1, "b", 6)]])
    old = made.sounds[item][b].split(".")[0] if old == "STIMULUS" else old
    assert old in text
    path = save(tmp_path, text.replace(old, new))
    with pytest.raises(ParameterError, match=f"{re.escape(str(path))}: {words}"):
        read_results(path, made)
