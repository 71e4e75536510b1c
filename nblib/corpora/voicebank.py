"""VoiceBank-DEMAND: pairs of clean and noisy speech in the layout it is published in."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from nblib.audio import check_signal, read, resample
from nblib.corpora.base import SPLITS, Item, Mixture, split_groups
from nblib.corpora.choosing import entry, in_turns, nothing_left, shuffled, take, warn_skipped
from nblib.corpora.mixtures import SPLIT_FRACTIONS, check_sizes, limited
from nblib.errors import AudioError, CorpusError, check_choice
from nblib.provenance import config_hash

SETS = ("trainset_56spk", "trainset_28spk", "testset")
"""The published sets, the first that is there is used (IJCNN'20 Section IV: the 56 speakers)."""

TOLERANCE_DB = 1.25
"""Half the least step between the dataset's SNRs (0, 5, 10, 15 dB; in its test set 2.5, 7.5, 12.5, 17.5)."""

CENSUS = 200
"""Pairs that are measured to say which SNRs there are."""


@dataclass(frozen=True)
class Pair:
    """A clean and a noisy recording of one name; `snr_db` is the log's, or measured where `measured` is true."""

    name: str
    snr_db: float
    noise: str = "unknown"
    measured: bool = True
    digest: int = 0

    @property
    def speaker(self) -> str:
        """``p226`` of ``p226_001``."""
        return self.name.split("_")[0]


@dataclass(frozen=True)
class VoiceBankDemand:
    """The pairs at one SNR, split by speaker.

    Layout: ``clean_<set>_wav/<name>.wav`` and ``noisy_<set>_wav/<name>.wav`` with <set> one of `SETS`, and, where it
    is there, ``log_<set>.txt`` with lines ``p226_001 cafe 15`` (name, noise, SNR in dB). A pair that no log names is
    measured: active level of speech (ITU-T P.56, as the dataset was mixed) over the noise's mean power. On 20 published
    pairs that came within 0.15 dB of the label, the plain energy ratio (`measured_snr_db`) 0.4 to 2.3 dB below.

    Parameters
    ----------
    root : Path or str
    train, validation, test : int >= 0
        Most pairs in each split (IJCNN'20 Section IV: about 4000, 1200 and 600); speakers take turns.
    sample_rate : int
        In Hz; the dataset has 48,000.
    seed : int
        Deals the speakers to the splits.
    snr_db : float
        Only pairs at this SNR: equal in the log, within 1.25 dB if measured.

    Raises
    ------
    CorpusError
        From `items` and `load`: the folders are missing or empty, or no pair is at `snr_db`, or too few speakers.
    """

    root: Path | str
    train: int = 4000
    validation: int = 1200
    test: int = 600
    sample_rate: int = 22_050
    seed: int = 0
    snr_db: float = 0.0
    name = "voicebank_demand"
    licence = "CC BY 4.0 (https://doi.org/10.7488/ds/2117)"
    citation = """@inproceedings{valentini2016investigating, title = {Investigating {RNN}-based speech enhancement
  methods for noise-robust text-to-speech}, author = {Valentini-Botinhao, Cassia and Wang, Xin and Takaki, Shinji and
  Yamagishi, Junichi}, booktitle = {9th ISCA Speech Synthesis Workshop}, pages = {146--152}, year = {2016}}"""

    def __post_init__(self) -> None:
        check_sizes(self)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits; changes with the settings and with any sample of a chosen pair."""
        settings = [self.name, self.sample_rate, self.seed, self.snr_db]
        return config_hash([settings, {split: list(self._found[0][split]) for split in SPLITS}])

    @property
    def skipped(self) -> Mapping[str, str]:
        """The pairs that were met and not used, with the reason; another SNR is no reason to be listed."""
        return self._found[1]

    def items(self, split: str | None = None) -> list[Item]:
        """The items of one split, or all. The first call reads the chosen pairs once."""
        if split is not None:
            check_choice("split", split, SPLITS)
        return [
            self._describe(each, number, pair)
            for each in SPLITS
            if split in (None, each)
            for number, pair in enumerate(self._found[0][each])
        ]

    def load(self, item: Item) -> Mixture:
        """Target, noise and mixture of `item`, float32 [shape=(n,)]: noise = noisy - clean, after resampling."""
        pair = entry(self._found[0], item.name, self.name)
        (clean, noisy), own_rate = read_pair(self.folders, pair.name)
        target, mixture = (resample(part, own_rate, self.sample_rate) for part in (clean, noisy))
        return limited(target, mixture - target)

    @cached_property
    def folders(self) -> tuple[Path, Path]:
        """The clean and the noisy folder of the first set that is there."""
        root = Path(self.root)
        for each in SETS:
            pair = root / f"clean_{each}_wav", root / f"noisy_{each}_wav"
            if all(folder.is_dir() for folder in pair):
                return pair
        wanted = ", ".join(f"clean_{each}_wav + noisy_{each}_wav" for each in SETS)
        raise CorpusError(f"{root}: none of {wanted} is there; unpack VoiceBank-DEMAND (doi 10.7488/ds/2117) into it")

    def pairs(self) -> list[Pair]:
        """All names that lie in both folders, with the log's SNR and noise, or NaN as SNR where no log has them."""
        clean, noisy = ({path.stem for path in each.glob("*.wav")} for each in self.folders)
        labels = self._labels()
        return [labels.get(name, Pair(name, float("nan"))) for name in sorted(clean & noisy)]

    def _labels(self) -> dict[str, Pair]:
        labels = {}
        folder = self.folders[0].name.removeprefix("clean_").removesuffix("_wav")
        for path in sorted(Path(self.root).rglob(f"log_{folder}*.txt")):
            for line in path.read_text(encoding="utf-8").splitlines():
                words = line.split()
                try:
                    name, noise, snr = words
                    labels[name] = Pair(name, float(snr), noise, measured=False)
                except ValueError:
                    if words:
                        raise CorpusError(f"{path}: {line!r} is not 'name noise snr'; mend the line") from None
        return labels

    def _describe(self, split: str, number: int, pair: Pair) -> Item:
        info: dict[str, str | float | int] = {
            "snr_db": pair.snr_db,
            "snr_from": "measured" if pair.measured else "log",
            "speaker": pair.speaker,
            "file": pair.name,
            "noise_kind": pair.noise,
        }
        return Item(f"{split}-{number:05d}", pair.speaker, split, info)

    @cached_property
    def _found(self) -> tuple[dict[str, list[Pair]], dict[str, str]]:
        skipped = self._alone()
        candidates = [pair for pair in self.pairs() if pair.measured or pair.snr_db == self.snr_db]
        speakers = [pair.speaker for pair in candidates]
        if len(set(speakers)) < len(SPLITS):
            raise self._too_few(f"{len(set(speakers))} speaker(s) for three splits")
        dealt = split_groups(speakers, SPLIT_FRACTIONS, self.seed, "speakers")
        chosen: dict[str, list[Pair]] = {}
        for split in SPLITS:
            own = [pair for pair in candidates if dealt[pair.speaker] == split]
            turns = in_turns(shuffled(own, self.seed, "pairs"), lambda pair: pair.speaker)
            check = partial(checked_pair, self.folders, self.snr_db)
            chosen[split] = take(turns, getattr(self, split), check, lambda pair: pair.name, skipped)
            if getattr(self, split) and not chosen[split]:
                raise self._too_few(f"none for {split}", skipped)
        warn_skipped(self.name, skipped)
        return chosen, skipped

    def _alone(self) -> dict[str, str]:
        """Files that lie in one of the two folders only."""
        clean, noisy = ({path.stem for path in each.glob("*.wav")} for each in self.folders)
        missing = {name: f"no {name} in {self.folders[1].name}" for name in sorted(clean - noisy)}
        return missing | {name: f"no {name} in {self.folders[0].name}" for name in sorted(noisy - clean)}

    def _too_few(self, what: str, skipped: Mapping[str, str] | None = None) -> CorpusError:
        """The error for too few pairs: says which SNRs there are, measured on up to 200 pairs where no log says it."""
        pairs = self.pairs()
        if not pairs:
            return nothing_left(str(self.folders[0].parent), skipped or self._alone())
        known = [pair for pair in pairs if not pair.measured]
        read_now = (checked_pair(self.folders, None, pair) for pair in pairs[:CENSUS] if pair.measured)
        known += [pair for pair in read_now if isinstance(pair, Pair)]
        steps = Counter(round(pair.snr_db / 2.5) * 2.5 for pair in known)
        found = ", ".join(f"{snr:g} dB: {count}" for snr, count in sorted(steps.items()))
        speakers = len({pair.speaker for pair in pairs})
        return CorpusError(
            f"{self.root}: too few pairs at {self.snr_db:g} dB in {self.folders[1].name}: {what}; found "
            f"{found or 'none'} from {speakers} speaker(s); choose one of these as snr_db, or add the 56-speaker set"
        )


def active_level_db(samples: np.ndarray, sample_rate: int) -> float:
    """Active speech level by ITU-T P.56, method B, in dB of full scale.

    The mean power over the time in which the smoothed envelope lies no more than 15.9 dB below that very mean power,
    pauses up to 0.2 s included.

    Parameters
    ----------
    samples : float [shape=(n,)], full scale 1, not silent
    sample_rate : int
        In Hz.
    """
    decay = np.exp(-1 / (0.03 * sample_rate))
    envelope = lfilter([1 - decay], [1, -decay], np.abs(samples, dtype=np.float64))
    envelope = lfilter([1 - decay], [1, -decay], envelope)
    energy, place = np.sum(np.square(samples, dtype=np.float64)), np.arange(len(samples))
    previous: tuple[float, float] | None = None
    for threshold in 2.0 ** np.arange(-15, 1):
        last = np.maximum.accumulate(np.where(envelope >= threshold, place, -sample_rate))
        active = np.count_nonzero(place - last <= 0.2 * sample_rate)
        if not active:
            break
        level = 10 * float(np.log10(energy / active))
        margin = level - 20 * float(np.log10(threshold))
        if margin <= 15.9:
            if previous is None:
                return level
            share = (previous[1] - 15.9) / (previous[1] - margin)
            return previous[0] + share * (level - previous[0])
        previous = level, margin
    return 10 * float(np.log10(energy / len(samples)))


def labelled_snr_db(clean: np.ndarray, noise: np.ndarray, sample_rate: int) -> float:
    """The SNR as VoiceBank-DEMAND was mixed: active level of `clean` over the mean power of `noise`, in dB."""
    power = float(np.mean(np.square(noise, dtype=np.float64)))
    return active_level_db(clean, sample_rate) - 10 * float(np.log10(power)) if power > 0 else float("inf")


def read_pair(folders: tuple[Path, Path], name: str) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """Clean and noisy samples [shape=(n,)] of one name and their sample rate in Hz.

    Raises
    ------
    AudioError
        A file cannot be used, is silent, or the two differ in length or sample rate.
    """
    read_both = []
    for folder in folders:
        path = folder / f"{name}.wav"
        samples, sample_rate = read(path)
        check_signal(samples, path)
        read_both.append((samples, sample_rate))
    (clean, rate), (noisy, other_rate) = read_both
    if len(clean) != len(noisy) or rate != other_rate:
        raise AudioError(
            f"{name}: clean has {len(clean)} samples at {rate} Hz, noisy {len(noisy)} "
            f"at {other_rate} Hz; copy both again"
        )
    return (clean, noisy), rate


def checked_pair(folders: tuple[Path, Path], snr_db: float | None, pair: Pair) -> Pair | str | None:
    """`pair` with its measured SNR and digest; the reason where it cannot be used; None where it has another SNR."""
    try:
        (clean, noisy), sample_rate = read_pair(folders, pair.name)
    except AudioError as error:
        return str(error)
    if np.array_equal(clean, noisy):
        return "noisy and clean are the same"
    snr = labelled_snr_db(clean, noisy - clean, sample_rate) if pair.measured else pair.snr_db
    if snr_db is not None and abs(snr - snr_db) > TOLERANCE_DB:
        return None
    digest = zlib.crc32(noisy.tobytes(), zlib.crc32(clean.tobytes()))
    return replace(pair, snr_db=round(snr, 2), digest=digest)
