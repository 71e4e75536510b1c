"""Sound in and out of files, through codecs, and to spectral patches and back."""

from nblib.audio.io import MP3_BITRATES, SAMPLE_RATES, Codec, read, write
from nblib.audio.signals import SILENCE, band_limit, check_alignment, check_signal, loudest, noise_like, resample
from nblib.audio.spectral import Geometry, analyse, cutoff_hz, patches, scale, stft, synthesise, unscale
