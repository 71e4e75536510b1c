"""Independent work on all cores, in order, with progress."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, resource_tracker
from typing import Any, TypeVar

import torch

from nblib.errors import NblibError
from nblib.provenance import torch_threads

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Processor cores this process may use; ``NBLIB_CORES`` lowers it."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(available, int(os.environ.get("NBLIB_CORES") or available)))


def _prepare_worker(environment: dict[str, str]) -> None:
    def end_with_parent() -> None:  # a pool's workers outlive a parent that was killed: nobody is left to tell them
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ.clear()  # the server keeps the environment in which it started
    os.environ.update(environment)
    torch.set_num_threads(1)
    threading.Thread(target=end_with_parent, daemon=True).start()


def start_server() -> Any:
    """The context of a server that imports nblib in the background; torch's threads and CUDA survive no plain fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nblib.claims", "torch._dynamo"])  # optimisers would import it in every worker
    resource_tracker.ensure_running()  # it would lift the block
    # A kernel that ends while the server still imports interrupts it, which would be printed as an error.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    return context


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Result]:
    """``map(function, items)``, both picklable, over processes of one torch thread each, in order, as they come.

    For one item or worker this process does, with one thread, so that the results are the same. An error in a worker
    is raised here, and work not yet begun is cancelled.
    """
    work = list(items)
    workers = min(workers or cores(), len(work))
    if workers <= 1:
        for item in work:
            with torch_threads(1):
                result = function(item)
            yield result
        return
    with ProcessPoolExecutor(workers, start_server(), _prepare_worker, (dict(os.environ),)) as pool:
        try:
            yield from pool.map(function, work)
        except BrokenProcessPool as error:
            remedy = f"what was finished is kept; NBLIB_CORES=1 needs the least memory (now {workers} workers)"
            raise NblibError(f"a worker was killed, most often for want of memory; run again: {remedy}") from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
