"""The autoencoder that MM'19 trains with each of its losses: Section 5, Table 2.

Eight levels of a convolution with stride 1 and a decimation by 2, computed as stride 2: the same values for half the
work. "Model parameters are chosen such that the bottleneck layer contains 50% of the total number of variables of the
input representation": at 1/256 of the rate 128 channels are exactly that, for 66,048 samples as for 16,384. On the way
there the channels grow linearly, F, 2F, ..., 7F, as in the Wave-U-Net of the paper's second author. There are no
skips, or something would go round the bottleneck.

The decoder is "1D transpose convolutions", in Table 2 with "Stride=1". Read as zeros put between the samples and a
convolution of stride 1 after it, which is a transposed convolution of stride 2, both hold.

The paper gives no first weights. Through sixteen layers of ReLUs without batch norm, those of Keras and of torch leave
so little of the signal that l1 draws the output to silence first: after 300 steps on embedded music the validation SNR
is 0.00 dB, with either reading of the decoder. From the random orthogonal projection of `projection` it is 9.84 dB
(`benchmarks/autoencoder_start.py`).
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nblib.errors import ParameterError, check_whole
from nblib.networks.unet import check_halving
from nblib.networks.waveunet import WaveUNet

KERNEL = 9


class AutoEncoder(nn.Module):
    """Encoder of convolutions and decimations by 2, mirrored decoder of transposed convolutions.

    ReLU follows every layer but the last, tanh the last.

    Parameters
    ----------
    num_layers : int >= 2
        Levels, L.
    base_filters : int >= 2, even
        Channels of the first level, F; level k has k times as many, and the bottleneck ``2 ** (L - 1)``: half as many
        numbers as samples come in.
    """

    def __init__(self, num_layers: int = 8, base_filters: int = 12) -> None:
        super().__init__()
        check_whole("num_layers", num_layers, least=2)
        check_whole("base_filters", base_filters, least=2)
        if base_filters % 2:
            raise ParameterError(f"base_filters={base_filters}: give an even number, since channels start in pairs")
        self.num_layers, self.base_filters = num_layers, base_filters
        channels = [1, *(base_filters * level for level in range(1, num_layers)), 2 ** (num_layers - 1)]
        pairs = list(zip(channels, channels[1:], strict=False))
        self.down = nn.ModuleList(nn.Conv1d(*pair, KERNEL, stride=2, padding=KERNEL // 2) for pair in pairs)
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(*pair[::-1], KERNEL, stride=2, padding=KERNEL // 2, output_padding=1)
            for pair in pairs[::-1]
        )
        projection(self.down, self.up)

    def encode(self, samples: Tensor) -> Tensor:
        """The bottleneck [shape=(batch, 2 ** (L - 1), n / 2 ** L)] of `samples` [shape=(batch, 1, n)]."""
        check_halving(samples, 1, self.num_layers)
        for layer in self.down:
            samples = functional.relu(layer(samples))
        return samples

    def decode(self, bottleneck: Tensor) -> Tensor:
        """Samples in (-1, 1) [shape=(batch, 1, n)] from what `encode` gave."""
        for layer in self.up[:-1]:
            bottleneck = functional.relu(layer(bottleneck))
        return torch.tanh(self.up[-1](bottleneck))

    def forward(self, samples: Tensor) -> Tensor:
        """The reconstruction in (-1, 1), same shape as `samples` [shape=(batch, 1, n), range [-1, 1]]."""
        return self.decode(self.encode(samples))


def projection(down: nn.ModuleList, up: nn.ModuleList) -> None:
    """Let encoder and mirrored decoder, of stride 2 and ReLUs between, start as one random orthogonal projection.

    Channels come in pairs of opposite sign, so that what one ReLU cuts off the other passes and the next layer takes
    the difference: the network "looks linear" (Balduzzi et al. 2017, "The shattered gradients problem", Section 4). The
    two middle taps of level k's kernel hold a matrix that turns two steps of the level above into one of this, so that
    all levels down to it come to an orthogonal transform of 2 ** k samples, cut to as many rows as there are pairs;
    all other taps are 0. The decoder has the transposed matrices. Signals and gradients that the bottleneck has room
    for so pass all layers unweakened.
    """
    above = torch.ones(1, 1)
    for encoder, decoder in zip(down, reversed(up), strict=True):
        inputs, outputs = above.shape[0], cast(nn.Conv1d, encoder).out_channels // 2
        two_steps = torch.block_diag(above, above)
        whole = above.shape[0] >= above.shape[1]  # nothing is lost so far: any subspace may be chosen
        drawn = nn.init.orthogonal_(torch.empty(outputs, two_steps.shape[1] if whole else 2 * inputs))
        transform = drawn if whole else drawn @ two_steps
        block = (transform @ two_steps.T).view(outputs, 2, inputs).transpose(1, 2)
        for layer in (encoder, decoder):  # a transposed convolution's weight has the same order of axes
            _start(cast(nn.Conv1d, layer), block)
        above = transform


@torch.no_grad()
def _start(layer: nn.Conv1d, block: Tensor) -> None:
    """`block` [shape=(pairs below, pairs or channels above, 2)] in the middle of the layer's kernel, no bias."""
    signed = torch.cat([block, -block], dim=0)
    if layer.weight.shape[1] > 1:
        signed = torch.cat([signed, -signed], dim=1)
    layer.weight.zero_()
    layer.weight[:, :, KERNEL // 2 : KERNEL // 2 + 2] = signed
    nn.init.zeros_(cast(Tensor, layer.bias))


@torch.no_grad()
def through(network: WaveUNet | AutoEncoder, samples: np.ndarray) -> np.ndarray:
    """`samples` [shape=(n,)], any n >= 1, through a network on samples, on the CPU in one pass.

    Zeros are put behind until n can be halved as often as the network does it, and cut off again.
    """
    padded = np.pad(samples, (0, -len(samples) % 2**network.num_layers)).astype(np.float32)
    restored: Tensor = network(torch.from_numpy(padded)[None, None])
    return restored[0, 0, : len(samples)].numpy()
