"""The one training loop of every network of both papers.

Papers: Adam, "Decay 5e-6" (Keras's: lr / (1 + decay * step)), early stopping (MM'19 Tables 1 and 2, IJCNN'20 Table I).
Everything random in an epoch is seeded from (seed, epoch), so a run that was killed and goes on from its last
checkpoint ends bit-identical (CPU) to one that was not.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nblib import tensors
from nblib.errors import TrainingDiverged
from nblib.losses import WeightedLoss
from nblib.provenance import seed_everything
from nblib.training.store import PatchPairs, View


@dataclass(frozen=True)
class Training:
    """How a network is trained; the defaults are IJCNN'20 Table I's separation networks."""

    learning_rate: float = 1e-3
    decay: float = 5e-6
    batch_size: int = 16
    max_epochs: int = 500
    patience: int = 10  # epochs without improvement that end the run: the papers say "early stopping" and no number
    min_improvement: float = 1e-3  # relative; less does not count as an improvement
    gain_db: tuple[float, float] = (0.0, 0.0)  # range of a random gain per patch
    epoch_share: float = 1.0  # of the training patches that an epoch draws anew, and of the validation patches
    checkpoint_seconds: float = 20.0  # at least so long between checkpoints; never changes a result


@dataclass
class Outcome:
    """What a training came to; while it goes on, what it has come to."""

    status: str = ""  # at the end "plateau" (early stopping ended it) or "max_epochs"
    epochs: int = 0
    steps: int = 0
    best_epoch: int = 0
    seconds: float = 0.0
    loss_seconds: float = 0.0  # of these, in the loss of the training batches, forward and back to the estimate
    history: list[dict[str, float]] = field(default_factory=list)


def train(
    network: nn.Module,
    loss: WeightedLoss,
    training: PatchPairs,
    validation: PatchPairs,
    config: Training,
    *,
    view: View,
    seed: int,
    checkpoint: Path,
) -> Outcome:
    """Train `network` in place until its validation loss stops to improve; it ends with the best epoch's weights.

    It stays on its device, and so must `loss`; patches are moved there once, get a random gain and are seen by `view`.
    A run resumes from `checkpoint`, which the caller removes. `TrainingDiverged`, where the loss of a batch is not
    finite, names epoch, batch and items.
    """
    device = next(network.parameters()).device
    training, validation = training.to(device), validation.to(device, round(1 / config.epoch_share))
    learning = _Learning(network, loss, config, view, checkpoint)
    state, saved = learning.state, time.monotonic()
    started = saved - state.seconds

    def on_plateau() -> bool:
        return loss.settled and state.epochs - state.best_epoch >= config.patience

    while state.epochs < config.max_epochs and not on_plateau():
        state.epochs += 1
        seed_everything(seed, "epoch", state.epochs)
        training_loss = learning.epoch(training)
        means_another = loss.end_epoch()
        found, l1 = evaluate(network, loss, validation, config.batch_size, view)
        if not math.isfinite(found):
            names = _suspects(validation, range(len(validation)))
            raise TrainingDiverged(f"epoch {state.epochs}: the validation loss is {found}; items {names}")
        state.history.append({"training_loss": training_loss, "validation_loss": found, "validation_l1": l1})
        best = state.history[state.best_epoch - 1]["validation_loss"]
        if means_another or not state.best_epoch or found < best * (1 - config.min_improvement):
            state.best_epoch, learning.best = state.epochs, deepcopy(network.state_dict())
        state.seconds = time.monotonic() - started
        if time.monotonic() - saved >= config.checkpoint_seconds:
            learning.save(checkpoint)
            saved = time.monotonic()

    network.load_state_dict(learning.best)
    state.status = "plateau" if on_plateau() else "max_epochs"
    return state


class _Learning:
    """What an epoch works with and a checkpoint keeps."""

    def __init__(self, network: nn.Module, loss: WeightedLoss, config: Training, view: View, checkpoint: Path) -> None:
        self.network, self.loss, self.config, self.view = network, loss, config, view
        self.optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
        self.state, self.best = Outcome(), deepcopy(network.state_dict())
        if checkpoint.exists():
            self.resume(checkpoint)

    def epoch(self, pairs: PatchPairs) -> float:
        """Mean loss of an epoch's batches, each of which is learnt from."""
        config, device = self.config, pairs.inputs.device
        self.network.train(), self.loss.train()
        drawn = max(1, round(config.epoch_share * len(pairs)))
        order = torch.randperm(len(pairs))[:drawn].split(config.batch_size)
        losses, laps = torch.empty(len(order), device=device), []
        for number, indices in enumerate(order):
            self.optimiser.param_groups[0]["lr"] = config.learning_rate / (1 + config.decay * self.state.steps)
            inputs, targets = (sounds[indices.to(device)] for sounds in (pairs.inputs, pairs.targets))
            if any(config.gain_db):
                gain = 10 ** (torch.empty(len(indices), 1, 1).uniform_(*config.gain_db).to(device) / 20)
                inputs, targets = (inputs * gain).clamp(-1, 1), (targets * gain).clamp(-1, 1)
            estimate = self.network(self.view(inputs))
            heard = estimate.detach().requires_grad_()
            began = _now(device)
            value = self.loss(*_compared(self.loss, self.view, heard, inputs, targets))
            value.backward()
            laps.append((began, _now(device)))
            self.optimiser.zero_grad(set_to_none=True)
            estimate.backward(heard.grad)
            self.optimiser.step()
            losses[number] = value.detach()
            self.state.steps += 1
        # One look per epoch: asking after every batch would make a GPU wait for the host.
        for wrong in torch.nonzero(~torch.isfinite(losses)).flatten().tolist():
            raise TrainingDiverged(
                f"epoch {self.state.epochs}, batch {wrong + 1} of {len(order)}: the loss is {float(losses[wrong])}; "
                f"items {_suspects(pairs, order[wrong].tolist())}; lower learning_rate (now {config.learning_rate}) or "
                "look at these recordings"
            )
        self.state.loss_seconds += sum(b - a if isinstance(a, float) else a.elapsed_time(b) / 1000 for a, b in laps)
        return float(losses.mean())

    def save(self, path: Path) -> None:
        own = {name: value for name, value in self.loss.named_buffers() if not name.startswith("network.")}
        parts: dict[Any, Any] = {"network": self.network.state_dict(), "best": self.best, "loss": own}
        parts |= self.optimiser.state_dict()["state"]
        named = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        tensors.save(path, named, vars(self.state))

    def resume(self, path: Path) -> None:
        parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
        found, header = tensors.load(path)
        for key, value in found.items():
            part, _, name = key.partition("/")
            parts[part][name] = value
        self.state, self.best = Outcome(**header), parts.pop("best")
        self.network.load_state_dict(parts.pop("network"))
        self.loss.load_state_dict(parts.pop("loss"), strict=False)  # the network within is as it was
        moments = {int(number): values for number, values in parts.items()}
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})


