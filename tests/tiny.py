"""Patches, networks and run configurations so small that an epoch takes milliseconds."""

from __future__ import annotations

from typing import Any

import torch

from nblib.audio import Geometry
from nblib.patches import PatchPairs
from nblib.training import LossSpec, NetworkSpec, RunConfig, Training

GEOMETRY = Geometry(window=64, hop=32, frames=16)
SIZES = {"train": 8, "validation": 4}


def low_pass_pairs(split: str) -> PatchPairs:
    """Random magnitudes, and what is left of them under the middle bin."""
    generator = torch.Generator().manual_seed(SIZES[split])
    inputs = torch.rand(SIZES[split], 1, GEOMETRY.bins, GEOMETRY.frames, generator=generator)
    targets = inputs.clone()
    targets[:, :, GEOMETRY.bins // 2 :] = 0
    return PatchPairs(inputs, targets, tuple(f"{split}:{n}" for n in range(SIZES[split])))


def run_config(**changes: Any) -> RunConfig:
    """A run that takes a tenth of a second; `changes` of its fields, those of `Training` by ``training=dict(...)``."""
    training = {"learning_rate": 0.01, "batch_size": 4, "max_epochs": 4, "checkpoint_seconds": 0.0}
    fields = {
        "label": "tiny",
        "network": NetworkSpec(2, 2),
        "loss": LossSpec("l1"),
        "geometry": GEOMETRY,
        "domain": "sqrt",
        "data": "low pass",
        "seed": 0,
    }
    return RunConfig(training=Training(**training | changes.pop("training", {})), **fields | changes)
