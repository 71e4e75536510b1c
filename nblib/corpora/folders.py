"""Any folder of lossless music, an album or a copy of MUSDB18-HQ, as a corpus.

What cannot be used is skipped by name and reason, never in silence. Lossy files are refused: a network would learn the
holes of that codec as if they were music.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from os import walk
from pathlib import Path

import numpy as np
import soundfile

from nblib.audio import check_signal, read, read_chunks
from nblib.corpora.base import Item, split_groups
from nblib.errors import AudioError, CorpusError, ParameterError
from nblib.parallel import cores
from nblib.provenance import config_hash

VERSION = 1
"""Raised with any change that changes a sample."""

SPLIT = (0.7, 0.2, 0.1)  # MM'19, Section 3
LOSSLESS = (".wav", ".flac", ".aif", ".aiff")
LOSSY = (".mp3", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac", ".wma", ".mpc", ".mp2", ".ac3", ".webm")
MINIMUM_SECONDS = 1.0
CLIFF_DB = 20.0
"""A fall by so much within 1 kHz is a filter's edge (an earlier resampling or a lossy codec), not an instrument's."""


@dataclass(frozen=True)
class Recording:
    """A usable file: path relative to the root, digest of its samples, length, own sample rate, filter edge (Hz)."""

    path: str
    digest: str
    seconds: float
    sample_rate: int
    edge: float

    def is_band_limited(self, sample_rate: int) -> bool:
        """Whether it lacks something of the band up to half of `sample_rate`, or a filter's edge lies just above."""
        if self.edge == self.sample_rate / 2:
            return self.edge < 0.95 * sample_rate / 2
        return self.edge < 1.05 * sample_rate / 2


