"""English sentences for the embedded voices: a small grammar over word lists, some 10**13 different sentences."""

from __future__ import annotations

from collections.abc import Sequence

from nblib.corpora.base import SPLITS
from nblib.errors import check_choice
from nblib.provenance import derive_seed


def _phrases(text: str) -> list[str]:
    return text.replace("\n", "|").split("|")


PEOPLE = _phrases(
    """the teacher|my younger brother|a tall stranger|the old sailor|our neighbour|the young doctor|her cousin
the village baker|a tired farmer|the new captain|his grandmother|the shy student|a famous singer|the bus driver
the chief engineer|my best friend|the quiet librarian|a clever lawyer|the hungry children|two police officers
the kitchen maid|an angry customer|the weather reporter|the head nurse|a French painter|the shop owner
their youngest daughter|the night watchman|a group of tourists|the choir master|a visiting judge|the postman"""
)
PAST = _phrases(
    """carried|found|painted|opened|washed|borrowed|dropped|followed|described|measured|hid|watched|repaired|sold
ignored|collected|photographed|discovered|covered|moved|bought|broke|chose|examined|fetched|guarded|joined|kept|lifted
missed|offered|pushed|remembered|saved|touched|vanished behind|walked past|looked at
asked about|worried about"""
)
THINGS = _phrases(
    """the wooden bridge|a bag of oranges|the broken window|his father's watch|a heavy suitcase|the blue envelope
some fresh bread|the garden gate|a box of matches|the yellow submarine|an ancient map|the church bell|a pair of shoes
the evening paper|a cup of strong tea|the silver spoon|two large horses|the third chapter|a piece of cheese
the narrow staircase|an unusual question|the kitchen table|a thousand stars|the oldest tree|a jar of honey
the missing keys|a letter from Vienna|the long shadow|the railway station|several thick books|a small wooden boat
the winning ticket|the ice on the lake|a basket of mushrooms|every other chair|the ship's anchor"""
)
PLACES = _phrases(
    """near the river|behind the theatre|in the dark cellar|on the highest shelf|under a grey sky|at the market
beside the fountain|across the valley|in front of the museum|along the beach|outside the hospital|above the bakery
between two houses|in a crowded train|on the way home|by the fireplace|at the edge of the forest|below the castle
inside the greenhouse|around the corner|through the open door|on the roof|in the middle of the street"""
)
TIMES = _phrases(
    """yesterday|last Thursday|early in the morning|after the storm|before lunch|just in time|every single winter
at half past seven|during the concert|once again|many years ago|without a word|rather slowly|as usual|in September
for the second time|shortly after midnight|with great care|by pure accident|quite suddenly|all afternoon"""
)
LINKS = "although because while until so but and since".split()
CLOSERS = _phrases(
    """nobody noticed|it was getting late|the rain had stopped|we all laughed|the phone was ringing|he felt cold
there was no time left|the dog would not move|she had no choice|the music was too loud|prices are going up
they knew the answer|everyone was asleep|the light had gone out|it cost nine pounds|that made no sense
the garden looked empty|I cannot explain it|the judge disagreed|winter was very near|we had walked for hours"""
)
OPENERS = _phrases(
    """Honestly|As far as I know|To be fair|In the end|Of course|Strangely enough|This time|According to the news
Thank goodness|Believe me|On Monday|Once more|Luckily|If you ask me|For a change|Sooner or later|No doubt"""
)
TEMPLATES: tuple[tuple[str | Sequence[str], ...], ...] = (
    (PEOPLE, " ", PAST, " ", THINGS, " ", PLACES, "."),
    (TIMES, ", ", PEOPLE, " ", PAST, " ", THINGS, "."),
    (PEOPLE, " ", PAST, " ", THINGS, ", ", LINKS, " ", CLOSERS, "."),
    (OPENERS, ", ", PEOPLE, " ", PAST, " ", THINGS, "."),
    ("did you hear that ", PEOPLE, " ", PAST, " ", THINGS, "?"),
    (PLACES, ", ", PEOPLE, " ", PAST, " ", THINGS, "."),
    ("who ", PAST, " ", THINGS, " ", PLACES, ", and why?"),
    (CLOSERS, ", ", LINKS, " ", PEOPLE, " ", PAST, " ", THINGS, "!"),
)


def sentence(split: str, *parts: str | int) -> str:
    """An English sentence drawn from `parts`, one that only `split` can ever hold.

    The sentence's own digest says which split it belongs to; others are drawn again. So no sentence lies in two
    splits, whatever the seeds and sizes.
    """
    check_choice("split", split, SPLITS)
    attempt = 0
    while True:
        text = _compose(derive_seed("sentence", *parts, attempt))
        if split_of(text) == split:
            return text
        attempt += 1


def split_of(text: str) -> str:
    """The split that `text` belongs to: of ten, seven are for training, two for validation, one is for the test."""
    return (("train",) * 7 + ("validation",) * 2 + ("test",))[derive_seed("split", text) % 10]


def _compose(number: int) -> str:
    number, choice = divmod(number, len(TEMPLATES))
    words = []
    for part in TEMPLATES[choice]:
        if isinstance(part, str):
            words.append(part)
        else:
            number, choice = divmod(number, len(part))
            words.append(part[choice])
    text = "".join(words)
    return text[0].upper() + text[1:]
