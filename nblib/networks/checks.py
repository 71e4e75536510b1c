"""What the time-domain networks ask of what goes into them."""

from __future__ import annotations

from torch import Tensor

from nblib.errors import ParameterError


def check_samples(samples: Tensor, num_layers: int) -> None:
    """Raise ParameterError unless `samples` is (batch, 1, n), where n can be halved `num_layers` times."""
    step = 2**num_layers
    if samples.ndim != 3 or samples.shape[1] != 1 or samples.shape[2] % step or not samples.shape[2]:
        raise ParameterError(
            f"samples of shape {tuple(samples.shape)}: (batch, 1, n) with n divisible by {step} is needed by "
            f"{num_layers} layers"
        )
