"""Reading recordings, and whether and how they can be used: checks, digests, levels, filter edges, loudest vocals."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from scipy.signal import lfilter, welch

from nblib.audio import SAMPLE_RATES, SILENCE, check_signal, decoded, loudest, read
from nblib.corpora.items import measured_snr_db
from nblib.corpora.layouts import LOSSY, STEM_FILE, Row
from nblib.errors import AudioError
from nblib.parallel import cores

STREAMS = ("mixture", "drums", "bass", "other", "vocals")
CODER_FRAME = 1024  # samples of AAC: streams of one recording may differ by less than this at their end
NEAR_SILENT_DB = -60.0  # root mean square, dB of full scale, below which speech or noise to be mixed is not used
TOLERANCE_DB = 1.25  # half the least step between VoiceBank-DEMAND's SNRs (0, 5, ...; in its test set 2.5, 7.5, ...)
VERY_QUIET_DB = -15.0  # energy of vocals over accompaniment in a whole track
SNR_LIMIT_DB = 120.0  # a silent song keeps a finite SNR in CSV and JSON; 16-bit sound spans 96 dB
CLIFF_DB = 20.0  # a fall by so much within 1 kHz is a filter's edge (resampling, a lossy codec), not an instrument's


@dataclass
class Survey:
    """What `open_corpus` was asked for; reads rows in threads and names what cannot be used, copies included."""

    kind: str
    sample_rate: int
    seed: int
    sizes: Mapping[str, int]
    seconds: float | None
    snr_db: float
    skipped: dict[str, str] = field(default_factory=dict)  # reasons by file
    passed: list[float] = field(default_factory=list)  # SNRs of pairs that are not at the wanted one
    seen: dict[str, str] = field(default_factory=dict)  # files by digest

    def __call__(self, rows: Sequence[Row], limit: int | None = None) -> list[Row]:
        """The first `limit` that can be used, with what was found of them; read no further than needed."""
        limit = len(rows) if limit is None else limit
        kept: list[Row] = []
        rest = list(rows)
        while rest and len(kept) < limit:
            missing = limit - len(kept)
            batch, rest = rest[:missing], rest[missing:]
            with ThreadPoolExecutor(cores()) as pool:
                found = list(pool.map(self.look, batch))
            for row in found:
                if row.problem:
                    self.skipped[row.file] = row.problem
                elif not row.digest:
                    self.passed.append(row.snr_db or 0.0)
                elif (twin := self.seen.setdefault(row.digest, row.file)) != row.file:
                    self.skipped[row.file] = f"the same sound as {twin}"
                else:
                    kept.append(row)
        return kept

    def look(self, row: Row) -> Row:
        """`row` with its part in use, digest and SNR; or its problem; or no digest, where its SNR is not the wanted."""
        if row.problem or row.digest:
            return row
        try:
            row = replace(row, seconds=row.seconds or self.seconds) if self.kind == "music" else row
            parts, rate = sounds(row)
            check_signal(parts[-1], row.file, minimum_samples=rate if self.kind != "speech" else 1)
            examine = self._song if self.kind == "vocals" else self._pair if row.mixture else self._recording
            found = examine(row, parts, rate)
        except (AudioError, soundfile.SoundFileError) as error:
            return replace(row, problem=str(error).removeprefix(f"{row.sound}: "))
        digest = sha256(str(rate).encode())
        for samples in parts:
            digest.update(np.ascontiguousarray(samples).tobytes())
        return replace(row, **{"seconds": len(parts[0]) / rate, "digest": digest.hexdigest()[:24], **found})

    def _recording(self, row: Row, parts: Sequence[np.ndarray], rate: int) -> dict[str, Any]:
        if self.kind == "speech":
            level = 10 * float(np.log10(np.mean(np.square(parts[0], dtype=np.float64))))
            return {"problem": f"near-silent: {level:.1f} dB of full scale" if level < NEAR_SILENT_DB else ""}
        suffix = row.sound.suffix.lower()
        coding = suffix if suffix in LOSSY else soundfile.info(row.sound).subtype
        if not coding.startswith(("PCM", "FLOAT", "DOUBLE")):
            remedy = "a network would learn what that left; take the lossless original"
            return {"problem": f"coded lossily ({coding}): {remedy}"}
        edge = filter_edge(parts[0], rate)
        is_limited = edge < (0.95 if edge == rate / 2 else 1.05) * self.sample_rate / 2
        note = f"nothing above {edge / 1000:.1f} kHz: resampled, or from a lossy codec; a lower sample rate would do"
        return {"note": note if is_limited else ""}

    def _pair(self, row: Row, parts: Sequence[np.ndarray], rate: int) -> dict[str, Any]:
        clean, noisy = parts
        check_signal(clean, row.sound)
        if np.array_equal(clean, noisy):
            return {"problem": "noisy and clean are the same"}
        snr_db = labelled_snr_db(clean, noisy - clean, rate) if row.snr_db is None else row.snr_db
        if abs(snr_db - self.snr_db) > TOLERANCE_DB:
            return {"snr_db": snr_db, "digest": ""}
        origin = {"snr_from": "measured"} if row.snr_db is None else {}
        return {"snr_db": round(snr_db, 2), "info": {**row.info, **origin}}

    def _song(self, row: Row, parts: Sequence[np.ndarray], rate: int) -> dict[str, Any]:
        vocals, rest = parts[0], parts[1] - parts[0]
        if not rest.any():
            return {"problem": "mixture and vocals are the same: there is nothing to separate"}
        is_silent, is_quiet = np.abs(vocals).max() < SILENCE, measured_snr_db(vocals, rest) < VERY_QUIET_DB
        kind = "silent" if is_silent else "very quiet" if is_quiet else "present"
        length = len(vocals) if self.seconds is None else round(self.seconds * rate)
        part = loudest(rest if is_silent else vocals, length)
        snr_db = np.clip(round(measured_snr_db(vocals[part], rest[part]), 2), -SNR_LIMIT_DB, SNR_LIMIT_DB)
        return {
            "start": row.start + part.start / rate,
            "seconds": (part.stop - part.start) / rate,
            "snr_db": float(snr_db) if row.snr_db is None else row.snr_db,
            "info": {**row.info, "vocals": kind},
            "note": "; ".join(filter(None, [row.note, f"{kind} vocals" * (kind != "present")])),
        }


def sounds(row: Row) -> tuple[list[np.ndarray], int]:
    """A row's recording, or target and mixture, as far as in use: mono float32 [shape=(n,)], and their rate in Hz."""
    end = np.inf if row.seconds is None else row.start + row.seconds
    is_stem_file = row.sound.name.casefold().endswith(STEM_FILE)
    if is_stem_file:
        found = {stem: read_stem(row.sound, stem) for stem in ("vocals", "mixture")}
    else:
        paths = [path for path in (row.sound, row.mixture) if path]
        found = {path.relative_to(row.folder).as_posix(): read(path, end=end) for path in paths}
    lengths, rates = [len(samples) for samples, _ in found.values()], {rate for _, rate in found.values()}
    if len(rates) > 1 or max(lengths) - min(lengths) >= (CODER_FRAME if is_stem_file else 1):
        parts = ", ".join(f"{part} {len(samples)} at {rate} Hz" for part, (samples, rate) in found.items())
        raise AudioError(f"{row.file}: target and mixture do not match in samples ({parts}); copy both again")
    rate = rates.pop()
    last = min(lengths) if row.seconds is None else min([*lengths, round(end * rate)])
    return [samples[round(row.start * rate) : last] for samples, _ in found.values()], rate


