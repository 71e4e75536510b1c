"""The one training loop of every network of both papers.

Papers: Adam, "Decay 5e-6" (Keras's: lr / (1 + decay * step)), early stopping (MM'19 Tables 1 and 2, IJCNN'20 Table I).
What is random is seeded from (seed, epoch): a run that goes on from a checkpoint ends bit-identical on the CPU.
"""

import io
import math
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nblib import paths
from nblib.errors import StorageError, TrainingDiverged
from nblib.losses import WeightedLoss
from nblib.provenance import seed_everything
from nblib.training.store import PatchPairs, View

Splits = tuple[PatchPairs, PatchPairs]  # those to train with and those to validate


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
    network: nn.Module, loss: WeightedLoss, pairs: Splits, config: Training, view: View, seed: int, checkpoint: Path
) -> Outcome:
    """Train `network` in place until its validation loss stops to improve; it ends with the best epoch's weights.

    It resumes from `checkpoint`, which the caller removes. `loss` must be on its device. `TrainingDiverged`, where a
    loss is not finite, names epoch, batch and items.
    """
    device, seen = next(network.parameters()).device, None
    if not (view.on_samples or loss.on_samples or any(config.gain_db)):  # what is seen stays the same: once is enough
        seen, view = view, replace(view, on_samples=True)
    training, validation = pairs[0].to(device, 1, seen), pairs[1].to(device, round(1 / config.epoch_share), seen)
    learning = _Learning(network, loss, config, view)
    if checkpoint.exists():
        learning.resume(checkpoint)
    state, saved = learning.state, time.monotonic()
    started = saved - state.seconds
    while state.epochs < config.max_epochs and not state.status:
        state.epochs += 1
        seed_everything(seed, "epoch", state.epochs)
        training_loss = learning.epoch(training)
        means_another = loss.end_epoch()
        found, l1 = evaluate(network, loss, validation, config.batch_size, view)
        if not math.isfinite(found):
            suspects = _suspects(validation, range(len(validation)))
            raise TrainingDiverged(f"epoch {state.epochs}: the validation loss is {found}; {suspects}")
        state.history.append({"training_loss": training_loss, "validation_loss": found, "validation_l1": l1})
        best = state.history[state.best_epoch - 1]["validation_loss"]
        if means_another or not state.best_epoch or found < best * (1 - config.min_improvement):
            state.best_epoch, learning.best = state.epochs, deepcopy(network.state_dict())
        if loss.settled and state.epochs - state.best_epoch >= config.patience:
            state.status = "plateau"
        state.seconds = time.monotonic() - started
        if time.monotonic() - saved >= config.checkpoint_seconds:
            learning.save(checkpoint)
            saved = time.monotonic()
    network.load_state_dict(learning.best)
    return replace(state, status=state.status or "max_epochs")


