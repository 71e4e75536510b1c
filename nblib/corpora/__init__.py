"""Music, noisy speech and songs: embedded (made on the spot) and real (folders in the datasets' layouts)."""

from __future__ import annotations

from nblib.corpora.base import SPLITS, Corpus, Item, Mixture, MixtureCorpus, MusicCorpus, split_groups
from nblib.corpora.folders import MusicFolder
from nblib.corpora.mixtures import EmbeddedMixtures, measured_snr_db, mix
from nblib.corpora.musdb import Musdb
from nblib.corpora.registry import CORPORA, MusicSelection, music, speech_mixtures, vocal_mixtures
from nblib.corpora.scores import ScoresCorpus
from nblib.corpora.songs import EmbeddedSongs
from nblib.corpora.speakers import SpeakerNoiseFolders
from nblib.corpora.voicebank import VoiceBankDemand, active_level_db

__all__ = [
    "CORPORA",
    "SPLITS",
    "Corpus",
    "EmbeddedMixtures",
    "EmbeddedSongs",
    "Item",
    "Mixture",
    "MixtureCorpus",
    "Musdb",
    "MusicCorpus",
    "MusicFolder",
    "MusicSelection",
    "ScoresCorpus",
    "SpeakerNoiseFolders",
    "VoiceBankDemand",
    "active_level_db",
    "measured_snr_db",
    "mix",
    "music",
    "speech_mixtures",
    "split_groups",
    "vocal_mixtures",
]
