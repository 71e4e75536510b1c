"""Where data, runs, results and figures live, and how a file is written whole.

Every place is found from the package, never from the working directory, and can be moved by an environment variable:
``NBLIB_HOME`` (the project), ``NBLIB_DATA`` (default HOME/data), ``NBLIB_FIGURES`` (default HOME/figures/own). What is
committed, `paper` and `record`, stays in HOME.
"""

import errno
import glob
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from nblib.errors import StorageError

ABANDONED_SECONDS = 600.0


def home() -> Path:
    """The project's folder."""
    return Path(os.environ.get("NBLIB_HOME") or Path(__file__).resolve().parents[1])


def data() -> Path:
    """Everything that is made as data."""
    return Path(os.environ.get("NBLIB_DATA") or home() / "data")


def cache() -> Path:
    """Corpora and patches, rebuilt when missing."""
    return data() / "cache"


def runs() -> Path:
    """One folder per trained network, named by the hash of its configuration."""
    return data() / "runs"


def paper() -> Path:
    """The papers' published numbers."""
    return home() / "data" / "paper"


def record(name: str) -> Path:
    """The committed results of one profile and corpus."""
    return home() / "data" / "record" / name


def results(name: str) -> Path:
    """Own results."""
    return data() / "results" / name


def figures(name: str, of_record: bool = False) -> Path:
    """Own figures; those of the record where it is being made (``NBLIB_RECORD`` is set)."""
    if of_record and os.environ.get("NBLIB_RECORD"):
        return home() / "figures" / name
    own = Path(os.environ.get("NBLIB_FIGURES") or home() / "figures" / "own")
    return own / (f"record-{name}" if of_record else name)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path of `path`'s own name beside it; rename it to `path` only if the block ends without error.

    It stands in a folder of its own, since some writers put the name into the file (gzip) or further files beside it.
    `StorageError` where the disk is full or the folder cannot be written; the old file stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A killed process cannot clean up. What has not been touched for so long is nobody's work in progress.
        for other in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
            with suppress(OSError):
                if time.time() - max(entry.stat().st_mtime for entry in (other, *other.iterdir())) > ABANDONED_SECONDS:
                    shutil.rmtree(other)
        with TemporaryDirectory(".tmp", f".{path.name}.", path.parent, ignore_cleanup_errors=True) as folder:
            temporary = Path(folder) / path.name
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        if isinstance(error, StorageError) or error.errno is None:
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "free some space and run again" if full else "check the folder's permissions, or move it by NBLIB_DATA"
        message = f"{path}: could not be written ({error.strerror}); {remedy}; nothing else was lost"
        raise StorageError(message) from error
