"""Where data, runs and results live, and how a file is written whole.

Places are found from the package, never from the working directory; ``NBLIB_HOME`` moves the project, ``NBLIB_DATA``
what is made as data (default HOME/data). What is committed, `paper` and `record`, stays in HOME.
"""

import errno
import glob
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from nblib.errors import StorageError

ABANDONED_SECONDS = 600.0


def home(*below: str) -> Path:
    """The project's folder, or what lies below it."""
    return Path(os.environ.get("NBLIB_HOME") or Path(__file__).resolve().parents[1], *below)


def data(*below: str) -> Path:
    """The folder of everything that is made as data, or what lies below it."""
    return Path(os.environ.get("NBLIB_DATA") or home("data"), *below)


paper = partial(home, "data", "paper")  # the papers' published numbers
record = partial(home, "data", "record")  # the committed results of one profile and corpus, by their name
results = partial(data, "results")  # own results, by their name
runs = partial(data, "runs")  # one folder per trained network, named by the hash of its configuration
cache = partial(data, "cache")  # corpora and patches, rebuilt when missing


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path; rename it to `path` only if the block ends without error. Else the old file stays.

    It has `path`'s name, which gzip puts into the file, in a folder of its own, since some writers add further files.
    `StorageError` where the disk is full or the folder cannot be written.
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
        message = f"{path}: could not be written ({error.strerror}); {remedy}; nothing else is lost"
        raise StorageError(message) from error
