"""One notebook executed by papermill, in a kernel of the interpreter that runs nblib."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import ERROR_MARKER_TAG, execute_notebook

from nblib import paths

ENGINE = "nblib"
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TRACEBACK_LINES = 12


class Watcher(Protocol):
    """Who is told what the running notebook does."""

    def cell(self, number: int, total: int) -> None:
        """Cell `number` of `total` (from 1) begins."""

    def output(self, text: str) -> None:
        """The notebook printed `text`: any part of a line, or several lines."""


@dataclass(frozen=True)
class Failure:
    """Why a notebook stopped: the cell (from 1) with its first line, the error's last line, a short traceback."""

    cell: int
    cells: int
    first_line: str
    error: str
    traceback: str


@dataclass
class _State:
    notebook: nbformat.NotebookNode | None = None
    cell: int = 0


class OwnKernelManager(AsyncKernelManager):
    """Starts the interpreter that runs nblib, whatever environment a kernelspec called ``python3`` points to."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """A kernelspec made on the spot; none that is installed is looked at."""
        return KernelSpec(resource_dir="", **get_kernel_dict(["--log-level=ERROR"]))


class WatchedClient(PapermillNotebookClient):
    """papermill's client, telling a `Watcher` of cells and printed text."""

    watcher: Watcher

    def process_message(self, msg: dict[str, Any], cell: nbformat.NotebookNode, cell_index: int) -> Any:
        """Pass printed text on, as it comes."""
        if msg["msg_type"] == "stream":
            self.watcher.output(msg["content"]["text"])
        return super().process_message(msg, cell, cell_index)


class NblibEngine(Engine):
    """papermill's engine with this interpreter's kernel; ``state`` receives the notebook as it is executed."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        watcher: Watcher,
        state: _State,
        kernel_output: IO[str],
        environment: dict[str, str],
        **kwargs: Any,
    ) -> None:
        """Execute the cells in order; Ctrl-C interrupts the cell and ends the kernel, by force after 5 s."""
        state.notebook = nb_man.nb
        cells = len(nb_man.nb.cells)

        def cell_starts(cell: nbformat.NotebookNode, cell_index: int) -> None:
            state.cell = cell_index + 1
            watcher.cell(state.cell, cells)

        client = WatchedClient(
            nb_man,
            kernel_manager_class=OwnKernelManager,
            kernel_name=kernel_name,
            on_cell_start=cell_starts,
            startup_timeout=120,
            record_timing=False,
            iopub_timeout=60,  # the last outputs of a cell may be slow to arrive where all cores are busy
            log=logging.getLogger("papermill"),
        )
        client.watcher = watcher
        try:
            client.execute(env=environment, stdout=kernel_output, stderr=kernel_output)
        except KeyboardInterrupt:
            # While the kernel starts, nobody else ends it; what was under way then fails in turn, which is no news.
            with contextlib.suppress(Exception):
                if client.km is not None:
                    client._cleanup_kernel()
            raise


papermill_engines.register(ENGINE, NblibEngine)


def execute(notebook: Path, copy: Path, parameters: Mapping[str, object], watcher: Watcher) -> Failure | None:
    """Execute `notebook` with `parameters` injected, in its own folder; write the executed copy whole, failed or not.

    Parameters
    ----------
    notebook : Path
        The notebook; it is not changed.
    copy : Path
        Where the executed copy goes, also after an error or Ctrl-C (then with the outputs made so far).
    parameters
        Values by name; each must be declared in the parameters cell.
    watcher
        Told of cells and output while the notebook runs.

    Returns
    -------
    Failure or None
        What went wrong, None where every cell ended well.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C; the kernel is dead by then.
    StorageError
        The copy could not be written.
    """
    state = _State()
    with tempfile.TemporaryFile("w+") as kernel_output, _quiet():
        try:
            execute_notebook(
                _literal(notebook),
                None,
                dict(parameters),
                engine_name=ENGINE,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                cwd=str(notebook.parent),
                watcher=watcher,
                state=state,
                kernel_output=kernel_output,
                environment=_kernel_environment(),
            )
        except PapermillExecutionError as error:
            return _cell_failure(state, error)
        except Exception as error:  # the kernel did not start, or died: papermill and nbclient have no common class
            return _kernel_failure(state, error, kernel_output)
        finally:
            if state.notebook is not None:
                _write(state.notebook, copy)
    return None


def _literal(path: Path) -> str:
    # papermill formats paths, so braces in a folder's name would be taken for fields.
    return str(path.resolve()).replace("{", "{{").replace("}", "}}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("papermill")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _kernel_environment() -> dict[str, str]:
    """This process's environment; pictures inline, progress in few lines, and this very nblib importable."""
    environment = {**os.environ, "NBLIB_BATCH": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    for name in ("NBLIB_HOME", "NBLIB_DATA", "NBLIB_FIGURES"):
        if environment.get(name):
            environment[name] = str(Path(environment[name]).resolve())  # the kernel runs in another folder
    package_folder = Path(__file__).resolve().parents[1]
    if package_folder.name not in ("site-packages", "dist-packages"):
        kept = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(package_folder), *([kept] if kept else [])])
    return environment


def _write(notebook: nbformat.NotebookNode, copy: Path) -> None:
    # papermill's stamps hold this machine's paths and times: noise in a notebook that may be shared.
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
    with paths.whole(copy) as temporary, temporary.open("w", encoding="utf-8") as file:
        nbformat.write(notebook, file)


def _cell_failure(state: _State, error: PapermillExecutionError) -> Failure:
    *frames, _last = ANSI.sub("", "\n".join(error.traceback)).strip().splitlines() or [""]
    short = frames if len(frames) <= TRACEBACK_LINES else ["...", *frames[-TRACEBACK_LINES:]]
    return _failure(state, error.source, f"{error.ename}: {error.evalue}", "\n".join(short))


def _kernel_failure(state: _State, error: Exception, kernel_output: IO[str]) -> Failure:
    kernel_output.seek(0)
    tail = ANSI.sub("", kernel_output.read()).strip().splitlines()[-TRACEBACK_LINES:]
    cells = state.notebook.cells if state.notebook else []
    source = cells[state.cell - 1].source if state.cell else ""
    reason = f"{type(error).__name__}: {error}"
    if type(error).__name__ == "DeadKernelError":
        reason = "the kernel died (killed for want of memory, or a crash in a library): close other programs, run again"
    return _failure(state, source, reason, "\n".join(tail))


def _failure(state: _State, source: str, error: str, traceback: str) -> Failure:
    first_line = next((line for line in source.splitlines() if line.strip()), "")
    cells = state.notebook.cells if state.notebook else []
    total = sum(ERROR_MARKER_TAG not in cell.metadata.get("tags", []) for cell in cells)
    return Failure(state.cell, total, first_line, ANSI.sub("", error), traceback)
