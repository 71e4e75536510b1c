"""One notebook executed by papermill, in a kernel of the interpreter that runs nblib."""

import logging
import os
import tempfile
from pathlib import Path
from typing import IO, Any

import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook

import nblib
from nblib import paths
from nblib.suite import ANSI, Job, literal

logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it would say is in the report


def execute(job: Job) -> str:
    """Execute the job's notebook in its own folder, telling `job` of cells and output; what failed, or an empty text.

    The executed copy is written whole, also after an error or Ctrl-C, with the outputs made so far.
    """
    path, failure, interrupt = job.notebook.path, [], None
    job.cells = len(nbformat.read(path, as_version=4).cells) + 1  # and the injected one

    def cell_starts(cell: nbformat.NotebookNode, cell_index: int) -> None:
        job.cell, job.source = cell_index + 1, cell.source.strip().split("\n")[0]

    with paths.whole(job.copy) as temporary, tempfile.TemporaryFile("w+") as output:
        how: dict[str, Any] = {"kernel_name": "python3", "language": "python", "progress_bar": False}
        how |= {"kernel_manager_class": _own_kernel(output), "start_timeout": 120, "cwd": str(path.parent)}
        how |= {"stdout_file": job, "stderr_file": job, "on_cell_start": cell_starts}
        how |= {"iopub_timeout": 60}  # the last outputs of a cell may be slow to arrive where all cores are busy
        try:
            execute_notebook(literal(path), literal(temporary), dict(job.values), **how)
        except KeyboardInterrupt as error:
            interrupt = error  # the kernel is dead, or dies with this process; the copy is kept first
        except PapermillExecutionError as error:
            failure = "\n".join(error.traceback or [str(error)]).splitlines()
        except OSError:
            raise
        except Exception as error:  # the kernel did not start, or died: papermill and nbclient have no common class
            output.seek(0)
            said = f"{type(error).__name__}: {error}"
            if said.startswith("DeadKernelError"):
                said = "the kernel died (for want of memory, or a crash in a library): close other programs, run again"
            failure = [*output.read().splitlines(), said]
        notebook = nbformat.read(temporary, as_version=4)
        for part in (notebook, *notebook.cells):  # stamps that hold this machine's paths, in what may be shared
            part.metadata.pop("papermill", None)
        nbformat.write(notebook, temporary)
    if interrupt:
        raise interrupt
    return ANSI.sub("", "\n".join(failure[-13:]))


def _own_kernel(output: IO[str]) -> type[AsyncKernelManager]:
    """Nobody watches it: pictures go inline; what it says outside cells to `output`. It finds this very nblib."""
    places = [name for name in ("NBLIB_HOME", "NBLIB_DATA", "NBLIB_FIGURES") if os.environ.get(name)]
    environment = os.environ | {name: str(Path(os.environ[name]).resolve()) for name in places}  # cwd is another
    environment["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    importable = [str(Path(nblib.__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, importable))

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            # The interpreter that runs nblib, whatever environment an installed kernelspec "python3" points to.
            return KernelSpec(resource_dir="", **get_kernel_dict(["--log-level=ERROR"]))

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
            await super().start_kernel(**options, env=environment, stdout=output, stderr=output)

    return OwnKernel
