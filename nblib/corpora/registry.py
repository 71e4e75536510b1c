"""A corpus by name: ``embedded`` is made on the spot, ``real`` is looked for in a folder by stated folder names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from nblib import paths, tensors
from nblib.corpora.base import SPLITS, Item, Mixture, MixtureCorpus, MusicCorpus
from nblib.corpora.folders import LOSSLESS, SPLIT, MusicFolder
from nblib.corpora.mixtures import EmbeddedMixtures
from nblib.corpora.musdb import Musdb
from nblib.corpora.musdb_split import SETS as SONG_SETS
from nblib.corpora.scores import ScoresCorpus
from nblib.corpora.songs import EmbeddedSongs
from nblib.corpora.speakers import SpeakerNoiseFolders
from nblib.corpora.voicebank import SETS, VoiceBankDemand
from nblib.errors import CorpusError, ParameterError, check_choice
from nblib.provenance import config_hash, random_generator

CORPORA = ("embedded", "real")
MUSIC_FOLDER = "lossless_music"
SONGS_FOLDER, STEM_FILES_FOLDER = "musdb18hq", "musdb18"
PAIRS_FOLDER = "voicebank_demand"
SPEECH_FOLDER, NOISE_FOLDER = "speech", "noise"

SONG_SECONDS = 180.0
"""Length of an embedded song: IJCNN'20 Section IV has tracks of several minutes."""


@dataclass(frozen=True)
class MusicSelection:
    """`pieces` recordings of a folder, 70/20/10 as far as its splits reach, drawn by the folder's seed."""

    folder: MusicFolder
    pieces: int

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.name

    @property
    def licence(self) -> str:
        """The folder's."""
        return self.folder.licence

    @property
    def citation(self) -> str:
        """The folder's."""
        return self.folder.citation

    @property
    def sample_rate(self) -> int:
        """The folder's, in Hz."""
        return self.folder.sample_rate

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the folder's and with the number of pieces."""
        return config_hash(["selection", self.folder.fingerprint, self.pieces])

    def items(self, split: str | None = None) -> Sequence[Item]:
        """The chosen items of one split, or all, in the folder's order."""
        if split is None:
            return [item for each in SPLITS for item in self.items(each)]
        items = self.folder.items(split)
        size = max(1, round(SPLIT[SPLITS.index(split)] * self.pieces))
        order = random_generator(self.folder.seed, "selection", split).permutation(len(items))
        return [items[place] for place in sorted(order[:size])]

    def load(self, item: Item) -> np.ndarray:
        """As `MusicFolder.load`."""
        return self.folder.load(item)


@dataclass(frozen=True)
class KeptScores(ScoresCorpus):
    """A `ScoresCorpus` whose pieces, played once, are kept in the cache as the 16-bit samples that they are."""

    def load(self, item: Item) -> np.ndarray:
        """As `ScoresCorpus.load`."""
        path = paths.cache() / f"music-{self.fingerprint}" / f"{item.name}.safetensors"
        if not path.exists():
            samples = np.round(super().load(item) * 32768).astype(np.int16)
            tensors.save(path, {"samples": torch.from_numpy(samples)}, item.name)
        found, _ = tensors.load(path)
        return found["samples"].numpy().astype(np.float32) / 32768


@dataclass(frozen=True)
class KeptSongs(EmbeddedSongs):
    """`EmbeddedSongs` whose songs, sung once, are kept in the cache, float32 as they are."""

    def load(self, item: Item) -> Mixture:
        """As `EmbeddedSongs.load`."""
        path = paths.cache() / f"songs-{self.fingerprint}" / f"{item.name}.safetensors"
        if not path.exists():
            sung = super().load(item)
            parts = {"target": torch.from_numpy(sung.target), "noise": torch.from_numpy(sung.noise)}
            tensors.save(path, parts, item.name)
        found, _ = tensors.load(path)
        target, noise = found["target"].numpy(), found["noise"].numpy()
        return Mixture(target, noise, target + noise)


def music(
    corpus: str,
    data_root: str | Path | None = None,
    sample_rate: int = 22_050,
    seed: int = 0,
    pieces: int = 60,
    seconds: float = 30.0,
) -> MusicCorpus:
    """Lossless music for codec pairs.

    Parameters
    ----------
    corpus : {"embedded", "real"}
        ``real`` takes the first of these that is there: ``lossless_music`` in `data_root`, `data_root` itself if it
        holds WAV or FLAC files, ``musdb18hq`` in it (the songs' mixtures).
    data_root : str or Path
        Needed for ``real``.
    sample_rate : int
        In Hz.
    seed : int
    pieces, seconds : int, float
        Number and length of the pieces; limits for ``real``.

    Raises
    ------
    ParameterError
        `corpus` is unknown, or `data_root` is missing.
    CorpusError
        Nothing that can be used lies in `data_root`; the message says what was looked for.
    """
    check_choice("corpus", corpus, CORPORA)
    if corpus == "embedded":
        return KeptScores(pieces=pieces, seconds=seconds, sample_rate=sample_rate, seed=seed)
    folder = _music_folder(_root(data_root))
    found = MusicFolder(folder, sample_rate=sample_rate, seed=seed, max_seconds=seconds)
    return found if len(found.items()) <= pieces else MusicSelection(found, pieces)


