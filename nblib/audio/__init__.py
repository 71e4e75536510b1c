"""Sound in and out of files, through codecs, and to spectral patches and back."""

from __future__ import annotations

from nblib.audio.alignment import check_alignment, lag
from nblib.audio.codec import MP3_BITRATES, Codec, cutoff_hz
from nblib.audio.excerpts import loudest
from nblib.audio.filters import band_limit, noise_like
from nblib.audio.io import SAMPLE_RATES, SILENCE, check_signal, read, read_blocks, resample, write
from nblib.audio.spectral import (
    DEFAULT_DOMAIN,
    DOMAINS,
    Geometry,
    analyse,
    patches,
    scale,
    stft,
    synthesise,
    unscale,
    with_phase,
)
from nblib.audio.streams import Resampler, SoundFacts, WaveWriter, facts, read_chunks

__all__ = [
    "DEFAULT_DOMAIN",
    "DOMAINS",
    "MP3_BITRATES",
    "SAMPLE_RATES",
    "SILENCE",
    "Codec",
    "Geometry",
    "Resampler",
    "SoundFacts",
    "WaveWriter",
    "analyse",
    "band_limit",
    "check_alignment",
    "check_signal",
    "cutoff_hz",
    "facts",
    "lag",
    "loudest",
    "noise_like",
    "patches",
    "read",
    "read_blocks",
    "read_chunks",
    "resample",
    "scale",
    "stft",
    "synthesise",
    "unscale",
    "with_phase",
    "write",
]
