"""Networks on samples, and the time-domain codec (loss) network of MM'19: Section 4.2 and Table 1, right column.

Each down layer is "a 1D convolution with a stride of 1, followed by a decimation of 2", which is computed as the same
convolution with stride 2: the same values at half the cost. The paper gives F = 32 and no channel counts; they grow
linearly, F, 2F, ..., 8F, as in the Wave-U-Net of the paper's second author (Stoller, Ewert and Dixon 2018).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nblib.networks.unet import UNet, check_sizes, ladder

DOWN_KERNEL, UP_KERNEL = 15, 9


class SampleNetwork(UNet):
    """Convolutions and decimation by 2 down, transposed convolutions of stride 2 up; ReLUs, the last layer's tanh.

    There is neither batch norm nor dropout. Samples are [shape=(batch, 1, n), range [-1, 1]].
    """

    def __init__(self, base_filters: int, channels: list[int], down_kernel: int, up_kernel: int) -> None:
        super().__init__(len(channels), base_filters)
        down, up = ladder(channels, self.skips)
        self.down = nn.ModuleList(nn.Conv1d(*pair, down_kernel, stride=2, padding=down_kernel // 2) for pair in down)
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(*pair, up_kernel, stride=2, padding=up_kernel // 2, output_padding=1) for pair in up
        )

    def _layer(self, side: str, level: int, hidden: Tensor) -> Tensor:
        hidden = getattr(self, side)[level - 1](hidden)
        return torch.tanh(hidden) if side == "up" and level == self.num_layers else functional.relu(hidden)


class WaveUNet(SampleNetwork):
    """U-Net on samples: L levels, level k of k F channels, kernel 15 down and 9 up, skips concatenated."""

    def __init__(self, num_layers: int = 8, base_filters: int = 32) -> None:
        check_sizes(num_layers, base_filters)
        super().__init__(
            base_filters, [base_filters * level for level in range(1, num_layers + 1)], DOWN_KERNEL, UP_KERNEL
        )
        # Glorot and Bengio's uniform weights and no biases, the defaults of Keras, whose Adam the papers' decay is of:
        # there is no batch norm to make up for a bad start.
        for layer in (*self.down, *self.up):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
