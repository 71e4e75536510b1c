"""What a step of training costs with each layer configuration of the codec loss: time and peak memory, in one run."""

import os
from collections.abc import Callable
from functools import partial
from timeit import timeit

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.benchmark import timer  # waits for the GPU

from nblib.losses import CodecLoss, L1Loss, WeightedLoss
from nblib.networks import CONFIGURATIONS
from nblib.provenance import seed_everything
from nblib.settings import Settings


def measure(setup: Settings) -> pd.DataFrame:
    """Time and memory of a step per configuration, with `setup.cost_network` as loss network, and of plain l1.

    A step is what training does with a batch: the separation network forward, the loss, and both backward; the better
    of two rounds is taken, in which the configurations follow each other. Memory is that of the loss alone: its
    network's weights, and the peak of what its two passes allocate beyond; also at the paper's batch.

    Columns: configuration, batch, step_seconds, loss_seconds, weights_mib, activations_mib, peak_mib (their sum),
    paper_batch, paper_batch_peak_mib, layers_parameters, device, threads.
    """
    seed_everything(setup.seed, "costs")
    device, paper_batch = torch.device(setup.device), Settings().cost_batch
    network, codec = setup.configuration_network.build().to(device), setup.cost_network.build()
    losses: dict[str, WeightedLoss] = {"l1": L1Loss().to(device)}
    losses |= {name: CodecLoss(codec, name).to(device) for name in CONFIGURATIONS}
    shape = (1, setup.geometry.bins, setup.geometry.frames)
    batch, larger = (torch.rand(2, size, *shape, device=device) for size in (setup.cost_batch, paper_batch))
    weights = np.array([sum(value.nbytes for value in loss.state_dict().values()) for loss in losses.values()]) / 2**20
    at_paper_batch, used = (
        np.array([peak_bytes(partial(loss_step, loss, *pair), device) for loss in losses.values()]) / 2**20
        for pair in (larger, batch)
    )

    def seconds(loss: WeightedLoss) -> list[float]:
        steps = (lambda: loss(network(batch[0]), batch[1]).backward(), lambda: loss_step(loss, *batch))
        return [timeit(step, timer=timer, number=1) for step in steps]

    step_seconds, loss_seconds = np.min([[seconds(loss) for loss in losses.values()] for _ in range(2)], axis=0).T
    return pd.DataFrame({"configuration": list(losses), "batch": setup.cost_batch}).assign(
        step_seconds=step_seconds,
        loss_seconds=loss_seconds,
        weights_mib=weights,
        activations_mib=used,
        peak_mib=weights + used,
        paper_batch=paper_batch,
        paper_batch_peak_mib=weights + at_paper_batch,
        layers_parameters=[sum(value.numel() for value in loss.parameters()) for loss in losses.values()],
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        threads=torch.get_num_threads(),
    )


def loss_step(loss: WeightedLoss, estimate: Tensor, target: Tensor) -> None:
    """The loss alone, forward and backward."""
    loss(estimate.detach().requires_grad_(), target).backward()


def peak_bytes(step: Callable[[], None], device: torch.device) -> int:
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
    return int(np.cumsum([event.nbytes() for event in sorted(events, key=lambda each: each.start_ns())]).max(initial=0))
