"""Where recordings of a kind are looked for: a layout is one function from a root folder to rows.

To add one, write a function that gives None where its folders are not below the root and else a `Row` for each
recording, and put `layout` over it. For each kind the first layout that is there and can be used is taken.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import cycle
from pathlib import Path

from nblib.corpora.items import SPLITS
from nblib.corpora.rows import LOSSLESS, LOSSY, STEM_FILE, Row, read_table, sound_files
from nblib.errors import CorpusError

Find = Callable[[Path], list[Row] | None]
LAYOUTS: dict[str, dict[str, Find]] = {"music": {}, "speech": {}, "vocals": {}}


def layout(kind: str, looks_for: str) -> Callable[[Find], Find]:
    """Register a function as the next layout of a kind, with what messages say it looks for."""
    return lambda find: LAYOUTS[kind].setdefault(looks_for, find)


@layout("music", "lossless_music/, WAV or FLAC files in the folder itself, musdb18hq/ (its mixtures)")
def music_folder(root: Path) -> list[Row] | None:
    """Every recording below a folder, by piece; beside a ``mixture`` (MUSDB18-HQ) its stems are passed over."""
    folder = root / "lossless_music"
    if not folder.is_dir():
        folder = root if any(path.suffix.lower() in LOSSLESS for path in root.iterdir()) else root / "musdb18hq"
    if not folder.is_dir():
        return None
    paths = sound_files(folder, LOSSLESS + LOSSY)
    songs = {path.parent: path for path in sound_files(folder) if path.stem.casefold() == "mixture"}
    rows = []
    for path in paths:
        file, song = path.relative_to(folder).as_posix(), songs.get(path.parent)
        group, title = (path.parent.name,) * 2 if song else (piece_name(file), path.stem)
        if song in (None, path):
            rows.append(Row(folder, file, group, path, info={"title": title}))
    if len(pieces := {row.group for row in rows}) < 3 <= len(rows):
        names = ", ".join(sorted(pieces))
        text = f"pieces by name ({names}) are too few to split; each file is taken for one"
        warnings.warn(f"{folder}: {text}", stacklevel=3)
        rows = [replace(row, group=row.file) for row in rows]
    return rows


def piece_name(file: str) -> str:
    """The piece that a recording belongs to: its folder, and its name less a track number and a take's mark.

    ``album/03 - Song.flac`` is ``album/song``; ``beat_a`` and ``beat_b`` are takes of ``beat``, ``subset_11`` one of
    ``subset``; a name that is only a number leaves the folder.
    """
    folder, _, name = file.rpartition("/")
    stem = re.sub(r"^\d+([ ._-]+\d+)*([ ._-]+|$)", "", name.rsplit(".", 1)[0].casefold())
    stem = re.sub(r"[ ._-]+([a-z]|\(?\d+\)?)$", "", stem)
    return f"{folder}/{stem}".strip("/") or "."


@layout("speech", "voicebank_demand/ with clean_trainset_56spk_wav/ and noisy_trainset_56spk_wav/ (or 28spk)")
def voicebank_demand(root: Path) -> list[Row] | None:
    """Pairs of a training set, by speaker (``p226`` of ``p226_001``); with a table of splits also of the test set."""
    folder = root / "voicebank_demand"
    if not folder.is_dir():
        return None
    sets = [each for each in ("trainset_56spk", "trainset_28spk") if (folder / f"clean_{each}_wav").is_dir()][:1]
    if _has_splits(folder) and (folder / "clean_testset_wav").is_dir():
        sets.append("testset")
    if not sets:
        raise CorpusError(f"{folder} has no training set (clean_trainset_56spk_wav): unpack doi 10.7488/ds/2117")
    return [row for each in sets for row in _pairs(folder, each)]


def _has_splits(folder: Path) -> bool:
    return any("split" in line for line in read_table(folder).values())


def _pairs(folder: Path, which: str) -> list[Row]:
    sides = [folder / f"{kind}_{which}_wav" for kind in ("clean", "noisy")]
    clean, noisy = ({path.stem: path for path in sound_files(side)} for side in sides)
    log = _log(folder, which)
    rows = []
    for name in sorted(clean.keys() | noisy.keys()):
        noise, snr_db = log.get(name, ("unknown", None))
        speaker, sound, mixture = name.split("_")[0], clean.get(name, folder), noisy.get(name)
        info = {"speaker": speaker, "noise_kind": noise} | ({"snr_from": "log"} if name in log else {})
        absent = [side.name for side, there in zip(sides, (clean, noisy), strict=True) if name not in there]
        problem = f"no {name} in {absent[0]}" if absent else ""
        rows.append(Row(folder, name, speaker, sound, mixture, snr_db=snr_db, info=info, problem=problem))
    return rows


def _log(folder: Path, which: str) -> dict[str, tuple[str, float]]:
    """Noise and SNR in dB of each name in the logs, which may lie in a folder of their own."""
    found: dict[str, tuple[str, float]] = {}
    for path in sorted(folder.rglob(f"log_{which}*.txt")):
        for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
            try:
                name, noise, snr_db = line.split()
                found[name] = noise, float(snr_db)
            except ValueError:
                raise CorpusError(f"{path}: {line!r} is not 'name noise snr'; mend the line") from None
    return found


@layout("speech", "speech/<speaker>/ with noise/")
def speech_and_noise(root: Path) -> list[Row] | None:
    """Recordings below a folder for each speaker (as in LibriSpeech and VCTK), mixed here with those below noise/."""
    folder, noise = root / "speech", root / "noise"
    if not (folder.is_dir() and noise.is_dir()):
        return None
    rows = []
    for path in sound_files(folder):
        speaker, *below = path.relative_to(folder).parts
        file, problem = "/".join([speaker, *below]), "" if below else "lies in no speaker's folder"
        rows.append(Row(folder, file, speaker, path, noise=noise, info={"speaker": speaker}, problem=problem))
    return rows


@cache
def split_list() -> Mapping[str, Mapping[str, str]]:
    """MUSDB18's 150 tracks by their names' letters and digits: ``track``, MUSDB18's own ``set``, our ``split``.

    IJCNN'20 Section IV has 100, 25 and 25 tracks and does not publish which. The rule here: MUSDB18's training tracks
    are train; its 50 test tracks, by name without regard to case, go alternately to validation and test. MUSDB18's own
    sets share artists (Hollow Ground, Skelpolu, The Long Wait, Triviul); five have one track in validation and one in
    test (BKS, PR, Secretariat, Speak Softly, The Easton Ellises). Names are as in sigsep/website, tracklist.csv.
    """
    with Path(__file__).with_name("musdb18_split.csv").open(encoding="utf-8", newline="") as file:
        return {_spelt(line["track"]): line for line in csv.DictReader(file)}


def _spelt(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


@layout("vocals", "musdb18hq/, musdb18/, train/ or test/ in the folder itself")
def musdb18(root: Path) -> list[Row] | None:
    """Songs of MUSDB18 or MUSDB18-HQ, or of any part of it, in folders of stems and in stem files, also side by side.

    The accompaniment is mixture - vocals: the other stems sum up to it but for rounding in MUSDB18-HQ (66 to 78 dB
    below the mixture in eight songs; not in "PR - Oh No", whose left channel does not add up) and for the coding error
    in MUSDB18 (34 to 44 dB below). Listed tracks are split by `split_list`; others follow their folder, those in test/
    alternately to validation and test. Of a song that is there twice, a folder comes before a stem file.
    """
    folder = next((root / name for name in ("musdb18hq", "musdb18") if (root / name).is_dir()), root)
    sets = [folder / each for each in ("train", "test") if (folder / each).is_dir()]
    if not sets and folder != root:
        raise CorpusError(f"{folder}: neither train/ nor test/; unpack MUSDB18 (doi 10.5281/zenodo.1117372) into it")
    paths = [path for each in sets for path in each.iterdir() if path.name[0] != "."]
    paths = [path for path in paths if path.is_dir() or path.name.casefold().endswith(STEM_FILE)]
    rows: list[Row] = []
    first: dict[str, str] = {}
    turns = cycle(("validation", "test"))
    for path in sorted(paths, key=lambda path: (path.is_file(), path.name.casefold(), path.parent.name != "train")):
        row = _song(folder, path)
        if first.setdefault(_spelt(row.group), row.file) != row.file:
            row = replace(row, problem=f"the same track as {first[_spelt(row.group)]}")
        rows.append(row if row.split or row.problem else replace(row, split=next(turns)))
    missing = [line for spelt, line in split_list().items() if spelt not in first]
    if sets and missing and not _has_splits(folder):
        counts = ", ".join(f"{split} {sum(line['split'] == split for line in missing)}" for split in SPLITS)
        names = "; ".join(line["track"] for line in missing[:10])
        text = f"{len(missing)} of MUSDB18's {len(split_list())} tracks are not there ({counts}): {names}"
        warnings.warn(f"{folder}: {text}{' ...' * (len(missing) > 10)}", stacklevel=3)
    return rows if sets else None


def _song(folder: Path, path: Path) -> Row:
    """A folder of stems, WAV or FLAC, or a stem file; the list's split, else "train", or None in test/."""
    stems = {each.stem: each for each in sound_files(path)} if path.is_dir() else {"mixture": path, "vocals": path}
    absent = [stem for stem in ("mixture", "vocals") if stem not in stems]
    problem = f"neither {absent[0]}.wav nor {absent[0]}.flac is there; unpack the track again" if absent else ""
    file = path.relative_to(folder).as_posix()
    name = path.name if path.is_dir() else path.name[: -len(STEM_FILE)]
    line = split_list().get(_spelt(name), {"track": name, "set": "", "split": "train" if file[:5] == "train" else ""})
    note = "" if file.startswith(line["set"]) else "in another folder than in MUSDB18; the list's split is used"
    note = note if line["set"] else "not in MUSDB18's list, so put where its folder says"
    sound, split, info = stems.get("vocals", path), line["split"] or None, {"title": line["track"]}
    mixture = stems.get("mixture")
    return Row(folder, file, line["track"], sound, mixture, None, split, True, info=info, problem=problem, note=note)