def _suspects(pairs: PatchPairs, indices: Iterable[int]) -> str:
    # Patches that are not finite themselves, or, where all are, the whole batch, any of which may have led astray.
    broken = [n for n in indices if not torch.isfinite(pairs.inputs[n] + pairs.targets[n]).all()]
    named = [pairs.names[n] for n in broken or indices]
    return ", ".join(named[:32]) + (f" and {len(named) - 32} more" if len(named) > 32 else "")  # the papers' batch


def _compared(loss: WeightedLoss, view: View, estimate: Tensor, inputs: Tensor, targets: Tensor) -> list[Tensor]:
    """Estimate and target as the loss compares them; both go the same way, so that equal ones compare as equal."""
    target = view(targets)
    return [view.sound(estimate, inputs), view.sound(target, targets)] if loss.on_samples else [estimate, target]


def _now(device: torch.device) -> Any:
    """This moment; on a GPU an event, which does not make it wait for the host."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


@torch.no_grad()
def evaluate(network: nn.Module, loss: WeightedLoss, pairs: PatchPairs, batch_size: int, view: View) -> list[float]:
    """Mean loss and mean l1 of what the network sees over `pairs`, without gain; no gradient, no dropout."""
    network.eval(), loss.eval()
    total = torch.zeros(2, dtype=torch.float64, device=pairs.inputs.device)
    for inputs, targets in zip(pairs.inputs.split(batch_size), pairs.targets.split(batch_size), strict=True):
        estimate = network(view(inputs))
        error = (estimate - view(targets)).abs().mean()
        total += len(inputs) * torch.stack([loss(*_compared(loss, view, estimate, inputs, targets)), error]).double()
    return list((total / len(pairs)).tolist())
