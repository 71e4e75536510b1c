"""Independent work on all cores, in order, with progress."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Processor cores this process may use; ``NBLIB_CORES`` lowers it."""
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    else:
        available = os.cpu_count() or 1
    return max(1, min(available, int(os.environ.get("NBLIB_CORES") or available)))


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Result]:
    """``map(function, items)`` over processes, results in the order of `items` as they come.

    `function` and the items must be picklable (a module-level function, ``functools.partial`` of one). Each worker is
    a fresh process with one torch thread. With one item or one worker nothing is started. An error in a worker is
    raised here, and work not yet begun is cancelled.
    """
    work = list(items)
    workers = min(workers or cores(), len(work))
    if workers <= 1:
        yield from map(function, work)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        try:
            yield from pool.map(function, work)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
