"""What a step of training costs with each layer configuration of the codec loss: time and peak memory, in one run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.profiler import ProfilerActivity, profile

from nblib.experiments.settings import PAPER, Settings
from nblib.losses import CodecLoss, L1Loss, WeightedLoss
from nblib.networks import CONFIGURATIONS
from nblib.provenance import seed_everything

STEPS = 3
BASELINE = "l1"


def measure(setup: Settings) -> pd.DataFrame:
    """Time and memory of a step per configuration, with `setup.cost_network` as loss network, and of plain l1.

    A step is what training does with a batch: the separation network forward, the loss, and both backward. The best of
    three rounds is taken, in which the configurations follow each other, so that what else the machine does falls on
    all alike. Memory is that of the loss alone: its network's weights, and the peak of what its forward and backward
    pass allocate beyond, as torch counts its own tensors; also at the paper's batch, in a single step.

    Columns: configuration, batch, step_seconds, loss_seconds, weights_mib, activations_mib, peak_mib (their sum),
    paper_batch, paper_batch_peak_mib, layers_parameters, device, threads.
    """
    seed_everything(setup.seed, "costs")
    device = torch.device(setup.device)
    geometry, batch = setup.geometry, setup.cost_batch
    network = setup.configuration_network.build().to(device)
    codec: Any = setup.cost_network.build()
    inputs, target = torch.rand(2, batch, 1, geometry.bins, geometry.frames, device=device)
    losses: dict[str, WeightedLoss] = {BASELINE: L1Loss().to(device)}
    losses |= {name: CodecLoss(codec, name).to(device) for name in CONFIGURATIONS}
    estimate = network(inputs).detach()
    paper_batch = [torch.rand(PAPER.cost_batch, *target.shape[1:], device=device) for _ in range(2)]
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in losses}
    for _ in range(1 + STEPS):
        for name, loss in losses.items():
            step = _timed(lambda loss=loss: loss(network(inputs), target).backward(), device)  # type: ignore[misc]
            seconds[name].append((step, _timed(lambda loss=loss: _loss_step(loss, estimate, target), device)))  # type: ignore[misc]
    rows = []
    for name, loss in losses.items():
        step, alone = np.min(seconds[name][1:], axis=0)  # the first warms up
        weights = sum(value.nbytes for value in loss.state_dict().values()) / 2**20
        used, paper_used = (
            _peak_bytes(lambda loss=loss, pair=pair: _loss_step(loss, *pair), device) / 2**20  # type: ignore[misc]
            for pair in ((estimate, target), paper_batch)
        )
        rows.append(
            {"configuration": name, "batch": batch, "step_seconds": step, "loss_seconds": alone}
            | {"weights_mib": weights, "activations_mib": used, "peak_mib": weights + used}
            | {"paper_batch": PAPER.cost_batch, "paper_batch_peak_mib": weights + paper_used}
            | {"layers_parameters": sum(value.numel() for value in loss.parameters())}
            | {"device": _name(device), "threads": torch.get_num_threads()}
        )
    return pd.DataFrame(rows)


def _loss_step(loss: WeightedLoss, estimate: torch.Tensor, target: torch.Tensor) -> None:
    loss(estimate.detach().requires_grad_(), target).backward()


def _timed(step: Callable[[], None], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def _peak_bytes(step: Callable[[], None], device: torch.device) -> int:
    """The most that `step` holds at once beyond what was held before."""
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        return int(torch.cuda.max_memory_allocated(device) - before)
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # the profiler prints when it starts and stops
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = np.cumsum([event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())])
    return int(held.max(initial=0))


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
