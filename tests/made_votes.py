"""Votes written by hand, simulated from Davidson's model, and drawn by hypothesis."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from nblib.listening.votes import COLUMNS

WORDS = {"a": "a", "b": "b", "-": "dont_know"}
OPPOSITE = {"a": "b", "b": "a", "dont_know": "dont_know"}


def votes(choices: dict[str, str], a: str = "codec", b: str = "l1", **columns: object) -> pd.DataFrame:
    """One letter per vote of a participant on `a` against `b`: a, b or - for "I don't know"."""
    rows = [(name, f"item{n}", WORDS[letter]) for name, letters in choices.items() for n, letter in enumerate(letters)]
    table = pd.DataFrame(rows, columns=["participant", "item", "choice"])
    return table.assign(**({"system_a": a, "system_b": b, "kind": "test"} | columns))


def swapped(table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """The same votes with the sides changed in `rows` [shape=(n,)]."""
    return table.assign(
        system_a=table["system_b"].where(rows, table["system_a"]),
        system_b=table["system_a"].where(rows, table["system_b"]),
        choice=table["choice"].map(OPPOSITE).where(rows, table["choice"]),
    )


def simulated(
    generator: np.random.Generator,
    strengths: list[float],
    nu: float,
    participants: int,
    items: int,
    differ: float = 0.0,
) -> pd.DataFrame:
    """Votes drawn from Davidson's model; participants' own log-strengths scatter about `strengths` by `differ`."""
    pairs = np.array(list(combinations(range(len(strengths)), 2)))
    own = np.array(strengths) + differ * generator.standard_normal((participants, len(strengths)))
    one, other = own[:, pairs[:, 0]], own[:, pairs[:, 1]]
    weights = np.exp(np.stack([one, other, np.log(nu) + (one + other) / 2]))
    limits = np.cumsum(weights / weights.sum(axis=0), axis=0)[:2, ..., None]
    answers = (generator.random((participants, len(pairs), items)) > limits).sum(axis=0)
    who, pair, item = (index.ravel() for index in np.indices(answers.shape))
    return pd.DataFrame(
        {
            "participant": np.char.add("p", who.astype(str)),
            "item": item.astype(str),
            "system_a": np.char.add("s", pairs[pair, 0].astype(str)),
            "system_b": np.char.add("s", pairs[pair, 1].astype(str)),
            "choice": np.array(["a", "b", "dont_know"])[answers.ravel()],
            "kind": "test",
        }
    )


@st.composite
def drawn_votes(draw: st.DrawFn) -> pd.DataFrame:
    """Up to 30 votes of up to four participants on up to three systems."""
    vote = st.tuples(
        st.sampled_from(["ann", "bob", "cid", "dora"]),
        st.sampled_from(["x", "y"]),
        st.permutations(["codec", "l1", "original"]),
        st.sampled_from(list(OPPOSITE)),
    )
    rows = draw(st.lists(vote, min_size=1, max_size=30))
    return pd.DataFrame([(who, item, *pair[:2], choice, "test") for who, item, pair, choice in rows], columns=COLUMNS)
