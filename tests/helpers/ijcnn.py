"""IJCNN'20's studies at the least size, with a third contender beside the papers' two."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import l1_loss

from nblib import study
from nblib.experiments import CAPACITY, listening
from nblib.losses import LOSSES, L1Loss, WeightedLoss
from nblib.settings import Settings, settings
from nblib.study import Study
from nblib.training import NetworkSpec

CHANGES = """
geometry.frames=16 loss_networks.ijcnn20.geometry.frames=16 loss_networks.ijcnn20.network.num_layers=2
loss_networks.ijcnn20.training.batch_size=2 music.train=1 music.seconds=4
speech.train=3 speech.validation=2 speech.test=2 songs.train=2 songs.validation=1 songs.test=2 songs.seconds=3
only_capacities=('P1','P2') separation_training.learning_rate=0.03 separation_training.batch_size=4
separation_training.max_epochs=2 replicates=2 cost_network.num_layers=3 cost_batch=1
"""
LEAST = settings("smoke", changes=CHANGES)
SPEECH = {**LEAST.capacities["speech"], "P6": NetworkSpec(2, 3)}
WITH_P6 = replace(LEAST, capacities={**LEAST.capacities, "speech": SPEECH}, only_capacities=("P1", "P2", "P6"))


class Sound(WeightedLoss):
    """Samples and their slope: what a further contender takes to write."""

    title, on_samples = "sound loss", True

    def __init__(self) -> None:
        super().__init__(("samples", "slope"), unit_epochs=1)

    def terms(self, estimate: torch.Tensor, target: torch.Tensor) -> list[torch.Tensor]:
        return [l1_loss(estimate, target), l1_loss(estimate.diff(), target.diff())]


class Broken(L1Loss):
    """A contender all of whose networks diverge."""

    title = "broken loss"

    def terms(self, estimate: torch.Tensor, target: torch.Tensor) -> list[torch.Tensor]:
        return [super().terms(estimate, target)[0] * torch.nan]


@contextmanager
def contenders(folder: Path, **further: type[WeightedLoss]) -> Iterator[None]:
    """`folder` holds the data, one core works, and `further` losses compete by their names.

    So small a network may be called collapsed on one processor and not on another: here none is.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"DATA": folder, "FIGURES": folder / "figures", "CORES": 1}.items():
            patch.setenv(f"NBLIB_{name}", str(value))
        patch.setattr("nblib.training.runs.COLLAPSED_SPREAD", 0.0)
        for name, kind in further.items():
            patch.setitem(LOSSES, name, kind)
        yield


def make(setup: Settings, *studies: Study) -> None:
    """The tables of the capacity study, and of further ones."""
    listening.preferences(setup, study.rows(setup, CAPACITY))
    for each in studies:
        study.rows(setup, each)
