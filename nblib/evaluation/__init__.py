"""Objective measures of separated and coded audio."""

from nblib.evaluation.aliasing import aliasing
from nblib.evaluation.bandwidth import recovered_bandwidth
from nblib.evaluation.clicks import click_times, clicks_per_second
from nblib.evaluation.masking import Residual, residual
from nblib.evaluation.metrics import MEASURES, estoi, pesq_wb, score, si_sdr_db, visqol_audio
from nblib.evaluation.peaq import peaq_basic
from nblib.evaluation.separation import bss_eval
from nblib.evaluation.snr import frame_snr
from nblib.evaluation.spectra import hole_scores

__all__ = [
    "MEASURES",
    "Residual",
    "aliasing",
    "bss_eval",
    "click_times",
    "clicks_per_second",
    "estoi",
    "frame_snr",
    "hole_scores",
    "peaq_basic",
    "pesq_wb",
    "recovered_bandwidth",
    "residual",
    "score",
    "si_sdr_db",
    "visqol_audio",
]
