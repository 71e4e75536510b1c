"""Sound in and out of files, through codecs, and to spectral patches and back."""

from nblib.audio.codec import MP3_BITRATES, Codec, cutoff_hz
from nblib.audio.io import SAMPLE_RATES, SoundFacts, decoded, facts, float_wav, read, read_blocks, write
from nblib.audio.resampling import band_limit, resample, resample_blocks
from nblib.audio.signals import SILENCE, check_alignment, check_signal, lag, loudest, noise_like
from nblib.audio.spectral import DOMAINS, Geometry, analyse, patches, scale, stft, synthesise, unscale, with_phase
