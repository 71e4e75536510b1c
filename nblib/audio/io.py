"""Sound files in and out, and codec pairs: what a lossy codec leaves of a signal, in line with it (MM'19 Section 4.1).

Codecs are those of the libav that PyAV carries, in a seekable buffer: only there can the muxer go back and write how
much of the coder's delay the decoder has to drop. Through pipes, 1105 samples of MP3 stay in.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile

from nblib.audio.signals import check_signal, resample
from nblib.errors import AudioError, ParameterError, check_choice, check_whole
from nblib.paths import whole

# Hz; anything else is more likely a broken header than a recording.
SAMPLE_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
# Bitrates (kbit/s) that each sample rate (Hz) has in MPEG-2.5, MPEG-2 and MPEG-1 Layer III.
MP3_BITRATES = {
    (8000, 11025, 12000): (8, 16, 24, 32, 40, 48, 56, 64),
    (16000, 22050, 24000): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (32000, 44100, 48000): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_FORMATS = {  # encoder, container, zeros to put behind
    "mp3": ("libmp3lame", "mp3", 0),
    "aac": ("aac", "mp4", 1024),  # MP4 counts time in its own units and may drop a last sample: a frame makes sure
    "opus": ("libopus", "ogg", 0),
}


def read(path: str | Path, mono: bool = True, end: float = np.inf, stream: int = 0) -> tuple[np.ndarray, int]:
    """Samples [shape=(n,) or, unless `mono`, (channels, n)] of a sound file, and its sample rate (Hz).

    Float32, full scale 1, peaks over it are kept; mono is the channels' mean. What lies after `end` (s) may be left
    out; of MP4, `stream` tells which. `AudioError` for what cannot be used, over 2 channels too.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file; check the name and the data root")
    try:
        # All else is libav's: libsndfile leaves the MP3 coder's delay of 1105 samples in.
        if path.suffix.lower() in (".wav", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff"):
            with soundfile.SoundFile(path) as file:
                own_rate, wanted = file.samplerate, int(min(file.frames, end * file.samplerate + 1))
                samples = file.read(wanted, dtype="float32", always_2d=True).T
            if samples.shape[1] < wanted:
                raise AudioError(f"{path}: cut short, {samples.shape[1]} of {wanted} samples are there; copy it again")
        else:
            samples, own_rate = _decoded(path, stream)
    except (soundfile.SoundFileError, av.FFmpegError, OSError) as error:
        raise AudioError(f"{path}: cannot be read as sound ({error}); convert it to FLAC, or leave it out") from error
    if len(samples) > 2:
        raise AudioError(f"{path}: {len(samples)} channels; mono or stereo is needed: down-mix it first")
    check_signal(samples, path, allow_silence=True)
    if own_rate not in SAMPLE_RATES:
        raise AudioError(f"{path}: sample rate {own_rate} Hz is none of {SAMPLE_RATES}; resample it")
    return samples.mean(0) if mono else samples, own_rate


def _decoded(file: Path | io.BytesIO, stream: int = 0, form: str | None = None) -> tuple[np.ndarray, int]:
    """All samples of a stream as float32 [shape=(channels, n)], and their rate; bytes of a short MP3 need `form`."""
    with av.open(file, "r", format=form) as container:
        if (count := len(container.streams.audio)) <= stream:
            raise AudioError(f"{file}: {count} sound stream(s) where {stream + 1} are needed; leave it out")
        found, planar = container.streams.audio[stream], av.AudioResampler(format="fltp")
        parts = [part.to_ndarray() for frame in container.decode(found) for part in planar.resample(frame)]
        return np.concatenate(parts or [np.zeros((1, 0), np.float32)], axis=1), found.codec_context.sample_rate


def write(path: str | Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write mono samples [shape=(n,), in [-1, 1]] as 16-bit WAV or FLAC, by the suffix; whole or not at all.

    Without dither, so that writing is repeatable, and never clipped: `AudioError` for a peak over 1.
    """
    path = Path(path)
    check_signal(samples, path, allow_silence=True)
    if (peak := float(np.abs(samples).max())) > 1:
        raise AudioError(f"{path}: peak {peak:.4g} would be clipped; divide the samples by it, or lower their level")
    steps = np.minimum(np.round(samples.astype(np.float64) * 32768), 32767).astype(np.int16)
    buffer = io.BytesIO()  # its bytes are written by Python, whose errors say that the disk is full
    soundfile.write(buffer, steps, sample_rate, subtype="PCM_16", format=path.suffix[1:])
    with whole(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


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

    def roundtrip(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Encode and decode `samples` [shape=(n,), full scale 1, n >= 1]: lag 0, equal shape, float32.

        A peak over full scale is brought to 1 and back, so that none clips; output may overshoot the input's peak.
        `ParameterError` for a bitrate that the codec has not at this `sample_rate` (Hz).
        """
        check_whole("sample_rate", sample_rate, 1)
        steps = next((steps for rates, steps in MP3_BITRATES.items() if sample_rate in rates), ())
        # AAC has MPEG's rates too; measured on broadband music, outside these the encoder does not keep to the bitrate.
        aac = range(12_000 if sample_rate <= 24_000 else 16_000, 4 * sample_rate + 1) if steps else ()
        known = {"mp3": [1000 * step for step in steps], "aac": aac, "opus": range(6000, 256_001)}[self.name]
        if self.bitrate not in known:
            listed = f"{known[0]} to {known[-1]}" if isinstance(known, range) else ", ".join(map(str, known)) or "none"
            wrong = f"bitrate={self.bitrate} for {self.name} at sample_rate={sample_rate}: it keeps to {listed}"
            raise ParameterError(f"{wrong}, and would take another in silence; choose one of them, or resample first")
        check_signal(samples, "samples", allow_silence=True)
        peak = max(1.0, float(np.abs(samples).max()))
        rate = 48_000 if self.name == "opus" else sample_rate
        coded = resample(self._code(resample(samples / peak, sample_rate, rate), rate), rate, sample_rate)
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
        coded = _decoded(buffer, form=form)[0][0]
        if len(coded) < len(samples):
            raise AudioError(f"{self.identity}: {len(samples)} samples came back as {len(coded)}; use PyAV's own wheel")
        return coded[: len(samples)]
