"""Where recordings of a kind are looked for: a layout is one function from a root folder to rows.

To add one, write a function that gives None where its folders are not below the root and else a `Row` for each
recording, and put `layout` over it. For each kind the first layout that is there and can be used is taken.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from nblib.corpora.items import SPLITS
from nblib.corpora.rows import LOSSLESS, LOSSY, STEM_FILE, Row, read_table, sound_files
from nblib.errors import CorpusError

Find = Callable[[Path], list[Row] | None]


@dataclass(frozen=True)
class Layout:
    """A layout's function and what messages say of it; licence and citation where no file beside it has them."""

    name: str
    looks_for: str
    find: Find
    licence: str
    citation: str


KINDS = ("clean", "noisy")
STEMS = ("mixture", "vocals")

LAYOUTS: dict[str, list[Layout]] = {"music": [], "speech": [], "vocals": []}


def layout(
    kind: str, name: str, looks_for: str, licence: str = "that of the recordings", citation: str = ""
) -> Callable[[Find], Find]:
    """Register a function from a root folder to rows as the next layout of a kind."""

    def register(find: Find) -> Find:
        LAYOUTS[kind].append(Layout(name, looks_for, find, licence, citation))
        return find

    return register


@layout("music", "music folder", "lossless_music/, WAV or FLAC files in the folder itself, musdb18hq/ (its mixtures)")
def music_folder(root: Path) -> list[Row] | None:
    """Every recording below a folder, by piece; beside a ``mixture`` (MUSDB18-HQ) its stems are passed over."""
    if (root / "lossless_music").is_dir():
        folder = root / "lossless_music"
    elif any(path.suffix.lower() in LOSSLESS for path in root.iterdir()):
        folder = root
    else:
        folder = root / "musdb18hq"
    if not folder.is_dir():
        return None
    paths = sound_files(folder, LOSSLESS + LOSSY)
    songs = {path.parent for path in paths if _is_mixture(path)}
    paths = [path for path in paths if path.parent not in songs or _is_mixture(path)]
    files = [path.relative_to(folder).as_posix() for path in paths]
    pieces = [
        path.parent.name if path.parent in songs else piece_name(file) for path, file in zip(paths, files, strict=True)
    ]
    if len(set(pieces)) < 3 <= len(paths):
        warnings.warn(
            f"{folder}: by their names the {len(paths)} files are of {len(set(pieces))} piece(s) "
            f"({', '.join(sorted(set(pieces)))}), too few to split; each file is taken for a piece of its own",
            stacklevel=3,
        )
        pieces = files
    titles = [path.parent.name if path.parent in songs else path.stem for path in paths]
    return [
        Row(folder, file, piece, path, info={"title": title})
        for path, file, piece, title in zip(paths, files, pieces, titles, strict=True)
    ]


def _is_mixture(path: Path) -> bool:
    return path.stem.casefold() == "mixture" and path.suffix.lower() in LOSSLESS


def piece_name(file: str) -> str:
    """The piece that a recording belongs to: its folder, and its name less a track number and a take's mark.

    ``album/03 - Song.flac`` is ``album/song``; ``beat_a`` and ``beat_b`` are takes of ``beat``, ``subset_11`` one of
    ``subset``; a name that is only a number leaves the folder.
    """
    folder, _, name = file.rpartition("/")
    stem = name.rsplit(".", 1)[0].casefold()
    stem = re.sub(r"^\d+([ ._-]+\d+)*([ ._-]+|$)", "", stem)
    stem = re.sub(r"[ ._-]+([a-z]|\(?\d+\)?)$", "", stem)
    return f"{folder}/{stem}".strip("/") or "."


@layout(
    "speech",
    "voicebank_demand",
    "voicebank_demand/ with clean_trainset_56spk_wav/ and noisy_trainset_56spk_wav/ (or 28spk)",
    licence="CC BY 4.0 (https://doi.org/10.7488/ds/2117)",
    citation="""@inproceedings{valentini2016investigating, title = {Investigating {RNN}-based speech enhancement
  methods for noise-robust text-to-speech}, author = {Valentini-Botinhao, Cassia and Wang, Xin and Takaki, Shinji and
  Yamagishi, Junichi}, booktitle = {9th ISCA Speech Synthesis Workshop}, pages = {146--152}, year = {2016}}""",
)
def voicebank_demand(root: Path) -> list[Row] | None:
    """Pairs of a training set, by speaker (``p226`` of ``p226_001``); with a table of splits also of the test set."""
    folder = root / "voicebank_demand"
    if not folder.is_dir():
        return None
    there = [
        each for each in ("trainset_56spk", "trainset_28spk", "testset") if (folder / f"clean_{each}_wav").is_dir()
    ]
    has_splits = any(line.get("split") for line in read_table(folder).values())
    sets = [each for each in there if each.startswith("train")][:1] + ["testset"] * (has_splits and "testset" in there)
    if not sets:
        raise CorpusError(
            f"{folder} has no training set (clean_trainset_56spk_wav or clean_trainset_28spk_wav); unpack "
            "VoiceBank-DEMAND (doi 10.7488/ds/2117) into it"
        )
    return [row for each in sets for row in _pairs(folder, each)]


