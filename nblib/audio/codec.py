"""Codec pairs: what a lossy codec leaves of a signal, in line with it sample by sample (MM'19 Section 4.1).

Everything happens in memory, through the libav that PyAV carries. The buffer must be seekable: only then can the muxer
go back and write the header that tells the decoder how much of the coder's delay to drop. Through pipes, 1105 samples
of MP3 delay stay in, and a network trained on such pairs learns the delay.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import NamedTuple

import av
import numpy as np
import torch

from nblib.audio.io import check_rate, check_signal, resample
from nblib.audio.spectral import Geometry, stft
from nblib.errors import AudioError, ParameterError, check_choice

MP3_BITRATES = {
    (8000, 11025, 12000): (8, 16, 24, 32, 40, 48, 56, 64),
    (16000, 22050, 24000): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (32000, 44100, 48000): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
"""Bitrates (kbit/s) that each sample rate (Hz) has in MPEG-2.5, MPEG-2 and MPEG-1 Layer III."""

AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
OPUS_RATE = 48_000

CUTOFF_DROP_DB = 30.0
"""A band is gone when its long-term power fell by more: holes at 16 kbit/s cost under 20 dB, the cut-off over 35."""

CUTOFF_RANGE_DB = 80.0
"""Bands this far under the loudest say nothing about a codec."""


class _Format(NamedTuple):
    encoder: str
    container: str
    padding: int


_FORMATS = {
    "mp3": _Format("libmp3lame", "mp3", 0),
    # MP4 counts time in its own units and may drop a last sample: one frame of zeros behind makes sure of it.
    "aac": _Format("aac", "mp4", 1024),
    "opus": _Format("libopus", "ogg", 0),
    "flac": _Format("flac", "flac", 0),
}


@dataclass(frozen=True)
class Codec:
    """A codec and its bitrate; picklable, and free of state, so that threads and processes may share it.

    Parameters
    ----------
    name : {"mp3", "aac", "opus", "flac"}
        FFmpeg's libmp3lame (the papers' codec), AAC-LC, Opus (48 kHz inside), or lossless 16-bit FLAC as a control.
    bitrate : int
        Bits per second; 0 for flac, which has none.

    Raises
    ------
    ParameterError
        Unknown name, or a bitrate that is no whole number; `check_sample_rate` refuses those the codec has not.
    """

    name: str = "mp3"
    bitrate: int = 16_000

    def __post_init__(self) -> None:
        check_choice("name", self.name, _FORMATS)
        if isinstance(self.bitrate, bool) or not isinstance(self.bitrate, int):
            raise ParameterError(f"bitrate={self.bitrate!r}: a whole number of bits per second is needed, e.g. 16000")
        if (self.bitrate == 0) != (self.name == "flac"):
            raise ParameterError(f"bitrate={self.bitrate} for {self.name}: only flac, which is lossless, takes 0")

    @property
    def identity(self) -> str:
        """Name, bitrate, encoder and library versions: what a cached pair depends on."""
        libav = ".".join(map(str, av.library_versions["libavcodec"]))
        encoder = _FORMATS[self.name].encoder
        return f"{self.name}-{self.bitrate} {encoder} libavcodec-{libav} PyAV-{av.__version__}"

    def check_sample_rate(self, sample_rate: int) -> None:
        """Refuse a sample rate (Hz) at which the codec would quietly take another bitrate.

        Raises
        ------
        ParameterError
            Names the bitrates or sample rates there are, and the remedy.
        """
        check_rate("sample_rate", sample_rate)
        if self.name == "mp3":
            _check_mp3(self.bitrate, sample_rate)
        elif self.name == "aac":
            _check_aac(self.bitrate, sample_rate)
        elif self.name == "opus" and not 6000 <= self.bitrate <= 256_000:
            raise ParameterError(f"bitrate={self.bitrate} for opus: one channel takes 6000 to 256000 bit/s")

    def roundtrip(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Encode and decode: lag 0, equal length, for any length from one sample.

        A peak over full scale is brought to 1 for the codec and back after it, so that none clips. Output may overshoot
        the input's peak, as decoders do.

        Parameters
        ----------
        samples : np.ndarray [shape=(n,)]
            Floating point, mono, full scale 1, n >= 1; may be silent.
        sample_rate : int
            Hz. Opus is resampled to 48 kHz and back.

        Returns
        -------
        np.ndarray [shape=(n,)]
            float32.

        Raises
        ------
        AudioError
            Not one channel, empty, not floating point, NaN or infinite.
        ParameterError
            The codec cannot do this bitrate at this sample rate, or PyAV was built without the encoder.
        """
        self.check_sample_rate(sample_rate)
        samples = np.asarray(samples)
        check_signal(samples, "samples", allow_silence=True)
        if samples.ndim != 1:
            raise AudioError(f"samples [shape={samples.shape}]: one channel is needed; down-mix first")
        peak = max(1.0, float(np.abs(samples).max()))
        level = (samples / peak).astype(np.float32)
        if self.name == "opus":
            coded = resample(self._code(resample(level, sample_rate, OPUS_RATE), OPUS_RATE), OPUS_RATE, sample_rate)
        else:
            coded = self._code(level, sample_rate)
        return (coded[: len(samples)] * peak).astype(np.float32)

    def _code(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        buffer = io.BytesIO()
        self._encode(buffer, np.pad(samples, (0, _FORMATS[self.name].padding)), sample_rate)
        buffer.seek(0)
        coded = _decode(buffer)
        if len(coded) < len(samples):
            raise AudioError(f"{self.identity}: {len(samples)} samples came back as {len(coded)}; use PyAV's own wheel")
        return coded[: len(samples)]

    def _encode(self, buffer: io.BytesIO, samples: np.ndarray, sample_rate: int) -> None:
        form = _FORMATS[self.name]
        with av.open(buffer, "w", format=form.container) as container:
            try:
                stream = container.add_stream(form.encoder, rate=sample_rate, layout="mono", bit_rate=self.bitrate)
            except av.codec.codec.UnknownCodecError as error:
                raise ParameterError(f"name={self.name!r}: PyAV lacks {form.encoder}; install PyAV's wheel") from error
            assert isinstance(stream, av.AudioStream)
            frame = av.AudioFrame.from_ndarray(samples[np.newaxis], "fltp", "mono")
            frame.sample_rate, frame.pts = sample_rate, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def _decode(buffer: io.BytesIO) -> np.ndarray:
    with av.open(buffer, "r") as container:
        to_float = av.AudioResampler(format="fltp")
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in to_float.resample(frame)]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _check_mp3(bitrate: int, sample_rate: int) -> None:
    steps = next((steps for rates, steps in MP3_BITRATES.items() if sample_rate in rates), None)
    if steps is None:
        known = ", ".join(str(rate) for rates in MP3_BITRATES for rate in rates)
        raise ParameterError(f"sample_rate={sample_rate} for mp3: resample first to one of {known} Hz")
    if bitrate not in [1000 * kilobits for kilobits in steps]:
        raise ParameterError(
            f"bitrate={bitrate} for mp3 at {sample_rate} Hz: the lowest is {steps[0]}000, and there are "
            f"{', '.join(map(str, steps))} kbit/s; another would be taken in silence. Choose one of them, or resample "
            "first: 16 kbit/s needs 24000 Hz or less"
        )


