"""The codec loss: a frozen network that emulates a codec compares estimate and target layer by layer.

IJCNN'20 Section III, equation (2): L = sum over m in M of lambda_m || g_m(X) - g_m(Y) ||_1; MM'19 equation (4) adds
the prediction term || C(x) - C(y) ||_1. Norms are means over elements, so that lambda = 1 weighs every element of a
layer alike whatever the layer's size.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from nblib import tensors
from nblib.errors import ParameterError, StorageError, check_choice
from nblib.losses.weighted import WeightedLoss, loss
from nblib.networks import MaskUNet, WaveUNet, configuration_layers

ALL = "all"
Network = MaskUNet | WaveUNet


@loss("codec", "codec network")
class CodecLoss(WeightedLoss):
    """Weighted l1 distance of a codec network's layer outputs, by default configuration F of IJCNN'20 Figure 2.

    `network` was trained to emulate a codec on scaled magnitudes, or on samples; the layers of it that the loss needs
    are copied, frozen and kept in evaluation mode. `layers` is a configuration "A" to "F", "all" (every layer but the
    output, as in MM'19), or names ("down1", "up3", ...). With `prediction` the network's outputs are compared too
    (MM'19 equation 4), and the layers together weigh as much as they. `unit_epochs` (at least 1) as in `WeightedLoss`.
    `ParameterError` where a name is unknown, or there is nothing to compare.
    """

    before: tuple[str, ...] = ()  # terms of a subclass that stand before the network's own

    def __init__(
        self, network: Network, layers: str | Iterable[str] = "F", prediction: bool = False, unit_epochs: int = 10
    ) -> None:
        output = network.layer_names[-1]
        named = dict.fromkeys(_layers(layers, network))
        features = tuple(name for name in named if not (prediction and name == output))
        if not (features or prediction):
            raise ParameterError("layers=() and prediction=False: the codec loss has nothing to compare")
        names = (*self.before, *features, *([output] if prediction else []))
        together = 1 / len(features) if prediction and features else 1.0
        super().__init__(names, unit_epochs, [together if name in features else 1.0 for name in names])
        self.layers = names[len(self.before) :]
        self.prediction = prediction
        self.network = network.first_layers(self.layers).fuse().requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """As for any module, but the network stays in evaluation mode: batch norm and dropout must not move."""
        super().train(mode)
        self.network.eval()
        return self

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """One mean absolute difference per layer."""
        heard = self.network.activations(estimate, self.layers)
        with torch.no_grad():
            meant = self.network.activations(target, self.layers)
        return [l1_loss(heard[name], meant[name]) for name in self.layers]

    def save(self, path: Path) -> None:
        """Write the layers that the loss needs, and its weights, for training elsewhere: see `load`."""
        header: dict[str, Any] = {"kind": type(self.network).__name__, "settings": self.network.settings}
        header |= {"layers": self.layers, "prediction": self.prediction, "unit_epochs": self.unit_epochs}
        tensors.save(path, self.state_dict(), header)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The loss that `save` wrote, on the CPU; a missing, damaged or other file raises StorageError."""
        if not path.exists():
            raise StorageError(f"{path}: no such file; CodecLoss.save or notebook 09 writes one")
        values, header = tensors.load(path)
        try:
            with torch.device("meta"):
                network = {kind.__name__: kind for kind in (MaskUNet, WaveUNet)}[header["kind"]](*header["settings"])
                made = cls(network, header["layers"], header["prediction"], header["unit_epochs"])
            made.load_state_dict(values, assign=True)
        except (KeyError, TypeError, RuntimeError) as error:
            raise StorageError(f"{path}: holds no codec loss ({error}); write it by CodecLoss.save") from error
        return made.requires_grad_(False)


def _layers(layers: str | Iterable[str], network: Network) -> Iterable[str]:
    if layers == ALL:
        return network.layer_names[:-1]
    if isinstance(layers, str):
        return configuration_layers(layers, network.num_layers)
    chosen = tuple(layers)
    for name in chosen:
        check_choice("layer", name, network.layer_names)
    return chosen
