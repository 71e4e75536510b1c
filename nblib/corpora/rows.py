"""A corpus's table: a row for each recording, as a layout finds it and as ``items.csv`` in its folder completes it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from nblib.corpora.items import SPLITS, Item
from nblib.errors import CorpusError

LOSSLESS = (".wav", ".flac", ".aif", ".aiff")
LOSSY = (".mp3", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac", ".wma", ".mpc", ".mp2", ".ac3", ".webm")
STEM_FILE = ".stem.mp4"
SUFFIXES = "|".join(map(re.escape, (STEM_FILE, *LOSSLESS, *LOSSY)))


@dataclass(frozen=True)
class Row:
    """One recording, pair, or part of a recording; its digest is found by reading it."""

    folder: Path  # the layout's: items.csv, LICENCE.txt and CITATION.bib may lie in it
    file: str  # the path below it that messages and info["file"] show
    group: str  # piece, speaker or song, never in two splits
    sound: Path  # the recording alone, or the target of a mixture
    mixture: Path | None = None  # target plus noise; in a stem file the same file
    noise: Path | None = None  # a folder of recordings to mix the target with; in a corpus, one of them
    split: str | None = None
    movable: bool = False  # whether `split` gives way where it would leave one without vocals
    snr_db: float | None = None
    info: Mapping[str, str | float | int] = field(default_factory=dict)
    start: float = 0.0  # in s, of the part in use
    seconds: float | None = None
    problem: str = ""  # why it cannot be used
    note: str = ""  # what to know, though it is used
    name: str = ""
    digest: str = ""

    @property
    def key(self) -> str:
        """By which ``items.csv`` names it: `file` less its suffix, a song's mixture by the song."""
        return re.sub(rf"(/mixture)?({SUFFIXES})(?=$| part \d+$)", "", self.file, flags=re.IGNORECASE)

    def item(self) -> Item:
        """What `Corpus.items` gives."""
        snr_db = {} if self.snr_db is None else {"snr_db": self.snr_db}
        part = {"start": round(self.start, 3), "seconds": round(self.seconds or 0.0, 3)}
        return Item(self.name, self.group, str(self.split), {**self.info, "file": self.file, **part, **snr_db})


def sound_files(folder: Path, suffixes: Sequence[str] = LOSSLESS) -> list[Path]:
    """The files below `folder` with one of the suffixes, sorted; what is hidden is passed over."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return sorted(path for path in found if not any(part[0] == "." for part in path.relative_to(folder).parts))


def joined(rows: Sequence[Row], skipped: dict[str, str]) -> list[Row]:
    """`rows` with what the table in their folder says; its lines that name no recording go to `skipped`."""
    table = read_table(rows[0].folder) if rows else {}
    keys = {row.key for row in rows}
    for place, key in enumerate(key for key in table if key not in keys):
        near = difflib.get_close_matches(key, keys, n=1) if place < 10 else []
        skipped[f"items.csv, {key}"] = "no such recording" + (f"; did you mean {near[0]!r}?" if near else "")
    return [_completed(row, dict(table.get(row.key, {}))) for row in rows]


def _completed(row: Row, line: dict[str, Any]) -> Row:
    own = {column: line.pop(column) for column in ("split", "group", "snr_db") if column in line}
    origin = {"snr_from": "items.csv"} if "snr_db" in own else {}
    return replace(row, **own, movable=row.movable and "split" not in own, info={**row.info, **line, **origin})


def read_table(folder: Path) -> dict[str, dict[str, Any]]:
    """The lines of ``items.csv`` in a layout's folder by their `file`, empty fields left out."""
    path = folder / "items.csv"
    if not path.is_file():
        return {}
    texts = dict.fromkeys(("file", "split", "group", "title"), str)
    try:
        table = pd.read_csv(
            path, dtype=texts, index_col=False, keep_default_na=False, na_values="", encoding="utf-8-sig"
        )
        if "snr_db" in table:
            table["snr_db"] = pd.to_numeric(table["snr_db"])
        lines = table.set_index("file").to_dict("index")
    except (KeyError, ValueError) as error:
        needed = "needed are UTF-8, a column file that names no recording twice, and numbers as snr_db"
        raise CorpusError(f"{path}: {error}; {needed}") from error
    known = {str(key): {str(name): cell for name, cell in line.items() if cell == cell} for key, line in lines.items()}
    for key, line in known.items():
        if (split := line.get("split", "train")) not in SPLITS:
            near = difflib.get_close_matches(split, SPLITS, n=1) or SPLITS
            raise CorpusError(f"{path}: {key} has split {split!r}; write {' or '.join(near)}")
    return known
