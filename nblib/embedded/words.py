"""What is said and sung: English sentences from a small grammar, and verses whose syllables are counted.

There are some 10**13 sentences, and no sentence lies in two splits. Verses may share words and lines across splits, as
real songs do: what they share neither of is a work and a voice.
"""

import re
from typing import NamedTuple

import numpy as np

from nblib.embedded.layouts import table
from nblib.provenance import derive_seed

TABLE = table("words")
# For each part of a line in turn: number of syllables, and phrases that have so many.
VERSES = [{int(syllables): texts for syllables, texts in part.items()} for part in TABLE["verses"]]


class Words(NamedTuple):
    """A few words of a verse, and how many syllables they have."""

    text: str
    syllables: int


def sentence(split: str, *parts: str | int) -> str:
    """An English sentence drawn from `parts`, one that only `split` can ever hold.

    The sentence's own digest says which split it belongs to; others are drawn again. So no sentence lies in two
    splits, whatever the seeds and sizes.
    """
    attempt = 0
    while split_of(text := _compose(derive_seed("sentence", *parts, attempt))) != split:
        attempt += 1
    return text


def split_of(text: str) -> str:
    """The split that `text` belongs to: of ten, seven are for training, two for validation, one is for the test."""
    return (("train",) * 7 + ("validation",) * 2 + ("test",))[derive_seed("split", text) % 10]


def _compose(number: int) -> str:
    def drawn(choices: list[str]) -> str:
        nonlocal number
        number, choice = divmod(number, len(choices))
        return choices[choice]

    text = re.sub(r"\{(\w+)\}", lambda slot: drawn(TABLE["slots"][slot[1]]), drawn(TABLE["templates"]))
    return text[0].upper() + text[1:]


def verse(syllables: int, random: np.random.Generator) -> list[Words]:
    """Words of at least so many `syllables` together, in lower case and without punctuation."""
    words: list[Words] = []
    while sum(each.syllables for each in words) < syllables:
        part = VERSES[len(words) % len(VERSES)]
        length = int(random.choice(list(part)))
        words.append(Words(str(random.choice(part[length])), length))
    return words


def take(words: list[Words], syllables: int) -> str:
    """The next words of a verse that fit `syllables` notes (at least 1), taken off it: at least its first ones."""
    taken = [words.pop(0)]
    while words and sum(each.syllables for each in taken) + words[0].syllables <= syllables:
        taken.append(words.pop(0))
    return " ".join(each.text for each in taken)
