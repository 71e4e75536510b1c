"""Patches, networks and run configurations so small that an epoch takes milliseconds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from nblib.audio import Geometry
from nblib.losses import LossSpec
from nblib.training import Cell, NetworkSpec, PatchPairs, Training, View

GEOMETRY = Geometry(window=64, hop=32, frames=16)
VIEW = View(GEOMETRY, "sqrt")
SIZES = {"train": 8, "validation": 4}


def low_pass_pairs(split: str) -> PatchPairs:
    """White noise, and what a sharp low-pass at half its band leaves of it."""
    generator = torch.Generator().manual_seed(SIZES[split])
    inputs = torch.rand(SIZES[split], 1, GEOMETRY.patch_samples, generator=generator) - 0.5
    spectrum = torch.fft.rfft(inputs)
    spectrum[..., spectrum.shape[-1] // 2 :] = 0
    targets = torch.fft.irfft(spectrum, n=GEOMETRY.patch_samples)
    return PatchPairs(inputs, targets, tuple(f"{split}:{n}" for n in range(SIZES[split])))


def both_splits() -> tuple[PatchPairs, PatchPairs]:
    """`low_pass_pairs` to train with and to validate."""
    return low_pass_pairs("train"), low_pass_pairs("validation")


def broken_pairs(split: str) -> PatchPairs:
    """As `low_pass_pairs`, with a patch that is not a number."""
    pairs = low_pass_pairs(split)
    pairs.inputs[1] = torch.nan
    return pairs


def no_data(split: str) -> PatchPairs:
    """For a run that is only to be loaded."""
    raise AssertionError(f"there is nothing to train, {split} was asked for")


@dataclass(frozen=True)
class Pairs:
    """What a cell's patches come from, of a function of the split."""

    made: Callable[[str], PatchPairs] = low_pass_pairs
    geometry: Geometry = GEOMETRY
    fingerprint: str = "low pass"

    def __call__(self, split: str) -> PatchPairs:
        return self.made(split)


def tiny_cell(title: str = "tiny", made: Any = low_pass_pairs, seed: int = 0, **changes: Any) -> Cell:
    """A run that takes a tenth of a second; `changes` of its fields, those of `Training` by ``training=dict(...)``."""
    training = {"learning_rate": 0.01, "batch_size": 4, "max_epochs": 4, "checkpoint_seconds": 0.0}
    parts = {"network": NetworkSpec(2, 2), "loss": LossSpec(), "domain": "sqrt"} | changes
    parts["training"] = Training(**training | changes.get("training", {}))
    return Cell({"title": title, "seed": seed}, Pairs(made), **parts)
