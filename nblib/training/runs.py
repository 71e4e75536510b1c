"""Train a network or load it, by the hash of its configuration.

A run is a folder ``data/runs/<hash>``: ``checkpoint.safetensors`` while it trains, then ``network.safetensors`` and
last ``run.json``, whose presence says that the run is complete. The hash covers the network, the loss (with the hash of
its loss network's run), the training, the corpus's fingerprint and the seed.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nblib import paths, provenance, tensors
from nblib.audio import Geometry, scale
from nblib.errors import StorageError, TrainingDiverged, check_choice
from nblib.losses import CodecLoss, L1Loss, SpectralCodecLoss, SpectrogramLoss, WeightedLoss
from nblib.networks import AutoEncoder, MaskUNet, WaveUNet, count_parameters
from nblib.patches import PatchPairs
from nblib.training.loop import Training, train

Network = MaskUNet | WaveUNet | AutoEncoder

VERSION = 3  # raised when the code changes what a configuration trains to
COLLAPSED_SPREAD = 0.01  # see `spread`
NETWORKS = ("mask_unet", "wave_unet", "autoencoder")
LOSSES = ("l1", "codec", "spectrogram", "spectral_codec")


@dataclass(frozen=True)
class NetworkSpec:
    """A `MaskUNet` with its `output`, a `WaveUNet` or an `AutoEncoder`."""

    num_layers: int
    base_filters: int
    output: str = "mask"
    kind: str = "mask_unet"

    @property
    def on_samples(self) -> bool:
        """Whether the network takes samples rather than scaled magnitudes."""
        return self.kind != "mask_unet"

    def build(self) -> Network:
        """A new network, its weights drawn from torch's current seed."""
        check_choice("network", self.kind, NETWORKS)
        if self.kind == "mask_unet":
            return MaskUNet(self.num_layers, self.base_filters, self.output)
        network = WaveUNet if self.kind == "wave_unet" else AutoEncoder
        return network(self.num_layers, self.base_filters)


@dataclass(frozen=True)
class LossSpec:
    """What a network is trained with.

    "l1"; "codec" with the hash of a loss network's run; of a network on samples also "spectrogram" (MM'19 equation 2)
    and "spectral_codec" (equation 3), which see the spectrograms of the run's geometry and domain.
    """

    kind: str = "l1"
    network: str = ""
    layers: str | tuple[str, ...] = "F"
    prediction: bool = False
    unit_epochs: int = 10

    def build(self, geometry: Geometry, domain: str) -> WeightedLoss:
        """The loss, its loss network loaded."""
        return self.around(load(self.network).network() if self.network else None, geometry, domain)

    def around(self, network: Any, geometry: Geometry, domain: str) -> WeightedLoss:
        """The loss with this loss network, None where it has none."""
        check_choice("loss", self.kind, LOSSES)
        if self.kind == "l1":
            return L1Loss()
        if self.kind == "spectrogram":
            return SpectrogramLoss(geometry, domain, self.unit_epochs)
        if self.kind == "spectral_codec":
            return SpectralCodecLoss(network, geometry, domain, self.unit_epochs)
        return CodecLoss(network, self.layers, self.prediction, self.unit_epochs)


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what a run comes to; `label` names it for people and is not hashed."""

    label: str
    network: NetworkSpec
    loss: LossSpec
    training: Training
    geometry: Geometry
    domain: str
    data: str  # the training data's fingerprint
    seed: int
    threads: int = 1  # torch's threads order its sums, so their number is part of the configuration

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits."""
        values = dataclasses.asdict(dataclasses.replace(self, label=""))
        values["training"].pop("checkpoint_seconds")
        return provenance.config_hash([VERSION, values])


@dataclass(frozen=True)
class Run:
    """A complete run: its record, and where it lies."""

    hash: str
    path: Path
    record: dict[str, Any]

    @property
    def status(self) -> str:
        """ "plateau", "max_epochs", "collapsed" (see `spread`) or "diverged" (no network was kept)."""
        return str(self.record["status"])

    def network(self) -> Any:
        """The trained network, of the kind that its configuration names, in evaluation mode, on the CPU.

        Raises
        ------
        TrainingDiverged
            The run diverged: it has no network.
        StorageError
            The file of weights is missing or damaged.
        """
        if self.status == "diverged":
            raise TrainingDiverged(f"{self.record['label']}: {self.record['reason']}")
        network = NetworkSpec(**self.record["config"]["network"]).build()
        weights = self.path / "network.safetensors"
        try:
            network.load_state_dict(tensors.load(weights)[0])
        except (OSError, RuntimeError) as error:  # missing, damaged, or of another network
            raise StorageError(
                f"{weights}: missing or damaged; remove the folder {self.path} and run again: it is made anew"
            ) from error
        return network.eval()


