"""How the autoencoder's first weights and its decoder decide what training makes of it: Model A, the same steps each.

    python benchmarks/autoencoder_start.py [--steps 300] [--pieces 60] [--seconds 24] [--only NAME ...]

Rows: the network as it is (an orthogonal projection to begin with); the same with Keras's default weights (Glorot) and
with torch's; a decoder that repeats samples and convolves instead of putting zeros between them, with Glorot's weights.
Trained on single patches of 66,048 samples of embedded music up to 3 kHz with l1 and Adam at 5e-4, one thread.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nblib.audio import Geometry
from nblib.entries import Size
from nblib.evaluation import frame_snr
from nblib.networks import AutoEncoder, WaveUNet
from nblib.provenance import seed_everything
from nblib.settings import settings
from nblib.study import recordings
from nblib.training import Source


class Repeating(AutoEncoder):
    """Each up layer repeats every sample and convolves, instead of putting a zero behind it."""

    def _layer(self, side: str, index: int, hidden: Tensor) -> Tensor:
        if side == "down":
            return super()._layer(side, index, hidden)
        layer = self.up[index]
        kernel = layer.weight.transpose(0, 1).flip(2)
        repeated = functional.interpolate(hidden, scale_factor=2.0)
        hidden = functional.conv1d(repeated, kernel, layer.bias, padding=kernel.shape[2] // 2)
        return torch.tanh(hidden) if index == self.num_layers - 1 else functional.relu(hidden)


def with_glorot(network: AutoEncoder) -> AutoEncoder:
    """`network` with the weights of Keras's default."""
    WaveUNet.draw(network)
    return network


def with_torchs_own(network: AutoEncoder) -> AutoEncoder:
    """`network` with the weights of torch's default."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
            layer.reset_parameters()
    return network


STARTS: dict[str, Callable[[], AutoEncoder]] = {
    "projection": AutoEncoder,
    "glorot": lambda: with_glorot(AutoEncoder()),
    "torch": lambda: with_torchs_own(AutoEncoder()),
    "repeating": lambda: with_glorot(Repeating()),
}


def main() -> None:
    """Train each start and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--pieces", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=24.0, help="of each piece")
    parser.add_argument("--only", nargs="+", choices=STARTS, default=list(STARTS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    test, validating = max(1, options.pieces // 10), max(1, options.pieces // 5)
    size = Size(options.pieces - validating - test, validating, test, options.seconds)
    corpus = recordings(replace(settings(), music=size), "music", 16_000)
    source = Source(corpus, Geometry(sample_rate=16_000), becomes=3000)
    training, validation = (source(split).inputs for split in ("train", "validation"))
    for name in options.only:
        seed_everything("start")
        network = STARTS[name]()
        optimiser = torch.optim.Adam(network.parameters(), lr=5e-4)
        began = time.monotonic()
        for step in range(options.steps):
            patch = training[step * 37 % len(training)][None]
            optimiser.zero_grad()
            (network(patch) - patch).abs().mean().backward()
            optimiser.step()
        seconds = time.monotonic() - began
        with torch.no_grad():
            found = [frame_snr(patch[0].numpy(), network(patch[None])[0, 0].numpy())["snr_db"] for patch in validation]
        reached = f"validation SNR {np.nanmean(found):6.2f} dB"
        print(f"{name:12} {options.steps} steps, {seconds:.0f} s: {reached}", flush=True)


if __name__ == "__main__":
    main()
