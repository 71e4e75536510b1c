"""The papers' configuration in one place, and each profile as what departs from it.

`PAPER` is IJCNN'20 Tables I and II, with MM'19 Tables 1 and 2 in its `mm19`, and, where the papers are silent, the
choices that the README lists; "quick" and "smoke" are differences from it and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from nblib.audio import Codec, Geometry
from nblib.corpora import music, speech_mixtures, vocal_mixtures
from nblib.corpora.base import MixtureCorpus, MusicCorpus
from nblib.errors import check_choice
from nblib.listening import PUBLISHED_TESTS
from nblib.networks import count_parameters
from nblib.training import NetworkSpec, Training


@dataclass(frozen=True)
class MusicSize:
    """How much music: pieces, and seconds of each (embedded); at most so many recordings of a real corpus."""

    pieces: int
    seconds: float


@dataclass(frozen=True)
class SpeechSize:
    """Utterances per split; IJCNN'20 Section IV: "approximately 4000, 1200, and 600"."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class SongSize:
    """Songs per split; IJCNN'20 Section IV: "100, 25, and 25 tracks respectively, ... several minutes in length".

    `seconds` of each, where they are not taken whole: of a real song those in which its vocals are strongest.
    """

    train: int
    validation: int
    test: int
    seconds: float | None = None


SPEECH, VOCALS = TASKS = ("speech", "vocals")

# IJCNN'20 Table I, rows "Number of Layers" and "F"; the counts of Table II follow (a test compares them).
SPEECH_CAPACITIES = {
    "P1": NetworkSpec(1, 1),
    "P2": NetworkSpec(1, 2),
    "P3": NetworkSpec(1, 4),
    "P4": NetworkSpec(2, 2),
    "P5": NetworkSpec(2, 4),
}
VOCAL_CAPACITIES = {
    "P1": NetworkSpec(2, 1),
    "P2": NetworkSpec(2, 4),
    "P3": NetworkSpec(3, 2),
    "P4": NetworkSpec(4, 2),
    "P5": NetworkSpec(5, 4),
}

# Gain of a spectral loss network's training patches, not given: a codec hardly depends on level. The time-domain
# network, without batch norm, treats all levels nearly alike, and gains cost it accuracy: after three epochs at "quick"
# 0.92 of the identity's l1 on validation patches instead of 0.88.
ANY_LEVEL_DB = (-20.0, 0.0)


@dataclass(frozen=True)
class Autoencoding:
    """MM'19: Table 1 (loss networks), Table 2 (autoencoder), Sections 4, 6.1 and 8.1; what is not there is marked."""

    geometry: Geometry = Geometry(sample_rate=16_000)  # 66,048 samples: spectral network, Models A, B and C
    time_geometry: Geometry = Geometry(sample_rate=16_000, frames=31)  # 16,384: time-domain network, Model D
    spectral: NetworkSpec = NetworkSpec(5, 32)
    spectral_training: Training = Training(learning_rate=1e-3, batch_size=32, gain_db=ANY_LEVEL_DB)
    time_domain: NetworkSpec = NetworkSpec(8, 32, kind="wave_unet")
    time_domain_training: Training = Training(learning_rate=1e-4, batch_size=16)
    autoencoder: NetworkSpec = NetworkSpec(8, 12, kind="autoencoder")
    training: Training = Training(learning_rate=1e-3, batch_size=32)
    unit_epochs: int = 10  # how the weights of equations (2) to (4) are set is not given: as IJCNN'20 sets its own
    limit_hz: int = 3000
    broadband_limit_hz: int = 5000  # Section 8.1: "limited to a sample rate of 10000Hz instead of the 6000Hz"
    replicates: int = 3  # the paper trains one of each model
    broadband_replicates: int = 1


@dataclass(frozen=True)
class Settings:
    """One profile on one corpus: everything that an experiment needs to know.

    The defaults are IJCNN'20's (Table I, Section IV); a comment marks what the paper does not give.
    """

    profile: str = "paper"
    corpus: str = "embedded"
    data_root: str = ""
    seed: int = 0
    device: str = "cpu"
    geometry: Geometry = Geometry()
    domain: str = "sqrt"  # not given; the README says why
    codec: Codec = Codec("mp3", 16_000)
    music: MusicSize = MusicSize(2400, 30.0)  # 20 hours; the paper's own 10,000 tracks are not public
    speech: SpeechSize = SpeechSize(4000, 1200, 600)
    loss_network: NetworkSpec = NetworkSpec(6, 28)
    loss_training: Training = Training(learning_rate=1e-4, batch_size=32, gain_db=ANY_LEVEL_DB)
    mm19: Autoencoding = Autoencoding()
    songs: SongSize = SongSize(100, 25, 25)
    capacities: dict[str, dict[str, NetworkSpec]] = field(
        default_factory=lambda: {SPEECH: dict(SPEECH_CAPACITIES), VOCALS: dict(VOCAL_CAPACITIES)}
    )
    separation_training: Training = Training()
    loss_layers: str = "F"
    unit_epochs: int = 10
    replicates: int = 3  # networks trained per cell, from different seeds; the paper trains one
    configuration_network: NetworkSpec = NetworkSpec(2, 1)
    configuration_participants: int = PUBLISHED_TESTS["IJCNN'20 Figure 3"].participants
    cost_network: NetworkSpec = NetworkSpec(6, 28)  # whose configurations' time and memory are measured
    cost_batch: int = 16
    participants: int = PUBLISHED_TESTS["IJCNN'20 Figure 5"].participants
    listening_items: int = PUBLISHED_TESTS["IJCNN'20 Figure 5"].items

    def seeds(self) -> tuple[int, ...]:
        """One seed per replicate."""
        return tuple(range(self.seed, self.seed + self.replicates))

    def music_corpus(self, sample_rate: int | None = None) -> MusicCorpus:
        """Lossless music for the loss network, or the same at another `sample_rate` (Hz): MM'19's is 16,000."""
        rate, size = sample_rate or self.geometry.sample_rate, self.music
        return _music(self.corpus, self.data_root, rate, self.seed, size.pieces, size.seconds)

    def mixture_corpus(self, task: str) -> MixtureCorpus:
        """Speech in noise at 0 dB, or songs with their vocals as target.

        Raises
        ------
        ParameterError
            The task is unknown.
        """
        check_choice("task", task, TASKS)
        rate, size = self.geometry.sample_rate, self.speech if task == SPEECH else self.songs
        where = (self.corpus, self.data_root, rate, self.seed, size.train, size.validation, size.test)
        return _speech(*where) if task == SPEECH else _songs(*where, self.songs.seconds)


