"""Codec pairs: what a lossy codec leaves of a signal, in line with it sample by sample (MM'19 Section 4.1).

In memory, through the libav that PyAV carries. The buffer must be seekable: only then can the muxer go back and write
the header that tells the decoder how much of the coder's delay to drop. Through pipes, 1105 samples of MP3 stay in.
"""

import io
from dataclasses import dataclass

import av
import numpy as np
import torch

from nblib.audio.io import decoded
from nblib.audio.signals import check_signal, resample
from nblib.audio.spectral import Geometry, stft
from nblib.errors import AudioError, ParameterError, check_choice, check_whole

# Bitrates (kbit/s) that each sample rate (Hz) has in MPEG-2.5, MPEG-2 and MPEG-1 Layer III.
MP3_BITRATES = {
    (8000, 11025, 12000): (8, 16, 24, 32, 40, 48, 56, 64),
    (16000, 22050, 24000): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (32000, 44100, 48000): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_FORMATS = {  # encoder, container, zeros to put behind
    "mp3": ("libmp3lame", "mp3", 0),
    # MP4 counts time in its own units and may drop a last sample: one frame of zeros behind makes sure of it.
    "aac": ("aac", "mp4", 1024),
    "opus": ("libopus", "ogg", 0),
}


@dataclass(frozen=True)
class Codec:
    """A codec and its bitrate; free of state, so that threads and processes may share it."""

    name: str = "mp3"  # FFmpeg's libmp3lame; or "aac" (AAC-LC), "opus" (48 kHz inside)
    bitrate: int = 16_000  # bits per second

    def __post_init__(self) -> None:
        check_choice("name", self.name, _FORMATS)
        check_whole("bitrate", self.bitrate)

    @property
    def identity(self) -> str:
        """Name, bitrate, encoder and library versions: what a cached pair depends on."""
        libav = ".".join(map(str, av.library_versions["libavcodec"]))
        return f"{self.name}-{self.bitrate} {_FORMATS[self.name][0]} libavcodec-{libav} PyAV-{av.__version__}"

    def _check_sample_rate(self, sample_rate: int) -> None:
        check_whole("sample_rate", sample_rate, 1)
        steps = next((steps for rates, steps in MP3_BITRATES.items() if sample_rate in rates), ())
        # AAC has MPEG's rates too; measured on broadband music, outside these the encoder does not keep to the bitrate.
        aac = range(12_000 if sample_rate <= 24_000 else 16_000, 4 * sample_rate + 1) if steps else ()
        known = {"mp3": [1000 * step for step in steps], "aac": aac, "opus": range(6000, 256_001)}
        if self.bitrate not in (allowed := known[self.name]):
            listed = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else ", ".join(map(str, allowed))
            wrong = (
                f"bitrate={self.bitrate} for {self.name} at sample_rate={sample_rate}: it keeps to {listed or 'none'}"
            )
            raise ParameterError(f"{wrong}, and would take another in silence; choose one of them, or resample first")

    def roundtrip(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Encode and decode `samples` [shape=(n,), full scale 1, n >= 1]: lag 0, equal shape, float32.

        A peak over full scale is brought to 1 for the codec and back after it, so that none clips. Output may overshoot
        the input's peak, as decoders do. `AudioError` for what is no signal, `ParameterError` for a bitrate that the
        codec has not at this `sample_rate` (Hz).
        """
        self._check_sample_rate(sample_rate)
        check_signal(samples, "samples", allow_silence=True)
        peak = max(1.0, float(np.abs(samples).max()))
        level = (samples / peak).astype(np.float32)
        rate = 48_000 if self.name == "opus" else sample_rate
        coded = resample(self._code(resample(level, sample_rate, rate), rate), rate, sample_rate)
        return (coded[: len(samples)] * peak).astype(np.float32)

    def _code(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        (encoder, form, padding), buffer = _FORMATS[self.name], io.BytesIO()
        with av.open(buffer, "w", format=form) as container:
            stream = container.add_stream(encoder, rate=sample_rate, layout="mono", bit_rate=self.bitrate)
            assert isinstance(stream, av.AudioStream)
            frame = av.AudioFrame.from_ndarray(np.pad(samples, (0, padding))[np.newaxis], "fltp", "mono")
            frame.sample_rate, frame.pts = sample_rate, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        buffer.seek(0)
        with av.open(buffer, "r", format=form) as container:  # named, since bytes of a short MP3 do not tell
            coded = decoded(container, container.streams.audio[0])[0]
        if len(coded) < len(samples):
            raise AudioError(f"{self.identity}: {len(samples)} samples came back as {len(coded)}; use PyAV's own wheel")
        return coded[: len(samples)]


def cutoff_hz(lossless: np.ndarray, coded: np.ndarray, sample_rate: int) -> float:
    """Cut-off frequency of coded material, above which the codec left nothing: Hz, in steps of sample_rate / 1024.

    The highest at which the long-term power of `coded` (Hann 1024, hop 512) lies within 30 dB of that of `lossless`, in
    line with it [shape=(n,), n >= 1024] (holes at 16 kbit/s cost under 20 dB), among those where `lossless` is within
    80 dB of its loudest bin; 0 where there is none. Material with nothing to cut gives its own upper limit: take the
    median over several. `AudioError` for silence.
    """
    geometry = Geometry(sample_rate=sample_rate)
    check_signal(lossless, "lossless", minimum_samples=geometry.window)
    # Whole windows only: where a signal breaks off, a window padded with zeros holds a click at all frequencies.
    pair = torch.from_numpy(np.stack([lossless, coded]).astype(np.float32))
    before, after = stft(pair, geometry).abs().square().mean(-1)
    present = before > before.max() * 1e-8
    left = present & (after > before * 1e-3)
    return float(left.nonzero().max()) * sample_rate / geometry.window if left.any() else 0.0
