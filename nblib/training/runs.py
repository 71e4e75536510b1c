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
from nblib.losses import CodecLoss, L1Loss, WeightedLoss
from nblib.networks import MaskUNet, count_parameters
from nblib.patches import PatchPairs
from nblib.training.loop import Training, train

VERSION = 1  # raised when the code changes what a configuration trains to
COLLAPSED_SPREAD = 0.01  # a mask with less standard deviation than this over the validation set is a constant
LOSSES = ("l1", "codec")


@dataclass(frozen=True)
class NetworkSpec:
    """A `MaskUNet`."""

    num_layers: int
    base_filters: int
    output: str = "mask"

    def build(self) -> MaskUNet:
        """A new network, its weights drawn from torch's current seed."""
        return MaskUNet(self.num_layers, self.base_filters, self.output)


@dataclass(frozen=True)
class LossSpec:
    """What a network is trained with: "l1", or "codec" with the hash of a loss network's run."""

    kind: str = "l1"
    network: str = ""
    layers: str | tuple[str, ...] = "F"
    prediction: bool = False
    unit_epochs: int = 10

    def build(self) -> WeightedLoss:
        """The loss, its loss network loaded."""
        check_choice("loss", self.kind, LOSSES)
        if self.kind == "l1":
            return L1Loss()
        return CodecLoss(load(self.network).network(), self.layers, self.prediction, self.unit_epochs)


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
        """ "plateau", "max_epochs", "collapsed" (a constant mask) or "diverged" (no network was kept)."""
        return str(self.record["status"])

    def network(self) -> MaskUNet:
        """The trained network in evaluation mode, on the CPU.

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
    loss = config.loss.build().to(device)
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
            domain=config.domain,
            seed=config.seed,
            checkpoint=checkpoint,
            log=lambda line: log(f"{config.label}: {line}"),
        )
    except TrainingDiverged as error:
        record |= {"status": "diverged", "reason": str(error)}
        log(f"{config.label}: diverged: {error}")
    else:
        record |= dataclasses.asdict(outcome) | {"mask_spread": mask_spread(network, validation, config.domain)}
        if record["mask_spread"] < COLLAPSED_SPREAD:
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


def _header(config: RunConfig, device: str, network: MaskUNet) -> dict[str, Any]:
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
def mask_spread(network: MaskUNet, pairs: PatchPairs, domain: str, batch_size: int = 16) -> float:
    """Standard deviation of the network's mask over all of `pairs`' inputs; zero for a constant mask."""
    network.eval()
    device = next(network.parameters()).device
    sums = torch.zeros(2, dtype=torch.float64, device=device)
    for inputs in pairs.inputs.split(batch_size):
        mask = network.mask(scale(inputs.to(device), domain)).double()
        sums += torch.stack([mask.mean(), mask.square().mean()]) * len(inputs) / len(pairs)
    mean, square = sums.tolist()
    return max(square - mean**2, 0.0) ** 0.5