def read_stem(path: Path, stem: str) -> tuple[np.ndarray, int]:
    """One of a stem file's `STREAMS`, down-mixed [shape=(n,)], and its sample rate in Hz.

    Its lag is 0, since MP4 says how many samples the coder put in front; a coder's frame of silence may stay behind.
    """
    try:
        with av.open(str(path)) as container:
            streams = container.streams.audio
            if len(streams) != len(STREAMS):
                names = ", ".join(STREAMS)
                raise AudioError(f"{path}: {len(streams)} sound stream(s) instead of 5 ({names}); copy it again")
            stream = streams[STREAMS.index(stem)]
            rate = stream.codec_context.sample_rate
            blocks = [block.mean(0) for block in decoded(container, stream)]
            promised = round(float((stream.duration or 0) * (stream.time_base or 0)) * rate)
    except (av.FFmpegError, OSError) as error:
        raise AudioError(f"{path}: {stem} cannot be read ({error}); copy the file again") from error
    samples = np.concatenate(blocks or [np.zeros(0, np.float32)])
    if rate not in SAMPLE_RATES or len(samples) < promised - CODER_FRAME:
        raise AudioError(f"{path}: {stem} has {len(samples)} of {promised} samples at {rate} Hz; copy the file again")
    check_signal(samples, path, allow_silence=True)
    return samples, rate


