"""Reading recordings to see whether and how they can be used: checks, digests, levels, filter edges, loudest vocals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from nblib.audio import SILENCE, check_signal, loudest
from nblib.corpora.items import measured_snr_db
from nblib.corpora.reading import sounds
from nblib.corpora.rows import LOSSY, Row
from nblib.corpora.speechlevel import labelled_snr_db
from nblib.errors import AudioError
from nblib.parallel import cores

SHORTEST = 1.0
"""Seconds that music, songs and speech to be mixed must last."""

NEAR_SILENT_DB = -60.0
"""Root mean square, dB of full scale, below which speech or noise to be mixed is not used."""

TOLERANCE_DB = 1.25
"""Half the least step between VoiceBank-DEMAND's SNRs (0, 5, 10, 15 dB; in its test set 2.5, 7.5, 12.5, 17.5)."""

VERY_QUIET_DB = -15.0
"""Energy of vocals over accompaniment in a whole track, below which vocals are called very quiet."""

SNR_LIMIT_DB = 120.0
"""A song's `snr_db` is cut off here: silence keeps a finite number in CSV and JSON; 16-bit sound spans 96 dB."""

CLIFF_DB = 20.0
"""A fall by so much within 1 kHz is a filter's edge (an earlier resampling or a lossy codec), not an instrument's."""


@dataclass(frozen=True)
class Wanted:
    """What `open_corpus` was asked for; `snr_db` None takes pairs at any SNR."""

    kind: str
    sample_rate: int
    seed: int
    sizes: Mapping[str, int]
    seconds: float | None
    snr_db: float | None


class Survey:
    """Reads rows, each no more than once, in threads; names what cannot be used, copies included, in `skipped`."""

    def __init__(self, wanted: Wanted, skipped: dict[str, str]) -> None:
        self._look = partial(look, wanted)
        self.skipped = skipped
        self._known: dict[tuple[Path, str], Row | None] = {}
        self._first: dict[str, str] = {}

    def __call__(self, rows: Sequence[Row]) -> list[Row]:
        """Those that can be used, with what was found of them."""
        new = [row for row in rows if (row.folder, row.label) not in self._known]
        with ThreadPoolExecutor(min(cores(), len(new) or 1)) as pool:
            results = list(pool.map(self._look, new))
        for row, result in zip(new, results, strict=True):
            if isinstance(result, Row):
                first = self._first.setdefault(result.digest, row.label)
                result = result if first == row.label else f"the same sound as {first}"
            if isinstance(result, str):
                self.skipped[row.label] = result
            self._known[row.folder, row.label] = result if isinstance(result, Row) else None
        return [found for row in rows if (found := self._known[row.folder, row.label])]

    def first(self, rows: Sequence[Row], limit: int) -> list[Row]:
        """The first `limit` that can be used, read no further than needed."""
        kept: list[Row] = []
        place = 0
        while len(kept) < limit and place < len(rows):
            batch = rows[place : place + limit - len(kept)]
            place += len(batch)
            kept += self(batch)
        return kept


def look(wanted: Wanted, row: Row) -> Row | str | None:
    """`row` with its part in use, digest and SNR; why it cannot be used; None where a pair has another SNR."""
    if row.problem:
        return row.problem
    try:
        if wanted.kind == "music":
            return _music(wanted, row)
        if wanted.kind == "vocals":
            return _song(wanted, row)
        return _pair(wanted, row) if row.mixture else _unmixed(row)
    except (AudioError, soundfile.SoundFileError) as error:
        return str(error).removeprefix(f"{row.sound}: ")


def _music(wanted: Wanted, row: Row) -> Row | str:
    suffix = row.sound.suffix.lower()
    if suffix in LOSSY:
        return f"{suffix} is lossy: a network would learn what that codec left; take the lossless original"
    row = replace(row, seconds=row.seconds or wanted.seconds)
    (samples,), rate = sounds(row)
    header = soundfile.info(row.sound)
    if not header.subtype.startswith(("PCM", "FLOAT", "DOUBLE")):
        return f"its samples are coded lossily ({header.subtype_info}); take the lossless original"
    _check_length(len(samples), rate)
    check_signal(samples, row.sound)
    edge, half = filter_edge(samples, rate), wanted.sample_rate / 2
    is_limited = edge < (0.95 if edge == rate / 2 else 1.05) * half
    return _used(row, [samples], rate, note=f"nothing above {edge / 1000:.1f} kHz" if is_limited else "")


