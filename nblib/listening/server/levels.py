"""Equal length, edges and loudness for the systems of one item, so that nothing but what they sound like differs.

Loudness is that of ITU-R BS.1770-4. The headphone check is by Woods, Siegel, Traer and McDermott 2017, doi
10.3758/s13414-017-1361-2: which of three tones is the quietest? One is 6 dB softer; another is in antiphase, so that
over loudspeakers it cancels in the air and seems the quietest.
"""

import io
import math
from collections.abc import Mapping
from itertools import permutations

import numpy as np
import pyloudnorm
import soundfile

from nblib.audio import check_alignment, check_signal
from nblib.errors import AudioError
from nblib.provenance import random_generator

SHORTEST_SECONDS = 0.5  # one block of BS.1770 and two fades fit in
PADDING_SECONDS = 0.05  # two MP3 frames at 48 kHz: what codecs add or cut
FADE_SECONDS = 0.01
ALIGNED_SECONDS = 0.005  # a greater shift gives a system away when listeners switch to it
FREQUENCY_HZ, SOFTER_DB = 200.0, 6.0  # of the headphone check's tones
TONE_SECONDS, RAMP_SECONDS, GAP_SECONDS = 1.0, 0.1, 0.5
AMPLITUDE = 0.25  # -12 dBFS, about as loud as programme at -23 LUFS seems
PEAK_LIMIT = math.floor(10 ** (-1 / 20) * 32768) / 32768  # the highest 16-bit step under -1 dBFS


def loudness(samples: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness (LUFS) of samples [shape=(n,) or (n, 2)], at least 400 ms; minus infinity under the gate."""
    # pyloudnorm's default filters depart from the Recommendation's by 0.04 dB, those it calls DeMan do not.
    meter = pyloudnorm.Meter(sample_rate, filter_class="DeMan")
    return float(meter.integrated_loudness(np.asarray(samples, np.float64)))


def fade(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """`samples` [shape=(n,) or (n, 2)] with raised-cosine fades of 10 ms at both ends."""
    length = round(FADE_SECONDS * sample_rate)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
    faded = np.array(samples, np.float64)
    faded.T[..., :length] *= ramp
    faded.T[..., len(faded) - length :] *= ramp[::-1]
    return faded


def comparable(item: str, sounds: Mapping[str, np.ndarray], reference: str, sample_rate: int) -> dict[str, np.ndarray]:
    """The systems of one item cut to the shortest and faded; `AudioError` for a sound that cannot be compared."""
    names = {system: f"item {item!r}, system {system!r}" for system in sounds}
    for system, samples in sounds.items():
        if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] != 2):
            raise AudioError(f"{names[system]}: samples of shape {samples.shape} are neither (n,) nor (n, 2): down-mix")
        check_signal(samples.T, names[system], minimum_samples=round(SHORTEST_SECONDS * sample_rate))
        if samples.ndim != sounds[reference].ndim:
            raise AudioError(f"{names[system]}: mono beside stereo (system {reference!r}); give all as many channels")
    shortest, *_, longest = sorted(sounds, key=lambda system: len(sounds[system]))
    length = len(sounds[shortest])
    if len(sounds[longest]) - length > round(PADDING_SECONDS * sample_rate):
        counts = f"system {longest!r} has {len(sounds[longest])} samples, system {shortest!r} {length}"
        raise AudioError(f"item {item!r}: {counts}: more than 50 ms apart; cut them to the same passage")
    cut = {system: samples[:length].astype(np.float64) for system, samples in sounds.items()}
    for system, samples in cut.items():
        check_alignment(names[system], samples, cut[reference], sample_rate, ALIGNED_SECONDS)
    return {system: fade(samples, sample_rate) for system, samples in cut.items()}


def matched(item: str, sounds: Mapping[str, np.ndarray], reference: str, sample_rate: int) -> dict[str, np.ndarray]:
    """All systems of one item at the reference's loudness, all lowered by one gain where a peak exceeds -1 dBFS."""
    levels = {system: loudness(samples, sample_rate) for system, samples in sounds.items()}
    for system, level in levels.items():
        if not np.isfinite(level):
            quiet = "under -70 LUFS throughout, too quiet to be measured; raise its level or leave the item out"
            raise AudioError(f"item {item!r}, system {system!r}: {quiet}")
    same = {system: samples * 10 ** ((levels[reference] - levels[system]) / 20) for system, samples in sounds.items()}
    peak = max(float(np.abs(samples).max()) for samples in same.values())
    return {system: samples * min(1.0, PEAK_LIMIT / peak) for system, samples in same.items()}


def flac(samples: np.ndarray, sample_rate: int) -> bytes:
    """A 16-bit FLAC file of samples [shape=(n,) or (n, 2)] in [-1, 1], without dither, so that it is repeatable."""
    steps = np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, steps, sample_rate, subtype="PCM_16", format="FLAC")
    return buffer.getvalue()


def tone_trials(sample_rate: int, seed: int) -> list[tuple[np.ndarray, int]]:
    """Three tones in each of their six orders: samples [shape=(n, 2)], and which of them (1, 2 or 3) is the softer."""
    time = np.arange(round(TONE_SECONDS * sample_rate)) / sample_rate
    edges = np.minimum(time, TONE_SECONDS - time) / RAMP_SECONDS
    envelope = 0.5 - 0.5 * np.cos(np.pi * np.clip(edges, 0, 1))
    tone = AMPLITUDE * envelope * np.sin(2 * np.pi * FREQUENCY_HZ * time)
    plain, antiphase = np.stack([tone, tone], 1), np.stack([tone, -tone], 1)
    tones = {"plain": plain, "softer": plain * 10 ** (-SOFTER_DB / 20), "antiphase": antiphase}
    gap = np.zeros((round(GAP_SECONDS * sample_rate), 2))
    orders = list(permutations(tones))
    drawn = [orders[index] for index in random_generator("headphones", seed).permutation(len(orders))]
    return [
        (np.concatenate([tones[one], gap, tones[two], gap, tones[three]]), (one, two, three).index("softer") + 1)
        for one, two, three in drawn
    ]