def filter_edge(samples: np.ndarray, sample_rate: int) -> float:
    """Where the spectrum of samples [shape=(n,)] falls by `CLIFF_DB` within 1 kHz and stays down, Hz; or half the rate.

    Medians over 250 Hz, so that neither a single tone nor a pilot counts as an edge; the top tenth of the band belongs
    to the file's own anti-aliasing filter.
    """
    window = 4096
    power = welch(samples, nperseg=window, noverlap=0, detrend=False)[1]
    width = max(1, round(250 * window / sample_rate))
    bands = len(power) // width
    level = 10 * np.log10(np.median(power[: bands * width].reshape(bands, width), axis=1) + 1e-20)
    for band in range(8, round(0.9 * bands)):
        if level[band - 3 : band - 1].mean() - level[band + 1 :].max() > CLIFF_DB:
            return band * width * sample_rate / window
    return sample_rate / 2


def active_level_db(samples: np.ndarray, sample_rate: int) -> float:
    """Active speech level by ITU-T P.56, method B, in dB of full scale, of samples [shape=(n,)] that are not silent.

    The mean power over the time in which the smoothed envelope lies no more than 15.9 dB below that very mean power,
    pauses up to 0.2 s included.
    """
    decay = np.exp(-1 / (0.03 * sample_rate))
    envelope = np.abs(samples, dtype=np.float64)
    for _ in range(2):
        envelope = lfilter([1 - decay], [1, -decay], envelope)
    energy, place = np.sum(np.square(samples, dtype=np.float64)), np.arange(len(samples))
    levels: list[float] = []
    margins: list[float] = []
    for threshold in 2.0 ** np.arange(-15, 1):
        last = np.maximum.accumulate(np.where(envelope >= threshold, place, -sample_rate))
        active = np.count_nonzero(place - last <= 0.2 * sample_rate)
        if not active:
            break
        levels.append(10 * float(np.log10(energy / active)))
        margins.append(levels[-1] - 20 * float(np.log10(threshold)))
        if margins[-1] <= 15.9 and len(margins) > 1:
            share = (margins[-2] - 15.9) / (margins[-2] - margins[-1])
            return levels[-2] + share * (levels[-1] - levels[-2])
        if margins[-1] <= 15.9:
            return levels[-1]
    return 10 * float(np.log10(energy / len(samples)))


def labelled_snr_db(clean: np.ndarray, noise: np.ndarray, sample_rate: int) -> float:
    """SNR as VoiceBank-DEMAND labels it: active level of `clean` over mean power of `noise`, both [shape=(n,)], in dB.

    On 20 published pairs it came within 0.15 dB of the label, the plain ratio (`measured_snr_db`) 0.4 to 2.3 dB below.
    """
    power = float(np.mean(np.square(noise, dtype=np.float64)))
    return active_level_db(clean, sample_rate) - 10 * float(np.log10(power)) if power > 0 else float("inf")
