"""Faults of spectra (MM'19 Sections 4.3 and 8); why aliasing and clicks are measured like this: docs/measures.md."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import find_peaks
from scipy.signal.windows import hann

from nblib.audio import Geometry, check_signal, resample, stft
from nblib.errors import AudioError, ParameterError
from nblib.evaluation import ear_model
from nblib.evaluation.peaq import check_pair

SETTLING_SAMPLES = 4096  # twice the reach, to either side, of eight levels of kernel 9: 4 * 2 * (1 + 2 + ... + 128)
BAND_HZ = 250  # sixteen bins of MM'19's spectrogram, which average the peaks and gaps of a tone's harmonics
# What a click is was set on originals and pulses added to them (60 pieces, 22 recordings), on no network's output.
WINDOW_SECONDS = 0.002  # longer ones bury pulses in music; its main lobe, 2 kHz wide, is the band of a frequency
HOP_SECONDS = 0.0005
LEAST_HZ = 1500.0  # under it tones drown pulses; with bands from 300 Hz most pulses between 2 and 5 kHz went uncounted
FREQUENCIES, BURIED = 4, 1  # so many frequencies are looked at, and at so many a pulse may drown
NEAR, FAR = 5, 12  # hops away, 2.5 to 6 ms, is what a pulse stands out from: past its own window, short of the next one
RISE_DB = 12.0  # over the louder side: finds 84 % of pulses of 8 times the local rms; 10 would count far more attacks
FLOOR_DB = -50.0  # of a tone as strong as the whole signal: added to every power, so that nothing rises out of silence


def aliasing(
    process: Callable[[np.ndarray], np.ndarray], frequencies_hz: Sequence[float], sample_rate: int, period: int
) -> list[dict[str, float]]:
    """What becomes of sines of -20 dBFS: a row per tone, in dB, each power over that of the tone going in.

    `process` maps samples [shape=(n,), float32, full scale 1] to samples, commutes with shifts by `period` (a power of
    2 up to 2048) and reaches no further than 4096 samples. Frequencies are moved to the middle between two even bins.
    ``gain_db`` is of the tone, ``distortion_db`` of harmonics and the mean, ``aliasing_db`` of everything else;
    ``aliasing_over_output_db`` is over all that comes out, NaN of silence.
    """
    length, amplitude = 16_384, 0.1
    residues = length // period
    if length % period or residues < 8:  # harmonics up to the third have room
        raise ParameterError(f"period={period}: a power of two up to {length // 8} is needed")
    # From a table, so that the rounding to float32 repeats, too, and falls on the tone's own harmonics.
    table = (amplitude * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    rows = []
    for frequency in frequencies_hz:
        if not 0 < frequency < sample_rate / 2:
            raise ParameterError(f"frequency {frequency!r} Hz: between 0 and {sample_rate / 2:g} is needed")
        tone = 2 * math.floor(frequency * length / sample_rate / 2) + 1
        response = np.asarray(process(table[tone * np.arange(-SETTLING_SAMPLES, length + SETTLING_SAMPLES) % length]))
        powers = np.square(np.abs(np.fft.fft(response[SETTLING_SAMPLES:-SETTLING_SAMPLES].astype(np.float64)) / length))
        harmonics = np.arange(1 - residues // 2, residues // 2) * tone % length
        fundamental, aliased = float(powers[tone] + powers[-tone]), float(np.delete(powers, harmonics).sum())
        distortion, played = float(powers[harmonics].sum()) - fundamental, amplitude**2 / 2
        parts = {"gain": fundamental / played, "distortion": distortion / played, "aliasing": aliased / played}
        parts["aliasing_over_output"] = aliased / (float(powers.sum()) or math.nan)
        levels = {f"{name}_db": -math.inf if part <= 0 else 10 * math.log10(part) for name, part in parts.items()}
        rows.append({"frequency_hz": tone * sample_rate / length} | levels)
    return rows


def click_times(samples: np.ndarray, sample_rate: int, limit_hz: float) -> np.ndarray:
    """When there are clicks in `samples` [shape=(n,), at least 14 ms]: their middles in seconds, within about 1 ms.

    One stands out at three of four frequencies between 1.5 kHz and `limit_hz`, the band's limit; at most 200 a second.
    """
    if not 3000 <= limit_hz <= sample_rate / 2:  # a band from 1.5 kHz to less is too narrow to tell wide from narrow
        raise ParameterError(f"limit_hz={limit_hz!r}: 3000 Hz to half the sample rate is needed")
    hop, window = round(HOP_SECONDS * sample_rate), hann(round(WINDOW_SECONDS * sample_rate), sym=False)
    check_signal(samples, "samples", minimum_samples=len(window) + 2 * FAR * hop, allow_silence=True)
    if not samples.any():
        return np.empty(0)
    frequencies = LEAST_HZ + (limit_hz - LEAST_HZ) / FREQUENCIES * (np.arange(FREQUENCIES) + 0.5)
    angles = 2 * np.pi * frequencies * np.arange(len(window))[:, np.newaxis] / sample_rate
    samples = samples.astype(np.float64)
    frames = sliding_window_view(samples, len(window))[::hop]
    power = sum(np.square(frames @ (window[:, np.newaxis] * wave(angles))) for wave in (np.cos, np.sin))
    power = power + 10 ** (FLOOR_DB / 10) * np.square(samples).mean() * window.sum() ** 2 / 2
    level_db = 10 * np.log10(power)
    aside_db = 10 * np.log10(sliding_window_view(power, FAR - NEAR + 1, axis=0).mean(-1))
    count = len(power) - 2 * FAR
    louder_side_db = np.maximum(aside_db[:count], aside_db[-count:])
    rise_db = np.partition(level_db[FAR : FAR + count] - louder_side_db, BURIED, axis=1)[:, BURIED]
    found, _ = find_peaks(rise_db, height=RISE_DB, distance=round(0.005 / HOP_SECONDS))  # of closer ones the stronger
    return ((found + FAR) * hop + len(window) / 2) / sample_rate


def holes(lossless: np.ndarray, coded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where linear magnitudes are audible, over -80 dB (full-scale sine: 0 dB), and `coded` lies over 20 dB lower."""
    audible = lossless > 10 ** (-80 / 20)
    return audible, audible & (coded < 10 ** (-20 / 20) * lossless)


