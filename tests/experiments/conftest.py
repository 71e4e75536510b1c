"""IJCNN'20's studies at the least size, made once for all files that look at their results."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ijcnn

from nblib.experiments import CONFIGURATION, REDISTRIBUTION
from nblib.settings import Settings


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
