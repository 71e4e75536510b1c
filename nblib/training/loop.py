"""The one training loop of every network of both papers.

Papers: Adam, "Decay 5e-6" (Keras's: lr / (1 + decay * step)), early stopping (MM'19 Tables 1 and 2, IJCNN'20 Table I).
Everything random in an epoch is seeded from (seed, epoch), so a run that was killed and goes on from its last
checkpoint ends bit-identical (CPU) to one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
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
    """What a training came to. `status`: "plateau" (early stopping ended it) or "max_epochs".

    `loss_seconds` is what of `seconds` went into the loss of the training batches, forward and back to the estimate.
    """

    status: str
    epochs: int
    steps: int
    best_epoch: int
    seconds: float
    loss_seconds: float
    history: list[dict[str, float]]


@dataclass
class _State:
    """Everything that a resumed run needs beside network, optimiser and loss."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    seconds: float = 0.0
    loss_seconds: float = 0.0
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

    Parameters
    ----------
    network, loss : nn.Module
        On the device to train on; the patches are moved there once.
    training, validation : PatchPairs
        Samples; the random gain comes first, then the `view`, which is what the network sees of them.
    checkpoint : Path
        Where the state is kept while training; a run resumes from it. The caller removes it.
    log : callable
        Gets a line now and then, five in all at most while nothing goes wrong.

    Raises
    ------
    TrainingDiverged
        The loss of a batch is not finite; the message names epoch, batch and items.
    """
    device = next(network.parameters()).device
    training, validation = training.to(device), validation.every(round(1 / config.epoch_share)).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    best = {name: value.clone() for name, value in network.state_dict().items()}
    state = _resume(checkpoint, network, best, optimiser, loss)
    saved = started = time.monotonic()
    before = state.seconds

    def on_plateau() -> bool:
        return loss.settled and state.epoch - state.best_epoch >= config.patience

    while state.epoch < config.max_epochs and not on_plateau():
        state.epoch += 1
        seed_everything(seed, "epoch", state.epoch)
        row = {"training_loss": _train_epoch(network, loss, optimiser, training, config, view, state)}
        if loss.end_epoch():
            state.best_loss = float("inf")
        found, l1 = evaluate(network, loss, validation, config.batch_size, view)
        if not math.isfinite(found):
            names = _suspects(validation, range(len(validation)))
            raise TrainingDiverged(f"epoch {state.epoch}: the validation loss is {found}; items {names}")
        state.history.append(row | {"validation_loss": found, "validation_l1": l1})
        if found < state.best_loss * (1 - config.min_improvement):
            state.best_loss, state.best_epoch = found, state.epoch
            best = {name: value.clone() for name, value in network.state_dict().items()}
        if state.epoch in LOGGED_EPOCHS:
            log(f"epoch {state.epoch}: training {row['training_loss']:.5f}, validation {found:.5f}")
        state.seconds = before + time.monotonic() - started
        if time.monotonic() - saved >= config.checkpoint_seconds:
            _save(checkpoint, network, best, optimiser, loss, state)
            saved = time.monotonic()

    network.load_state_dict(best)
    status = "plateau" if on_plateau() else "max_epochs"
    seconds = (state.seconds, state.loss_seconds)
    return Outcome(status, state.epoch, state.step, state.best_epoch, *seconds, state.history)


def _train_epoch(
    network: nn.Module,
    loss: WeightedLoss,
    optimiser: torch.optim.Adam,
    pairs: PatchPairs,
    config: Training,
    view: View,
    state: _State,
) -> float:
    network.train()
    loss.train()
    drawn = max(1, round(config.epoch_share * len(pairs)))
    order = torch.randperm(len(pairs))[:drawn].split(config.batch_size)
    losses = torch.empty(len(order), device=pairs.inputs.device)
    clock = _Clock(losses.device)
    for number, indices in enumerate(order):
        optimiser.param_groups[0]["lr"] = config.learning_rate / (1 + config.decay * state.step)
        inputs, targets = _batch(pairs, indices, config.gain_db)
        estimate = network(view(inputs))
        heard = estimate.detach().requires_grad_()
        began = clock.now()
        value = loss(*_compared(loss, view, heard, inputs, targets))
        value.backward()
        clock.laps.append((began, clock.now()))
        optimiser.zero_grad(set_to_none=True)
        estimate.backward(heard.grad)
        optimiser.step()
        losses[number] = value.detach()
        state.step += 1
    state.loss_seconds += clock.seconds()
    # One look per epoch: asking after every batch would make a GPU wait for the host.
    wrong = torch.nonzero(~torch.isfinite(losses)).flatten().tolist()
    if wrong:
        raise TrainingDiverged(
            f"epoch {state.epoch}, batch {wrong[0] + 1} of {len(order)}: the loss is {float(losses[wrong[0]])}; items "
            f"{_suspects(pairs, order[wrong[0]].tolist())}; lower learning_rate (now {config.learning_rate}) or look "
            "at these recordings"
        )
    return float(losses.mean())


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


class _Clock:
    """Laps of time, on a GPU by events that never make it wait for the host."""

    def __init__(self, device: torch.device) -> None:
        self.cuda = device.type == "cuda"
        self.laps: list[tuple[Any, Any]] = []

    def now(self) -> Any:
        if not self.cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def seconds(self) -> float:
        if self.cuda:
            torch.cuda.synchronize()
            return sum(start.elapsed_time(end) for start, end in self.laps) / 1000
        return float(sum(end - start for start, end in self.laps))


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


def _parts(network: nn.Module, best: dict[str, Tensor], loss: WeightedLoss) -> dict[str, dict[str, Tensor]]:
    own = {name: value for name, value in loss.named_buffers() if not name.startswith("network.")}
    return {"network": network.state_dict(), "best": best, "loss": own}


def _save(
    path: Path,
    network: nn.Module,
    best: dict[str, Tensor],
    optimiser: torch.optim.Adam,
    loss: WeightedLoss,
    state: _State,
) -> None:
    parts = _parts(network, best, loss)
    parts |= {f"optimiser {n}": values for n, values in optimiser.state_dict()["state"].items()}
    everything = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
    tensors.save(path, everything, vars(state) | {"best_loss": repr(state.best_loss)})


def _resume(
    path: Path, network: nn.Module, best: dict[str, Tensor], optimiser: torch.optim.Adam, loss: WeightedLoss
) -> _State:
    if not path.exists():
        return _State()
    everything, header = tensors.load(path)
    for part, values in _parts(network, best, loss).items():
        for name, value in values.items():  # these are the tensors themselves
            value.copy_(everything[f"{part}/{name}"])
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in everything.items():
        part, name = key.split("/", 1)
        if part.startswith("optimiser"):
            moments.setdefault(int(part.split()[1]), {})[name] = value
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    return _State(**(header | {"best_loss": float(header["best_loss"])}))
