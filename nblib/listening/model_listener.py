"""A model listener: it chooses between two sounds by a quality score. Model-predicted, no listeners.

The papers' evidence is people's choices; this stands in for them and is labelled so wherever it is shown. Its one
input from psychoacoustics is a published just-noticeable difference (JND); nothing is fitted to the papers' results.

- **Choice noise.** A participant perceives the score difference of a pair with Gaussian noise. Its standard deviation
  follows from taking the JND as the difference that is told rightly in 79.4 % of forced choices (Levitt 1971, the
  point of a 3-down 1-up track): 0.794 = Phi(JND / noise).
- **Don't-know zone.** Perceived differences under half a JND are answered "I don't know": the point midway between
  "equal" and "just noticeable", where an observer with equal noise for both errs least (signal detection theory).
- **Participants** differ in their noise, drawn log-normally about the one above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from nblib.errors import ParameterError
from nblib.provenance import random_generator

LABEL = "model-predicted, no listeners"
CORRECT_AT_JND = 0.794
PARTICIPANT_SPREAD = 0.3  # standard deviation of the logarithm of a participant's noise: a factor of 1.35 either way

# McShefferty, Whitmer and Akeroyd 2015, "The just-noticeable difference in speech-to-noise ratio", Trends in Hearing
# 19, doi 10.1177/2331216515572316: 69 people judged which of two sentences in speech-shaped noise was clearer; 3 dB.
SPEECH_TO_NOISE_JND_DB = 3.0


def estoi_noticeable_difference(snr_db: np.ndarray, estoi: np.ndarray) -> float:
    """The published JND of speech-to-noise ratio, carried over to ESTOI by the slope of ESTOI against SNR.

    Parameters
    ----------
    snr_db, estoi : np.ndarray [shape=(n,)]
        Unprocessed mixtures of the same material at several SNRs about the one of interest, and their ESTOI.

    Raises
    ------
    ParameterError
        ESTOI does not rise with SNR, so that it cannot stand for intelligibility.
    """
    slope = float(np.polyfit(snr_db, estoi, 1)[0])
    if slope <= 0:
        raise ParameterError(f"ESTOI changes by {slope:.4f} per dB of SNR: it must rise; check mixtures and measure")
    return SPEECH_TO_NOISE_JND_DB * slope


@dataclass(frozen=True)
class ModelListener:
    """Simulated participants of an A/B test with "I don't know".

    Parameters
    ----------
    noticeable_difference : float > 0
        JND in the score's unit.
    noise_scale, zone_scale : float > 0
        Factors on the choice noise and on the don't-know zone, to show how a result moves when they halve and double.
    """

    noticeable_difference: float
    noise_scale: float = 1.0
    zone_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("noticeable_difference", "noise_scale", "zone_scale"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name}={getattr(self, name)!r}: a positive number is needed")

    def choose(
        self, pairs: pd.DataFrame, participants: int, seed: int, a: str = "score_a", b: str = "score_b"
    ) -> pd.DataFrame:
        """Every participant judges every pair once.

        Parameters
        ----------
        pairs : DataFrame
            One row per comparison with the scores `a` and `b`, further columns are kept.
        participants : int >= 1
            How many.

        Returns
        -------
        DataFrame
            One row per participant and pair: the columns of `pairs`, ``participant`` (from 1) and ``choice`` in
            {"a", "b", "dont_know"}.
        """
        if participants < 1:
            raise ParameterError(f"participants={participants!r}: at least one is needed")
        difference = (pairs[a] - pairs[b]).to_numpy(float)
        if not np.isfinite(difference).all():
            raise ParameterError(f"pairs: {int((~np.isfinite(difference)).sum())} score differences are not finite")
        deviation = self.noise_scale * self.noticeable_difference / norm.ppf(CORRECT_AT_JND)
        zone = self.zone_scale * self.noticeable_difference / 2
        votes = []
        for participant in range(1, participants + 1):
            generator = random_generator(seed, "participant", participant)
            own = deviation * np.exp(PARTICIPANT_SPREAD * generator.standard_normal())
            perceived = difference + own * generator.standard_normal(len(difference))
            choice = np.where(np.abs(perceived) < zone, "dont_know", np.where(perceived > 0, "a", "b"))
            votes.append(pairs.assign(participant=participant, choice=choice))
        return pd.concat(votes, ignore_index=True)
