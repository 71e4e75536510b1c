"""One corpus type for music, noisy speech and songs; what is read, checked and chosen of a layout's items for one."""

import importlib.metadata
import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from nblib.audio import SILENCE, check_signal, loudest, read, resample
from nblib.audio.signals import filter_edge, labelled_snr_db, limited, measured_snr_db, mix, noise_segment
from nblib.corpora.layouts import LAYOUTS, LOSSY, SPLITS, Item, complete, sound_files, source_of
from nblib.errors import AudioError, CorpusError, check_choice
from nblib.parallel import cores
from nblib.provenance import config_hash, random_generator

VERSION = 2  # raised with any change that changes a sample
SPEECH_FRACTIONS = (4000 / 5800, 1200 / 5800, 600 / 5800)  # IJCNN'20 Section IV, as of songs; of music MM'19 Section 3
DEALT = {  # what a kind's groups are, and the fractions that go to train, validation and test
    "music": ("music", (0.7, 0.2, 0.1)),
    "speech": ("speakers", SPEECH_FRACTIONS),
    "noise": ("noise sources", SPEECH_FRACTIONS),
    "vocals": ("songs", (100 / 150, 25 / 150, 25 / 150)),
}
SNR_DB = 0.0  # of speech in noise: IJCNN'20 Section IV
SNR_LIMITS_DB = (-120.0, 120.0)  # a silent song keeps a finite SNR in CSV and JSON; 16-bit sound spans 96 dB


@dataclass(frozen=True)
class Corpus:
    """Recordings of one kind, no group of them in two splits; made by `open_corpus`."""

    name: str
    kind: str
    sample_rate: int  # Hz
    seed: int
    sizes: Mapping[str, int]
    seconds: float | None
    skipped: dict[str, str] = field(default_factory=dict, repr=False)  # what cannot be used, and why
    seen: dict[str, str] = field(default_factory=dict, repr=False)  # files by digest, so that no copy is used
    chosen: Sequence[Item] = field(default=(), repr=False)
    licence: str = "that of the recordings"
    citation: str = ""

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the settings and any sample in use, not with the place."""
        settings = [VERSION, self.kind, self.sample_rate, self.seed, importlib.metadata.version("soxr")]
        facts = [(it.name, it.group, it.split, it.digest, it.start, it.seconds, it.snr_db) for it in self.chosen]
        return config_hash([settings, facts])

    def items(self, split: str | None = None) -> list[Item]:
        """The items of one split, or all; a larger size only adds items at a split's end."""
        check_choice("split", split or "train", SPLITS)
        return [item for item in self.chosen if split in (None, item.split)]

    def load(self, item: Item) -> Any:
        """Music: mono samples [shape=(n,)], float32, made quieter to lie in [-1, 1]; else a `Mixture`, `limited`."""
        parts, own_rate = item.sounds()
        target, *mixture = (resample(part, own_rate, self.sample_rate) for part in parts)
        if mixture:
            return limited(target, mixture[0] - target)
        if item.noise is None:
            return target / np.float32(max(1.0, float(np.abs(target).max())))
        recorded, own_rate = read(item.noise)
        length = -(-len(target) * own_rate // self.sample_rate)
        segment = noise_segment(recorded, length, random_generator(self.seed, "noise segment", item.file))
        return mix(target, resample(segment, own_rate, self.sample_rate)[: len(target)], SNR_DB)

    def usable(self, items: Iterable[Item], limit: int | None = None) -> list[Item]:
        """The first `limit` that can be used, read in threads, no further than needed; `skipped` names the others."""
        kept, rest = list[Item](), iter(items)
        while batch := list(itertools.islice(rest, None if limit is None else limit - len(kept))):
            with ThreadPoolExecutor(cores()) as pool:
                list(pool.map(self._look, [item for item in batch if not (item.problem or item.digest)]))
            for item in batch:
                twin = self.seen.setdefault(item.digest or item.file, item.file)
                item.problem = item.problem or f"the same sound as {twin}" * (twin != item.file)
            self.skipped.update({item.file: item.problem for item in batch if item.problem})
            kept += [item for item in batch if item.digest and not item.problem]
        return kept

    def _look(self, item: Item) -> None:
        """Enter part, digest and SNR, or the problem; of a pair that is not at 0 dB no digest."""
        item.seconds = self.seconds if self.kind == "music" else item.seconds
        try:
            parts, rate = item.sounds()
            check_signal(parts[-1], item.file, minimum_samples=1 if self.kind == "speech" else rate)
            samples = b"".join([str(rate).encode(), *(part.tobytes() for part in parts)])
            item.seconds, item.digest = len(parts[0]) / rate, sha256(samples).hexdigest()[:24]
            examine = self._song if self.kind == "vocals" else self._pair if item.mixture else self._recording
            examine(item, rate, *parts)
        except (AudioError, soundfile.SoundFileError) as error:
            item.problem = str(error).removeprefix(f"{item.sound}: ")

    def _recording(self, item: Item, rate: int, samples: np.ndarray) -> None:
        if self.kind == "speech":
            if (level := 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64))))) < -60:
                raise AudioError(f"near-silent: {level:.1f} dB of full scale")
            return
        suffix = item.sound.suffix.lower()
        coding = suffix if suffix in LOSSY else soundfile.info(item.sound).subtype
        if not coding.startswith(("PCM", "FLOAT", "DOUBLE")):
            raise AudioError(f"coded lossily ({coding}): networks would learn what that left; take the original")
        if (edge := filter_edge(samples, rate)) < (0.95 if edge == rate / 2 else 1.05) * self.sample_rate / 2:
            item.note = f"nothing above {edge / 1000:.1f} kHz: resampled, or from a lossy codec; a lower rate would do"

    def _pair(self, item: Item, rate: int, clean: np.ndarray, noisy: np.ndarray) -> None:
        check_signal(clean, item.sound)
        if np.array_equal(clean, noisy):
            raise AudioError("noisy and clean are the same")
        snr_db = labelled_snr_db(clean, noisy - clean, rate) if item.snr_db is None else item.snr_db
        is_wanted = abs(snr_db - SNR_DB) <= 1.25  # half the least step between VoiceBank-DEMAND's SNRs
        item.snr_db, item.digest = round(snr_db, 2), item.digest * is_wanted

    def _song(self, item: Item, rate: int, vocals: np.ndarray, mixture: np.ndarray) -> None:
        if not (rest := mixture - vocals).any():
            raise AudioError("mixture and vocals are the same: there is nothing to separate")
        is_silent, is_quiet = np.abs(vocals).max() < SILENCE, measured_snr_db(vocals, rest) < -15
        kind = "silent" if is_silent else "very quiet" if is_quiet else "present"
        part = loudest(rest if is_silent else vocals, round(self.seconds * rate) if self.seconds else len(vocals))
        if item.snr_db is None:
            item.snr_db = round(float(np.clip(measured_snr_db(vocals[part], rest[part]), *SNR_LIMITS_DB)), 2)
        item.start, item.seconds = item.start + part.start / rate, (part.stop - part.start) / rate
        item.info["vocals"], item.note = kind, f"{kind} vocals" * (kind != "present")