@dataclass(frozen=True)
class MusicFolder:
    """Every lossless recording under a folder, split 70/20/10 by piece (MM'19, Section 3).

    In a folder that holds a ``mixture`` (MUSDB18-HQ: ``<split>/<track>/mixture.wav``), only the mixture is used: the
    stems beside it are parts of the same sound. Its own train and test folders are dealt out anew. All files are read
    once when the corpus is made: what is unreadable, silent, shorter than 1 s, lossy or the same sound as another is in
    `skipped`, with one warning. Files with a filter edge below half of `sample_rate` are used, and named in a warning.

    A piece is a track's folder in MUSDB18-HQ, elsewhere `piece_name`. Where that gives fewer than three pieces (one
    album of numbered tracks), every file counts as a piece, and a warning says so.

    Parameters
    ----------
    root : Path
        Searched with all folders below it; hidden files are passed over.
    sample_rate : int
        Hz, of the samples that `load` returns.
    seed : int
        Deals the pieces out to the splits.
    max_seconds : float >= 1, optional
        Use only the beginning of each file; by default all of it.

    Attributes
    ----------
    skipped : mapping of str to str
        Relative path and reason of every file that is not used.
    band_limited : mapping of str to float
        Relative path and filter edge (Hz) of every file used that holds nothing above it.

    Raises
    ------
    CorpusError
        No such folder, nothing usable in it, or fewer than three pieces.
    ParameterError
        `max_seconds` is under 1 s.
    """

    root: Path
    sample_rate: int = 22_050
    seed: int = 0
    max_seconds: float | None = None
    skipped: Mapping[str, str] = field(init=False, compare=False, repr=False)
    band_limited: Mapping[str, float] = field(init=False, compare=False, repr=False)
    fingerprint: str = field(init=False, compare=False, repr=False)
    _items: Mapping[str, Item] = field(init=False, compare=False, repr=False)

    name = "music folder"
    licence = "that of the recordings in the folder; nothing of them is kept in the project"
    citation = (
        '@misc{rafii2019musdb18hq, title={MUSDB18-HQ}, author={Rafii, Zafar and Liutkus, Antoine and St{\\"o}ter, '
        "Fabian-Robert and Mimilakis, Stylianos Ioannis and Bittner, Rachel}, year={2019}, "
        "doi={10.5281/zenodo.3338373}}"
    )

    def __post_init__(self) -> None:
        if self.max_seconds is not None and not self.max_seconds >= MINIMUM_SECONDS:
            raise ParameterError(f"max_seconds={self.max_seconds!r}: at least {MINIMUM_SECONDS:g} s are needed")
        object.__setattr__(self, "root", Path(self.root))
        if not self.root.is_dir():
            raise CorpusError(f"{self.root}: no such folder; give one that holds WAV or FLAC files of music")
        recordings, skipped = _survey(self.root, self.max_seconds)
        if not recordings:
            raise CorpusError(f"{self.root}: no usable recording (lossless: {' '.join(LOSSLESS)}){_listing(skipped)}")
        groups = _groups(self.root, [recording.path for recording in recordings])
        splits = split_groups(list(groups.values()), SPLIT, self.seed, str(self.root))
        items = [_item(recording, groups[recording.path], splits) for recording in recordings]
        edges = {one.path: one.edge for one in recordings if one.is_band_limited(self.sample_rate)}
        settings = (self.sample_rate, self.seed, self.max_seconds, version("soxr"))
        content = [(item.name, item.group, one.digest) for item, one in zip(items, recordings, strict=True)]
        object.__setattr__(self, "skipped", skipped)
        object.__setattr__(self, "band_limited", edges)
        object.__setattr__(self, "fingerprint", config_hash([type(self).__name__, VERSION, settings, content]))
        object.__setattr__(self, "_items", {item.name: item for item in items})
        self._warn()

    def _warn(self) -> None:
        if self.skipped:
            warnings.warn(f"{self.root}: {len(self.skipped)} file(s) skipped{_listing(self.skipped)}", stacklevel=4)
        if self.band_limited:
            edges = {path: f"nothing above {edge / 1000:.1f} kHz" for path, edge in self.band_limited.items()}
            warnings.warn(
                f"{self.root}: {len(edges)} file(s) look as if they were resampled or went through a lossy codec; used "
                f"all the same, leave them out or ask for a lower sample rate than {self.sample_rate} Hz"
                f"{_listing(edges)}",
                stacklevel=4,
            )

    def items(self, split: str | None = None) -> Sequence[Item]:
        """The recordings by path. `info` holds title, file (relative to the root) and seconds."""
        return [item for item in self._items.values() if split in (None, item.split)]

    def load(self, item: Item) -> np.ndarray:
        """One recording, float32 [shape=(n,)] in [-1, 1]; a peak that resampling lifts over 1 scales the whole down.

        Raises
        ------
        AudioError
            The file changed since the corpus was made and cannot be read any more.
        CorpusError
            The item is not of this corpus.
        """
        if item.name not in self._items:
            raise CorpusError(f"{item.name!r} is not a recording of {self}; take one from its items()")
        path = self.root / str(self._items[item.name].info["file"])
        if self.max_seconds is None:
            samples, _ = read(path, self.sample_rate)
        else:
            samples = next(iter(read_chunks(path, self.max_seconds, self.sample_rate)))
        return samples / np.float32(max(1.0, float(np.abs(samples).max())))


def piece_name(path: str) -> str:
    """The piece that a recording belongs to: its folder, and its name less a track number and a take's mark.

    ``album/03 - Song.flac`` is ``album/song``; ``beat_a`` and ``beat_b`` are takes of ``beat``, ``subset_11`` one of
    ``subset``; a name that is only a number leaves the folder.
    """
    folder, _, name = path.rpartition("/")
    stem = name.rsplit(".", 1)[0].casefold()
    stem = re.sub(r"^\d+([ ._-]+\d+)*([ ._-]+|$)", "", stem)
    stem = re.sub(r"[ ._-]+([a-z]|\(?\d+\)?)$", "", stem)
    return f"{folder}/{stem}".strip("/") or "."


def _groups(root: Path, paths: Sequence[str]) -> dict[str, str]:
    groups = {path: path.split("/")[-2] if _is_mixture(path) and "/" in path else piece_name(path) for path in paths}
    if len(set(groups.values())) >= 3 or len(paths) < 3:
        return groups
    warnings.warn(
        f"{root}: by their names the {len(paths)} files are of {len(set(groups.values()))} piece(s) "
        f"({', '.join(sorted(set(groups.values())))}), too few to split; each file is taken for a piece of its own",
        stacklevel=4,
    )
    return {path: path for path in paths}


def _is_mixture(path: str) -> bool:
    return path.rpartition("/")[2].rsplit(".", 1)[0].casefold() == "mixture"


