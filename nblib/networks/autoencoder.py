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
is 0.00 dB, with either reading of the decoder. From the random orthogonal projection of `networks.initial` it is
9.84 dB (`benchmarks/autoencoder_start.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nblib.errors import ParameterError, check_whole
from nblib.networks.checks import check_samples
from nblib.networks.initial import projection

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

    Raises
    ------
    ParameterError
        A size is out of range.
    """

    def __init__(self, num_layers: int = 8, base_filters: int = 12) -> None:
        super().__init__()
        check_whole("num_layers", num_layers, least=2)
        check_whole("base_filters", base_filters, least=2)
        if base_filters % 2:
            raise ParameterError(f"base_filters={base_filters}: give an even number, since channels start in pairs")
        self.num_layers, self.base_filters = num_layers, base_filters
        channels = [1, *(base_filters * level for level in range(1, num_layers)), 2 ** (num_layers - 1)]
        self.down = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, stride=2, padding=KERNEL // 2)
            for before, after in zip(channels, channels[1:], strict=False)
        )
        mirrored = channels[::-1]
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(before, after, KERNEL, stride=2, padding=KERNEL // 2, output_padding=1)
            for before, after in zip(mirrored, mirrored[1:], strict=False)
        )
        projection(self.down, self.up)

    def encode(self, samples: Tensor) -> Tensor:
        """The bottleneck [shape=(batch, 2 ** (L - 1), n / 2 ** L)] of `samples` [shape=(batch, 1, n)].

        Raises
        ------
        ParameterError
            n cannot be halved L times.
        """
        check_samples(samples, self.num_layers)
        hidden = samples
        for layer in self.down:
            hidden = functional.relu(layer(hidden))
        return hidden

    def decode(self, bottleneck: Tensor) -> Tensor:
        """Samples in (-1, 1) [shape=(batch, 1, n)] from what `encode` gave."""
        hidden = bottleneck
        for layer in self.up[:-1]:
            hidden = functional.relu(layer(hidden))
        return torch.tanh(self.up[-1](hidden))

    def forward(self, samples: Tensor) -> Tensor:
        """The reconstruction in (-1, 1), same shape as `samples` [shape=(batch, 1, n), range [-1, 1]]."""
        return self.decode(self.encode(samples))
