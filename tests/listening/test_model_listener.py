"""The model listener: votes of record, and the formulas that its docstring states."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from test_statistics import GOLDEN

from nblib.errors import ParameterError
from nblib.listening import LABEL, model_listener
from nblib.listening.model_listener import ModelListener, noticeable_difference
from nblib.listening.votes import all_pairs

JND = 0.04
NOISE = JND / norm.ppf(0.794)
CHOSEN = {"a": "first", "b": "second", "dont_know": "none"}


@pytest.fixture
def equal_participants(monkeypatch) -> None:
    monkeypatch.setattr(model_listener, "PARTICIPANT_SPREAD", 0.0)
    monkeypatch.setattr(model_listener, "BIAS_OF_NOISE", 0.0)


def pairs(difference: float, count: int = 20_000) -> pd.DataFrame:
    scores = {"score_a": 0.5 + difference, "score_b": 0.5}
    return pd.DataFrame({"item": np.arange(count), "system_a": "first", "system_b": "second"} | scores)


def shares(votes: pd.DataFrame) -> dict[str, float]:
    """How often each system was chosen, whichever side it stood on."""
    chosen = votes["system_a"].where(votes["choice"] == "a", votes["system_b"].where(votes["choice"] == "b", "none"))
    return {choice: float((chosen == name).mean()) for choice, name in CHOSEN.items()}


def test_votes_of_record():
    """Choices, then item, A and B of each pair in the order of three participants."""
    table = all_pairs(["s0", "s1", "s2"], [f"i{n}" for n in range(4)])
    table["score_a"], table["score_b"] = np.linspace(0, 1, len(table)), np.linspace(1, 0, len(table)) ** 2
    chosen = ModelListener(0.2).choose(table.assign(task="speech"), 3, seed=9)
    assert set(chosen["judge"]) == {LABEL} and set(chosen["task"]) == {"speech"}
    letters = chosen["choice"].map({"a": "a", "b": "b", "dont_know": "-"})
    names = chosen["item"] + chosen["system_a"].str[1:] + chosen["system_b"].str[1:]
    for (_, own), expected in zip(chosen.groupby("participant"), GOLDEN["model listener"], strict=True):
        assert "".join(letters[own.index]) + " " + " ".join(names[own.index]) == expected


@pytest.mark.usefixtures("equal_participants")
@pytest.mark.parametrize("difference", [0.0, JND, -2 * JND, -20 * JND])
@pytest.mark.parametrize(("noise_scale", "zone_scale"), [(1.0, 1.0), (0.5, 1.0), (1.0, 2.0), (1.0, 1e-9)])
def test_choices_follow_the_normal_distribution(difference, noise_scale, zone_scale):
    found = shares(ModelListener(JND, noise_scale, zone_scale).choose(pairs(difference), 1, seed=1))
    deviation, zone = NOISE * noise_scale, zone_scale * JND / 2
    first, second = (norm.cdf((sign * difference - zone) / deviation) for sign in (1, -1))
    assert found == pytest.approx({"a": first, "b": second, "dont_know": 1 - first - second}, abs=0.015)


def test_participants_differ_and_keep_their_choices_when_more_come():
    few, many = (ModelListener(JND).choose(pairs(0.7 * JND, 50), count, seed=3) for count in (3, 6))
    pd.testing.assert_frame_equal(many.head(150), few)
    by_participant = many.groupby("participant")["choice"].agg(tuple)
    assert by_participant.index.tolist() == ["1", "2", "3", "4", "5", "6"] and by_participant.nunique() == 6


def test_a_biased_participant_leans_to_one_side_and_to_no_system():
    votes = ModelListener(JND, bias_scale=20).choose(pairs(0.0, 500), 40, seed=6)
    leaning = votes["choice"].eq("a").groupby(votes["participant"]).mean()
    assert leaning.min() < 0.05 and leaning.max() > 0.95
    assert shares(votes)["a"] == pytest.approx(shares(votes)["b"], abs=0.02)


def test_the_jnd_of_3_db_is_carried_over_by_the_slope_and_what_cannot_be_judged_is_refused():
    snr_db = np.array([-3.0, 0.0, 3.0, -3.0, 0.0, 3.0])
    assert noticeable_difference(snr_db, 0.5 + 0.02 * snr_db) == pytest.approx(0.06)
    with pytest.raises(ParameterError, match="it must rise"):
        noticeable_difference(snr_db, -0.01 * snr_db)
    with pytest.raises(ParameterError, match="some have a score that is not finite"):
        ModelListener(JND).choose(pd.concat([pairs(0.1, 2), pairs(float("nan"), 1)]), 2, seed=0)