# Kept, because a real corpus is surveyed, and its unusable files are named, once.
_music = lru_cache(maxsize=4)(music)
_speech = lru_cache(maxsize=4)(speech_mixtures)
_songs = lru_cache(maxsize=4)(vocal_mixtures)

PAPER = Settings()

# What each profile changes. Narrower loss networks and less material let "quick" train on two cores in minutes, with
# learning rates and batches to match. Pieces of 21 s are cut into whole patches at both rates.
PROFILES: dict[str, dict[str, Any]] = {
    "paper": {},
    "quick": {
        "music": MusicSize(60, 21.0),
        "speech": SpeechSize(160, 32, 16),
        "songs": SongSize(40, 8, 6, seconds=12.0),
        "loss_network": NetworkSpec(6, 8),
        "loss_training": Training(
            learning_rate=2e-3, decay=6e-3, batch_size=2, max_epochs=3, gain_db=ANY_LEVEL_DB, epoch_share=0.75
        ),
        "separation_training": Training(
            learning_rate=5e-3,
            decay=3e-3,
            batch_size=2,
            max_epochs=7,
            patience=5,
            min_improvement=2e-3,
            epoch_share=0.5,
        ),
        "mm19": Autoencoding(
            spectral=NetworkSpec(5, 8),
            spectral_training=Training(
                learning_rate=1e-3, batch_size=8, max_epochs=8, patience=3, min_improvement=0.01, gain_db=ANY_LEVEL_DB
            ),
            time_domain=NetworkSpec(8, 4, kind="wave_unet"),
            time_domain_training=Training(learning_rate=1e-3, decay=5e-4, batch_size=1, max_epochs=3),
            training=Training(learning_rate=5e-4, decay=5e-4, batch_size=1, max_epochs=4, epoch_share=0.22),
            unit_epochs=1,
            replicates=2,
        ),
        "unit_epochs": 2,
        "replicates": 2,
        "cost_batch": 4,
    },
    "smoke": {
        "geometry": Geometry(frames=64),
        "music": MusicSize(6, 8.0),
        "speech": SpeechSize(12, 4, 5),
        "loss_network": NetworkSpec(3, 2),
        "loss_training": Training(learning_rate=3e-3, batch_size=4, max_epochs=3, gain_db=ANY_LEVEL_DB),
        "mm19": Autoencoding(
            geometry=Geometry(sample_rate=16_000, frames=32),
            spectral=NetworkSpec(3, 2),
            spectral_training=Training(learning_rate=3e-3, batch_size=4, max_epochs=2, gain_db=ANY_LEVEL_DB),
            time_domain=NetworkSpec(8, 2, kind="wave_unet"),
            time_domain_training=Training(learning_rate=2e-3, batch_size=4, max_epochs=1),
            autoencoder=NetworkSpec(8, 4, kind="autoencoder"),
            training=Training(learning_rate=2e-3, batch_size=4, max_epochs=2),
            unit_epochs=1,
            replicates=1,
        ),
        "songs": SongSize(6, 3, 3, seconds=4.0),
        "capacities": {
            task: {name: own[name] for name in ("P1", "P5")}
            for task, own in ((SPEECH, SPEECH_CAPACITIES), (VOCALS, VOCAL_CAPACITIES))
        },
        "separation_training": Training(learning_rate=5e-3, batch_size=1, max_epochs=6),
        "unit_epochs": 1,
        "replicates": 1,
        "configuration_participants": 4,
        "cost_network": NetworkSpec(4, 2),
        "cost_batch": 2,
        "participants": 4,
    },
}


def settings(profile: str = "quick", corpus: str = "embedded", **changes: Any) -> Settings:
    """The settings of a profile, with further `changes` of single fields.

    Raises
    ------
    ParameterError
        The profile, the corpus or a field is unknown; the nearest known name is given.
    """
    check_choice("profile", profile, PROFILES)
    check_choice("corpus", corpus, ("embedded", "real"))
    for name in changes:
        check_choice("parameter", name, Settings.__dataclass_fields__)
    return replace(PAPER, profile=profile, corpus=corpus, **PROFILES[profile] | changes)


def parameter_count(spec: NetworkSpec) -> int:
    """Trainable parameters, counted on the network itself."""
    return count_parameters(spec.build())