def _check_aac(bitrate: int, sample_rate: int) -> None:
    if sample_rate not in AAC_RATES:
        raise ParameterError(f"sample_rate={sample_rate} for aac: resample first to one of {AAC_RATES} Hz")
    # Measured on broadband music: within this range the encoder keeps to the bitrate, outside it does not.
    lowest, highest = 12_000 if sample_rate <= 24_000 else 16_000, 4 * sample_rate
    if not lowest <= bitrate <= highest:
        raise ParameterError(
            f"bitrate={bitrate} for aac at {sample_rate} Hz: the lowest it keeps to is {lowest}, the highest "
            f"{highest}; choose one between, or resample first"
        )


def cutoff_hz(lossless: np.ndarray, coded: np.ndarray, sample_rate: int) -> float:
    """Cut-off frequency of coded material: above it the codec left nothing.

    It is the highest frequency at which the long-term power of `coded` (Hann 1024, hop 512, mean over time) lies within
    `CUTOFF_DROP_DB` of that of `lossless`, among those where `lossless` is within `CUTOFF_RANGE_DB` of its loudest bin.
    Material with nothing to cut gives its own upper limit, so take broadband material, or the median over several.

    Parameters
    ----------
    lossless, coded : np.ndarray [shape=(n,)]
        The pair, sample-aligned, n >= 1024.
    sample_rate : int
        Hz.

    Returns
    -------
    float
        Hz, in steps of sample_rate / 1024; 0 when nothing was left.

    Raises
    ------
    AudioError
        The lengths differ, or a signal is too short or not finite, or `lossless` is silent.
    """
    geometry = Geometry(sample_rate=sample_rate)
    check_signal(lossless, "lossless", minimum_samples=geometry.window)
    check_signal(coded, "coded", allow_silence=True)
    if lossless.ndim != 1 or lossless.shape != coded.shape:
        raise AudioError(f"lossless {lossless.shape} and coded {coded.shape} are no pair; use Codec.roundtrip's output")
    # Whole windows only: where a signal breaks off, a window padded with zeros holds a click at all frequencies.
    pair = torch.from_numpy(np.stack([lossless, coded]).astype(np.float32))
    before, after = stft(pair, geometry).abs().square().mean(-1)
    present = before > before.max() * 10 ** (-CUTOFF_RANGE_DB / 10)
    left = present & (after > before * 10 ** (-CUTOFF_DROP_DB / 10))
    return float(left.nonzero().max()) * sample_rate / geometry.window if left.any() else 0.0
