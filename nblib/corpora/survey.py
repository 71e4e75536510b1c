"""Reading recordings, whether and how they can be used (checks, digests, levels, filter edges), and mixing them."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice

import numpy as np
import soundfile
from scipy.signal import lfilter, welch

from nblib.audio import SILENCE, check_signal, loudest, read
from nblib.corpora.layouts import LOSSY, Row
from nblib.errors import AudioError, ParameterError
from nblib.parallel import cores

SNR_DB = 0.0  # of speech in noise: IJCNN'20 Section IV
STREAMS = ("mixture", "drums", "bass", "other", "vocals")
PEAK = 0.99  # of mixtures
SNR_LIMITS_DB = (-120.0, 120.0)  # a silent song keeps a finite SNR in CSV and JSON; 16-bit sound spans 96 dB


@dataclass
class Survey:
    """What `open_corpus` was asked for; reads rows in threads and names what cannot be used, copies included."""

    kind: str
    sample_rate: int
    seed: int
    sizes: Mapping[str, int]
    seconds: float | None
    skipped: dict[str, str] = field(default_factory=dict)  # reasons by file
    seen: dict[str, str] = field(default_factory=dict)  # files by digest

    def __call__(self, rows: Iterable[Row], limit: int | None = None) -> list[Row]:
        """The first `limit` that can be used; read no further than needed."""
        kept, rest = list[Row](), iter(rows)
        while batch := list(islice(rest, None if limit is None else limit - len(kept))):
            with ThreadPoolExecutor(cores()) as pool:
                list(pool.map(self.look, batch))
            for row in batch:
                twin = self.seen.setdefault(row.digest or row.file, row.file)
                if row.problem or twin != row.file:
                    self.skipped[row.file] = row.problem or f"the same sound as {twin}"
                elif row.digest:
                    kept.append(row)
        return kept

    def look(self, row: Row) -> None:
        """Enter part, digest and SNR, or the problem; of a pair that is not at 0 dB no digest."""
        if row.problem or row.digest:
            return
        if self.kind == "music":
            row.seconds = row.seconds or self.seconds
        try:
            parts, rate = sounds(row)
            check_signal(parts[-1], row.file, minimum_samples=rate if self.kind != "speech" else 1)
            row.seconds, digest = len(parts[0]) / rate, sha256(str(rate).encode())
            for samples in parts:
                digest.update(samples.tobytes())
            row.digest = digest.hexdigest()[:24]
            examine = self._song if self.kind == "vocals" else self._pair if row.mixture else self._recording
            examine(row, rate, *parts)
        except (AudioError, soundfile.SoundFileError) as error:
            row.problem = str(error).removeprefix(f"{row.sound}: ")

    def _recording(self, row: Row, rate: int, samples: np.ndarray) -> None:
        if self.kind == "speech":
            level = 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64))))
            row.problem = f"near-silent: {level:.1f} dB of full scale" * (level < -60)
            return
        suffix = row.sound.suffix.lower()
        coding = suffix if suffix in LOSSY else soundfile.info(row.sound).subtype
        if not coding.startswith(("PCM", "FLOAT", "DOUBLE")):
            row.problem = f"coded lossily ({coding}): networks would learn what that left; take the original"
        if (edge := filter_edge(samples, rate)) < (0.95 if edge == rate / 2 else 1.05) * self.sample_rate / 2:
            row.note = f"nothing above {edge / 1000:.1f} kHz: resampled, or from a lossy codec; a lower rate would do"

    def _pair(self, row: Row, rate: int, clean: np.ndarray, noisy: np.ndarray) -> None:
        check_signal(clean, row.sound)
        if np.array_equal(clean, noisy):
            row.problem = "noisy and clean are the same"
            return
        snr_db = labelled_snr_db(clean, noisy - clean, rate) if row.snr_db is None else row.snr_db
        is_wanted = abs(snr_db - SNR_DB) <= 1.25  # half the least step between VoiceBank-DEMAND's SNRs
        row.snr_db, row.digest = round(snr_db, 2), row.digest * is_wanted

    def _song(self, row: Row, rate: int, vocals: np.ndarray, mixture: np.ndarray) -> None:
        if not (rest := mixture - vocals).any():
            row.problem = "mixture and vocals are the same: there is nothing to separate"
            return
        is_silent, is_quiet = np.abs(vocals).max() < SILENCE, measured_snr_db(vocals, rest) < -15
        kind = "silent" if is_silent else "very quiet" if is_quiet else "present"
        part = loudest(rest if is_silent else vocals, round(self.seconds * rate) if self.seconds else len(vocals))
        if row.snr_db is None:
            row.snr_db = round(float(np.clip(measured_snr_db(vocals[part], rest[part]), *SNR_LIMITS_DB)), 2)
        row.start, row.seconds = row.start + part.start / rate, (part.stop - part.start) / rate
        row.info["vocals"], row.note = kind, f"{kind} vocals" * (kind != "present")


def sounds(row: Row) -> tuple[list[np.ndarray], int]:
    """A row's recording, or target and mixture, as far as in use: mono float32 [shape=(n,)], and their rate in Hz."""
    end = np.inf if row.seconds is None else row.start + row.seconds
    if row.sound == row.mixture:  # a stem file: its lag is 0, since MP4 says how many samples the coder put in front
        found = {stem: read(row.sound, stream=STREAMS.index(stem)) for stem in ("vocals", "mixture")}
    else:
        paths = filter(None, (row.sound, row.mixture))
        found = {path.relative_to(row.folder).as_posix(): read(path, end=end) for path in paths}
    lengths, (rate, *others) = [len(samples) for samples, _ in found.values()], {rate for _, rate in found.values()}
    if others or max(lengths) - min(lengths) >= (1024 if row.sound == row.mixture else 1):  # AAC may lack a frame
        parts = ", ".join(f"{part} {len(samples)} at {rate} Hz" for part, (samples, rate) in found.items())
        raise AudioError(f"{row.file}: target and mixture do not match in samples ({parts}); copy both again")
    last = min(lengths) if row.seconds is None else min(*lengths, round(end * rate))
    return [samples[round(row.start * rate) : last] for samples, _ in found.values()], rate


