"""Train networks or load them, by the hash of their configuration.

A run is a folder ``data/runs/<hash>``: ``checkpoint.pt`` while it trains, then ``network.safetensors``, and last
``run.json``, whose presence says that the run is complete. What a study calls the run does not enter the hash.
"""

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import attrgetter
from typing import Any

import torch

from nblib import paths, provenance, tensors
from nblib.errors import StorageError, TrainingDiverged
from nblib.losses import LossSpec
from nblib.networks import NetworkSpec, count_parameters
from nblib.parallel import cores, parallel_map
from nblib.training.loop import Training, train
from nblib.training.store import PatchPairs, Source, View

VERSION = 4  # raised when the code changes what a configuration trains to
COLLAPSED_SPREAD = 0.01  # with less `spread` a network came to nothing: a constant mask, or silence
THREADS = 1  # of torch while it trains: they order its sums, so their number is part of the configuration
RECORD, WEIGHTS = "run.json", "network.safetensors"
REMEDY = "remove the folder and run again: it is made anew"


@dataclass(frozen=True)
class Cell:
    """One network to be trained: its labels (task, seed, ...), and everything that decides what it comes to.

    Of the labels only the seed does: two studies that train the same network share its run.
    """

    labels: Mapping[str, Any]
    data: Source  # called only if there is something to train
    network: NetworkSpec
    loss: LossSpec
    training: Training
    domain: str

    @cached_property
    def config(self) -> dict[str, Any]:
        """What decides what it comes to, as plain JSON values."""
        parts = {name: getattr(self, name) for name in ("network", "loss", "training", "domain")}
        of_data = {"geometry": self.data.geometry, "data": self.data.fingerprint, "seed": self.labels["seed"]}
        return provenance.canonical(parts | of_data | {"threads": THREADS})

    @cached_property
    def hash(self) -> str:
        """What its run is called and found by."""
        training = {name: value for name, value in self.config["training"].items() if name != "checkpoint_seconds"}
        return provenance.config_hash([VERSION, self.config | {"training": training}])


@dataclass(frozen=True)
class Run:
    """A complete run: what it is called and found by, its record, and the labels of the cell that it is for."""

    hash: str
    record: dict[str, Any]
    labels: Mapping[str, Any]

    @property
    def status(self) -> str:
        """Either "plateau", "max_epochs", "collapsed" or "diverged" (no network was kept)."""
        return str(self.record["status"])

    @property
    def usable(self) -> bool:
        """Whether there is a network that came to something."""
        return self.status not in ("diverged", "collapsed")

    @property
    def row(self) -> dict[str, Any]:
        """The columns that every row of results of this network begins with."""
        known: dict[str, Any] = {"seconds": 0.0, "loss_seconds": 0.0, "run": self.hash} | self.record
        took = {"training_seconds": known["seconds"], "loss_share": known["loss_seconds"] / max(known["seconds"], 1e-9)}
        return {**self.labels, **{name: known[name] for name in ("parameters", "status", "run", "device")}, **took}

    def network(self) -> Any:
        """The trained network, in evaluation mode, on the CPU; `TrainingDiverged` or `StorageError` without one."""
        if self.status == "diverged":
            raise TrainingDiverged(f"{self.record['title']}: {self.record['reason']}")
        network, weights = NetworkSpec(**self.record["config"]["network"]).build(), paths.runs(self.hash, WEIGHTS)
        try:
            network.load_state_dict(tensors.load(weights)[0])
        except (OSError, RuntimeError) as error:  # missing, damaged, or of another network
            raise StorageError(f"{weights}: missing or damaged; {REMEDY}") from error
        return network.eval()


def load(run_hash: str, **labels: Any) -> Run:
    """The complete run with this hash, for a cell of these labels; `StorageError` where there is none."""
    record = paths.runs(run_hash, RECORD)
    try:
        return Run(run_hash, json.loads(record.read_text()), labels)
    except (FileNotFoundError, ValueError) as error:
        raise StorageError(f"{record}: missing or damaged ({error}); {REMEDY}") from error


def train_or_load(cell: Cell, device: str) -> Run:
    """The run of `cell`: loaded if it is complete, else trained, going on from its last checkpoint."""
    folder, geometry, seed = paths.runs(cell.hash), cell.data.geometry, cell.labels["seed"]
    if (folder / RECORD).exists():
        return load(cell.hash, **cell.labels)
    provenance.deterministic()
    with provenance.torch_threads(THREADS):
        provenance.seed_everything(seed, "weights")
        network = cell.network.build().to(device)
        teacher = load(cell.loss.teacher).network() if cell.loss.teacher else None
        loss = cell.loss.build(geometry, cell.domain, teacher).to(device)
        pairs = cell.data("train"), cell.data("validation")
        view, checkpoint = View(geometry, cell.domain, cell.network.on_samples), folder / "checkpoint.pt"
        where = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
        title = " ".join(str(value) for value in cell.labels.values() if value is not None)
        record: dict[str, Any] = {"title": title, "config": cell.config, "parameters": count_parameters(network)}
        record |= {"device": where, "commit": provenance.commit(), "environment": provenance.environment()}
        try:
            outcome = train(network, loss, pairs, cell.training, view, seed, checkpoint)
        except TrainingDiverged as error:
            record |= {"status": "diverged", "reason": str(error)}
        else:
            record |= dataclasses.asdict(outcome) | {"spread": spread(network, pairs[1], view)}
            if record["spread"] < COLLAPSED_SPREAD:
                record["status"] = "collapsed"
            tensors.save(folder / WEIGHTS, network.state_dict(), cell.config)
        record["finished"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with paths.whole(folder / RECORD) as temporary:
            temporary.write_text(json.dumps(record, indent=1))
        checkpoint.unlink(missing_ok=True)
    return load(cell.hash, **cell.labels)


def train_all(cells: Sequence[Cell], device: str) -> list[Run]:
    """The runs of `cells`, in their order; those missing are trained on all cores, the costly first.

    Their data must be picklable.
    """
    # By hash, so that two names of one configuration are not trained side by side into one folder.
    wanted = {cell.hash: cell for cell in cells}
    missing = [cell for run_hash, cell in wanted.items() if not paths.runs(run_hash, RECORD).exists()]
    size = attrgetter("network.num_layers", "network.base_filters")
    missing.sort(key=lambda cell: (bool(cell.loss.teacher), size(cell)), reverse=True)
    for data in {cell.config["data"]: cell.data for cell in missing}.values():
        data("train"), data("validation")  # made here once, so that workers find them in the cache
    # The smallest networks leave a GPU mostly idle; each process costs its memory a context and the data.
    workers = min(cores(), 4) if device.startswith("cuda") else cores()
    for done, run in enumerate(parallel_map(partial(train_or_load, device=device), missing, workers), start=1):
        epochs, seconds = run.record.get("epochs", 0), run.record.get("seconds", 0)
        print(f"{done} of {len(missing)}: {run.record['title']}: {run.status} after {epochs} epochs, {seconds:.0f} s")
    return [load(cell.hash, **cell.labels) for cell in cells]


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
