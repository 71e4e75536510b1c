"""Many runs at once: complete ones are loaded, the others trained in parallel, the costly ones first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from nblib.parallel import cores, parallel_map
from nblib.patches import PatchPairs
from nblib.training.runs import Run, RunConfig, is_complete, load, train_or_load

Data = Callable[[str], PatchPairs]

BY_COST = ("l1", "spectrogram", "codec", "spectral_codec")
GPU_WORKERS = 4  # the smallest networks leave a GPU mostly idle; each process costs its memory a context and the data


def train_all(
    configs: Sequence[RunConfig],
    data: Data | Sequence[Data],
    device: str = "cpu",
    log: Callable[[str], None] = print,
) -> list[Run]:
    """The runs of `configs`, in their order.

    Parameters
    ----------
    data : callable, or sequence of one per run
        Picklable; gives the `PatchPairs` of a split. Called in each worker.
    log : callable
        Gets one line per run that was trained.
    """
    sources = list(data) if isinstance(data, Sequence) else [data] * len(configs)
    jobs = zip(configs, sources, strict=True)
    # By hash, so that two names of one configuration are not trained side by side into one folder.
    missing = list({config.hash: (config, source) for config, source in jobs if not is_complete(config)}.values())
    # Long runs first, or the last one would keep a single core busy while the others idle.
    missing.sort(key=lambda job: _cost(job[0]), reverse=True)
    for source in dict.fromkeys(source for _, source in missing):
        source("train"), source("validation")  # made here once, so that workers find them in the cache
    workers = min(cores(), GPU_WORKERS) if device.startswith("cuda") else cores()
    for done, run in enumerate(parallel_map(partial(_train, device=device), missing, workers), start=1):
        record = run.record
        log(
            f"{done} of {len(missing)}: {record['label']}: {run.status} after {record.get('epochs', 0)} epochs, "
            f"{record.get('seconds', 0):.0f} s"
        )
    return [load(config.hash) for config in configs]


def _cost(config: RunConfig) -> tuple[int, int, int]:
    return BY_COST.index(config.loss.kind), config.network.num_layers, config.network.base_filters


def _train(job: tuple[RunConfig, Data], device: str) -> Run:
    config, source = job
    return train_or_load(config, source, device, log=lambda line: None)
