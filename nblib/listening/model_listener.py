"""A model listener chooses between two sounds by a quality score, as docs/listening-tests.md explains."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from nblib.errors import ParameterError
from nblib.listening import LABEL
from nblib.listening.votes import presented
from nblib.provenance import random_generator

CORRECT_AT_JND = 0.794  # Levitt 1971
PARTICIPANT_SPREAD = 0.3  # standard deviation of the logarithm of a participant's noise: a factor of 1.35 either way
BIAS_OF_NOISE = 0.2  # standard deviation of a participant's bias over the choice noise; assumed
# McShefferty, Whitmer and Akeroyd 2015, Trends in Hearing 19, doi 10.1177/2331216515572316: which of two sentences in
# speech-shaped noise is clearer? No such number is published for music, where the same 3 dB are taken.
SIGNAL_TO_NOISE_JND_DB = 3.0


def noticeable_difference(snr_db: np.ndarray, score: np.ndarray) -> float:
    """The published JND of SNR in the unit of a `score`, by its slope over `snr_db` (the same material in noise)."""
    slope = float(np.polyfit(snr_db, score, 1)[0])
    if not slope > 0:
        raise ParameterError(f"the score changes by {slope:.4f} per dB of SNR: it must rise; check sounds and measure")
    return SIGNAL_TO_NOISE_JND_DB * slope


@dataclass(frozen=True)
class ModelListener:
    """Simulated participants; `noticeable_difference` is the JND in the score's unit, the others are factors."""

    noticeable_difference: float
    noise_scale: float = 1.0
    zone_scale: float = 1.0
    bias_scale: float = 1.0

    def choose(self, pairs: pd.DataFrame, participants: int, seed: int) -> pd.DataFrame:
        """The votes of participants "1", "2", ... on every pair once; ``score_a`` and ``score_b``: higher is better."""
        if not np.isfinite(pairs[["score_a", "score_b"]].to_numpy(float)).all():
            raise ParameterError("pairs: some have a score that is not finite; leave their items out")
        deviation = self.noticeable_difference / norm.ppf(CORRECT_AT_JND)
        zone = self.zone_scale * self.noticeable_difference / 2
        numbers, noise = np.arange(1, participants + 1), []
        for number in numbers.tolist():
            generator = random_generator(seed, "participant", number)
            own = self.noise_scale * deviation * np.exp(PARTICIPANT_SPREAD * generator.standard_normal())
            bias = self.bias_scale * BIAS_OF_NOISE * deviation * generator.standard_normal()
            noise.append(bias + own * generator.standard_normal(len(pairs)))
        shown = presented(pairs, seed, numbers.tolist())
        perceived = (shown["score_a"] - shown["score_b"]).to_numpy(float) + np.concatenate(noise)
        choice = np.select([np.abs(perceived) < zone, perceived > 0], ["dont_know", "a"], "b")
        names = np.repeat(numbers.astype(str), len(pairs))
        return shown.assign(participant=names, choice=choice, kind="test", judge=LABEL)