class _Learning:
    """What an epoch works with and a checkpoint keeps."""

    def __init__(self, network: nn.Module, loss: WeightedLoss, config: Training, view: View) -> None:
        self.network, self.loss, self.config, self.view = network, loss, config, view
        self.optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
        self.state, self.best = Outcome(), deepcopy(network.state_dict())

    def epoch(self, pairs: PatchPairs) -> float:
        """Mean loss of an epoch's batches, each of which is learnt from."""
        config, state, device = self.config, self.state, pairs.inputs.device
        self.network.train(), self.loss.train()
        drawn = max(1, round(config.epoch_share * len(pairs)))
        order = torch.randperm(len(pairs))[:drawn].split(config.batch_size)
        losses, laps = torch.empty(len(order), device=device), []
        for number, indices in enumerate(order):
            self.optimiser.param_groups[0]["lr"] = config.learning_rate / (1 + config.decay * state.steps)
            inputs, targets = (sounds[indices.to(device)] for sounds in (pairs.inputs, pairs.targets))
            if any(config.gain_db):
                gain = 10 ** (torch.empty(len(indices), 1, 1).uniform_(*config.gain_db).to(device) / 20)
                inputs, targets = (inputs * gain).clamp(-1, 1), (targets * gain).clamp(-1, 1)
            estimate, target = self.network(self.view(inputs)), self.view(targets)
            heard = estimate.detach().requires_grad_()
            began = _now(device)
            value = self.loss(*_compared(self.loss, self.view, (heard, inputs), (target, targets)))
            value.backward()
            laps.append((began, _now(device)))
            self.optimiser.zero_grad(set_to_none=True)
            estimate.backward(heard.grad)
            self.optimiser.step()
            losses[number] = value.detach()
            state.steps += 1
        # One look per epoch: asking after every batch would make a GPU wait for the host.
        for wrong in torch.nonzero(~torch.isfinite(losses)).flatten().tolist():
            batch = f"epoch {state.epochs}, batch {wrong + 1} of {len(order)}: the loss is {float(losses[wrong])}"
            remedy = f"lower learning_rate (now {config.learning_rate}) or look at these recordings"
            raise TrainingDiverged(f"{batch}; {_suspects(pairs, order[wrong].tolist())}; {remedy}")
        state.loss_seconds += sum(b - a if isinstance(a, float) else a.elapsed_time(b) / 1000 for a, b in laps)
        return float(losses.mean())

    def save(self, path: Path) -> None:
        own = {name: value for name, value in self.loss.named_buffers() if not name.startswith("network.")}
        parts = {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), "loss": own}
        written = io.BytesIO()  # torch's own writer would hide the system's error, by which `whole` names the remedy
        torch.save(parts | {"best": self.best, "state": vars(self.state)}, written)
        with paths.whole(path) as temporary:
            temporary.write_bytes(written.getbuffer())

    def resume(self, path: Path) -> None:
        try:
            parts = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(parts["network"])
            self.optimiser.load_state_dict(parts["optimiser"])
            self.loss.load_state_dict(parts["loss"], strict=False)  # the network within is as it was
            self.state, self.best = Outcome(**parts["state"]), parts["best"]
        except Exception as error:  # torch raises any kind, by where the damage is
            raise StorageError(f"{path}: damaged; remove it and run again: the run starts anew") from error


def _compared(loss: WeightedLoss, view: View, *pairs: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Estimate and target as the loss compares them, each given with its samples; equal ones compare as equal."""
    return [view.sound(seen, samples) if loss.on_samples else seen for seen, samples in pairs]


@torch.no_grad()
def evaluate(network: nn.Module, loss: WeightedLoss, pairs: PatchPairs, batch_size: int, view: View) -> list[float]:
    """Mean loss and mean l1 of what the network sees over `pairs`, without gain; no gradient, no dropout."""
    network.eval(), loss.eval()
    total = torch.zeros(2, dtype=torch.float64, device=pairs.inputs.device)
    for inputs, targets in zip(pairs.inputs.split(batch_size), pairs.targets.split(batch_size), strict=True):
        estimate, target = network(view(inputs)), view(targets)
        value = loss(*_compared(loss, view, (estimate, inputs), (target, targets)))
        total += len(inputs) * torch.stack([value, (estimate - target).abs().mean()]).double()
    return list((total / len(pairs)).tolist())


def _suspects(pairs: PatchPairs, indices: Sequence[int]) -> str:
    """Patches that are not finite themselves, or, where all are, the whole batch, any of which may have led astray."""
    broken = [n for n in indices if not torch.isfinite(pairs.inputs[n] + pairs.targets[n]).all()]
    named = [pairs.names[n] for n in broken or indices]
    more = f" and {len(named) - 32} more" if named[32:] else ""  # the papers' batch has 32
    return f"items {', '.join(named[:32])}{more}"


def _now(device: torch.device) -> Any:
    """This moment; on a GPU an event, which does not make it wait for the host."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event