def load(run_hash: str) -> Run:
    """The complete run with this hash.

    Raises
    ------
    StorageError
        There is none, or its record is damaged.
    """
    path = paths.runs() / run_hash
    try:
        return Run(run_hash, path, json.loads((path / "run.json").read_text()))
    except FileNotFoundError as error:
        raise StorageError(f"{path}: no complete run lies here; run the notebook that trains it") from error
    except ValueError as error:
        raise StorageError(f"{path / 'run.json'}: damaged ({error}); remove the folder, it is made anew") from error


def is_complete(config: RunConfig) -> bool:
    """Whether the run needs no training any more."""
    return (paths.runs() / config.hash / "run.json").exists()


def train_or_load(
    config: RunConfig, data: Callable[[str], PatchPairs], device: str = "cpu", log: Callable[[str], None] = print
) -> Run:
    """The run of `config`: loaded if it is complete, else trained, going on from its last checkpoint.

    Parameters
    ----------
    data : callable
        Gives the `PatchPairs` of a split ("train", "validation"); called only if there is something to train.
    log : callable
        Gets progress lines.
    """
    path = paths.runs() / config.hash
    if not is_complete(config):
        with provenance.torch_threads(config.threads):
            _train(config, data, device, log, path)
    return load(config.hash)


def _train(
    config: RunConfig, data: Callable[[str], PatchPairs], device: str, log: Callable[[str], None], path: Path
) -> None:
    provenance.deterministic()
    provenance.seed_everything(config.seed, "weights")
    network = config.network.build().to(device)
    loss = config.loss.build(config.geometry, config.domain).to(device)
    domain = None if config.network.on_samples else config.domain
    training, validation = data("train"), data("validation")
    checkpoint = path / "checkpoint.safetensors"
    record = _header(config, device, network)
    try:
        outcome = train(
            network,
            loss,
            training,
            validation,
            config.training,
            domain=domain,
            seed=config.seed,
            checkpoint=checkpoint,
            log=lambda line: log(f"{config.label}: {line}"),
        )
    except TrainingDiverged as error:
        record |= {"status": "diverged", "reason": str(error)}
        log(f"{config.label}: diverged: {error}")
    else:
        record |= dataclasses.asdict(outcome) | {"spread": spread(network, validation, domain)}
        if record["spread"] < COLLAPSED_SPREAD:
            record["status"] = "collapsed"
        tensors.save(path / "network.safetensors", network.state_dict(), record["config"])
        log(
            f"{config.label}: {record['status']} after {outcome.epochs} epochs, best {outcome.best_epoch}, "
            f"validation l1 {outcome.history[outcome.best_epoch - 1]['validation_l1']:.5f}"
        )
    record["finished"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with paths.whole(path / "run.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1))
    checkpoint.unlink(missing_ok=True)


def _header(config: RunConfig, device: str, network: Network) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    return {
        "label": config.label,
        "config": provenance.canonical(config),
        "parameters": count_parameters(network),
        "device": name,
        "commit": provenance.commit(),
        "environment": provenance.environment(),
    }


@torch.no_grad()
def spread(network: Any, pairs: PatchPairs, domain: str | None, batch_size: int = 16) -> float:
    """How much of what goes in still shows: under `COLLAPSED_SPREAD` the network came to nothing.

    Of a network on magnitudes (scaled to `domain`) the standard deviation of its mask over all of `pairs`, zero for a
    constant mask; of one on samples (`domain` None) the rms of what it puts out over that of the targets, zero for
    silence.
    """
    network.eval()
    device = next(network.parameters()).device
    sums = torch.zeros(3, dtype=torch.float64, device=device)
    for inputs, targets in zip(pairs.inputs.split(batch_size), pairs.targets.split(batch_size), strict=True):
        inputs = inputs.to(device)
        shown = (network(inputs) if domain is None else network.mask(scale(inputs, domain))).double()
        target = targets.to(device, torch.float64).square().mean()
        sums += torch.stack([shown.mean(), shown.square().mean(), target]) * len(inputs) / len(pairs)
    mean, square, target_square = sums.tolist()
    return (square / max(target_square, 1e-12)) ** 0.5 if domain is None else max(square - mean**2, 0.0) ** 0.5
