"""Files that may not grow, which is what a full disk looks like from inside."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def files(folder: Path) -> list[str]:
    """What lies in a folder, hidden files and folders too."""
    return sorted(entry.name for entry in folder.iterdir())


@contextmanager
def small_files() -> Iterator[None]:
    """In this process no file may grow over 5 kB."""
    resource = pytest.importorskip("resource", reason="this system has no limit on a file's size")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