def open_corpus(
    kind: str, root: str | Path, *, sample_rate: int, seed: int, sizes: Mapping[str, int], seconds: float | None = None
) -> Corpus:
    """Recordings of "music" (lossless), "speech" (with noise, at 0 dB) or "vocals" (in songs) below `root`.

    The seed deals groups to splits, draws the order, and what is mixed with what. `sizes` has the most items of a
    split, all where it does not name one. Of music the first `seconds` are used, of songs those in which the vocals
    (where silent: the rest) have most energy; all without. Warnings name what is skipped and what to know of the rest.
    """
    if not Path(root).is_dir():
        raise CorpusError(f"{root}: no such folder; give the one that holds the recordings (--data-root)")
    problems = [f"{root}: no {kind} that can be used; looked for {'; '.join(LAYOUTS[kind])}"]
    for looks_for, find in LAYOUTS[kind].items():
        corpus = Corpus(find.__name__, kind, sample_rate, seed, sizes, seconds)
        try:
            if (items := find(Path(root))) is None:
                continue
            chosen = [*{item.name: item for item in choose(items, corpus)}.values()]
        except CorpusError as error:
            problems.append(str(error))
            continue
        notes = {item.file: item.note for item in chosen if item.note}
        for what, reasons in (("skipped", corpus.skipped), ("used, but", notes)):
            if reasons:
                warnings.warn(f"{corpus.name}: {len(reasons)} {what}{_listed(reasons)}", stacklevel=2)
        if problems[1:]:
            warnings.warn(f"{problems[-1]}\ntaking {looks_for} instead", stacklevel=2)
        known = pd.read_csv(Path(__file__).with_name("licences.csv"), index_col="layout").T
        files = {"licence": chosen[0].folder / "LICENCE.txt", "citation": chosen[0].folder / "CITATION.bib"}
        own = {text: path.read_text(encoding="utf-8").strip() for text, path in files.items() if path.is_file()}
        return replace(corpus, chosen=chosen, **dict(known.get(corpus.name, {})) | own)
    raise CorpusError("\n".join(problems))


def _listed(reasons: Mapping[str, str]) -> str:
    first = [f"\n  {file}: {reason}" for file, reason in list(reasons.items())[:10]]
    return "".join(first) + f"\n  and {len(reasons) - 10} more" * (len(reasons) > 10)


