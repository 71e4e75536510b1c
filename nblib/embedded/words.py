"""What is said and sung: English sentences from a small grammar, and verses whose syllables are counted.

There are some 10**13 sentences, and no sentence lies in two splits. Verses may share words and lines across splits, as
real songs do: what they share neither of is a work and a voice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nblib.provenance import derive_seed


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(text.strip().replace("\n", "|").split("|"))


def _counted(text: str) -> dict[int, tuple[str, ...]]:
    """Number of syllables: the phrases behind it and on the indented lines after it."""
    blocks = text.strip().replace("\n  ", "|").split("\n")
    return {int(block[0]): tuple(block[2:].split("|")) for block in blocks}


PEOPLE = _phrases("""
the teacher|my younger brother|a tall stranger|the old sailor|our neighbour|the young doctor|her cousin
the village baker|a tired farmer|the new captain|his grandmother|the shy student|a famous singer|the bus driver
the chief engineer|my best friend|the quiet librarian|a clever lawyer|the hungry children|two police officers
the kitchen maid|an angry customer|the weather reporter|the head nurse|a French painter|the shop owner
their youngest daughter|the night watchman|a group of tourists|the choir master|a visiting judge|the postman""")
PAST = _phrases("""
carried|found|painted|opened|washed|borrowed|dropped|followed|described|measured|hid|watched|repaired|sold|ignored
collected|photographed|discovered|covered|moved|bought|broke|chose|examined|fetched|guarded|joined|kept|lifted|missed
offered|pushed|remembered|saved|touched|vanished behind|walked past|looked at|asked about|worried about""")
THINGS = _phrases("""
the wooden bridge|a bag of oranges|the broken window|his father's watch|a heavy suitcase|the blue envelope
some fresh bread|the garden gate|a box of matches|the yellow submarine|an ancient map|the church bell|a pair of shoes
the evening paper|a cup of strong tea|the silver spoon|two large horses|the third chapter|a piece of cheese
the narrow staircase|an unusual question|the kitchen table|a thousand stars|the oldest tree|a jar of honey
the missing keys|a letter from Vienna|the long shadow|the railway station|several thick books|a small wooden boat
the winning ticket|the ice on the lake|a basket of mushrooms|every other chair|the ship's anchor""")
PLACES = _phrases("""
near the river|behind the theatre|in the dark cellar|on the highest shelf|under a grey sky|at the market
beside the fountain|across the valley|in front of the museum|along the beach|outside the hospital|above the bakery
between two houses|in a crowded train|on the way home|by the fireplace|at the edge of the forest|below the castle
inside the greenhouse|around the corner|through the open door|on the roof|in the middle of the street""")
TIMES = _phrases("""
yesterday|last Thursday|early in the morning|after the storm|before lunch|just in time|every single winter
at half past seven|during the concert|once again|many years ago|without a word|rather slowly|as usual|in September
for the second time|shortly after midnight|with great care|by pure accident|quite suddenly|all afternoon""")
LINKS = "although because while until so but and since".split()
CLOSERS = _phrases("""
nobody noticed|it was getting late|the rain had stopped|we all laughed|the phone was ringing|he felt cold
there was no time left|the dog would not move|she had no choice|the music was too loud|prices are going up
they knew the answer|everyone was asleep|the light had gone out|it cost nine pounds|that made no sense
the garden looked empty|I cannot explain it|the judge disagreed|winter was very near|we had walked for hours""")
OPENERS = _phrases("""
Honestly|As far as I know|To be fair|In the end|Of course|Strangely enough|This time|According to the news
Thank goodness|Believe me|On Monday|Once more|Luckily|If you ask me|For a change|Sooner or later|No doubt""")
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
    attempt = 0
    while split_of(text := _compose(derive_seed("sentence", *parts, attempt))) != split:
        attempt += 1
    return text


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


WHO = _counted("""
1 I|you|we|love|she|he|they|time|night|dreams|rain|stars|hearts|birds|winds|bells
2 my love|the moon|the wind|the rain|the night|a song|the sea|my heart|a bird|the sun|sweet dreams|your name|the stars
  old friends|the road|the bells|the snow|the light
3 the river|my darling|the morning|your shadow|the summer|the children|a stranger|the evening|my mother|the sailor
  the garden|the winter|her laughter|the thunder|a lover
4 the silver moon|the open road|a gentle wind|the distant bells|the falling snow|my lonely heart|a thousand stars
  the golden light|the evening sun|a broken dream|the summer rain|a million birds""")
DOES = _counted("""
1 sang|fell|ran|danced|slept|cried|glowed|shone|flew|called|dreamed|burned|turned|knew
2 will sing|must go|came home|will shine|came back|kept on|can see|came near|won't stay|will fall|told me|left me
  still burned|may change
3 will follow|went dancing|remembered|came calling|kept burning|had fallen|kept turning|will carry|believed me
  will find me|can hear me|went sailing|had vanished
4 will never die|kept calling me|had gone away|will bring you home|had left me now|will come for you|went on and on
  will take my hand|had told me so|will lead the way|can never sleep""")  # in forms that fit I, you, she and they
WHERE = _counted("""
1 home|there|here|down|now|low|high|on
2 away|tonight|at dawn|to you|with me|for me|in vain|at home|alone|on high|below|in May|along|at last|at sea|to sleep
3 in the rain|by the sea|to the moon|far away|all night long|through the snow|on the wind|in my heart|to the sky
  in your arms|down the road|at the door|by your side|through the dark|in the sun|without you
4 along the shore|beyond the hills|across the bay|into the night|over the sea|under the moon|around the world
  beside the lake|upon the hill|among the leaves|in Germany|until the dawn|before the day|behind the clouds""")
AH = _counted("""
1 oh|love|now|and|though|so|when|but
2 oh love|my dear|and then|once more|oh no|again|at last|so long|but now|hold on
3 over now|carry on|tell me now|sing again|once again|let me go|come with me|oh my love
4 remember me|hallelujah|and once again|oh tell me now|come back to me|and here we go|la la la la""")
SLOTS = (WHO, DOES, WHERE, AH)


class Words(NamedTuple):
    """A few words of a verse, and how many syllables they have."""

    text: str
    syllables: int


def verse(syllables: int, random: np.random.Generator) -> list[Words]:
    """Words of at least so many `syllables` together, in lower case and without punctuation."""
    words: list[Words] = []
    while sum(each.syllables for each in words) < syllables:
        table = SLOTS[len(words) % len(SLOTS)]
        length = int(random.choice(list(table)))
        words.append(Words(str(random.choice(table[length])), length))
    return words


def take(words: list[Words], syllables: int) -> str:
    """The next words of a verse that fit `syllables` notes (at least 1), taken off it: at least its first ones."""
    taken = [words.pop(0)]
    while words and sum(each.syllables for each in taken) + words[0].syllables <= syllables:
        taken.append(words.pop(0))
    return " ".join(each.text for each in taken)
