"""Reading recordings, and whether and how they can be used: checks, digests, levels, filter edges, loudest vocals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from scipy.signal import welch

from nblib.audio import SAMPLE_RATES, SILENCE, check_signal, loudest, read_blocks
from nblib.corpora.items import measured_snr_db
from nblib.corpora.rows import LOSSY, STEM_FILE, Row
from nblib.corpora.speechlevel import labelled_snr_db
from nblib.errors import AudioError
from nblib.parallel import cores

STREAMS = ("mixture", "drums", "bass", "other", "vocals")
CODER_FRAME = 1024  # samples of AAC: streams of one recording may differ by less than this at their end
NEAR_SILENT_DB = -60.0  # root mean square, dB of full scale, below which speech or noise to be mixed is not used
TOLERANCE_DB = 1.25  # half the least step between VoiceBank-DEMAND's SNRs (0, 5, ...; in its test set 2.5, 7.5, ...)
VERY_QUIET_DB = -15.0  # energy of vocals over accompaniment in a whole track
SNR_LIMIT_DB = 120.0  # a silent song keeps a finite SNR in CSV and JSON; 16-bit sound spans 96 dB
CLIFF_DB = 20.0  # a fall by so much within 1 kHz is a filter's edge (resampling, a lossy codec), not an instrument's

Found = dict[str, Any] | str | float


@dataclass(frozen=True)
class Wanted:
    """What `open_corpus` was asked for."""

    kind: str
    sample_rate: int
    seed: int
    sizes: Mapping[str, int]
    seconds: float | None
    snr_db: float


class Survey:
    """Reads rows in threads and names what cannot be used, copies included, in `skipped`."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.skipped: dict[str, str] = {}
        self.passed: list[float] = []  # SNRs of pairs that are not at the wanted one
        self._seen: dict[str, str] = {}

    def __call__(self, rows: Sequence[Row], limit: int | None = None) -> list[Row]:
        """The first `limit` that can be used, with what was found of them; read no further than needed."""
        kept: list[Row] = []
        rest = list(rows)
        while rest and (missing := (len(rest) if limit is None else limit) - len(kept)) > 0:
            batch, rest = rest[:missing], rest[missing:]
            with ThreadPoolExecutor(cores()) as pool:
                results = list(pool.map(partial(look, self.wanted), batch))
            for row, found in zip(batch, results, strict=True):
                if isinstance(found, Row) and self._seen.setdefault(found.digest, row.file) == row.file:
                    kept.append(found)
                elif isinstance(found, float):
                    self.passed.append(found)
                else:
                    copy = isinstance(found, Row) and f"the same sound as {self._seen[found.digest]}"
                    self.skipped[row.file] = copy or str(found)
        return kept


def look(wanted: Wanted, row: Row) -> Row | str | float:
    """`row` with its part in use, digest and SNR; or why it cannot be used; or a pair's SNR that is not the wanted."""
    if row.problem or row.digest:
        return row.problem or row
    try:
        row = replace(row, seconds=row.seconds or wanted.seconds) if wanted.kind == "music" else row
        parts, rate = sounds(row)
        check_signal(parts[-1], row.file, minimum_samples=rate if wanted.kind != "speech" else 1)
        examine = _song if wanted.kind == "vocals" else _pair if row.mixture else _recording
        found = examine(wanted, row, parts, rate)
    except (AudioError, soundfile.SoundFileError) as error:
        return str(error).removeprefix(f"{row.sound}: ")
    if not isinstance(found, dict):
        return found
    digest = hashlib.sha256(str(rate).encode())
    for samples in parts:
        digest.update(np.ascontiguousarray(samples).tobytes())
    return replace(row, **{"seconds": len(parts[0]) / rate, "digest": digest.hexdigest()[:24], **found})


def _recording(wanted: Wanted, row: Row, parts: Sequence[np.ndarray], rate: int) -> Found:
    if wanted.kind == "speech":
        level = 10 * float(np.log10(np.mean(np.square(parts[0], dtype=np.float64))))
        return f"near-silent: {level:.1f} dB of full scale" if level < NEAR_SILENT_DB else {}
    suffix = row.sound.suffix.lower()
    coding = suffix if suffix in LOSSY else soundfile.info(row.sound).subtype
    if not coding.startswith(("PCM", "FLOAT", "DOUBLE")):
        return f"coded lossily ({coding}): a network would learn what that left; take the lossless original"
    edge = filter_edge(parts[0], rate)
    is_limited = edge < (0.95 if edge == rate / 2 else 1.05) * wanted.sample_rate / 2
    note = f"nothing above {edge / 1000:.1f} kHz: resampled, or from a lossy codec; a lower sample rate would do"
    return {"note": note if is_limited else ""}


