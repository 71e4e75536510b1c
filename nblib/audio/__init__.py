"""Sound in and out of files, through codecs, and to spectral patches and back."""

from nblib.audio.codec import MP3_BITRATES, Codec, cutoff_hz
from nblib.audio.io import SAMPLE_RATES, read, write
from nblib.audio.signals import SILENCE, band_limit, check_alignment, check_signal, lag, loudest, noise_like, resample
from nblib.audio.spectral import DOMAINS, Geometry, analyse, patches, scale, stft, synthesise, unscale, with_phase
