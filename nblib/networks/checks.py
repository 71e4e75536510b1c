"""What U-Nets share: the names of their layers, a part of them, and, on samples, what they ask of what goes in."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from nblib.errors import ParameterError, check_choice


def layer_names(down: int, up: int) -> tuple[str, ...]:
    """A U-Net's layers: ``down1`` (at the input) to ``downL`` (the bottleneck), ``up1`` to ``upL`` (the output)."""
    return tuple(f"{side}{level}" for side, count in (("down", down), ("up", up)) for level in range(1, count + 1))


def check_samples(samples: Tensor, num_layers: int) -> None:
    """Raise ParameterError unless `samples` is (batch, 1, n), where n can be halved `num_layers` times."""
    step = 2**num_layers
    if samples.ndim != 3 or samples.shape[1] != 1 or samples.shape[2] % step or not samples.shape[2]:
        raise ParameterError(
            f"samples of shape {tuple(samples.shape)}: (batch, 1, n) with n divisible by {step} is needed by "
            f"{num_layers} layers"
        )


def first_layers(network: Any, names: Iterable[str]) -> Any:
    """A copy of a U-Net that holds the layers which the named ones are computed from, and no other.

    Raises
    ------
    ParameterError
        A name is unknown.
    """
    known, wanted = network.layer_names, set(names)
    for name in sorted(wanted):
        check_choice("layer", name, known)
    deepest = max((known.index(name) + 1 for name in wanted), default=0)
    kept = {"down": min(deepest, network.num_layers), "up": max(0, deepest - network.num_layers)}
    with torch.device("meta"):  # no weights are drawn only to be thrown away
        part = type(network)(*network.settings)
    for side, count in kept.items():
        for modules in (side, f"{side}_norm"):
            if hasattr(network, modules):
                setattr(part, modules, copy.deepcopy(getattr(network, modules)[:count]))
    return part
