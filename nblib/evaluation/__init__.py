"""Objective measures of separated and coded audio."""

from nblib.evaluation.metrics import MEASURES, bss_eval, estoi, frame_snr, pesq_wb, score, si_sdr_db, visqol_audio
from nblib.evaluation.peaq import peaq_basic
from nblib.evaluation.spectra import aliasing, click_times, hole_scores, recovered_bandwidth, residual
