"""Run code in a process whose files may not grow, which is what a full disk looks like from inside."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nblib import paths


def files(folder: Path) -> list[str]:
    """What lies in a folder, hidden files and folders too."""
    return sorted(entry.name for entry in folder.iterdir())


def in_process_with_small_files(code: str, **environment: str) -> str:
    """The message of the `StorageError` that `code` must end with, no file being allowed over 5 kB."""
    pytest.importorskip("resource", reason="this system has no limit on a file's size")
    script = f"""
import resource
from pathlib import Path
from nblib.errors import StorageError
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
try:
{textwrap.indent(code, "    ")}
except StorageError as error:
    print(error)
"""
    whole = os.environ | {"PYTHONPATH": os.pathsep.join([str(paths.home()), *sys.path])} | environment
    done = subprocess.run([sys.executable, "-c", script], env=whole, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "free some space" in done.stdout, f"no StorageError: {done.stdout} {done.stderr}"
    return done.stdout
