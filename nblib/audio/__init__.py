"""Sound in and out of files, through codecs, and to spectral patches and back."""

from __future__ import annotations

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

__all__ = [
    "DEFAULT_DOMAIN",
    "DOMAINS",
    "Geometry",
    "analyse",
    "patches",
    "scale",
    "stft",
    "synthesise",
    "unscale",
    "with_phase",
]