def _pairs(folder: Path, which: str) -> list[Row]:
    clean, noisy = ({path.stem: path for path in sound_files(folder / f"{kind}_{which}_wav")} for kind in KINDS)
    log = _log(folder, which)
    rows = []
    for name in sorted(clean.keys() | noisy.keys()):
        noise, snr_db = log.get(name, ("unknown", None))
        absent = [kind for kind, there in zip(KINDS, (clean, noisy), strict=True) if name not in there]
        info = {"speaker": name.split("_")[0], "noise_kind": noise} | ({"snr_from": "log"} if name in log else {})
        pair = {"sound": clean.get(name, folder), "mixture": noisy.get(name), "snr_db": snr_db, "info": info}
        problem = f"no {name} in {absent[0]}_{which}_wav" if absent else ""
        rows.append(Row(folder, name, name.split("_")[0], **pair, problem=problem))
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


@layout(
    "speech",
    "speech and noise",
    "speech/<speaker>/ with noise/",
    citation="""@inproceedings{panayotov2015librispeech, title = {{LibriSpeech}: an {ASR} corpus based on public
  domain audio books}, author = {Panayotov, Vassil and Chen, Guoguo and Povey, Daniel and Khudanpur, Sanjeev},
  booktitle = {ICASSP}, pages = {5206--5210}, year = {2015}, note = {where the speech folder is LibriSpeech}}""",
)
def speech_and_noise(root: Path) -> list[Row] | None:
    """Recordings below a folder for each speaker (as in LibriSpeech and VCTK), mixed here with those below noise/."""
    folder, noise = root / "speech", root / "noise"
    if not (folder.is_dir() and noise.is_dir()):
        return None
    rows = []
    for path in sound_files(folder):
        speaker, *below = path.relative_to(folder).parts
        file, problem = path.relative_to(folder).as_posix(), "" if below else "lies in no speaker's folder"
        rows.append(Row(folder, file, speaker, path, noise=noise, info={"speaker": speaker}, problem=problem))
    return rows


@dataclass(frozen=True)
class Listed:
    """A track of MUSDB18: name, MUSDB18's own set, our split."""

    track: str
    set: str
    split: str


@cache
def split_list() -> Mapping[str, Listed]:
    """The 150 tracks of MUSDB18 by `_spelt` of their names.

    IJCNN'20 Section IV has 100 tracks for training, 25 for validation and 25 for testing and does not publish which.
    The rule here: MUSDB18's 100 training tracks are train; its 50 test tracks, sorted by name without regard to case,
    go alternately to validation and test. Artists are not kept apart: MUSDB18's own sets share some (Hollow Ground,
    Skelpolu, The Long Wait, Triviul), and five have one track in validation and one in test (BKS, PR, Secretariat,
    Speak Softly, The Easton Ellises). The names are MUSDB18-HQ's folders', as in the authors' list (sigsep/website,
    tracklist.csv, which misspells two: "Jokers Jacks & Kings", "Set Free Me") and in SiSEC 2018's results.
    """
    with Path(__file__).with_name("musdb18_split.csv").open(encoding="utf-8", newline="") as file:
        return {_spelt(line["track"]): Listed(**line) for line in csv.DictReader(file)}


def _spelt(name: str) -> str:
    """What stays of a name when case, spaces and punctuation are left out: copies differ in these."""
    return re.sub(r"[\W_]+", "", name.casefold())


