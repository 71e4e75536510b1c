"""The autoencoder that MM'19 trains with each of its losses: Section 5, Table 2.

The bottleneck has 50 % of the input's numbers, 128 channels at 1/256 of the rate; there are no skips round it. "1D
transpose convolutions" with "Stride=1" are read as zeros put between samples and a convolution of stride 1. The paper
gives no first weights: from the defaults of Keras and torch l1 draws the output to silence first (0.00 dB of SNR after
300 steps, from `projection` 9.84 dB: `benchmarks/autoencoder_start.py`).
"""

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from nblib.errors import ParameterError
from nblib.networks.unet import SampleNetwork

KERNEL = 9


class AutoEncoder(SampleNetwork):
    """Encoder of L levels (from 2) of k F channels (F even), bottleneck of ``2 ** (L - 1)``, and mirrored decoder."""

    skips = False

    def __init__(self, num_layers: int = 8, base_filters: int = 12) -> None:
        if base_filters % 2:
            raise ParameterError(f"base_filters={base_filters}: give an even number, since channels start in pairs")
        super().__init__((num_layers, base_filters, 2), (KERNEL, KERNEL), bottleneck=2 ** (num_layers - 1))
        projection(self.down, self.up)

    def encode(self, samples: Tensor) -> Tensor:
        """The bottleneck [shape=(batch, 2 ** (L - 1), n / 2 ** L)] of `samples` [shape=(batch, 1, n)]."""
        return self.activations(samples, [last := f"down{self.num_layers}"])[last]


@torch.no_grad()
def projection(down: nn.ModuleList, up: nn.ModuleList) -> None:
    """Let encoder and mirrored decoder, of stride 2 and ReLUs between, start as one random orthogonal projection.

    Channels come in pairs of opposite sign, so that what one ReLU cuts off the other passes and the next layer takes
    the difference: the network "looks linear" (Balduzzi et al. 2017, "The shattered gradients problem", Section 4). The
    two middle taps of level k's kernel turn two steps of the level above into one of this: down to it, an orthogonal
    transform of 2 ** k samples, cut to as many rows as there are pairs; the decoder has the transposes, all else is 0.
    """
    above = torch.ones(1, 1)
    for encoder, decoder in zip(cast(list[nn.Conv1d], down), cast(list[nn.Conv1d], reversed(up)), strict=True):
        inputs, outputs = above.shape[0], encoder.out_channels // 2
        two_steps = torch.block_diag(above, above)
        whole = above.shape[0] >= above.shape[1]  # nothing is lost so far: any subspace may be chosen
        drawn = nn.init.orthogonal_(torch.empty(outputs, two_steps.shape[1] if whole else 2 * inputs))
        above = drawn if whole else drawn @ two_steps
        block = (above @ two_steps.T).view(outputs, 2, inputs).transpose(1, 2)
        signed = torch.cat([block, -block], dim=0)
        if encoder.weight.shape[1] > 1:
            signed = torch.cat([signed, -signed], dim=1)
        for layer in (encoder, decoder):  # a transposed convolution's weight has the same order of axes
            layer.weight.zero_()
            layer.weight[:, :, KERNEL // 2 : KERNEL // 2 + 2] = signed
            nn.init.zeros_(cast(Tensor, layer.bias))


@torch.no_grad()
def through(network: SampleNetwork, samples: np.ndarray) -> np.ndarray:
    """`samples` [shape=(n,)], any n >= 1, through a network on samples, on the CPU in one pass.

    Zeros are put behind until n can be halved as often as the network does it, and cut off again.
    """
    padded = np.pad(samples, (0, -len(samples) % 2**network.num_layers)).astype(np.float32)
    return network(torch.from_numpy(padded)[None, None])[0, 0, : len(samples)].numpy()
