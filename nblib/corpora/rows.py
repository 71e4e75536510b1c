"""A corpus's table: one row for each recording, as a layout finds it and as ``items.csv`` beside it completes it."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from nblib.corpora.items import SPLITS
from nblib.errors import CorpusError

TABLE = "items.csv"
LOSSLESS = (".wav", ".flac", ".aif", ".aiff")
LOSSY = (".mp3", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac", ".wma", ".mpc", ".mp2", ".ac3", ".webm")
STEM_FILE = ".stem.mp4"


@dataclass(frozen=True)
class Row:
    """One recording, pair, or part of a recording. A layout fills in the first lines, `survey` the last.

    Attributes
    ----------
    folder, file
        The layout's folder, and the path below it by which messages and ``info["file"]`` name the recording.
    group : str
        Piece, speaker or song: never in two splits.
    sound, mixture, noise : Path
        The recording alone; or the target (clean speech, vocals) with the mixture that holds it; or clean speech with
        a folder of noise recordings, one of which `survey` puts in its place. In a stem file, both are that file.
    split, movable
        Where the layout or the table decides it; whether a split that would stay empty may have it.
    snr_db : float, optional
        In dB, where known beforehand.
    start, seconds : float
        The part in use, in s; all of it by default.
    problem, note : str
        Why it cannot be used; what a user should know though it is used.
    """

    folder: Path
    file: str
    group: str
    sound: Path
    mixture: Path | None = None
    noise: Path | None = None
    split: str | None = None
    movable: bool = False
    snr_db: float | None = None
    info: Mapping[str, str | float | int] = field(default_factory=dict)
    start: float = 0.0
    seconds: float | None = None
    problem: str = ""
    note: str = ""
    name: str = ""
    digest: str = ""

    @property
    def key(self) -> str:
        """By which ``items.csv`` names it: `file` less its suffix, a song's mixture by the song."""
        suffixes = "|".join(map(re.escape, (STEM_FILE, *LOSSLESS, *LOSSY)))
        return re.sub(rf"(/mixture)?({suffixes})$", "", self.file, flags=re.IGNORECASE)

    @property
    def label(self) -> str:
        """By which messages name it."""
        return f"{self.file} part {self.info['part']}" if "part" in self.info else self.file


def sound_files(folder: Path, suffixes: Sequence[str] = LOSSLESS) -> list[Path]:
    """The files below `folder` with one of the suffixes, sorted; what is hidden is passed over."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return sorted(path for path in found if not any(part[0] == "." for part in path.relative_to(folder).parts))


def joined(rows: Sequence[Row], skipped: dict[str, str]) -> list[Row]:
    """`rows` with what the table in their folder says; its lines that name no recording go to `skipped`.

    Raises
    ------
    CorpusError
        The table cannot be read, names a recording twice, an unknown split, or an SNR that is no number.
    """
    table = read_table(rows[0].folder) if rows else {}
    keys = {row.key for row in rows}
    for place, key in enumerate(key for key in table if key not in keys):
        near = difflib.get_close_matches(key, keys, n=1) if place < 10 else []
        skipped[f"{TABLE}, {key}"] = "no such recording" + (f"; did you mean {near[0]!r}?" if near else "")
    return [_completed(row, table.get(row.key, {})) for row in rows]


def _completed(row: Row, line: Mapping[str, str | float | int]) -> Row:
    known = {column: value for column, value in line.items() if value != ""}
    split, group, snr_db = (known.pop(column, None) for column in ("split", "group", "snr_db"))
    if snr_db is not None:
        known["snr_from"] = TABLE
    return replace(
        row,
        split=str(split) if split else row.split,
        movable=row.movable and not split,
        group=str(group) if group else row.group,
        snr_db=row.snr_db if snr_db is None else float(snr_db),
        info={**row.info, **known},
    )


def read_table(folder: Path) -> dict[str, dict[str, str | float | int]]:
    """The lines of ``items.csv`` in a layout's folder by `file`; columns that hold only numbers as numbers."""
    path = folder / TABLE
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names, *lines = csv.reader(file, strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise CorpusError(f"{path}: not a table in UTF-8 with commas ({error}); save it as one") from error
    lines = [line for line in lines if line]
    wrong = next((line for line in lines if len(line) != len(names)), None)
    if names[:1] != ["file"] or wrong:
        raise CorpusError(f"{path}: the first column must be 'file', and every line as long as the first; mend {wrong}")
    columns = {
        name: list(values) if name in ("file", "split", "group", "title") else _typed(values)
        for name, values in zip(names, zip(*lines, strict=True), strict=False)
    }
    table = {
        key: {name: columns[name][place] for name in names[1:]} for place, key in enumerate(columns.get("file", []))
    }
    if len(table) < len(lines):
        raise CorpusError(f"{path}: a file is named twice; leave one line out")
    for key, line in table.items():
        if line.get("split", "") not in ("", *SPLITS):
            near = difflib.get_close_matches(str(line["split"]), SPLITS, n=1)
            raise CorpusError(f"{path}: {key} has split {line['split']!r}; write {near[0] if near else SPLITS}")
        snr_db = line.get("snr_db", "")
        if snr_db != "" and not (isinstance(snr_db, (int, float)) and np.isfinite(snr_db)):
            raise CorpusError(f"{path}: {key} has snr_db {snr_db!r}; write a number of dB")
    return table


def _typed(values: Sequence[str]) -> list[str | float | int]:
    for kind in (int, float):
        try:
            return [kind(value) if value else "" for value in values]
        except ValueError:
            continue
    return list(values)