def _unmixed(row: Row) -> Row | str:
    (samples,), rate = sounds(row)
    check_signal(samples, row.sound)
    level = 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))
    return f"near-silent: {level:.1f} dB of full scale" if level < NEAR_SILENT_DB else _used(row, [samples], rate)


def _pair(wanted: Wanted, row: Row) -> Row | str | None:
    (clean, noisy), rate = sounds(row)
    check_signal(clean, row.sound)
    check_signal(noisy, str(row.mixture))
    if np.array_equal(clean, noisy):
        return "noisy and clean are the same"
    snr_db = row.snr_db
    if snr_db is None:
        row = replace(row, info={**row.info, "snr_from": "measured"})
        snr_db = labelled_snr_db(clean, noisy - clean, rate)
    if wanted.snr_db is not None and abs(snr_db - wanted.snr_db) > TOLERANCE_DB:
        return None
    return _used(row, [clean, noisy], rate, snr_db=round(snr_db, 2))


def _song(wanted: Wanted, row: Row) -> Row | str:
    (vocals, mixture), rate = sounds(row)
    _check_length(len(mixture), rate)
    check_signal(mixture, str(row.mixture))
    if np.array_equal(mixture, vocals):
        return "mixture and vocals are the same: there is nothing to separate"
    rest = mixture - vocals
    is_silent = float(np.abs(vocals).max()) < SILENCE
    is_quiet = measured_snr_db(vocals, rest) < VERY_QUIET_DB
    kind = "silent" if is_silent else "very quiet" if is_quiet else "present"
    length = len(vocals) if wanted.seconds is None else round(wanted.seconds * rate)
    part = loudest(rest if is_silent else vocals, length)
    snr_db = np.clip(round(measured_snr_db(vocals[part], rest[part]), 2), -SNR_LIMIT_DB, SNR_LIMIT_DB)
    row = replace(row, start=row.start + part.start / rate, info={**row.info, "vocals": kind})
    note = {"silent": "silent vocals", "very quiet": f"vocals under {VERY_QUIET_DB:g} dB of the accompaniment"}
    used = float(snr_db) if row.snr_db is None else row.snr_db
    return _used(row, [vocals[part], mixture[part]], rate, snr_db=used, note=note.get(kind, ""))


def _check_length(count: int, rate: int) -> None:
    if count < SHORTEST * rate:
        raise AudioError(f"too short ({count / rate:.2f} s, at least {SHORTEST:g} s are needed)")


def _used(row: Row, parts: Sequence[np.ndarray], rate: int, **found: str | float) -> Row:
    digest = hashlib.sha256(str(rate).encode())
    for samples in parts:
        digest.update(np.ascontiguousarray(samples).tobytes())
    return replace(row, digest=digest.hexdigest()[:24], seconds=len(parts[0]) / rate, **found)  # type: ignore[arg-type]


_WINDOW = 4096


def filter_edge(samples: np.ndarray, sample_rate: int) -> float:
    """Where the spectrum of `samples` [shape=(n,)] falls by `CLIFF_DB` within 1 kHz and stays down, Hz; else half the rate.

    Medians over 250 Hz, so that neither a single tone nor a pilot counts as an edge; the top tenth of the band belongs
    to the file's own anti-aliasing filter. At most 2048 frames, evenly spread, are looked at.
    """
    step = max(_WINDOW, len(samples) // 2048)
    padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::step]
    power = (np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2).sum(axis=0)
    width = max(1, round(250 * _WINDOW / sample_rate))
    bands = len(power) // width
    level = 10 * np.log10(np.median(power[: bands * width].reshape(bands, width), axis=1) + 1e-12)
    hertz = np.arange(bands) * width * sample_rate / _WINDOW
    for band in range(8, round(0.9 * bands)):
        below = float(level[band - 3 : band - 1].mean())
        if below - float(level[band + 1 :].max()) > CLIFF_DB:
            return float(hertz[band])
    return sample_rate / 2