def _music_folder(root: Path) -> Path:
    if (root / MUSIC_FOLDER).is_dir():
        return root / MUSIC_FOLDER
    if any(path.suffix.lower() in LOSSLESS for path in root.iterdir()):
        return root
    if (root / SONGS_FOLDER).is_dir():
        return root / SONGS_FOLDER
    raise CorpusError(
        f"{root}: no music; looked for {MUSIC_FOLDER}/, WAV or FLAC files in the folder itself, and {SONGS_FOLDER}/"
    )


def speech_mixtures(
    corpus: str,
    data_root: str | Path | None = None,
    sample_rate: int = 22_050,
    seed: int = 0,
    train: int = 4000,
    validation: int = 1200,
    test: int = 600,
    snr_db: float = 0.0,
) -> MixtureCorpus:
    """Noisy speech with its clean target.

    Parameters
    ----------
    corpus : {"embedded", "real"}
        ``real`` takes ``voicebank_demand`` in `data_root` if it has a training set with enough pairs at `snr_db`, else
        ``speech`` (a folder per speaker) with ``noise``, mixed here; it warns where the first was there and not used.
    data_root : str or Path
        Needed for ``real``.
    sample_rate : int
        In Hz.
    seed : int
    train, validation, test : int
        Mixtures in each split (IJCNN'20 Section IV: about 4000, 1200, 600); limits for ``real``.
    snr_db : float
        Signal-to-noise ratio in dB.

    Raises
    ------
    ParameterError
        `corpus` is unknown, or `data_root` is missing.
    CorpusError
        Nothing that can be used lies in `data_root`; the message says what was looked for.
    """
    check_choice("corpus", corpus, CORPORA)
    sizes = {"train": train, "validation": validation, "test": test}
    if corpus == "embedded":
        return EmbeddedMixtures(**sizes, sample_rate=sample_rate, seed=seed, snr_db=snr_db)
    root = _root(data_root)
    speech, noise = root / SPEECH_FOLDER, root / NOISE_FOLDER
    pairs = VoiceBankDemand(root / PAIRS_FOLDER, **sizes, sample_rate=sample_rate, seed=seed, snr_db=snr_db)
    problem = _problem(pairs)
    if problem is None:
        return pairs
    if not (speech.is_dir() and noise.is_dir()):
        raise CorpusError(
            f"{root}: no noisy speech; looked for {PAIRS_FOLDER}/ ({problem}) and for {SPEECH_FOLDER}/<speaker>/ with "
            f"{NOISE_FOLDER}/"
        )
    if (root / PAIRS_FOLDER).is_dir():
        warnings.warn(f"{problem}; taking {SPEECH_FOLDER}/ mixed with {NOISE_FOLDER}/ instead", stacklevel=2)
    return SpeakerNoiseFolders(speech, noise, **sizes, sample_rate=sample_rate, seed=seed, snr_db=snr_db)


def vocal_mixtures(
    corpus: str,
    data_root: str | Path | None = None,
    sample_rate: int = 22_050,
    seed: int = 0,
    train: int = 100,
    validation: int = 25,
    test: int = 25,
    seconds: float | None = None,
) -> MixtureCorpus:
    """Songs with their vocals as target.

    Parameters
    ----------
    corpus : {"embedded", "real"}
        ``real`` takes the first of these that is there: ``musdb18hq`` in `data_root`, ``musdb18`` in it, `data_root`
        itself if it holds ``train`` or ``test``; each may have folders of stems and stem files.
    data_root : str or Path
        Needed for ``real``.
    sample_rate : int
        In Hz.
    seed : int
    train, validation, test : int
        Songs in each split (IJCNN'20 Section IV: 100, 25, 25); limits for ``real``.
    seconds : float, optional
        Length of the songs; by default 180 s for ``embedded``, whole tracks for ``real``.

    Raises
    ------
    ParameterError
        `corpus` is unknown, or `data_root` is missing.
    CorpusError
        Nothing that can be used lies in `data_root`; the message says what was looked for.
    """
    check_choice("corpus", corpus, CORPORA)
    sizes = {"train": train, "validation": validation, "test": test}
    if corpus == "embedded":
        return KeptSongs(
            **sizes, seconds=SONG_SECONDS if seconds is None else seconds, sample_rate=sample_rate, seed=seed
        )
    folder = _songs_folder(_root(data_root))
    return Musdb(folder, **sizes, seconds=seconds, sample_rate=sample_rate, seed=seed)


def _songs_folder(root: Path) -> Path:
    for folder in (root / SONGS_FOLDER, root / STEM_FILES_FOLDER):
        if folder.is_dir():
            return folder
    if any((root / each).is_dir() for each in SONG_SETS):
        return root
    raise CorpusError(
        f"{root}: no songs; looked for {SONGS_FOLDER}/, {STEM_FILES_FOLDER}/, and train/ or test/ in the folder itself"
    )


def _problem(pairs: VoiceBankDemand) -> str | None:
    """Why VoiceBank-DEMAND cannot be used for training, or None."""
    root = Path(pairs.root)
    if not root.is_dir():
        return f"{root} is not there"
    if not any((root / f"clean_{each}_wav").is_dir() for each in SETS if each.startswith("train")):
        return f"{root} has no training set (clean_trainset_56spk_wav or clean_trainset_28spk_wav)"
    try:
        pairs.items()
    except CorpusError as error:
        return str(error)
    return None


def _root(data_root: str | Path | None) -> Path:
    if data_root is None or not str(data_root):
        raise ParameterError("data_root=None: corpus 'real' needs the folder that holds the recordings (--data-root)")
    if not Path(data_root).is_dir():
        raise CorpusError(f"data_root={str(data_root)!r}: no such folder; give the one that holds the recordings")
    return Path(data_root)
