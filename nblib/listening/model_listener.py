"""A model listener: it chooses between two sounds by a quality score. Model-predicted, no listeners.

The papers' evidence is people's choices; this stands in for them and is labelled so wherever it is shown. Its one
input from psychoacoustics is a published just-noticeable difference (JND); nothing is fitted to the papers' results.

- **Choice noise.** A participant perceives the score difference of a pair with Gaussian noise. Its standard deviation
  follows from taking the JND as the difference that is told rightly in 79.4 % of forced choices (Levitt 1971, the
  point of a 3-down 1-up track): 0.794 = Phi(JND / noise).
- **Don't-know zone.** Perceived differences under half a JND are answered "I don't know": the point midway between
  "equal" and "just noticeable", where an observer with equal noise for both errs least (signal detection theory).
- **Bias.** A participant leans to what is presented as A or as B (interval bias, found in most observers: Yeshurun,
  Carrasco and Maloney 2008). No published constant suits; a fifth of the noise is assumed, and since sides are drawn
  anew for every pair, it only adds noise.
- **Participants** differ in their noise, drawn log-normally about the one above, and in their bias. The order of pairs
  and their sides are drawn for each as on the page for people.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy.stats import norm

from nblib.errors import ParameterError
from nblib.listening.pairs import presented
from nblib.provenance import random_generator

LABEL = "model-predicted, no listeners"
CORRECT_AT_JND = 0.794
PARTICIPANT_SPREAD = 0.3  # standard deviation of the logarithm of a participant's noise: a factor of 1.35 either way
BIAS_OF_NOISE = 0.2  # standard deviation of a participant's bias over the choice noise

# McShefferty, Whitmer and Akeroyd 2015, "The just-noticeable difference in speech-to-noise ratio", Trends in Hearing
# 19, doi 10.1177/2331216515572316: 69 people judged which of two sentences in speech-shaped noise was clearer; 3 dB.
# No such number is published for music; the same 3 dB, of music in noise of its own spectrum, are taken there. Levels
# of noise alone can be told apart from 0.5 to 1 dB on (Miller 1947): what hangs on the constant shows when it halves.
SIGNAL_TO_NOISE_JND_DB = 3.0


def noticeable_difference(snr_db: np.ndarray, score: np.ndarray) -> float:
    """The published JND of signal-to-noise ratio, carried over to a quality score by its slope against that ratio.

    Parameters
    ----------
    snr_db, score : np.ndarray [shape=(n,)]
        The same material in noise at several levels about the one of interest, and its score; higher is better.

    Raises
    ------
    ParameterError
        The score does not rise with the ratio, so that it cannot stand for quality.
    """
    slope = float(np.polyfit(snr_db, score, 1)[0])
    if not slope > 0:
        raise ParameterError(f"the score changes by {slope:.4f} per dB of SNR: it must rise; check sounds and measure")
    return SIGNAL_TO_NOISE_JND_DB * slope


@dataclass(frozen=True)
class PublishedTest:
    """Size of one of the papers' listening tests: every participant judges every pair on every item once."""

    participants: int
    items: int
    pairs: str


PUBLISHED_TESTS = {
    "MM'19 Tables 4 and 5": PublishedTest(14, 5, "all pairs of 5 systems"),
    "IJCNN'20 Figure 3": PublishedTest(15, 5, "6 layer configurations against l1"),
    "IJCNN'20 Figure 5": PublishedTest(20, 5, "codec loss against l1 at 5 capacities"),
}


@dataclass(frozen=True)
class ModelListener:
    """Simulated participants of an A/B test with "I don't know".

    Parameters
    ----------
    noticeable_difference : float > 0
        JND in the score's unit.
    noise_scale, zone_scale, bias_scale : float > 0
        Factors on the choice noise, the don't-know zone and the bias, to show how a result moves when they halve and
        double.
    """

    noticeable_difference: float
    noise_scale: float = 1.0
    zone_scale: float = 1.0
    bias_scale: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ParameterError(f"{field.name}={getattr(self, field.name)!r}: a positive number is needed")

    def choose(self, pairs: pd.DataFrame, participants: int, seed: int) -> pd.DataFrame:
        """Every participant judges every pair once.

        Parameters
        ----------
        pairs : DataFrame
            One row per comparison: item, system_a, system_b and their scores ``score_a``, ``score_b``, higher is
            better; further columns are kept.
        participants : int >= 1
            How many.

        Returns
        -------
        DataFrame
            Votes as in `nblib.listening.votes`, one row per participant (from "1") and pair, in the order and on the
            sides as presented; ``judge`` is `LABEL`.
        """
        if participants < 1:
            raise ParameterError(f"participants={participants!r}: at least one is needed")
        difference = (pairs["score_a"] - pairs["score_b"]).to_numpy(float)
        if not np.isfinite(difference).all():
            raise ParameterError(f"pairs: {int((~np.isfinite(difference)).sum())} score differences are not finite")
        deviation = self.noticeable_difference / norm.ppf(CORRECT_AT_JND)
        zone = self.zone_scale * self.noticeable_difference / 2
        votes = []
        for participant in range(1, participants + 1):
            generator = random_generator(seed, "participant", participant)
            own = self.noise_scale * deviation * np.exp(PARTICIPANT_SPREAD * generator.standard_normal())
            bias = self.bias_scale * BIAS_OF_NOISE * deviation * generator.standard_normal()
            shown = presented(pairs, seed, participant)
            noise = bias + own * generator.standard_normal(len(shown))
            perceived = (shown["score_a"] - shown["score_b"]).to_numpy(float) + noise
            choice = np.where(np.abs(perceived) < zone, "dont_know", np.where(perceived > 0, "a", "b"))
            votes.append(shown.assign(participant=str(participant), choice=choice, kind="test", judge=LABEL))
        return pd.concat(votes, ignore_index=True)
