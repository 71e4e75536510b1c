"""The time-domain codec (loss) network of MM'19: Section 4.2 and Table 1, right column.

Each down layer is "a 1D convolution with a stride of 1, followed by a decimation of 2", which is computed as the same
convolution with stride 2: the same values at half the cost. The paper gives F = 32 and no channel counts; they grow
linearly, F, 2F, ..., 8F, as in the Wave-U-Net of the paper's second author (Stoller, Ewert and Dixon 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nblib.networks.unet import UNet, ladder

DOWN_KERNEL, UP_KERNEL = 15, 9


class WaveUNet(UNet):
    """U-Net on samples: kernel 15 and decimation by 2 down, transposed kernel 9 and stride 2 up, skips concatenated.

    ReLU follows every layer but the last, tanh the last. There is neither batch norm nor dropout (Table 1). Samples are
    [shape=(batch, 1, n), range [-1, 1]].

    Parameters
    ----------
    num_layers : int >= 1
        Levels, L.
    base_filters : int >= 1
        Channels of the first level, F; level k has k times as many.
    """

    def __init__(self, num_layers: int = 8, base_filters: int = 32) -> None:
        super().__init__(num_layers, base_filters)
        down, up = ladder([base_filters * level for level in range(1, num_layers + 1)])
        self.down = nn.ModuleList(nn.Conv1d(*pair, DOWN_KERNEL, stride=2, padding=DOWN_KERNEL // 2) for pair in down)
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(*pair, UP_KERNEL, stride=2, padding=UP_KERNEL // 2, output_padding=1) for pair in up
        )
        glorot(self)

    def _layer(self, side: str, level: int, hidden: Tensor) -> Tensor:
        hidden = getattr(self, side)[level - 1](hidden)
        return torch.tanh(hidden) if side == "up" and level == self.num_layers else functional.relu(hidden)


def glorot(network: nn.Module) -> None:
    """Glorot and Bengio's uniform weights and no biases: the defaults of Keras, whose Adam the papers' decay is of.

    Networks on samples have no batch norm to make up for a bad start.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d) and layer.bias is not None:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
