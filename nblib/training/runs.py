"""Train networks or load them, by the hash of their configuration.

A run is a folder ``data/runs/<hash>``: ``checkpoint.pt`` while it trains, then ``network.safetensors``, and last
``run.json``, whose presence says that the run is complete. What a study calls the run does not enter the hash.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch

from nblib import paths, provenance, tensors
from nblib.audio import Geometry
from nblib.errors import StorageError, TrainingDiverged
from nblib.losses import LossSpec
from nblib.networks import NetworkSpec, count_parameters
from nblib.parallel import cores, parallel_map
from nblib.training.loop import Training, train
from nblib.training.store import PatchPairs, View

VERSION = 4  # raised when the code changes what a configuration trains to
COLLAPSED_SPREAD = 0.01  # with less `spread` a network came to nothing: a constant mask, or silence
REMEDY = "remove the folder and run again: it is made anew"
Data = Callable[[str], PatchPairs]  # of a split, "train" or "validation"; called only if there is something to train
Job = tuple["RunConfig", Data, str]  # the text is what messages call the run


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what a run comes to."""

    network: NetworkSpec
    loss: LossSpec
    training: Training
    geometry: Geometry
    domain: str
    data: str  # the fingerprint of the patches
    seed: int
    threads: int = 1  # torch's threads order its sums, so their number is part of the configuration

    @property
    def hash(self) -> str:
        """What the run is called and found by."""
        values = dataclasses.asdict(self)
        values["training"].pop("checkpoint_seconds")
        return provenance.config_hash([VERSION, values])

    @property
    def path(self) -> Path:
        """The run's folder."""
        return paths.runs() / self.hash

    @property
    def complete(self) -> bool:
        """Whether it needs no training any more."""
        return (self.path / "run.json").exists()


@dataclass(frozen=True)
class Run:
    """A complete run: its record, and where it lies."""

    hash: str
    path: Path
    record: dict[str, Any]

    @property
    def status(self) -> str:
        """Either "plateau", "max_epochs", "collapsed" or "diverged" (no network was kept)."""
        return str(self.record["status"])

    def network(self) -> Any:
        """The trained network, in evaluation mode, on the CPU; `TrainingDiverged` or `StorageError` without one."""
        if self.status == "diverged":
            raise TrainingDiverged(f"{self.record['title']}: {self.record['reason']}")
        network, weights = NetworkSpec(**self.record["config"]["network"]).build(), self.path / "network.safetensors"
        try:
            network.load_state_dict(tensors.load(weights)[0])
        except (OSError, RuntimeError) as error:  # missing, damaged, or of another network
            raise StorageError(f"{weights}: missing or damaged; {REMEDY}") from error
        return network.eval()


def load(run_hash: str) -> Run:
    """The complete run with this hash; `StorageError` where there is none."""
    record = paths.runs() / run_hash / "run.json"
    try:
        return Run(run_hash, record.parent, json.loads(record.read_text()))
    except (FileNotFoundError, ValueError) as error:
        raise StorageError(f"{record}: missing or damaged ({error}); {REMEDY}") from error


def train_or_load(job: Job, device: str) -> Run:
    """The run of `job`: loaded if it is complete, else trained, going on from its last checkpoint."""
    config, data, title = job
    if config.complete:
        return load(config.hash)
    provenance.deterministic()
    with provenance.torch_threads(config.threads):
        provenance.seed_everything(config.seed, "weights")
        network = config.network.build().to(device)
        teacher = load(config.loss.teacher).network() if config.loss.teacher else None
        loss = config.loss.build(config.geometry, config.domain, teacher).to(device)
        validation, checkpoint = data("validation"), config.path / "checkpoint.pt"
        view = View(config.geometry, config.domain, config.network.on_samples)
        where = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
        record = {"title": title, "config": provenance.canonical(config), "parameters": count_parameters(network)}
        record |= {"device": where, "commit": provenance.commit(), "environment": provenance.environment()}
        try:
            outcome = train(network, loss, data("train"), validation, config.training, view, config.seed, checkpoint)
        except TrainingDiverged as error:
            record |= {"status": "diverged", "reason": str(error)}
        else:
            record |= dataclasses.asdict(outcome) | {"spread": spread(network, validation, view)}
            if record["spread"] < COLLAPSED_SPREAD:
                record["status"] = "collapsed"
            tensors.save(config.path / "network.safetensors", network.state_dict(), record["config"])
        record["finished"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with paths.whole(config.path / "run.json") as temporary:
            temporary.write_text(json.dumps(record, indent=1))
        checkpoint.unlink(missing_ok=True)
    return load(config.hash)


def train_all(jobs: Sequence[Job], device: str) -> None:
    """Train what is missing of `jobs`, whose data must be picklable, on all cores, the costly first."""
    # By hash, so that two names of one configuration are not trained side by side into one folder.
    missing = list({job[0].hash: job for job in jobs if not job[0].complete}.values())
    size = attrgetter("network.num_layers", "network.base_filters")
    missing.sort(key=lambda job: (bool(job[0].loss.teacher), size(job[0])), reverse=True)
    for source in {job[0].data: job[1] for job in missing}.values():
        source("train"), source("validation")  # made here once, so that workers find them in the cache
    # The smallest networks leave a GPU mostly idle; each process costs its memory a context and the data.
    workers = min(cores(), 4) if device.startswith("cuda") else cores()
    for done, run in enumerate(parallel_map(partial(train_or_load, device=device), missing, workers), start=1):
        epochs, seconds = run.record.get("epochs", 0), run.record.get("seconds", 0)
        print(f"{done} of {len(missing)}: {run.record['title']}: {run.status} after {epochs} epochs, {seconds:.0f} s")


@torch.no_grad()
def spread(network: Any, pairs: PatchPairs, view: View) -> float:
    """On magnitudes the standard deviation of the mask over `pairs`, on samples the output's rms over the targets'."""
    device = next(network.eval().parameters()).device
    sums = torch.zeros(3, dtype=torch.float64, device=device)
    for inputs, targets in zip(pairs.inputs.split(16), pairs.targets.split(16), strict=True):
        seen = view(inputs.to(device))
        shown = (network(seen) if view.on_samples else network.mask(seen)).double()
        found = [shown.mean(), shown.square().mean(), targets.to(device, torch.float64).square().mean()]
        sums += torch.stack(found) * len(inputs) / len(pairs)
    mean, square, target_square = sums.tolist()
    return (square / max(target_square, 1e-12)) ** 0.5 if view.on_samples else max(square - mean**2, 0.0) ** 0.5
