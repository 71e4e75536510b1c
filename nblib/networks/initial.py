"""First weights of the networks on samples, which have no batch norm to make up for a bad start."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

Layer = nn.Conv1d | nn.ConvTranspose1d


def glorot(network: nn.Module) -> None:
    """Glorot and Bengio's uniform weights and no biases: the defaults of Keras, whose Adam the papers' decay is of."""
    for layer in network.modules():
        if isinstance(layer, Layer):
            nn.init.xavier_uniform_(layer.weight)
            _no_bias(layer)


def projection(down: nn.ModuleList, up: nn.ModuleList) -> None:
    """Let encoder and mirrored decoder, of stride 2 and ReLUs between, start as one random orthogonal projection.

    Channels come in pairs of opposite sign, so that what one ReLU cuts off the other passes and the next layer takes
    the difference: the network "looks linear" (Balduzzi et al. 2017, "The shattered gradients problem", Section 4). The
    two middle taps of level k's kernel hold a matrix that turns two steps of the level above into one of this, so that
    all levels down to it come to an orthogonal transform of 2 ** k samples, cut to as many rows as there are pairs;
    all other taps are 0. The decoder has the transposed matrices. Signals and gradients that the bottleneck has room
    for so pass all layers unweakened.

    Parameters
    ----------
    down, up : ModuleList of nn.Conv1d and of nn.ConvTranspose1d
        The bottleneck last in `down` and first in `up`; kernels of odd size, padded to keep their middle. Channels but
        the first layer's input and the last one's output are even in number.
    """
    above = torch.ones(1, 1)
    for encoder, decoder in zip(cast(list[nn.Conv1d], down), cast(list[Layer], reversed(up)), strict=True):
        inputs, outputs = above.shape[0], encoder.out_channels // 2
        two_steps = torch.block_diag(above, above)
        whole = above.shape[0] >= above.shape[1]  # nothing is lost so far: any subspace may be chosen
        transform = _orthogonal(outputs, two_steps.shape[1]) if whole else _orthogonal(outputs, 2 * inputs) @ two_steps
        block = (transform @ two_steps.T).view(outputs, 2, inputs).transpose(1, 2)
        _set(encoder, block)
        _set(decoder, block)  # a transposed convolution's weight has the same order of axes
        above = transform


def _orthogonal(rows: int, columns: int) -> Tensor:
    return nn.init.orthogonal_(torch.empty(rows, columns))


def _set(layer: Layer, block: Tensor) -> None:
    """`block` [shape=(pairs below, pairs or channels above, 2)] in the middle of the layer's kernel."""
    middle = layer.kernel_size[0] // 2
    signed = torch.cat([block, -block], dim=0)
    if layer.weight.shape[1] > 1:
        signed = torch.cat([signed, -signed], dim=1)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:, :, middle : middle + 2] = signed
    _no_bias(layer)


def _no_bias(layer: Layer) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
