"""The U-Nets of IJCNN'20 (Section III, Table I) and MM'19 (Section 4, Table 1), and MM'19's autoencoder (Section 5).

What the papers leave open is settled so that all ten counts of IJCNN'20 Table II come out exactly.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nblib.errors import ParameterError, check_choice, check_whole

CONFIGURATIONS = ("A", "B", "C", "D", "E", "F")


def configuration_layers(configuration: str, num_layers: int) -> tuple[str, ...]:
    """Which layers of a network of `num_layers` levels the loss compares in a configuration of IJCNN'20 Figure 2.

    Down layers count from the input, up layers from the bottleneck, the output of the deepest down layer.
    """
    check_choice("layers", configuration, CONFIGURATIONS)
    down, up = ([f"{side}{level}" for level in range(1, num_layers + 1)] for side in ("down", "up"))
    chosen = {"A": down, "B": up, "C": down[-3:] + up[:3], "D": down[:3] + up[-3:], "E": down[-3:], "F": down[:3]}
    return tuple(chosen[configuration])


class UNet(nn.Module):
    """L halving levels ``down`` and L doubling levels ``up``, of `channels` and mirrored; strided convolutions."""

    dimensions = 1  # that the levels halve
    convolutions: tuple[Any, Any] = (nn.Conv1d, nn.ConvTranspose1d)  # down, up
    kernels = (15, 9)
    skips = True  # whether up layers see, concatenated, the output of their level on the way down
    last: Callable[[Tensor], Tensor]  # what follows the last layer
    normed = False  # whether batch norm follows every layer but the last, and dropout the first three up layers

    def __init__(self, num_layers: int, base_filters: int, channels: list[int], *further: Any) -> None:
        super().__init__()
        self.num_layers = num_layers
        self.settings = (num_layers, base_filters, *further)  # what it was made with
        convolution, transposed = self.convolutions
        one, other = (dict[str, Any](kernel_size=size, stride=2, padding=size // 2) for size in self.kernels)
        above = channels[-2::-1]
        joined = [channels[-1], *(count * (2 if self.skips else 1) for count in above)]
        self.down = nn.ModuleList(convolution(*pair, **one) for pair in zip([1, *channels], channels, strict=False))
        self.down_norm = nn.ModuleList(nn.BatchNorm2d(count) for count in channels if self.normed)
        pairs = zip(joined, [*above, 1], strict=True)
        self.up = nn.ModuleList(transposed(*pair, **other, output_padding=1) for pair in pairs)
        self.up_norm = nn.ModuleList(nn.BatchNorm2d(count) for count in above if self.normed)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """``down1`` (at the input) to ``downL`` (the bottleneck), ``up1`` to ``upL`` (the estimate)."""
        sides = {"down": len(self.down), "up": len(self.up)}
        return tuple(f"{side}{level}" for side, levels in sides.items() for level in range(1, levels + 1))

    def first_layers(self, names: Sequence[str]) -> Self:
        """A copy with the layers that the named ones are computed from, and no other (IJCNN'20 Section V)."""
        part, needed = copy.deepcopy(self), self._needed(names)
        for name, _ in self.named_children():
            kept = needed - self.num_layers if name.startswith("up") else needed
            setattr(part, name, getattr(part, name)[: max(0, kept)])
        return part

    def fuse(self) -> Self:
        """Itself in evaluation mode, batch norm folded into the convolutions: a fifth less time in a codec loss."""
        self.eval()
        for side in ("down", "up"):
            layers, norms = getattr(self, side), getattr(self, f"{side}_norm")
            for index, norm in enumerate(norms):
                layers[index] = fuse_conv_bn_eval(layers[index], norm, transpose=side == "up")
                norms[index] = nn.Identity()
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """The estimate, same shape, domain and range as `inputs` [shape=(batch, 1, bins, frames) or (batch, 1, n)]."""
        return self.activations(inputs, [last := f"up{self.num_layers}"])[last]

    def activations(self, inputs: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Outputs of the named layers (`layer_names`), after norm and ReLU, computing no layer beyond the deepest."""
        sizes, step = inputs.shape[2:], 2**self.num_layers
        if len(sizes) != self.dimensions or inputs.shape[1] != 1 or any(size % step or not size for size in sizes):
            needed = f"{self.dimensions} sizes behind (batch, 1), divisible by {step}, are needed"
            raise ParameterError(f"input of shape {tuple(inputs.shape)}: {needed} by {self.num_layers} layers")
        found, skips, hidden = dict[str, Tensor](), list[Tensor](), inputs
        for index, name in enumerate(self.layer_names[: self._needed(names)]):
            if self.skips and index > self.num_layers:
                hidden = torch.cat([hidden, skips.pop()], dim=1)
            hidden = self._layer("up" if index >= self.num_layers else "down", index % self.num_layers, hidden)
            if self.skips and index < self.num_layers - 1:
                skips.append(hidden)
            if name in names:
                found[name] = hidden
        return found

    def _layer(self, side: str, index: int, hidden: Tensor) -> Tensor:
        hidden, norms = getattr(self, side)[index](hidden), getattr(self, f"{side}_norm")
        if side == "up" and index == self.num_layers - 1:
            return self.last(hidden)
        hidden = functional.relu(norms[index](hidden) if self.normed else hidden)
        return functional.dropout(hidden, 0.5, self.training and self.normed and side == "up" and index < 3)

    def _needed(self, names: Sequence[str]) -> int:
        """How many layers the named ones are computed from."""
        for name in names:
            check_choice("layer", name, self.layer_names)
        return 1 + max(self.layer_names.index(name) for name in names)


class MaskUNet(UNet):
    """U-Net on magnitudes, of F, 2F, 4F, ... channels; its sigmoid is a "mask" (IJCNN'20 equation 1), or "direct"."""

    dimensions, convolutions, kernels, normed = 2, (nn.Conv2d, nn.ConvTranspose2d), (5, 5), True
    last = staticmethod(torch.sigmoid)

    def __init__(self, num_layers: int, base_filters: int, output: str = "mask") -> None:
        super().__init__(num_layers, base_filters, [base_filters * 2**level for level in range(num_layers)], output)
        self.output = output

    def mask(self, magnitude: Tensor) -> Tensor:
        """The sigmoid's output in [0, 1], same shape as `magnitude`."""
        return super().activations(magnitude, [last := f"up{self.num_layers}"])[last]

    def activations(self, inputs: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """As `UNet.activations`."""
        found = super().activations(inputs, names)
        if self.output == "mask" and (last := f"up{self.num_layers}") in found:
            found[last] = found[last] * inputs
        return found


class WaveUNet(UNet):
    """The time-domain codec (loss) network of MM'19 Section 4.2 and Table 1, on samples [shape=(batch, 1, n)].

    MM'19 gives no channel counts: F, 2F, ..., as in its second author's Wave-U-Net (2018). Its convolution "with a
    stride of 1, followed by a decimation of 2" is one of stride 2.
    """

    last = staticmethod(torch.tanh)

    def __init__(self, num_layers: int = 8, base_filters: int = 32, bottleneck: int | None = None) -> None:
        channels = [base_filters * level for level in range(1, num_layers + 1)]
        super().__init__(num_layers, base_filters, [*channels[:-1], bottleneck or channels[-1]])
        self.draw()

    def draw(self) -> None:
        """Glorot and Bengio's uniform weights and no biases, Keras's defaults: no batch norm makes up for worse."""
        for layer in cast(list[nn.Conv1d], [*self.down, *self.up]):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))


class AutoEncoder(WaveUNet):
    """The autoencoder that MM'19 trains with each of its losses: L levels (from 2) of k F channels (F even), no skips.

    The bottleneck, ``2 ** (L - 1)`` channels, has 50 % of the input's numbers. "1D transpose convolutions" with
    "Stride=1" are read as zeros put between samples and a convolution of stride 1.
    """

    skips, kernels = False, (9, 9)

    def __init__(self, num_layers: int = 8, base_filters: int = 12) -> None:
        check_whole("num_layers", num_layers, 2)
        if base_filters % 2:
            raise ParameterError(f"base_filters={base_filters}: give an even number, since channels start in pairs")
        super().__init__(num_layers, base_filters, 2 ** (num_layers - 1))

    @torch.no_grad()
    def draw(self) -> None:
        """Encoder and decoder start as one random orthogonal projection that "looks linear" (Balduzzi et al. 2017).

        Channels come in pairs of opposite sign: what one ReLU cuts off the other passes, the next layer takes the
        difference. The two middle taps of level k's kernel turn two steps of the level above into one: down to here an
        orthogonal transform of 2 ** k samples, cut to a row for each pair; the decoder has the transposes. From the
        defaults of Keras and torch l1 draws the output to silence first (`benchmarks/autoencoder_start.py`).
        """
        above, signs = torch.ones(1, 1), torch.tensor([[[1.0], [-1.0]], [[-1.0], [1.0]]])
        for encoder, decoder in cast(list[tuple[nn.Conv1d, nn.Conv1d]], zip(self.down, reversed(self.up), strict=True)):
            inputs, outputs = above.shape[0], encoder.out_channels // 2
            two_steps = torch.block_diag(above, above)
            whole = above.shape[0] >= above.shape[1]  # nothing is lost so far: any subspace may be chosen
            drawn = nn.init.orthogonal_(torch.empty(outputs, two_steps.shape[1] if whole else 2 * inputs))
            above = drawn if whole else drawn @ two_steps
            block = (above @ two_steps.T).view(outputs, 2, inputs).transpose(1, 2).contiguous()
            signed = torch.kron(signs[:, : encoder.in_channels // inputs], block)
            for layer in (encoder, decoder):  # a transposed convolution's weight has the same order of axes
                middle = layer.kernel_size[0] // 2
                nn.init.zeros_(layer.weight)[:, :, middle : middle + 2] = signed
                nn.init.zeros_(cast(Tensor, layer.bias))


KINDS: dict[str, type[UNet]] = {"mask_unet": MaskUNet, "wave_unet": WaveUNet, "autoencoder": AutoEncoder}


@dataclass(frozen=True)
class NetworkSpec:
    """Which network, as data; `output` is a `MaskUNet`'s."""

    num_layers: int
    base_filters: int
    output: str = "mask"
    kind: str = "mask_unet"

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_choice("output", self.output, ("mask", "direct"))

    @property
    def on_samples(self) -> bool:
        """Whether the network takes samples rather than scaled magnitudes."""
        return self.kind != "mask_unet"

    def build(self) -> Any:
        """A new network, its weights drawn from torch's current seed."""
        further = () if self.on_samples else (self.output,)
        return KINDS[self.kind](self.num_layers, self.base_filters, *further)


@torch.no_grad()
def through(network: UNet, samples: np.ndarray) -> np.ndarray:
    """`samples` [shape=(n,)], any n >= 1, through a network on samples, on the CPU in one pass."""
    padded = np.pad(samples, (0, -len(samples) % 2**network.num_layers)).astype(np.float32)
    return network(torch.from_numpy(padded)[None, None])[0, 0, : len(samples)].numpy()


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters, as IJCNN'20 Table II counts them."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@torch.no_grad()
def describe(network: UNet, *size: int) -> list[dict[str, Any]]:
    """Name, channels and size of the input (bins and frames, or samples: `size`) and of every layer's output."""
    inputs = torch.zeros(1, 1, *size)
    outputs = {"input": inputs} | network.eval().activations(inputs, network.layer_names)
    names = ("name", "channels", "bins", "frames") if len(size) == 2 else ("name", "channels", "samples")
    return [dict(zip(names, (name, *output.shape[1:]), strict=True)) for name, output in outputs.items()]
