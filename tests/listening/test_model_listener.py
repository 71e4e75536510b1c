"""The model listener: votes of record, and the formulas that its docstring states."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from test_statistics import GOLDEN

from nblib.errors import ParameterError
from nblib.experiments.listening import difference
from nblib.listening import LABEL, votes
from nblib.listening.server.build import all_pairs
from nblib.listening.votes import model_votes

JND = 0.04
NOISE = JND / norm.ppf(0.794)
CHOSEN = {"a": "first", "b": "second", "dont_know": "none"}


@pytest.fixture
def equal_participants(monkeypatch) -> None:
    monkeypatch.setattr(votes, "PARTICIPANT_SPREAD", 0.0)
    monkeypatch.setattr(votes, "BIAS_OF_NOISE", 0.0)


def pairs(difference: float, count: int = 20_000) -> pd.DataFrame:
    scores = {"score_a": 0.5 + difference, "score_b": 0.5}
    return pd.DataFrame({"item": np.arange(count), "system_a": "first", "system_b": "second"} | scores)


def shares(table: pd.DataFrame) -> dict[str, float]:
    """How often each system was chosen, whichever side it stood on."""
    chosen = table["system_a"].where(table["choice"] == "a", table["system_b"].where(table["choice"] == "b", "none"))
    return {choice: float((chosen == name).mean()) for choice, name in CHOSEN.items()}


def test_votes_of_record():
    """Choices, then item, A and B of each pair in the order of three participants."""
    table = all_pairs(["s0", "s1", "s2"], [f"i{n}" for n in range(4)])
    table["score_a"], table["score_b"] = np.linspace(0, 1, len(table)), np.linspace(1, 0, len(table)) ** 2
    chosen = model_votes(table.assign(task="speech"), 0.2, 3, seed=9)
    assert set(chosen["judge"]) == {LABEL} and set(chosen["task"]) == {"speech"}
    letters = chosen["choice"].map({"a": "a", "b": "b", "dont_know": "-"})
    names = chosen["item"] + chosen["system_a"].str[1:] + chosen["system_b"].str[1:]
    for (_, own), expected in zip(chosen.groupby("participant"), GOLDEN["model listener"], strict=True):
        assert "".join(letters[own.index]) + " " + " ".join(names[own.index]) == expected


@pytest.mark.usefixtures("equal_participants")
@pytest.mark.parametrize("difference", [0.0, JND, -2 * JND, -20 * JND])
@pytest.mark.parametrize(("noise", "zone"), [(1.0, 1.0), (0.5, 1.0), (1.0, 2.0), (1.0, 1e-9)])
def test_choices_follow_the_normal_distribution(difference, noise, zone):
    found = shares(model_votes(pairs(difference), JND, 1, 1, noise, zone))
    deviation, half = NOISE * noise, zone * JND / 2
    first, second = (norm.cdf((sign * difference - half) / deviation) for sign in (1, -1))
    assert found == pytest.approx({"a": first, "b": second, "dont_know": 1 - first - second}, abs=0.015)


def test_participants_differ_and_keep_their_choices_when_more_come():
    few, many = (model_votes(pairs(0.7 * JND, 50), JND, count, seed=3) for count in (3, 6))
    pd.testing.assert_frame_equal(many.head(150), few)
    by_participant = many.groupby("participant")["choice"].agg(tuple)
    assert by_participant.index.tolist() == ["1", "2", "3", "4", "5", "6"] and by_participant.nunique() == 6


def test_a_biased_participant_leans_to_one_side_and_to_no_system():
    table = model_votes(pairs(0.0, 500), JND, 40, seed=6, bias=20)
    leaning = table["choice"].eq("a").groupby(table["participant"]).mean()
    assert leaning.min() < 0.05 and leaning.max() > 0.95
    assert shares(table)["a"] == pytest.approx(shares(table)["b"], abs=0.02)


def test_the_jnd_of_3_db_is_carried_over_by_the_slope_and_what_cannot_be_judged_is_refused():
    rows = pd.DataFrame({"snr_db": [-3.0, 0.0, 3.0, -3.0, 0.0, 3.0, np.nan]})
    assert difference(rows.assign(estoi=0.5 + 0.02 * rows["snr_db"]), "estoi") == pytest.approx(0.06)
    with pytest.raises(ParameterError, match="it must rise"):
        difference(rows.assign(estoi=-0.01 * rows["snr_db"]), "estoi")
    with pytest.raises(ParameterError, match="some have a score that is not finite"):
        model_votes(pd.concat([pairs(0.1, 2), pairs(float("nan"), 1)]), JND, 2, seed=0)
