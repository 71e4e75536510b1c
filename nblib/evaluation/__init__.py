"""Objective measures of separated and coded audio."""

from nblib.evaluation.metrics import MEASURES, estoi, pesq_wb, score, si_sdr_db, visqol_audio
from nblib.evaluation.peaq import peaq_basic
from nblib.evaluation.separation import bss_eval
from nblib.evaluation.spectra import hole_scores

__all__ = [
    "MEASURES",
    "bss_eval",
    "estoi",
    "hole_scores",
    "peaq_basic",
    "pesq_wb",
    "score",
    "si_sdr_db",
    "visqol_audio",
]
