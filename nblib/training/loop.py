"""The one training loop of every network of both papers.

Papers: Adam, "Decay 5e-6" (Keras's: lr / (1 + decay * step)), early stopping (MM'19 Tables 1 and 2, IJCNN'20 Table I).
Everything random in an epoch is seeded from (seed, epoch), so a run that was killed and goes on from its last
checkpoint ends bit-identical (CPU) to one that was not.
"""

import math
import time
from collections.abc import Callable, Sequence
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

LOGGED_EPOCHS = (1, 5, 20, 80, 320)
NAMED_ITEMS = 32  # in a message about a batch: the papers' largest batch


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
    log: Callable[[str], None],
) -> Outcome:
    """Train `network` in place until its validation loss stops to improve; it ends with the best epoch's weights.

    It stays on its device, and so must `loss`; patches are moved there once. The random gain comes first, then the
    `view`, which is what the network sees of them. The state is kept in `checkpoint`, and a run resumes from it; the
    caller removes it. `log` gets at most five lines while nothing goes wrong. `TrainingDiverged`, where the loss of a
    batch is not finite, names epoch, batch and items.
    """
    device = next(network.parameters()).device
    training, validation = training.to(device), validation.every(round(1 / config.epoch_share)).to(device)
    learning = _Learning(network, loss, config, view, checkpoint)
    state = learning.state
    saved = time.monotonic()
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
            state.best_epoch = state.epochs
            learning.best = deepcopy(network.state_dict())
        if state.epochs in LOGGED_EPOCHS:
            log(f"epoch {state.epochs}: training {training_loss:.5f}, validation {found:.5f}")
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
        self.best = deepcopy(network.state_dict())
        self.state = Outcome()
        if checkpoint.exists():
            self.resume(checkpoint)

    def epoch(self, pairs: PatchPairs) -> float:
        """Mean loss of an epoch's batches, each of which is learnt from."""
        self.network.train()
        self.loss.train()
        config = self.config
        drawn = max(1, round(config.epoch_share * len(pairs)))
        order = torch.randperm(len(pairs))[:drawn].split(config.batch_size)
        losses = torch.empty(len(order), device=pairs.inputs.device)
        laps = []
        for number, indices in enumerate(order):
            self.optimiser.param_groups[0]["lr"] = config.learning_rate / (1 + config.decay * self.state.steps)
            inputs, targets = _batch(pairs, indices, config.gain_db)
            estimate = self.network(self.view(inputs))
            heard = estimate.detach().requires_grad_()
            began = _now(losses.device)
            value = self.loss(*_compared(self.loss, self.view, heard, inputs, targets))
            value.backward()
            laps.append((began, _now(losses.device)))
            self.optimiser.zero_grad(set_to_none=True)
            estimate.backward(heard.grad)
            self.optimiser.step()
            losses[number] = value.detach()
            self.state.steps += 1
        self.state.loss_seconds += _seconds(laps)
        # One look per epoch: asking after every batch would make a GPU wait for the host.
        wrong = torch.nonzero(~torch.isfinite(losses)).flatten().tolist()
        if wrong:
            raise TrainingDiverged(
                f"epoch {self.state.epochs}, batch {wrong[0] + 1} of {len(order)}: the loss is "
                f"{float(losses[wrong[0]])}; items {_suspects(pairs, order[wrong[0]].tolist())}; lower learning_rate "
                f"(now {config.learning_rate}) or look at these recordings"
            )
        return float(losses.mean())

    def kept(self) -> dict[str, Tensor]:
        """What a checkpoint keeps beside the optimiser's moments: the very tensors that are in use, by name."""
        own = {name: value for name, value in self.loss.named_buffers() if not name.startswith("network.")}
        parts = {"network": self.network.state_dict(), "best": self.best, "loss": own}
        return {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}

    def save(self, path: Path) -> None:
        states = self.optimiser.state_dict()["state"].items()
        moments = {f"{number}/{name}": value for number, values in states for name, value in values.items()}
        tensors.save(path, self.kept() | moments, vars(self.state))

    def resume(self, path: Path) -> None:
        found, header = tensors.load(path)
        self.state = Outcome(**header)
        for name, value in self.kept().items():
            value.copy_(found.pop(name))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in found.items():
            number, name = key.split("/")
            moments.setdefault(int(number), {})[name] = value
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})


def _suspects(pairs: PatchPairs, indices: Sequence[int]) -> str:
    # Patches that are not finite themselves, or, where all are, the whole batch, any of which may have led astray.
    broken = [n for n in indices if not torch.isfinite(pairs.inputs[n] + pairs.targets[n]).all()]
    named = [pairs.names[n] for n in broken or indices]
    more = f" and {len(named) - NAMED_ITEMS} more" if len(named) > NAMED_ITEMS else ""
    return ", ".join(named[:NAMED_ITEMS]) + more


def _batch(pairs: PatchPairs, indices: Tensor, gain_db: tuple[float, float] = (0.0, 0.0)) -> tuple[Tensor, Tensor]:
    indices = indices.to(pairs.inputs.device)
    inputs, targets = pairs.inputs[indices], pairs.targets[indices]
    if tuple(gain_db) != (0.0, 0.0):
        gain = 10 ** (torch.empty(len(indices), 1, 1).uniform_(*gain_db).to(inputs.device) / 20)
        inputs, targets = (inputs * gain).clamp(-1, 1), (targets * gain).clamp(-1, 1)
    return inputs, targets


def _compared(
    loss: WeightedLoss, view: View, estimate: Tensor, inputs: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Estimate and target as the loss compares them; both go the same way, so that equal ones compare as equal."""
    target = view(targets)
    if not loss.on_samples or view.on_samples:
        return estimate, target
    return view.sound(estimate, inputs), view.sound(target, targets)


def _now(device: torch.device) -> Any:
    """This moment; on a GPU an event, which does not make it wait for the host."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _seconds(laps: Sequence[tuple[Any, Any]]) -> float:
    if isinstance(laps[0][0], float):
        return float(sum(end - start for start, end in laps))
    torch.cuda.synchronize()
    return sum(start.elapsed_time(end) for start, end in laps) / 1000


@torch.no_grad()
def evaluate(
    network: nn.Module, loss: WeightedLoss, pairs: PatchPairs, batch_size: int, view: View
) -> tuple[float, float]:
    """Mean loss and mean l1 of what the network sees over `pairs`, without gain; no gradient, no dropout."""
    network.eval()
    loss.eval()
    total = torch.zeros(2, dtype=torch.float64, device=pairs.inputs.device)
    for indices in torch.arange(len(pairs)).split(batch_size):
        inputs, targets = _batch(pairs, indices)
        estimate = network(view(inputs))
        error = (estimate - view(targets)).abs().mean()
        total += len(indices) * torch.stack([loss(*_compared(loss, view, estimate, inputs, targets)), error]).double()
    mean_loss, mean_l1 = (total / len(pairs)).tolist()
    return mean_loss, mean_l1