def hole_scores(lossless: np.ndarray, coded: np.ndarray, emulated: np.ndarray, below_bin: int) -> dict[str, float]:
    """Share of the codec's holes among audible points, and the emulation's precision and recall, NaN without holes.

    Of linear magnitudes [shape=(..., bins, frames)]; under the cut-off, `below_bin`: a low-pass alone earns nothing.
    """
    lossless, coded, emulated = (each[..., :below_bin, :] for each in (lossless, coded, emulated))
    (audible, truth), (_, found) = holes(lossless, coded), holes(lossless, emulated)
    parts = {"share": (truth, audible), "precision": (truth & found, found), "recall": (truth & found, truth)}
    return {f"hole_{name}": float(part.sum()) / (whole.sum() or math.nan) for name, (part, whole) in parts.items()}


def recovered_bandwidth(
    original: np.ndarray, estimate: np.ndarray, geometry: Geometry, limit_hz: int
) -> dict[str, float]:
    """Total width of the bands of 250 Hz in which `estimate` has what `original` has (MM'19 Section 8.1), in Hz.

    Of signals [shape=(n,)], by bands under `limit_hz`. ``level_``: the power is within 6 dB of the original's;
    ``waveform_``: the error's power is under it, too (Models B and C have the wrong phase); ``offered_``: the original
    has anything, within 80 dB of its strongest band; no other bands count.
    """
    check_pair(original, estimate, allow_silence=True)
    rate = geometry.sample_rate
    if limit_hz % BAND_HZ or not 0 < limit_hz <= rate / 2:
        raise ParameterError(f"limit_hz={limit_hz!r}: a multiple of {BAND_HZ} Hz to {rate / 2:g} is needed")
    spectra = stft(torch.from_numpy(np.stack([original, estimate]).astype(np.float64)), geometry).numpy()
    power = np.stack([np.square(np.abs(part)).sum(-1) for part in (spectra[0], spectra[1] - spectra[0], spectra[1])])
    # Whole numbers, so that a bin on an edge falls into the band above it whatever the sample rate.
    band = np.arange(geometry.bins) * rate // (geometry.window * BAND_HZ)
    wanted, error, found = power @ (band[:, np.newaxis] == np.arange(limit_hz // BAND_HZ))
    # What lies over 80 dB under the strongest band is the leakage of window and band limit.
    offered, tolerance = (wanted > 0) & (wanted >= 10 ** (-80 / 10) * wanted.max()), 10 ** (6 / 10)
    level = offered & (found <= tolerance * wanted) & (tolerance * found >= wanted)
    waveform = level & (error < wanted)  # without the level a trace of the original would do: it lessens the error, too
    widths = {"level": level, "waveform": waveform, "offered": offered}
    return {f"{name}_bandwidth_hz": float(BAND_HZ * bands.sum()) for name, bands in widths.items()}


def residual(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> dict[str, np.ndarray]:
    """The error of `estimate` against `reference` [shape=(n,), at least 43 ms], split by what `reference` masks.

    Energies per band of one Bark, over the reference's (``target``) in all bands: of the error as PEAQ's noise-to-mask
    ratio has it (BS.1387-1, Annex 2, 4.5), ``added_`` or ``missing_``, ``above`` the masking threshold or ``below`` it.
    """
    check_pair(reference, estimate)
    pair = resample(np.stack([reference, estimate]), sample_rate, ear_model.SAMPLE_RATE)
    if pair.shape[-1] < ear_model.WINDOW:
        raise AudioError(f"{len(reference)} samples: at least {ear_model.WINDOW} at 48 kHz are needed")
    heard = ear_model.patterns(torch.as_tensor(pair * ear_model.FULL_SCALE))
    powers = heard.heard.double()
    difference = powers[:, 1].sqrt() - powers[:, 0].sqrt()
    added, missing = (ear_model.grouped(part.square()) for part in (difference.clamp(min=0), difference.clamp(max=0)))
    above = added + missing > heard.excitation[:, 0] * torch.from_numpy(ear_model.MASKING_OFFSET)
    energies = {"target": ear_model.grouped(powers[:, 0]).sum(0)}
    for name, part in {"added": added, "missing": missing}.items():
        energies |= {f"{name}_above": (part * above).sum(0), f"{name}_below": (part * ~above).sum(0)}
    count = int((sample_rate / 2 > ear_model.LOWER_HZ).sum())
    starts = np.arange(0, count, round(1 / ear_model.BAND_WIDTH))
    centre = np.add.reduceat(ear_model.CENTRE_HZ[:count], starts) / np.diff([*starts, count])
    shares = {name: (energy / energies["target"].sum()).numpy()[:count] for name, energy in energies.items()}
    return {"centre_hz": centre} | {name: np.add.reduceat(share, starts) for name, share in shares.items()}
