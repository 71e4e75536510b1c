"""The SNR of MM'19 Table 3, "computed and averaged across non-overlapping frames of size 66048 from all tracks".

The paper gives no formula, and 45.6 to 62.7 dB are much for a network whose bottleneck halves the numbers. So what the
same errors give under other readings of "SNR, dB" stands beside the usual one.
"""

from __future__ import annotations

import math

import numpy as np

from nblib.audio import check_signal
from nblib.errors import ParameterError, check_whole

FRAME_SAMPLES = 66_048  # Section 7; the patch of Models A to C, Section 6.1


def frame_snr(original: np.ndarray, estimate: np.ndarray, frame_samples: int = FRAME_SAMPLES) -> dict[str, float]:
    """Signal-to-noise ratio of one track, averaged over its frames (MM'19 Section 7, Table 3), in float64.

    Frames do not overlap, and what is left over at the end is dropped; a track shorter than one frame is one frame.

    Parameters
    ----------
    original, estimate : np.ndarray [shape=(n,)]
        Full scale 1.
    frame_samples : int > 0
        Samples of a frame.

    Returns
    -------
    dict
        ``snr_db``, 10 log10 of the original's energy over the error's, and other readings of the same errors:
        ``snr_20log_db``, 20 log10 of that ratio, as if it were one of amplitudes; ``psnr_db``, 10 log10 of 1 over the
        mean squared error, as if the peak were full scale; ``snr_10ln``, 10 times the natural logarithm of the ratio.
        Each is the mean of the frames' values: infinite with a frame without any error, NaN without any frame.
        ``frames`` is the number of frames averaged, ``frames_left_out`` that of frames of digital silence in the
        original, which have no ratio.

    Raises
    ------
    AudioError
        A signal is empty, not floating point or not finite.
    ParameterError
        The shapes differ, there is more than one channel, or `frame_samples` is no whole number from 1.
    """
    check_whole("frame_samples", frame_samples, least=1)
    check_tracks(original, estimate)
    size = min(frame_samples, len(original))
    frames, found = (
        track[: len(track) // size * size].reshape(-1, size).astype(np.float64) for track in (original, estimate)
    )
    energy, squared_error = np.square(frames).sum(1), np.square(frames - found).sum(1)
    heard = energy > 0
    with np.errstate(divide="ignore"):
        snr_db = 10 * np.log10(energy[heard] / squared_error[heard])
        psnr_db = -10 * np.log10(squared_error[heard] / size)
    mean_db = float(snr_db.mean()) if heard.any() else math.nan
    return {
        "snr_db": mean_db,
        "snr_20log_db": 2 * mean_db,
        "psnr_db": float(psnr_db.mean()) if heard.any() else math.nan,
        "snr_10ln": math.log(10) * mean_db,
        "frames": int(heard.sum()),
        "frames_left_out": int((~heard).sum()),
    }


def check_tracks(original: np.ndarray, estimate: np.ndarray) -> None:
    """Refuse what is no pair of tracks: `ParameterError` for shapes, `AudioError` for samples (see `check_signal`)."""
    if original.ndim != 1 or original.shape != estimate.shape:
        raise ParameterError(
            f"original {original.shape} and estimate {estimate.shape}: two mono tracks of one length are needed; "
            "down-mix and cut them first"
        )
    check_signal(original, "original", allow_silence=True)
    check_signal(estimate, "estimate", allow_silence=True)
