"""The experiments at the least size, made once for all files that look at their results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nblib.audio import Geometry
from nblib.experiments import (
    Settings,
    autoencoding,
    broadband,
    capacity,
    configurations,
    listening,
    loss_network,
    preferences,
    redistribution,
    settings,
)
from nblib.experiments.settings import (
    SPEECH_CAPACITIES,
    VOCAL_CAPACITIES,
    Autoencoding,
    MusicSize,
    SongSize,
    SpeechSize,
)
from nblib.training import NetworkSpec, Training

LEAST = settings(
    "smoke",
    geometry=Geometry(frames=16),
    music=MusicSize(3, 4.0),
    speech=SpeechSize(6, 3, 3),
    songs=SongSize(3, 2, 2, seconds=3.0),
    capacities={
        "speech": {name: SPEECH_CAPACITIES[name] for name in ("P1", "P5")},
        "vocals": {name: VOCAL_CAPACITIES[name] for name in ("P1", "P2")},  # P5 needs patches of 32 frames
    },
    loss_network=NetworkSpec(2, 2),
    loss_training=Training(learning_rate=1e-2, batch_size=2, max_epochs=4, gain_db=(-20.0, 0.0)),
    mm19=Autoencoding(
        geometry=Geometry(sample_rate=16_000, frames=16),
        time_geometry=Geometry(sample_rate=16_000, frames=15),
        spectral=NetworkSpec(2, 2),
        spectral_training=Training(learning_rate=1e-2, batch_size=2, max_epochs=3),
        time_domain=NetworkSpec(3, 2, kind="wave_unet"),
        time_domain_training=Training(learning_rate=1e-2, batch_size=2, max_epochs=2),
        autoencoder=NetworkSpec(3, 2, kind="autoencoder"),
        training=Training(learning_rate=1e-3, batch_size=2, max_epochs=2),
        unit_epochs=1,
        replicates=2,
    ),
    separation_training=Training(learning_rate=3e-2, batch_size=4, max_epochs=4),
    cost_network=NetworkSpec(3, 2),
    cost_batch=1,
    replicates=2,
)


@pytest.fixture(scope="session")
def least() -> Settings:
    """The settings that `made` was made with."""
    return LEAST


@pytest.fixture(scope="session")
def make_experiments() -> Callable[[Path, int], Path]:
    """Make all tables of `LEAST` in a data folder, on so many cores."""

    def make(folder: Path, cores: int) -> Path:
        threads = torch.get_num_threads()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NBLIB_DATA", str(folder))
            patch.setenv("NBLIB_CORES", str(cores))
            loss_network.make(LEAST, log=lambda line: None)
            autoencoding.make(LEAST, log=lambda line: None)
            listening.make(LEAST, log=lambda line: None)
            broadband.make(LEAST, log=lambda line: None)
            capacity.make(LEAST, log=lambda line: None)
            preferences.make(LEAST)
            configurations.make(LEAST, log=lambda line: None)
            redistribution.make(LEAST, log=lambda line: None)
        assert torch.get_num_threads() == threads
        return folder

    return make


@pytest.fixture(scope="session")
def made(make_experiments: Callable[[Path, int], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with all tables of `LEAST`, made in this process."""
    return make_experiments(tmp_path_factory.mktemp("made"), 1)


@pytest.fixture
def made_data(monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
    """`made` is the data folder, on one core."""
    monkeypatch.setenv("NBLIB_DATA", str(made))
    monkeypatch.setenv("NBLIB_CORES", "1")
