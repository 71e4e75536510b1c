"""Sound in and out of files, through codecs, and to spectral patches and back."""

from nblib.audio.codec import MP3_BITRATES, Codec, cutoff_hz
from nblib.audio.io import (
    SAMPLE_RATES,
    SILENCE,
    SoundFacts,
    check_signal,
    facts,
    float_wav,
    read,
    read_blocks,
    read_chunks,
    resample,
    resample_blocks,
    write,
)
from nblib.audio.signals import band_limit, check_alignment, lag, loudest, noise_like
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

__all__ = ["SAMPLE_RATES", "SILENCE", "SoundFacts", "check_signal", "facts", "read", "read_blocks", "read_chunks"]
__all__ += ["float_wav", "resample", "resample_blocks", "write", "MP3_BITRATES", "Codec", "cutoff_hz"]
__all__ += ["band_limit", "check_alignment", "lag", "loudest", "noise_like", "DEFAULT_DOMAIN", "DOMAINS", "Geometry"]
__all__ += ["analyse", "patches", "scale", "stft", "synthesise", "unscale", "with_phase"]
