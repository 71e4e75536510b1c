"""What the networks ask of their sizes and of what goes into them."""

from __future__ import annotations

from torch import Tensor

from nblib.errors import ParameterError


def check_count(name: str, value: object, least: int = 1) -> None:
    """Raise ParameterError unless `value` is a whole number from `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ParameterError(f"{name}={value!r}: a whole number from {least} is needed")


def check_samples(samples: Tensor, num_layers: int) -> None:
    """Raise ParameterError unless `samples` is (batch, 1, n), where n can be halved `num_layers` times."""
    step = 2**num_layers
    if samples.ndim != 3 or samples.shape[1] != 1 or samples.shape[2] % step or not samples.shape[2]:
        raise ParameterError(
            f"samples of shape {tuple(samples.shape)}: (batch, 1, n) with n divisible by {step} is needed by "
            f"{num_layers} layers"
        )
