"""Objective measures of separated and coded audio."""

from nblib.evaluation.metrics import estoi, pesq_wb, score, si_sdr_db
from nblib.evaluation.spectra import hole_scores

__all__ = ["estoi", "hole_scores", "pesq_wb", "score", "si_sdr_db"]
