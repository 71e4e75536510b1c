"""A resampler with memory, a WAV that grows, and what a file says about itself."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from nblib.audio import Resampler, WaveWriter, facts, read, resample, streams
from nblib.errors import AudioError, ParameterError
from nblib.provenance import random_generator


def noise(n: int, channels: int = 2) -> np.ndarray:
    return random_generator("streams", n).uniform(-0.5, 0.5, (channels, n)).astype(np.float32)


@pytest.mark.parametrize("rates", [(44_100, 22_050), (22_050, 48_000), (16_000, 22_050), (22_050, 22_050)])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_is_resampled_as_the_whole(rates, channels):
    samples = noise(50_001, channels)
    resampler = Resampler(*rates, channels)
    parts = [resampler.push(part) for part in np.split(samples, [1, 2, 700, 30_000], axis=1)]
    joined = np.concatenate([*parts, resampler.finish()], axis=1)
    expected = resample(samples, *rates)
    assert joined.shape == expected.shape and joined.dtype == np.float32
    np.testing.assert_allclose(joined, expected, atol=1e-6)


def test_a_short_stream_is_as_long_as_the_whole():
    for n in (1, 2, 3, 100):
        resampler = Resampler(44_100, 22_050, 2)
        length = resampler.push(noise(n)).shape[1] + resampler.finish().shape[1]
        assert length == -(-n // 2)


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(ParameterError, match="to=0: a whole number of Hz"):
        Resampler(44_100, 0, 1)


def written(parts: list[np.ndarray], channels: int) -> bytes:
    file = io.BytesIO()
    writer = WaveWriter(file, 44_100, channels)
    for part in parts:
        writer.write(part)
    writer.finish()
    assert writer.samples == sum(part.shape[1] for part in parts)
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_written_piece_by_piece_is_read_bit_for_bit(tmp_path, channels):
    samples = 3 * noise(10_000, channels)  # over full scale: nothing is clipped
    content = written(np.split(samples, [0, 17, 9000], axis=1), channels)
    assert content == written([samples], channels)
    (tmp_path / "x.wav").write_bytes(content)
    found, rate = read(tmp_path / "x.wav", mono=False)
    assert rate == 44_100
    np.testing.assert_array_equal(found, samples)
    about = soundfile.info(tmp_path / "x.wav")
    assert (about.format, about.subtype, about.frames) == ("WAV", "FLOAT", 10_000)
    with av.open(str(tmp_path / "x.wav")) as container:  # a second reader
        assert sum(frame.samples for frame in container.decode(audio=0)) == 10_000


def test_the_peak_is_known(tmp_path):
    writer = WaveWriter(io.BytesIO(), 8000, 1)
    writer.write(np.array([[0.5, -1.5]], np.float32))
    writer.write(np.array([[0.25]], np.float32))
    writer.write(np.zeros((1, 0), np.float32))
    assert writer.peak == 1.5


def test_a_file_that_outgrows_32_bits_becomes_an_rf64(tmp_path, monkeypatch):
    samples = noise(1000)
    monkeypatch.setattr(streams, "RIFF_LIMIT", 8000)
    content = written([samples], 2)
    assert content[:4] == b"RF64" and content[12:16] == b"ds64"
    assert int.from_bytes(content[20:28], "little") == len(content) - 8
    assert int.from_bytes(content[28:36], "little") == 8000
    (tmp_path / "x.wav").write_bytes(content)
    assert soundfile.info(tmp_path / "x.wav").format == "RF64"
    np.testing.assert_array_equal(read(tmp_path / "x.wav", mono=False)[0], samples)


def encoded(path: Path, samples: np.ndarray) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame", rate=44_100, layout="stereo")
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
        frame.sample_rate, frame.pts = 44_100, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_file_says_what_it_holds(tmp_path):
    soundfile.write(tmp_path / "x.flac", noise(8000, 1).T, 16_000)
    assert facts(tmp_path / "x.flac") == streams.SoundFacts(16_000, 1, 0.5)
    about = facts(encoded(tmp_path / "x.mp3", noise(44_100)))
    assert (about.sample_rate, about.channels) == (44_100, 2) and about.seconds == pytest.approx(1, abs=0.06)
    (tmp_path / "x.txt").write_text("no sound")
    with pytest.raises(AudioError, match="x.txt: cannot be read as sound"):
        facts(tmp_path / "x.txt")
