"""The U-Net of both papers: the separation networks and the spectral codec (loss) network are one class.

Sources: IJCNN'20 Section III, Figure 1, Table I; MM'19 Section 4.1, Table 1. What those leave open is settled so that
all ten parameter counts of IJCNN'20 Table II come out exactly: a bias in every convolution, batch norm on every layer
but the last, skips concatenated, one output channel.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nblib.errors import ParameterError, check_choice, check_whole

OUTPUTS = ("mask", "direct")
DROPOUT_LAYERS = 3

# IJCNN'20 Figure 2: which of the loss network's layers the loss compares. Down layers count from the input, up layers
# from the bottleneck; the bottleneck is the output of the deepest down layer.
CONFIGURATIONS = ("A", "B", "C", "D", "E", "F")


def configuration_layers(configuration: str, num_layers: int) -> tuple[str, ...]:
    """The layer names of one configuration of IJCNN'20 Figure 2 (A to F) in a network of `num_layers` levels."""
    check_choice("layers", configuration, CONFIGURATIONS)
    down, up = ([f"{side}{level}" for level in range(1, num_layers + 1)] for side in ("down", "up"))
    chosen = {"A": down, "B": up, "C": down[-3:] + up[:3], "D": down[:3] + up[-3:], "E": down[-3:], "F": down[:3]}
    return tuple(chosen[configuration])