def choose(items: list[Item], corpus: Corpus) -> Iterator[Item]:
    """The items in use, split by split."""
    complete(items, corpus.skipped)
    parts = [part for item in items for part in item.cut()]
    corpus.usable(item for item in parts if item.problem)
    found = [item for item in parts if not item.problem]
    # Speech is read no further than needed; elsewhere no copy may lie in another split.
    is_speech = corpus.kind == "speech"
    found = [item for item in found if item.snr_db in (None, SNR_DB)] if is_speech else corpus.usable(found)
    try:
        for split, dealt in deal(found, corpus, corpus.kind).items():
            kept = taken(dealt, split, corpus.sizes.get(split), corpus)
            if kept[0].noise:
                add_noise(kept, kept[0].noise, split, corpus)
            for item in kept:
                item.split, start, seconds = split, round(item.start, 3), round(item.seconds or 0.0, 3)
                level = {} if item.snr_db is None else {"snr_db": item.snr_db}
                item.info = {**item.info, "file": item.file, "start": start, "seconds": seconds, **level}
            yield from kept
    except CorpusError as error:
        snrs = sorted(item.snr_db for item in parts if item.snr_db is not None and item.mixture)
        wanted = f" (wanted 0 dB, found {snrs[0]:g} to {snrs[-1]:g} dB)" if snrs and is_speech else ""
        raise CorpusError(f"{error}{wanted}; {len(corpus.skipped)} skipped{_listed(corpus.skipped)}") from error


def deal(items: Sequence[Item], corpus: Corpus, kind: str) -> dict[str, list[Item]]:
    """`items` by wanted splits; those without one follow their group, other groups the seed deals out.

    Movable ones, too, where a wanted split would have no song with vocals; their silent ones train.
    """
    splits = [split for split in SPLITS if corpus.sizes.get(split, 1)]
    sung = {item.split for item in items if item.info.get("vocals") != "silent"}
    is_sung = {split: split in sung for split in splits}
    if not all(is_sung.values()) and any(item.movable for item in items):
        warnings.warn(f"too few songs with vocals to keep the list's split ({is_sung}): dealt out anew", stacklevel=4)
        for item in items:
            if item.movable:
                item.split = "train" if item.info["vocals"] == "silent" else None
    given: dict[str, str] = {}
    for item in items:
        if item.split and given.setdefault(item.group, item.split) != item.split:
            clash = f"is for {item.split} and shares its group {item.group!r} with one for {given[item.group]}"
            raise CorpusError(f"{item.file} {clash}; give both one split in items.csv, or each a group of its own")
    rest, (what, fractions) = [item.group for item in items if item.group not in given], DEALT[kind]
    if rest or not given:
        given |= split_groups(rest, fractions, corpus.seed, what)
    return {split: [item for item in items if given[item.group] == split] for split in splits}


def split_groups(groups: Sequence[str], fractions: tuple[float, float, float], seed: int, what: str) -> dict[str, str]:
    """Deal `groups` out to train, validation and test in about `fractions`, at least one each, the order by `seed`."""
    if len(different := sorted(set(groups))) < 3:
        found = f"{what}: {len(different)} group(s) found ({', '.join(different) or 'none'})"
        raise CorpusError(f"{found}, at least 3 are needed to split: add recordings of others")
    order = [different[index] for index in random_generator(seed, "split", what).permutation(len(different))]
    validation, test = (max(1, round(fraction * len(order))) for fraction in fractions[1:])
    validation, test = (1, 1) if test + validation >= len(order) else (validation, test)
    splits = ["test"] * test + ["validation"] * validation + ["train"] * (len(order) - test - validation)
    return dict(zip(order, splits, strict=True))


def taken(items: Sequence[Item], what: str, limit: int | None, corpus: Corpus) -> list[Item]:
    """Usable ones of `items` in an order drawn from the seed, groups in turn, beginnings first, silent vocals last."""
    drawn = [items[place] for place in random_generator(corpus.seed, "order", what).permutation(len(items))]
    drawn.sort(key=lambda item: (item.info.get("vocals") == "silent", item.start if item.noise else 0.0))
    turns = {item.group: itertools.count() for item in items}
    if not (kept := corpus.usable(sorted(drawn, key=lambda item: next(turns[item.group])), limit)):
        raise CorpusError(f"no usable recording for {what}")
    return kept


def add_noise(items: list[Item], pool: Path, split: str, corpus: Corpus) -> None:
    """Give each of a split's items a recording of the folder `pool` that falls to the split; sources take turns."""
    found = [Item(file, source_of(file), folder=pool, sound=path) for file, path in sound_files(pool).items()]
    heard = taken(deal(found, corpus, "noise")[split], "noise", len(items), corpus)
    for item, noise in zip(items, itertools.cycle(heard), strict=False):
        item.noise, item.digest, item.snr_db = noise.sound, item.digest + noise.digest, SNR_DB
        item.info = {**item.info, "noise_source": noise.group, "noise": noise.file}
