"""What networks share: the names of their layers and, on samples, what they ask of what goes in."""

from __future__ import annotations

from torch import Tensor

from nblib.errors import ParameterError


def layer_names(num_layers: int) -> tuple[str, ...]:
    """A U-Net's layers: ``down1`` (at the input) to ``downL`` (the bottleneck), ``up1`` to ``upL`` (the output)."""
    return tuple(f"{side}{level}" for side in ("down", "up") for level in range(1, num_layers + 1))


def check_samples(samples: Tensor, num_layers: int) -> None:
    """Raise ParameterError unless `samples` is (batch, 1, n), where n can be halved `num_layers` times."""
    step = 2**num_layers
    if samples.ndim != 3 or samples.shape[1] != 1 or samples.shape[2] % step or not samples.shape[2]:
        raise ParameterError(
            f"samples of shape {tuple(samples.shape)}: (batch, 1, n) with n divisible by {step} is needed by "
            f"{num_layers} layers"
        )