@layout(
    "vocals",
    "musdb18",
    "musdb18hq/, musdb18/, or train/ or test/ in the folder itself",
    licence="per track (https://github.com/sigsep/website, tracklist.csv): 46 tracks of MedleyDB CC BY-NC-SA 4.0, 2 of "
    "The Easton Ellises CC BY-NC-SA 3.0, the others for academic purposes only",
    citation="""@misc{musdb18, author = {Rafii, Zafar and Liutkus, Antoine and St{\\"o}ter, Fabian-Robert and
  Mimilakis, Stylianos Ioannis and Bittner, Rachel}, title = {The {MUSDB18} corpus for music separation}, month = dec,
  year = 2017, doi = {10.5281/zenodo.1117372}, note = {uncompressed: MUSDB18-HQ, doi 10.5281/zenodo.3338373}}""",
)
def musdb18(root: Path) -> list[Row] | None:
    """Songs of MUSDB18 or MUSDB18-HQ, or of any part of it, in folders of stems and in stem files, also side by side.

    The accompaniment is mixture - vocals: drums, bass and other sum up to it but for rounding in MUSDB18-HQ (66 to 78 dB
    below the mixture in eight 16-bit songs), apart from "PR - Oh No", whose left channel does not add up, and but for the
    coding error in MUSDB18 (34 to 44 dB below in the same songs as AAC at 256 kbps).

    Listed tracks are split by `split_list`, wherever they lie; others follow their folder, those in test/ alternately to
    validation and test. Of a song that is there twice, stems come before a stem file, and the list's set first.
    """
    places = [root / "musdb18hq", root / "musdb18", root]
    folder = next((place for place in places[:2] if place.is_dir()), root)
    sets = [folder / each for each in ("train", "test") if (folder / each).is_dir()]
    if not sets:
        if folder == root:
            return None
        raise CorpusError(
            f"{folder}: neither train/ nor test/; unpack MUSDB18 (doi 10.5281/zenodo.1117372) or MUSDB18-HQ (doi "
            "10.5281/zenodo.3338373) into it"
        )
    paths = sorted(path for each in sets for path in each.iterdir() if path.name[0] != ".")
    found = [_song(folder, path) for path in paths if path.is_dir() or path.name.casefold().endswith(STEM_FILE)]
    found.sort(key=lambda row: (bool(row.problem), row.mixture == row.sound, _is_elsewhere(row)))
    first: dict[str, Row] = {}
    for row in found:
        first.setdefault(_spelt(row.group), row)
    if len(first) < 3:
        raise CorpusError(
            f"{folder}: {len(first)} track(s) in train/ and test/ ({', '.join(sorted(row.group for row in first.values()))}"
            "); at least 3 are needed for train, validation and test: unpack more of MUSDB18"
        )
    songs = sorted(first.values(), key=lambda row: (row.group.casefold(), row.group))
    if not any(line.get("split") for line in read_table(folder).values()):
        _warn_of_copy(folder, songs)
    unlisted = [row.file for row in songs if _spelt(row.group) not in split_list() and row.file.startswith("test/")]
    turns = {file: ("validation", "test")[turn % 2] for turn, file in enumerate(unlisted)}
    splits = [turns.get(row.file) or getattr(split_list().get(_spelt(row.group)), "split", "train") for row in songs]
    copies = [row for row in found if first[_spelt(row.group)] is not row]
    return [replace(row, split=split) for row, split in zip(songs, splits, strict=True)] + [
        replace(row, problem=row.problem or f"the same track as {first[_spelt(row.group)].file}") for row in copies
    ]


def _song(folder: Path, path: Path) -> Row:
    """A folder of stems, WAV or FLAC, or a stem file."""
    name = path.name if path.is_dir() else path.name[: -len(STEM_FILE)]
    stems = {each.stem: each for each in sound_files(path)} if path.is_dir() else dict.fromkeys(STEMS, path)
    absent = [stem for stem in ("mixture", "vocals") if stem not in stems]
    problem = (
        f"neither {absent[0]}.wav nor {absent[0]}.flac is there; unpack it again, or leave it out" if absent else ""
    )
    listed = split_list().get(_spelt(name))
    title = listed.track if listed else name
    return Row(
        folder,
        path.relative_to(folder).as_posix(),
        title,
        stems.get("vocals", path),
        stems.get("mixture"),
        movable=True,
        info={"title": title},
        problem=problem,
    )


def _is_elsewhere(row: Row) -> bool:
    listed = split_list().get(_spelt(row.group))
    return listed is not None and not row.file.startswith(f"{listed.set}/")


def _warn_of_copy(folder: Path, songs: Sequence[Row]) -> None:
    """One warning: what of MUSDB18 is not there, what is not of it, and what lies in the wrong folder."""
    here = {_spelt(row.group) for row in songs}
    missing = [listed for spelt, listed in split_list().items() if spelt not in here]
    counts = {split: sum(listed.split == split for listed in missing) for split in SPLITS}
    parts = ", ".join(f"{split} {count}" for split, count in counts.items() if count)
    notes = {
        f"{len(missing)} of MUSDB18's {len(split_list())} tracks are not there ({parts})": [
            row.track for row in missing
        ],
        "not in MUSDB18's list, so put where their folder says": [
            row.group for row in songs if _spelt(row.group) not in split_list()
        ],
        "in the wrong folder, put where MUSDB18's list says": [row.file for row in songs if _is_elsewhere(row)],
    }
    lines = [
        f"\n  {what}: {', '.join(names[:10])}" + f" and {len(names) - 10} more" * (len(names) > 10)
        for what, names in notes.items()
        if names
    ]
    if lines:
        warnings.warn(f"musdb18 in {folder}:{''.join(lines)}", stacklevel=4)
