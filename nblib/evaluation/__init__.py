"""Objective measures of separated and coded audio."""

from nblib.evaluation.ear_model import Residual, residual
from nblib.evaluation.metrics import MEASURES, estoi, pesq_wb, score, visqol_audio
from nblib.evaluation.peaq import peaq_basic
from nblib.evaluation.spectra import aliasing, click_times, clicks_per_second, hole_scores, recovered_bandwidth
from nblib.evaluation.waveform import bss_eval, frame_snr, si_sdr_db
