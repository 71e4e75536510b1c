"""The time-domain codec (loss) network of MM'19: Section 4.2 and Table 1, right column.

Each down layer is "a 1D convolution with a stride of 1, followed by a decimation of 2", which is computed as the same
convolution with stride 2: the same values at half the cost. The paper gives F = 32 and no channel counts; they grow
linearly, F, 2F, ..., 8F, as in the Wave-U-Net of the paper's second author (Stoller, Ewert and Dixon 2018).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from nblib.errors import check_choice, check_whole
from nblib.networks.checks import check_samples, first_layers, layer_names
from nblib.networks.initial import glorot

DOWN_KERNEL, UP_KERNEL = 15, 9


class WaveUNet(nn.Module):
    """U-Net on samples: kernel 15 and decimation by 2 down, transposed kernel 9 and stride 2 up, skips concatenated.

    ReLU follows every layer but the last, tanh the last. There is neither batch norm nor dropout (Table 1).

    Parameters
    ----------
    num_layers : int >= 1
        Levels, L.
    base_filters : int >= 1
        Channels of the first level, F; level k has k times as many.
    """

    def __init__(self, num_layers: int = 8, base_filters: int = 32) -> None:
        super().__init__()
        check_whole("num_layers", num_layers, least=1)
        check_whole("base_filters", base_filters, least=1)
        self.num_layers, self.base_filters = num_layers, base_filters
        channels = [base_filters * level for level in range(1, num_layers + 1)]
        self.down = nn.ModuleList(
            nn.Conv1d(before, after, DOWN_KERNEL, stride=2, padding=DOWN_KERNEL // 2)
            for before, after in zip([1, *channels[:-1]], channels, strict=True)
        )
        below = channels[::-1]
        above = [*below[1:], 1]
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(
                before * (1 if level == 0 else 2), after, UP_KERNEL, 2, padding=UP_KERNEL // 2, output_padding=1
            )
            for level, (before, after) in enumerate(zip(below, above, strict=True))
        )
        glorot(self)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """As `MaskUNet.layer_names`."""
        return layer_names(len(self.down), len(self.up))

    @property
    def settings(self) -> tuple[int, int]:
        """What it was made with."""
        return self.num_layers, self.base_filters

    def first_layers(self, names: Iterable[str]) -> WaveUNet:
        """As `MaskUNet.first_layers`."""
        part: WaveUNet = first_layers(self, names)
        return part.train(self.training)

    def fuse(self) -> WaveUNet:
        """Itself, in evaluation mode: there is no batch norm to fold away."""
        return self.eval()

    def forward(self, samples: Tensor) -> Tensor:
        """The estimate in (-1, 1), same shape as `samples` [shape=(batch, 1, samples), range [-1, 1]]."""
        return self.activations(samples, [f"up{self.num_layers}"])[f"up{self.num_layers}"]

    def activations(self, samples: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Outputs of the named layers, after ReLU, computing no layer beyond the deepest one named.

        Names are ``down1`` (at the input) to ``downL`` (the bottleneck) and ``up1`` to ``upL``; ``upL`` is the
        network's estimate.

        Raises
        ------
        ParameterError
            A name is unknown, or the samples cannot be halved L times.
        """
        wanted, known = set(names), self.layer_names
        for name in sorted(wanted):
            check_choice("layer", name, known)
        check_samples(samples, self.num_layers)
        found: dict[str, Tensor] = {}
        skips: list[Tensor] = []
        hidden = samples
        for name, layer in zip(known, [*self.down, *self.up], strict=False):
            if name.startswith("up") and name != "up1":
                hidden = torch.cat([hidden, skips.pop()], dim=1)
            hidden = layer(hidden)
            hidden = torch.tanh(hidden) if name == f"up{self.num_layers}" else functional.relu(hidden)
            if name in wanted:
                found[name] = hidden
            if len(found) == len(wanted):
                break
            if name in known[: self.num_layers - 1]:
                skips.append(hidden)
        return found