def _files(root: Path) -> Iterator[str]:
    for folder, below, names in walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        sound = sorted(
            name for name in names if not name.startswith(".") and Path(name).suffix.lower() in LOSSLESS + LOSSY
        )
        mixtures = [name for name in sound if _is_mixture(name) and Path(name).suffix.lower() in LOSSLESS]
        for name in mixtures or sound:
            yield (Path(folder) / name).relative_to(root).as_posix()


def _survey(root: Path, max_seconds: float | None) -> tuple[list[Recording], dict[str, str]]:
    paths = list(_files(root))
    with ThreadPoolExecutor(cores()) as pool:
        found = list(pool.map(lambda path: _examine(root, path, max_seconds), paths))
    recordings: list[Recording] = []
    skipped: dict[str, str] = {}
    first: dict[str, str] = {}
    for path, result in zip(paths, found, strict=True):
        if isinstance(result, str):
            skipped[path] = result
        elif result.digest in first:
            skipped[path] = f"the same sound as {first[result.digest]}"
        else:
            first[result.digest] = path
            recordings.append(result)
    return recordings, skipped


def _examine(root: Path, path: str, max_seconds: float | None) -> Recording | str:
    """Read one file through; the reason when it cannot be used."""
    file = root / path
    if file.suffix.lower() in LOSSY:
        return f"{file.suffix} is lossy: a network would learn what that codec left; take the lossless original"
    try:
        header = soundfile.info(file)
        if not header.subtype.startswith(("PCM", "FLOAT", "DOUBLE")):
            return f"its samples are coded lossily ({header.subtype_info}); take the lossless original"
        rate = int(header.samplerate)
        digest, power, count, peak = hashlib.sha256(str(rate).encode()), np.zeros(_WINDOW // 2 + 1), 0, 0.0
        for chunk in read_chunks(file, max_seconds or 10.0):
            digest.update(np.ascontiguousarray(chunk).tobytes())
            power += _power(chunk)
            count += len(chunk)
            peak = max(peak, float(np.abs(chunk).max()))
            if max_seconds:
                break
        if count < MINIMUM_SECONDS * rate:
            return f"too short ({count / rate:.2f} s, at least {MINIMUM_SECONDS:g} s are needed)"
        check_signal(np.asarray([peak]), file)
    except (AudioError, soundfile.SoundFileError, OSError) as error:
        return str(error).removeprefix(f"{file}: ")
    return Recording(path, digest.hexdigest(), count / rate, rate, _filter_edge(power, rate))


_WINDOW = 4096


def _power(samples: np.ndarray) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (0, max(0, _WINDOW - len(samples)))), _WINDOW)[
        ::_WINDOW
    ]
    return (np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2).sum(axis=0)


def _filter_edge(power: np.ndarray, sample_rate: int) -> float:
    """Where the spectrum falls by `CLIFF_DB` within 1 kHz and stays down, Hz; else the file's own limit.

    Medians over 250 Hz, so that neither a single tone nor a pilot counts as an edge; the top tenth of the band belongs
    to the file's own anti-aliasing filter.
    """
    width = max(1, round(250 * _WINDOW / sample_rate))
    bands = len(power) // width
    level = 10 * np.log10(np.median(power[: bands * width].reshape(bands, width), axis=1) + 1e-12)
    hertz = np.arange(bands) * width * sample_rate / _WINDOW
    for band in range(8, round(0.9 * bands)):
        below = float(level[band - 3 : band - 1].mean())
        if below - float(level[band + 1 :].max()) > CLIFF_DB:
            return float(hertz[band])
    return sample_rate / 2


def _item(recording: Recording, group: str, splits: Mapping[str, str]) -> Item:
    # The digest keeps names apart that differ only in signs unfit for a file name.
    slug = re.sub(r"\W+", "-", recording.path.rsplit(".", 1)[0]).strip("-")[:80]
    name = f"{slug}-{hashlib.sha256(recording.path.encode()).hexdigest()[:6]}"
    title = recording.path.split("/")[-2] if _is_mixture(recording.path) and "/" in recording.path else slug
    info: dict[str, str | float | int] = {"title": title, "file": recording.path, "seconds": recording.seconds}
    return Item(name, group, splits[group], info)


def _listing(reasons: Mapping[str, str], limit: int = 20) -> str:
    lines = [f"\n  {path}: {reason}" for path, reason in list(reasons.items())[:limit]]
    return ":" * bool(lines) + "".join(lines) + f"\n  and {len(reasons) - limit} more" * (len(reasons) > limit)
