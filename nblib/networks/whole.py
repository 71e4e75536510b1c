"""What can be asked of any network: the sizes of its layers and, on samples, what it makes of a whole signal."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nblib.networks.autoencoder import AutoEncoder
from nblib.networks.unet import MaskUNet
from nblib.networks.waveunet import WaveUNet


@torch.no_grad()
def through(network: WaveUNet | AutoEncoder, samples: np.ndarray) -> np.ndarray:
    """`samples` [shape=(n,)], any n >= 1, through a `WaveUNet` or an `AutoEncoder` on the CPU in one pass.

    Zeros are put behind until n can be halved as often as the network does it, and cut off again.
    """
    padded = np.pad(samples, (0, -len(samples) % 2**network.num_layers)).astype(np.float32)
    restored: Tensor = network(torch.from_numpy(padded)[None, None])
    return restored[0, 0, : len(samples)].numpy()


@torch.no_grad()
def describe(network: MaskUNet | WaveUNet | AutoEncoder, *size: int) -> list[dict[str, Any]]:
    """Name, channels and size of the input and of every layer's output, measured on the network itself.

    Parameters
    ----------
    size : int
        Of the input: bins and frames, or samples.
    """
    shapes: dict[str, tuple[int, ...]] = {"input": (1, *size)}

    def note(name: str, layer: nn.Module) -> Any:
        return layer.register_forward_hook(
            lambda module, inputs, output: shapes.update({name: tuple(output.shape[1:])})
        )

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