class UNet(nn.Module):
    """What both U-Nets share: L halving levels ``down``, L doubling levels ``up``, skips concatenated, named layers.

    A subclass makes the levels and says, in `_layer`, what goes on in one of them.
    """

    down: nn.ModuleList
    up: nn.ModuleList
    dimensions = 1  # that the levels halve

    def __init__(self, num_layers: int, base_filters: int) -> None:
        super().__init__()
        check_whole("num_layers", num_layers, least=1)
        check_whole("base_filters", base_filters, least=1)
        self.num_layers, self.base_filters = num_layers, base_filters

    @property
    def layer_names(self) -> tuple[str, ...]:
        """``down1`` (at the input) to ``downL`` (the bottleneck), ``up1`` to ``upL`` (the estimate)."""
        return tuple(f"{side}{level}" for side, level in self._levels())

    @property
    def settings(self) -> tuple[Any, ...]:
        """What it was made with."""
        return self.num_layers, self.base_filters

    def first_layers(self, names: Iterable[str]) -> Self:
        """A copy with the layers that the named ones are computed from, and no other: `activations` knows only those.

        IJCNN'20 Section V: configuration F needs "only ... the first three downsampling layers", whose weights "are
        saved independently". An unknown name is a `ParameterError`.
        """
        deepest = max((self.layer_names.index(name) + 1 for name in self._known(names)), default=0)
        kept = {"down": min(deepest, self.num_layers), "up": max(0, deepest - self.num_layers)}
        with torch.device("meta"):  # no weights are drawn only to be thrown away
            part = type(self)(*self.settings)
        for side, count in kept.items():
            for modules in (side, f"{side}_norm"):
                if hasattr(self, modules):
                    setattr(part, modules, copy.deepcopy(getattr(self, modules)[:count]))
        return part.train(self.training)

    def fuse(self) -> Self:
        """Itself, in evaluation mode and, where there is batch norm, with that folded into the convolutions."""
        return self.eval()

    def forward(self, inputs: Tensor) -> Tensor:
        """The estimate, same shape, domain and range as `inputs` [shape=(batch, 1, bins, frames) or (batch, 1, n)]."""
        last = f"up{self.num_layers}"
        return self.activations(inputs, [last])[last]

    def activations(self, inputs: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Outputs of the named layers, after norm and ReLU, computing no layer beyond the deepest one named.

        Names are `layer_names`, of which ``upL`` is the network's estimate; an unknown one is a `ParameterError`, as is
        a size that cannot be halved L times.
        """
        wanted = self._known(names)
        check_halving(inputs, self.dimensions, self.num_layers)
        found: dict[str, Tensor] = {}
        skips: list[Tensor] = []
        hidden = inputs
        for side, level in self._levels():
            name = f"{side}{level}"
            if side == "up" and level > 1:
                hidden = torch.cat([hidden, skips.pop()], dim=1)
            hidden = self._layer(side, level, hidden)
            if side == "down" and level < self.num_layers:
                skips.append(hidden)
            if name in wanted:
                found[name] = hidden
            if len(found) == len(wanted):
                break
        return found

    def _levels(self) -> list[tuple[str, int]]:
        return [(side, level) for side in ("down", "up") for level in range(1, len(getattr(self, side)) + 1)]

    def _layer(self, side: str, level: int, hidden: Tensor) -> Tensor:
        raise NotImplementedError

    def _known(self, names: Iterable[str]) -> set[str]:
        wanted, known = set(names), self.layer_names
        for name in sorted(wanted):
            check_choice("layer", name, known)
        return wanted


class MaskUNet(UNet):
    """U-Net on magnitude patches, 5 x 5 kernels and stride 2, channels F, 2F, 4F, ... down and mirrored up.

    Batch norm and ReLU follow every layer but the last, dropout 0.5 the first three up layers (never the last one),
    a sigmoid the last. Patches are [shape=(batch, 1, bins, frames), range [0, 1]].

    Parameters
    ----------
    num_layers : int >= 1
        Levels, L: "Number of Layers" in both Table 1s.
    base_filters : int >= 1
        Channels of the first level, F.
    output : {"mask", "direct"}
        What the sigmoid is: a mask on the input (IJCNN'20 equation 1), or the estimate itself.
    """

    dimensions = 2

    def __init__(self, num_layers: int, base_filters: int, output: str = "mask") -> None:
        super().__init__(num_layers, base_filters)
        check_choice("output", output, OUTPUTS)
        self.output = output
        down, up = ladder([base_filters * 2**level for level in range(num_layers)])
        self.down = nn.ModuleList(nn.Conv2d(*pair, 5, stride=2, padding=2) for pair in down)
        self.down_norm = nn.ModuleList(nn.BatchNorm2d(after) for _, after in down)
        self.up = nn.ModuleList(nn.ConvTranspose2d(*pair, 5, stride=2, padding=2, output_padding=1) for pair in up)
        self.up_norm = nn.ModuleList(nn.BatchNorm2d(after) for _, after in up[:-1])

    @property
    def settings(self) -> tuple[int, int, str]:
        """What it was made with."""
        return self.num_layers, self.base_filters, self.output

    def mask(self, magnitude: Tensor) -> Tensor:
        """The sigmoid's output in [0, 1], same shape as `magnitude`."""
        last = f"up{self.num_layers}"
        return super().activations(magnitude, [last])[last]

    def activations(self, inputs: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """As `UNet.activations`."""
        found, last = super().activations(inputs, names), f"up{self.num_layers}"
        if last in found and self.output == "mask":
            found[last] = found[last] * inputs
        return found

    def fuse(self) -> Self:
        """Fold batch norm into the convolutions before it, for a network that is trained no more.

        The same values up to rounding, in fewer passes over memory: a fifth less time in configuration F's loss.
        """
        self.eval()
        for side, transpose in (("down", False), ("up", True)):
            layers, norms = getattr(self, side), getattr(self, f"{side}_norm")
            for index, norm in enumerate(norms):
                layers[index] = fuse_conv_bn_eval(cast(nn.Conv2d, layers[index]), cast(nn.BatchNorm2d, norm), transpose)
            setattr(self, f"{side}_norm", nn.ModuleList(nn.Identity() for _ in norms))
        return self

    def _layer(self, side: str, level: int, hidden: Tensor) -> Tensor:
        hidden = getattr(self, side)[level - 1](hidden)
        if side == "up" and level == self.num_layers:
            return torch.sigmoid(hidden)
        hidden = functional.relu(getattr(self, f"{side}_norm")[level - 1](hidden))
        dropping = side == "up" and level <= DROPOUT_LAYERS
        return functional.dropout(hidden, 0.5, self.training) if dropping else hidden


def ladder(channels: list[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Channels in and out of each level down, where `channels` come out, and up again, skips included, to one."""
    above = [*channels[-2::-1], 1]
    up = [(before * (1 if level == 0 else 2), above[level]) for level, before in enumerate(channels[::-1])]
    return list(zip([1, *channels], channels, strict=False)), up


def check_halving(inputs: Tensor, dimensions: int, num_layers: int) -> None:
    """Raise `ParameterError` unless `inputs` is (batch, 1, n, ...), where each n can be halved `num_layers` times."""
    sizes, step = inputs.shape[2:], 2**num_layers
    if len(sizes) != dimensions or inputs.shape[1] != 1 or any(size % step or not size for size in sizes):
        form = "(batch, 1, n)" if dimensions == 1 else "(batch, 1, bins, frames)"
        wanted = f"{form} with sizes divisible by {step} is needed by {num_layers} layers"
        raise ParameterError(f"input of shape {tuple(inputs.shape)}: {wanted}")


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters, as IJCNN'20 Table II counts them."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@torch.no_grad()
def describe(network: nn.Module, *size: int) -> list[dict[str, Any]]:
    """Name, channels and size of the input and of every layer's output, measured on the network itself.

    `size` is the input's: bins and frames, or samples.
    """
    shapes: dict[str, tuple[int, ...]] = {"input": (1, *size)}

    def note(name: str, layer: nn.Module) -> Any:
        return layer.register_forward_hook(lambda module, _, output: shapes.update({name: tuple(output.shape[1:])}))

    hooks = [
        note(f"{side}{level}", layer)
        for side in ("down", "up")
        for level, layer in enumerate(getattr(network, side), start=1)
    ]
    network.eval()(torch.zeros(1, 1, *size))
    for hook in hooks:
        hook.remove()
    names = ("name", "channels", "bins", "frames") if len(size) == 2 else ("name", "channels", "samples")
    return [dict(zip(names, (name, *shape), strict=True)) for name, shape in shapes.items()]