def filter_edge(samples: np.ndarray, sample_rate: int) -> float:
    """Where a filter makes the spectrum of samples [shape=(n,)] fall by 20 dB within 1 kHz, Hz; or half the rate."""
    power = welch(samples, nperseg=4096, noverlap=0, detrend=False)[1]
    width = max(1, round(250 * 4096 / sample_rate))  # medians over 250 Hz, so that no tone counts
    bands = len(power) // width
    level = 10 * np.log10(np.median(power[: bands * width].reshape(bands, width), axis=1) + 1e-20)
    for band in range(8, round(0.9 * bands)):  # what lies above is the file's own anti-aliasing filter's
        if level[band - 3 : band - 1].mean() - level[band + 1 :].max() > 20:
            return band * width * sample_rate / 4096
    return sample_rate / 2


def labelled_snr_db(clean: np.ndarray, noise: np.ndarray, sample_rate: int) -> float:
    """SNR as VoiceBank-DEMAND labels it: active level of `clean` over mean power of `noise`, both [shape=(n,)], in dB.

    ITU-T P.56, method B: mean power while the smoothed envelope lies at most 15.9 dB below that very mean power, pauses
    up to 0.2 s included. 20 published pairs came within 0.15 dB of their labels (`measured_snr_db`: 0.4 to 2.3 below).
    """
    decay, envelope = np.exp(-1 / (0.03 * sample_rate)), np.abs(clean, dtype=np.float64)
    for _ in range(2):
        envelope = lfilter([1 - decay], [1, -decay], envelope)
    energy, place = np.sum(np.square(clean, dtype=np.float64)), np.arange(len(clean))
    thresholds = 2.0 ** np.arange(-15, 1)
    last = (np.maximum.accumulate(np.where(envelope >= each, place, -sample_rate)) for each in thresholds)
    active = [np.count_nonzero(place - each <= 0.2 * sample_rate) for each in last]
    with np.errstate(divide="ignore"):
        levels, noise_db = 10 * np.log10(energy / active), 10 * np.log10(np.mean(np.square(noise, dtype=np.float64)))
    margins = levels - 20 * np.log10(thresholds)
    reached = int(np.argmax(margins <= 15.9))
    around = slice(max(0, reached - 1), reached + 1)
    return float(np.interp(15.9, margins[around][::-1], levels[around][::-1]) - noise_db)


@dataclass(frozen=True)
class Mixture:
    """Target plus noise, equal lengths [shape=(n,)], float32, full scale 1; mixture = target + noise."""

    target: np.ndarray
    noise: np.ndarray
    mixture: np.ndarray


def measured_snr_db(target: np.ndarray, noise: np.ndarray) -> float:
    """Energy of `target` over energy of `noise`, both [shape=(n,)], in dB: the one definition of SNR in the project."""
    signal, rest = (float(np.sum(np.square(part, dtype=np.float64))) for part in (target, noise))
    return 10 * float(np.log10(signal / rest)) if signal > 0 and rest > 0 else float("inf" if rest == 0 else "-inf")


def mix(target: np.ndarray, noise: np.ndarray, snr_db: float) -> Mixture:
    """`target` plus `noise` [shape=(n,)] scaled to `snr_db`, `limited`; `ParameterError` where one is silent."""
    if not np.isfinite(measured := measured_snr_db(target, noise)):
        raise ParameterError(f"snr_db={snr_db}, now {measured}: target and noise must be finite and not silent")
    return limited(target.astype(np.float64), noise.astype(np.float64) * 10 ** ((measured - snr_db) / 20))


def limited(target: np.ndarray, noise: np.ndarray) -> Mixture:
    """`target` and `noise` [shape=(n,)] with their float32 sum, all quieter alike where one would pass 0.99."""
    loudest = max(float(np.max(np.abs(part))) for part in (target, noise, target + noise))
    gain = min(1.0, PEAK / loudest)
    clean, added = (target * gain).astype(np.float32), (noise * gain).astype(np.float32)
    return Mixture(clean, added, clean + added)


def noise_segment(samples: np.ndarray, length: int, random: np.random.Generator) -> np.ndarray:
    """`length` samples of a recording [shape=(n,)], from a place at most 10 dB below it all; tiled if it is shorter."""
    if len(samples) <= length:
        return np.resize(samples, length)
    starts = np.append(np.arange(0, len(samples) - length, max(1, length // 8)), len(samples) - length)
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    heard = energy[starts + length] - energy[starts]
    loud = starts[heard >= min(0.1 * energy[-1] * length / len(samples), heard.max())]
    return samples[(start := int(loud[random.integers(len(loud))])) : start + length]
