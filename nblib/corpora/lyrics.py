"""Words to sing: English verses put together from short phrases whose syllables are counted.

Splits may share words and lines, as real songs do: what they share neither of is a work and a voice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(text.strip().replace("\n", "|").split("|"))


WHO = {
    1: _phrases("I|you|we|love|she|he|they|time|night|dreams|rain|stars|hearts|birds|winds|bells"),
    2: _phrases(
        """my love|the moon|the wind|the rain|the night|a song|the sea|my heart|a bird|the sun|sweet dreams|your name
the stars|old friends|the road|the bells|the snow|the light"""
    ),
    3: _phrases(
        """the river|my darling|the morning|your shadow|the summer|the children|a stranger|the evening|my mother
the sailor|the garden|the winter|her laughter|the thunder|a lover"""
    ),
    4: _phrases(
        """the silver moon|the open road|a gentle wind|the distant bells|the falling snow|my lonely heart
a thousand stars|the golden light|the evening sun|a broken dream|the summer rain|a million birds"""
    ),
}
DOES = {  # in forms that fit I, you, she and they
    1: _phrases("sang|fell|ran|danced|slept|cried|glowed|shone|flew|called|dreamed|burned|turned|knew"),
    2: _phrases(
        """will sing|must go|came home|will shine|came back|kept on|can see|came near|won't stay|will fall|told me
left me|still burned|may change"""
    ),
    3: _phrases(
        """will follow|went dancing|remembered|came calling|kept burning|had fallen|kept turning|will carry
believed me|will find me|can hear me|went sailing|had vanished"""
    ),
    4: _phrases(
        """will never die|kept calling me|had gone away|will bring you home|had left me now|will come for you
went on and on|will take my hand|had told me so|will lead the way|can never sleep"""
    ),
}
WHERE = {
    1: _phrases("home|there|here|down|now|low|high|on"),
    2: _phrases(
        """away|tonight|at dawn|to you|with me|for me|in vain|at home|alone|on high|below|in May|along|at last
at sea|to sleep"""
    ),
    3: _phrases(
        """in the rain|by the sea|to the moon|far away|all night long|through the snow|on the wind|in my heart
to the sky|in your arms|down the road|at the door|by your side|through the dark|in the sun|without you"""
    ),
    4: _phrases(
        """along the shore|beyond the hills|across the bay|into the night|over the sea|under the moon|around the world
beside the lake|upon the hill|among the leaves|in Germany|until the dawn|before the day|behind the clouds"""
    ),
}
AH = {
    1: _phrases("oh|love|now|and|though|so|when|but"),
    2: _phrases("oh love|my dear|and then|once more|oh no|again|at last|so long|but now|hold on"),
    3: _phrases("over now|carry on|tell me now|sing again|once again|let me go|come with me|oh my love"),
    4: _phrases("remember me|hallelujah|and once again|oh tell me now|come back to me|and here we go|la la la la"),
}
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
