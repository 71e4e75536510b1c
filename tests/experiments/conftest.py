"""Both papers' studies at the least size, made once for all files that look at their results."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ijcnn

from nblib import study
from nblib.experiments import BROADBAND, CONFIGURATION, LOSS_NETWORKS, REDISTRIBUTION, SNR, listening, overview
from nblib.settings import Settings, settings

LEAST = """
    geometry.frames=16 mm19.geometry.frames=16 mm19.time_geometry.frames=15
    music.train=3 music.validation=1 music.test=1 music.seconds=4.0 speech.train=3 speech.validation=3 speech.test=3
    songs.train=3 songs.validation=3 songs.test=3 songs.seconds=3.0
    loss_networks.ijcnn20.network.num_layers=2 loss_networks.ijcnn20.geometry.frames=16
    loss_networks.mm19_spectral.network.num_layers=2 loss_networks.mm19_spectral.geometry.frames=16
    loss_networks.mm19_time_domain.network.num_layers=3 loss_networks.mm19_time_domain.geometry.frames=15
    mm19.autoencoder.num_layers=3 mm19.autoencoder.base_filters=2 mm19.replicates=2
"""


@pytest.fixture(scope="session")
def made_mm19(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with all of MM'19's tables at the least size."""
    folder, setup = tmp_path_factory.mktemp("mm19"), settings("smoke", changes=LEAST)
    with ijcnn.contenders(folder):
        for each in (LOSS_NETWORKS, SNR, BROADBAND, listening.LISTENING, overview.CORPORA, overview.CODECS):
            study.rows(setup, each)
    return folder


@pytest.fixture
def tiny_mm19(made_mm19: Path) -> Iterator[Settings]:
    """The settings that `made_mm19` was made with; its folder is the data folder."""
    with ijcnn.contenders(made_mm19):
        yield settings("smoke", changes=LEAST)


@pytest.fixture(scope="session")
def made_ijcnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with all tables of `ijcnn.LEAST`, made in this process."""
    folder = tmp_path_factory.mktemp("ijcnn")
    with ijcnn.contenders(folder, sound=ijcnn.Sound):
        ijcnn.make(ijcnn.LEAST, CONFIGURATION, REDISTRIBUTION)
    return folder


@pytest.fixture
def tiny_ijcnn(made_ijcnn: Path) -> Iterator[Settings]:
    """The settings that `made_ijcnn` was made with; its folder is the data folder."""
    with ijcnn.contenders(made_ijcnn, sound=ijcnn.Sound):
        yield ijcnn.LEAST


@pytest.fixture(scope="session")
def made_broken(made_ijcnn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a capacity P6, and with a third contender that diverges in the place of one that does not."""
    folder = tmp_path_factory.mktemp("broken")
    for name in ("cache", "runs"):
        shutil.copytree(made_ijcnn / name, folder / name)
    with ijcnn.contenders(folder, broken=ijcnn.Broken):
        ijcnn.make(ijcnn.WITH_P6, REDISTRIBUTION)
        for name in ("configurations.csv", "configuration_costs.csv", "separation_against_snr.csv"):
            shutil.copy(made_ijcnn / "results" / ijcnn.LEAST.name / name, ijcnn.WITH_P6.results / name)
    return folder


@pytest.fixture
def broken_ijcnn(made_broken: Path) -> Iterator[Settings]:
    """The settings that `made_broken` was made with; its folder is the data folder."""
    with ijcnn.contenders(made_broken, broken=ijcnn.Broken):
        yield ijcnn.WITH_P6
