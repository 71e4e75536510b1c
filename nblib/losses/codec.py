"""The codec loss: a frozen network that emulates a codec compares estimate and target layer by layer.

IJCNN'20 Section III, equation (2): L = sum over m in M of lambda_m || g_m(X) - g_m(Y) ||_1; MM'19 equation (3) adds
the prediction term || C(X) - C(Y) ||_1. Norms are means over elements, so that lambda = 1 weighs every element of a
layer alike whatever the layer's size.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor

from nblib.errors import ParameterError
from nblib.losses.spectral import WeightedLoss
from nblib.networks import MaskUNet, configuration_layers


class CodecLoss(WeightedLoss):
    """Weighted l1 distance of a codec network's layer outputs, by default configuration F of IJCNN'20 Figure 2.

    The network is copied, frozen and kept in evaluation mode: gradient reaches the estimate and no weight.

    Parameters
    ----------
    network : MaskUNet
        Trained to emulate a codec on scaled magnitudes.
    layers : str or iterable of str
        A configuration "A" to "F", or any subset of layer names ("down1", "up3", ...).
    prediction : bool
        Compare the network's outputs too (MM'19 equation 3).
    unit_epochs : int >= 1
        Epochs with weights 1 (see `WeightedLoss`).

    Raises
    ------
    ParameterError
        A configuration or layer name is unknown, or nothing is left to compare.
    """

    def __init__(
        self, network: MaskUNet, layers: str | Iterable[str] = "F", prediction: bool = False, unit_epochs: int = 10
    ) -> None:
        named = configuration_layers(layers, network.num_layers) if isinstance(layers, str) else tuple(layers)
        output = f"up{network.num_layers}"
        names = tuple(dict.fromkeys([*named, output] if prediction else named))
        if not names:
            raise ParameterError("layers=() and prediction=False: the codec loss has nothing to compare")
        super().__init__(names, unit_epochs)
        self.network = copy.deepcopy(network).fuse().requires_grad_(False)
        with torch.no_grad():
            step = 2**network.num_layers
            parameter = next(network.parameters())
            self.network.activations(parameter.new_zeros(1, 1, step, step), names)

    def train(self, mode: bool = True) -> CodecLoss:
        """As for any module, but the network stays in evaluation mode: batch norm and dropout must not move."""
        super().train(mode)
        self.network.eval()
        return self

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """One mean absolute difference per layer."""
        heard = self.network.activations(estimate, self.names)
        with torch.no_grad():
            meant = self.network.activations(target, self.names)
        return [(heard[name] - meant[name]).abs().mean() for name in self.names]
