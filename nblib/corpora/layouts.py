"""Where recordings of a kind are looked for: a layout is one function from a root folder to items, or to None.

Of a kind the first layout is taken whose folders are there and can be used.
"""

import difflib
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from nblib.audio import read
from nblib.errors import AudioError, CorpusError, check_choice

SPLITS = ("train", "validation", "test")
LOSSLESS = (".wav", ".flac", ".aif", ".aiff")
LOSSY = (".mp3", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac", ".wma", ".mpc", ".mp2", ".ac3", ".webm")
STEM_FILE = ".stem.mp4"
STREAMS = ("mixture", "drums", "bass", "other", "vocals")  # of a stem file
SUFFIXES = "|".join(map(re.escape, (STEM_FILE, *LOSSLESS, *LOSSY)))


@dataclass
class Item:
    """One recording, pair, or part of a recording; ``items.csv`` completes it, a `Corpus` what reading it tells."""

    file: str  # the path below `folder` that messages show
    group: str  # piece, speaker or song, never in two splits
    split: str | None = None
    # What the layout and items.csv know; in a corpus "file", "start" and "seconds" of the part in use, too, "snr_db"
    # and "vocals" ("present", "very quiet", "silent") where there are any.
    info: dict[str, str | float | int] = field(default_factory=dict)
    folder: Path = Path()  # the layout's: items.csv, LICENCE.txt and CITATION.bib may lie in it
    sound: Path = Path()  # the recording alone, or the target of a mixture
    mixture: Path | None = None  # target plus noise; in a stem file the same file
    noise: Path | None = None  # a folder of recordings to mix the target with; in a corpus, one of them
    movable: bool = False  # whether `split` gives way where it would leave one without vocals
    snr_db: float | None = None
    start: float = 0.0  # in s, of the part in use
    seconds: float | None = None
    problem: str = ""  # why it cannot be used
    note: str = ""  # what to know, though it is used
    digest: str = ""  # of the samples in use

    @property
    def key(self) -> str:
        """What ``items.csv`` calls it: `file` less its suffix, a song's mixture by the song."""
        return re.sub(rf"(/mixture)?({SUFFIXES})(?=$| part \d+$)", "", self.file, flags=re.IGNORECASE)

    @property
    def name(self) -> str:
        """Unique in a corpus, safe as a file name: the file's letters and digits, a digest where not all it is."""
        name = re.sub(r"\W+", "-", self.key).strip("-")[:80]
        return name if name == self.file else f"{name}-{sha256(self.file.encode()).hexdigest()[:6]}"

    def cut(self) -> list["Item"]:
        """Equal parts of speech that is to be mixed here, none over 4 s; other items as they are."""
        if self.noise is None or self.problem:
            return [self]
        try:
            seconds = float(soundfile.info(self.sound).duration)
            self.problem = f"too short: {seconds:.2f} s, 1 s is needed" * (seconds < 1)
        except (soundfile.SoundFileError, OSError) as error:
            self.problem, seconds = f"cannot be read as sound ({error})", 0.0
        count = max(1, int(np.ceil(seconds / 4)))
        length, ends = seconds / count, [f" part {place}" for place in range(count)] if count > 1 else [""]
        return [replace(self, file=self.file + end, start=n * length, seconds=length) for n, end in enumerate(ends)]

    def sounds(self) -> tuple[list[np.ndarray], int]:
        """The recording, or target and mixture, as far as in use: mono float32 [shape=(n,)], and their rate in Hz."""
        is_stem_file = self.sound == self.mixture  # its lag is 0: MP4 says how many samples the coder put in front
        end = np.inf if self.seconds is None else self.start + self.seconds
        if is_stem_file:
            found = {stem: read(self.sound, stream=STREAMS.index(stem)) for stem in ("vocals", "mixture")}
        else:
            paths = filter(None, (self.sound, self.mixture))
            found = {path.relative_to(self.folder).as_posix(): read(path, end=end) for path in paths}
        lengths, (rate, *others) = [len(samples) for samples, _ in found.values()], {rate for _, rate in found.values()}
        if others or max(lengths) - min(lengths) >= (1024 if is_stem_file else 1):  # AAC may lack a frame
            parts = ", ".join(f"{part} {len(samples)} at {rate} Hz" for part, (samples, rate) in found.items())
            raise AudioError(f"{self.file}: target and mixture do not match in samples ({parts}); copy both again")
        part = slice(round(self.start * rate), round(min(*lengths, end * rate)))
        return [samples[part] for samples, _ in found.values()], rate


Find = Callable[[Path], list[Item] | None]
LAYOUTS: dict[str, dict[str, Find]] = {"music": {}, "speech": {}, "vocals": {}}


def layout(kind: str, looks_for: str) -> Callable[[Find], Find]:
    """Register a function as the next layout of a kind, with what messages say it looks for."""
    return lambda find: LAYOUTS[kind].setdefault(looks_for, find)


def sound_files(folder: Path, suffixes: Sequence[str] = LOSSLESS) -> dict[str, Path]:
    """The files below `folder` with one of the suffixes, by their path below it, sorted; what is hidden is left out."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    found = {path.relative_to(folder).as_posix(): path for path in paths}
    return {file: path for file, path in found.items() if "/." not in f"/{file}"}


def read_table(folder: Path) -> dict[str, dict[str, Any]]:
    """The lines of ``items.csv`` in a layout's folder by their `file`, empty fields left out."""
    if not (path := folder / "items.csv").is_file():
        return {}
    kinds: dict[str, Any] = dict.fromkeys(("file", "split", "group", "title"), str) | {"snr_db": float}
    how: dict[str, Any] = {"encoding": "utf-8-sig", "index_col": False, "keep_default_na": False, "na_values": ""}
    try:
        lines = pd.read_csv(path, dtype=kinds, **how).set_index("file").to_dict("index")
        known = {str(file): {str(k): cell for k, cell in line.items() if cell == cell} for file, line in lines.items()}
        for key, line in known.items():
            check_choice(f"split of {key}", line.get("split", "train"), SPLITS)
        return known
    except (KeyError, ValueError) as error:
        needed = "needed are UTF-8, a column file that names no recording twice, and numbers as snr_db"
        raise CorpusError(f"{path}: {error}; {needed}") from error


def complete(items: Sequence[Item], skipped: dict[str, str]) -> None:
    """Enter what the table in their folder says of `items`; its lines that name no recording go to `skipped`."""
    table = read_table(items[0].folder) if items else {}
    keys = {item.key for item in items}
    for place, key in enumerate(key for key in table if key not in keys):
        near = difflib.get_close_matches(key, keys, n=1) if place < 10 else []
        skipped[f"items.csv, {key}"] = "no such recording" + (f"; did you mean {near[0]!r}?" if near else "")
    for item in items:
        line = dict(table.get(item.key, {}))
        item.movable &= "split" not in line
        for column in line.keys() & {"split", "group", "snr_db"}:
            setattr(item, column, line.pop(column))
        item.info |= line


@layout("music", "lossless_music/, WAV or FLAC files in the folder itself, musdb18hq/ (its mixtures)")
def music_folder(root: Path) -> list[Item] | None:
    """Recordings by piece; beside a ``mixture`` (MUSDB18-HQ) its stems are passed over."""
    here = [root] if any(path.suffix.lower() in LOSSLESS for path in root.iterdir()) else []
    folder = next(filter(Path.is_dir, (root / "lossless_music", *here, root / "musdb18hq")), None)
    if folder is None:
        return None
    songs = {path.parent: path for path in sound_files(folder).values() if path.stem.casefold() == "mixture"}
    items = []
    for file, path in sound_files(folder, LOSSLESS + LOSSY).items():
        group, title = (path.parent.name,) * 2 if path.parent in songs else (piece_name(file), path.stem)
        if songs.get(path.parent, path) == path:
            items.append(Item(file, group, None, {"title": title}, folder, path))
    if len(pieces := {item.group for item in items}) < 3 <= len(items):
        few = f"pieces by name ({', '.join(sorted(pieces))}) are too few to split; each file is taken for one"
        warnings.warn(f"{folder}: {few}", stacklevel=3)
        return [replace(item, group=item.file) for item in items]
    return items


def piece_name(file: str) -> str:
    """Folder and name less track number and take's mark: ``a/03 - Song.flac`` is ``a/song``, ``beat_a`` is ``beat``."""
    folder, _, name = file.rpartition("/")
    stem = re.sub(r"^\d+([ ._-]+\d+)*([ ._-]+|$)", "", name.rsplit(".", 1)[0].casefold())
    stem = re.sub(r"[ ._-]+([a-z]|\(?\d+\)?)$", "", stem)
    return f"{folder}/{stem}".strip("/") or "."


def source_of(file: str) -> str:
    """A noise recording's source: its path less suffix and the number at its end, if a letter stands before that."""
    return re.sub(r"(?<=[^\W\d_])[-_ ]*\d+$", "", file.rsplit(".", 1)[0])


@layout("speech", "voicebank_demand/ with clean_trainset_56spk_wav/ and noisy_trainset_56spk_wav/ (or 28spk)")
def voicebank_demand(root: Path) -> list[Item] | None:
    """Pairs of a training set, by speaker (``p226`` of ``p226_001``); with a table of splits also of the test set."""
    folder = root / "voicebank_demand"
    if not folder.is_dir():
        return None
    sets = [each for each in ("trainset_56spk", "trainset_28spk") if (folder / f"clean_{each}_wav").is_dir()][:1]
    if any("split" in line for line in read_table(folder).values()) and (folder / "clean_testset_wav").is_dir():
        sets.append("testset")
    if not sets:
        raise CorpusError(f"{folder} has no training set (clean_trainset_56spk_wav): unpack doi 10.7488/ds/2117")
    log: dict[str, tuple[str, float]] = {}  # noise and SNR in dB by name
    for path in sorted(path for each in sets for path in folder.rglob(f"log_{each}*.txt")):  # maybe in a folder below
        for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
            try:
                name, kind, label = line.split()
                log[name] = kind, float(label)
            except ValueError:
                raise CorpusError(f"{path}: {line!r} is not 'name noise snr'; mend the line") from None
    items = []
    for each in sets:
        folders = f"clean_{each}_wav", f"noisy_{each}_wav"
        clean, noisy = ({path.stem: path for path in sound_files(folder / side).values()} for side in folders)
        for name in sorted(clean.keys() | noisy.keys()):
            (noise, snr_db), speaker = log.get(name, ("unknown", None)), name.split("_")[0]
            item = Item(name, speaker, None, {"speaker": speaker, "noise_kind": noise}, folder, snr_db=snr_db)
            problem = "" if name in clean and name in noisy else f"no {name} in {folders[name in clean]}"
            items.append(replace(item, sound=clean.get(name, folder), mixture=noisy.get(name), problem=problem))
    return items


@layout("speech", "speech/<speaker>/ with noise/")
def speech_and_noise(root: Path) -> list[Item] | None:
    """Recordings below a folder for each speaker (as in LibriSpeech and VCTK), mixed here with those below noise/."""
    folder, noise = root / "speech", root / "noise"
    if not (folder.is_dir() and noise.is_dir()):
        return None
    items = []
    for file, path in sound_files(folder).items():
        speaker, below, _ = file.partition("/")
        problem = "" if below else "lies in no speaker's folder"
        items.append(Item(file, speaker, None, {"speaker": speaker}, folder, path, noise=noise, problem=problem))
    return items


def split_list() -> dict[str, dict[str, Any]]:
    """MUSDB18's 150 tracks (sigsep/website, tracklist.csv) by `_spelt` names: ``track``, its ``set``, our ``split``.

    IJCNN'20 (Section IV) does not publish its own. Here the training set is train, the test set, by name without regard
    to case, alternately validation and test.
    """
    lines: list[Any] = pd.read_csv(Path(__file__).with_name("musdb18_split.csv")).to_dict("records")
    return {_spelt(line["track"]): line for line in lines}


def _spelt(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


@layout("vocals", "musdb18hq/, musdb18/, train/ or test/ in the folder itself")
def musdb18(root: Path) -> list[Item] | None:
    """Songs of MUSDB18, or of any part of it, in folders of stems (HQ) and in stem files, which come second.

    The accompaniment is mixture - vocals, since stems sum up but for rounding or coding (and "PR - Oh No", HQ, not).
    Tracks that `split_list` lacks follow their folder, those in test/ alternately to validation and test.
    """
    folder = next((root / name for name in ("musdb18hq", "musdb18") if (root / name).is_dir()), root)
    paths = [path for each in ("train", "test") for path in folder.glob(f"{each}/[!.]*")]
    paths = [path for path in paths if path.is_dir() or path.name.casefold().endswith(STEM_FILE)]
    if not paths and folder != root:
        raise CorpusError(f"{folder}: no track in train/ or test/; unpack MUSDB18 (doi 10.5281/zenodo.1117372) into it")
    items, first, turns = list[Item](), dict[str, str](), cycle(("validation", "test"))
    tracks = split_list()
    for path in sorted(paths, key=lambda path: (path.is_file(), path.name.casefold(), path.parent.name != "train")):
        stems = {p.stem: p for p in sound_files(path).values()} if path.is_dir() else {"mixture": path, "vocals": path}
        file, name = path.relative_to(folder).as_posix(), path.name if path.is_dir() else path.name[: -len(STEM_FILE)]
        absent = next((stem for stem in ("mixture", "vocals") if stem not in stems), None)
        problem = f"neither {absent}.wav nor {absent}.flac is there; unpack the track again" if absent else ""
        if (twin := first.setdefault(_spelt(name), file)) != file:
            problem = f"the same track as {twin}"
        line = tracks.get(_spelt(name), {"track": name, "split": "train" if path.parent.name == "train" else ""})
        title, split = line["track"], line["split"] or (None if problem else next(turns))
        item = Item(file, title, split, {"title": title}, folder, stems.get("vocals", path), stems.get("mixture"))
        items.append(replace(item, movable=True, problem=problem))
    missing = [line["track"] for spelt, line in tracks.items() if spelt not in first]
    if items and missing and not any("split" in line for line in read_table(folder).values()):
        names = "; ".join(missing[:10]) + " ..." * (len(missing) > 10)
        warnings.warn(f"{folder}: {len(missing)} of MUSDB18's 150 tracks are not there: {names}", stacklevel=3)
    return items or None