def _pair(wanted: Wanted, row: Row, parts: Sequence[np.ndarray], rate: int) -> Found:
    clean, noisy = parts
    check_signal(clean, row.sound)
    if np.array_equal(clean, noisy):
        return "noisy and clean are the same"
    snr_db = labelled_snr_db(clean, noisy - clean, rate) if row.snr_db is None else row.snr_db
    if abs(snr_db - wanted.snr_db) > TOLERANCE_DB:
        return snr_db
    origin = {"snr_from": "measured"} if row.snr_db is None else {}
    return {"snr_db": round(snr_db, 2), "info": {**row.info, **origin}}


def _song(wanted: Wanted, row: Row, parts: Sequence[np.ndarray], rate: int) -> Found:
    vocals, rest = parts[0], parts[1] - parts[0]
    if not rest.any():
        return "mixture and vocals are the same: there is nothing to separate"
    is_silent, is_quiet = np.abs(vocals).max() < SILENCE, measured_snr_db(vocals, rest) < VERY_QUIET_DB
    kind = "silent" if is_silent else "very quiet" if is_quiet else "present"
    length = len(vocals) if wanted.seconds is None else round(wanted.seconds * rate)
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
    """The part in use of a row's recording, or of target and mixture: mono float32 [shape=(n,)], and their rate in Hz.

    Raises `AudioError` where a file cannot be read or is cut short, or lengths or sample rates differ.
    """
    is_stem_file = row.sound.name.casefold().endswith(STEM_FILE)
    if is_stem_file:
        found = {stem: read_stem(row.sound, stem) for stem in ("vocals", "mixture")}
    else:
        paths = [path for path in (row.sound, row.mixture) if path]
        found = {path.relative_to(row.folder).as_posix(): _read(path, row.start, row.seconds) for path in paths}
    lengths, rates = [len(samples) for samples, _ in found.values()], {rate for _, rate in found.values()}
    if len(rates) > 1 or max(lengths) - min(lengths) >= (CODER_FRAME if is_stem_file else 1):
        parts = ", ".join(f"{part} {len(samples)} at {rate} Hz" for part, (samples, rate) in found.items())
        raise AudioError(f"{row.file}: target and mixture do not match in samples ({parts}); copy both again")
    rate = rates.pop()
    last = min(lengths) if row.seconds is None else min([*lengths, round((row.start + row.seconds) * rate)])
    return [samples[round(row.start * rate) : last] for samples, _ in found.values()], rate


def _read(path: Path, start: float, seconds: float | None) -> tuple[np.ndarray, int]:
    """A file down-mixed by the mean of its channels, read no further than needed."""
    blocks: list[np.ndarray] = []
    for block, sample_rate in read_blocks(path):
        blocks.append(block.mean(0))
        if seconds is not None and sum(map(len, blocks)) >= (start + seconds) * sample_rate:
            break
    return np.concatenate(blocks), sample_rate


def read_stem(path: Path, stem: str) -> tuple[np.ndarray, int]:
    """One of a stem file's `STREAMS`, down-mixed [shape=(n,)], and its sample rate in Hz.

    AAC in MP4 comes back with lag 0, since the container says how many samples the coder put in front; behind, up to a
    coder's frame of silence stays.
    """
    try:
        with av.open(str(path)) as container:
            streams = container.streams.audio
            if len(streams) != len(STREAMS):
                raise AudioError(
                    f"{path}: {len(streams)} sound stream(s) instead of 5 ({', '.join(STREAMS)}); copy it again"
                )
            stream = streams[STREAMS.index(stem)]
            rate = stream.codec_context.sample_rate
            planar = av.AudioResampler(format="fltp")
            frames = [part for frame in container.decode(stream) for part in planar.resample(frame)]
            promised = round(float((stream.duration or 0) * (stream.time_base or 0)) * rate)
    except (av.FFmpegError, OSError) as error:
        raise AudioError(f"{path}: {stem} cannot be read ({error}); copy the file again") from error
    samples = np.concatenate([frame.to_ndarray().mean(0) for frame in frames] or [np.zeros(0, np.float32)])
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
