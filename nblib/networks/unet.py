"""The U-Net of both papers: the separation networks and the spectral codec (loss) network are this one class.

Sources: IJCNN'20 Section III, Figure 1, Table I; MM'19 Section 4.1, Table 1. What those leave open is settled so that
all ten parameter counts of IJCNN'20 Table II come out exactly: a bias in every convolution, batch norm on every layer
but the last, skips concatenated, one output channel.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nblib.errors import ParameterError, check_choice, check_whole
from nblib.networks.checks import first_layers, layer_names

OUTPUTS = ("mask", "direct")
DROPOUT_LAYERS = 3

# IJCNN'20 Figure 2: which of the loss network's layers the loss compares. Down layers count from the input, up layers
# from the bottleneck; the bottleneck is the output of the deepest down layer.
CONFIGURATIONS = ("A", "B", "C", "D", "E", "F")


def configuration_layers(configuration: str, num_layers: int) -> tuple[str, ...]:
    """The layer names of one configuration of IJCNN'20 Figure 2 (A to F) in a network of `num_layers` levels.

    Raises
    ------
    ParameterError
        The configuration is unknown.
    """
    check_choice("layers", configuration, CONFIGURATIONS)
    down = [f"down{level}" for level in range(1, num_layers + 1)]
    up = [f"up{level}" for level in range(1, num_layers + 1)]
    chosen = {
        "A": down,
        "B": up,
        "C": down[-3:] + up[:3],
        "D": down[:3] + up[-3:],
        "E": down[-3:],
        "F": down[:3],
    }
    return tuple(chosen[configuration])


class MaskUNet(nn.Module):
    """U-Net on magnitude patches, 5 x 5 kernels and stride 2, channels F, 2F, 4F, ... down and mirrored up.

    Batch norm and ReLU follow every layer but the last, dropout 0.5 the first three up layers (never the last one),
    a sigmoid the last.

    Parameters
    ----------
    num_layers : int >= 1
        Levels, L: "Number of Layers" in both Table 1s.
    base_filters : int >= 1
        Channels of the first level, F.
    output : {"mask", "direct"}
        What the sigmoid is: a mask on the input (IJCNN'20 equation 1), or the estimate itself.
    """

    def __init__(self, num_layers: int, base_filters: int, output: str = "mask") -> None:
        super().__init__()
        check_whole("num_layers", num_layers, least=1)
        check_whole("base_filters", base_filters, least=1)
        check_choice("output", output, OUTPUTS)
        self.num_layers, self.base_filters, self.output = num_layers, base_filters, output
        channels = [base_filters * 2**level for level in range(num_layers)]
        self.down = nn.ModuleList(
            nn.Conv2d(before, after, 5, stride=2, padding=2)
            for before, after in zip([1, *channels[:-1]], channels, strict=True)
        )
        self.down_norm = nn.ModuleList(nn.BatchNorm2d(count) for count in channels)
        below = channels[::-1]
        above = [*below[1:], 1]
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(before * (1 if level == 0 else 2), after, 5, stride=2, padding=2, output_padding=1)
            for level, (before, after) in enumerate(zip(below, above, strict=True))
        )
        self.up_norm = nn.ModuleList(nn.BatchNorm2d(count) for count in above[:-1])

    @property
    def layer_names(self) -> tuple[str, ...]:
        """``down1`` (at the input) to ``downL`` (the bottleneck), ``up1`` to ``upL`` (the estimate)."""
        return layer_names(len(self.down), len(self.up))

    @property
    def settings(self) -> tuple[int, int, str]:
        """What it was made with."""
        return self.num_layers, self.base_filters, self.output

    def first_layers(self, names: Iterable[str]) -> MaskUNet:
        """A copy with the layers that the named ones are computed from, and no other: `activations` knows only those.

        IJCNN'20 Section V: configuration F needs "only ... the first three downsampling layers", whose weights "are
        saved independently".
        """
        part: MaskUNet = first_layers(self, names)
        return part.train(self.training)

    def forward(self, magnitude: Tensor) -> Tensor:
        """The estimate, same shape and domain as `magnitude` [shape=(batch, 1, bins, frames), range [0, 1]]."""
        return self.activations(magnitude, [f"up{self.num_layers}"])[f"up{self.num_layers}"]

    def mask(self, magnitude: Tensor) -> Tensor:
        """The sigmoid's output in [0, 1], same shape as `magnitude`."""
        return self._layers(magnitude, {"mask"})["mask"]

    def activations(self, magnitude: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Outputs of the named layers, after batch norm and ReLU, computing no layer beyond the deepest one named.

        Names are ``down1`` (at the input) to ``downL`` (the bottleneck) and ``up1`` to ``upL``; ``upL`` is the
        network's estimate.

        Raises
        ------
        ParameterError
            A name is unknown, or bins or frames cannot be halved L times.
        """
        wanted = set(names)
        for name in sorted(wanted):
            check_choice("layer", name, self.layer_names)
        return self._layers(magnitude, wanted)

    def fuse(self) -> MaskUNet:
        """Fold batch norm into the convolutions before it, for a network that is trained no more.

        The same values up to rounding, in fewer passes over memory: a fifth less time in configuration F's loss.
        """
        self.eval()
        self.down = _fused(self.down, self.down_norm, transpose=False)
        normed = len(self.up_norm)
        self.up = nn.ModuleList([*_fused(self.up[:normed], self.up_norm, transpose=True), *self.up[normed:]])
        self.down_norm = nn.ModuleList(nn.Identity() for _ in self.down_norm)
        self.up_norm = nn.ModuleList(nn.Identity() for _ in self.up_norm)
        return self

    def _layers(self, magnitude: Tensor, wanted: set[str]) -> dict[str, Tensor]:
        self._check(magnitude)
        found: dict[str, Tensor] = {}
        skips: list[Tensor] = []
        hidden = magnitude
        for level, (layer, norm) in enumerate(zip(self.down, self.down_norm, strict=True), start=1):
            hidden = functional.relu(norm(layer(hidden)))
            skips.append(hidden)
            if f"down{level}" in wanted:
                found[f"down{level}"] = hidden
            if len(found) == len(wanted):
                return found
        skips.pop()
        for level, (layer, norm) in enumerate(zip(self.up, self.up_norm, strict=False), start=1):
            hidden = functional.relu(norm(layer(hidden)))
            if level <= DROPOUT_LAYERS:
                hidden = functional.dropout(hidden, 0.5, self.training)
            if f"up{level}" in wanted:
                found[f"up{level}"] = hidden
            if len(found) == len(wanted):
                return found
            hidden = torch.cat([hidden, skips.pop()], dim=1)
        mask = torch.sigmoid(self.up[-1](hidden))
        if "mask" in wanted:
            found["mask"] = mask
        if f"up{self.num_layers}" in wanted:
            found[f"up{self.num_layers}"] = mask * magnitude if self.output == "mask" else mask
        return found

    def _check(self, magnitude: Tensor) -> None:
        step = 2**self.num_layers
        if magnitude.ndim != 4 or magnitude.shape[1] != 1 or magnitude.shape[2] % step or magnitude.shape[3] % step:
            raise ParameterError(
                f"magnitude of shape {tuple(magnitude.shape)}: (batch, 1, bins, frames) with bins and frames "
                f"divisible by {step} is needed by {self.num_layers} layers"
            )


def _fused(layers: nn.ModuleList, norms: nn.ModuleList, transpose: bool) -> nn.ModuleList:
    pairs = zip(layers, norms, strict=True)
    return nn.ModuleList(
        fuse_conv_bn_eval(cast(nn.Conv2d, layer), cast(nn.BatchNorm2d, norm), transpose) for layer, norm in pairs
    )


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters, as IJCNN'20 Table II counts them."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
