"""nblib's modules import only from their own place or from places to their left: the flow of the design, one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "nblib"

# From left to right. Modules on one line share a place and may import one another.
ORDER = [
    {"errors", "paths", "provenance", "parallel", "tensors"},
    {"audio"},
    {"corpora"},
    {"patches"},
    {"networks"},
    {"separation"},
    {"losses"},
    {"training"},
    {"evaluation"},
    {"listening"},
    {"experiments"},
    {"figures", "tables", "claims"},
    {
        "notebook",
        "notebook_parameters",
        "suite",
        "suite_kernel",
        "suite_progress",
        "listen_command",
        "separate_command",
        "__main__",
    },
]
PLACES = {name: place for place, names in enumerate(ORDER) for name in names}


def imported(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that is imported; `package` is where relative imports start."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{start}.{alias.name}"


def violations(package: Path) -> list[str]:
    """Every import in `package` that points right, and every module that has no place in the order."""
    wrong = []
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package)
        own = relative.parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        if own not in PLACES:
            wrong.append(f"{relative}: {own} has no place in ORDER of {Path(__file__).name}: give it one")
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for line, name in imported(tree, [package.name, *relative.parts[:-1]]):
            parts = name.split(".")
            if parts[0] != package.name or len(parts) == 1 or parts[1] == "__version__":
                continue
            if PLACES.get(parts[1], len(ORDER)) > PLACES[own]:
                wrong.append(f"{relative}:{line}: {own} imports {name}, which stands to its right")
    return wrong


def test_imports_point_left() -> None:
    assert len(list(PACKAGE.rglob("*.py"))) > 5
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("audio/io.py", "from nblib.corpora import base"),
        ("audio/io.py", "from nblib import corpora"),
        ("audio/io.py", "import nblib.corpora.base"),
        ("audio/io.py", "from ..corpora import base"),
        ("audio/io.py", "from .. import corpora"),
        ("audio/io.py", "def late():\n    from nblib.figures import draw"),
        ("audio/deep/er.py", "from ...corpora import base"),
        ("audio/io.py", "from nblib.unheard_of import thing"),
        ("errors.py", "from . import suite"),
        ("patches.py", "from .networks import unet"),
        ("unheard_of.py", "import os"),
    ],
)
def test_a_violation_is_caught(tmp_path: Path, module: str, source: str) -> None:
    path = tmp_path / "nblib" / module
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    assert len(violations(tmp_path / "nblib")) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("corpora/base.py", "from nblib.audio import read\nfrom nblib.corpora.noise import hum\nfrom . import noise"),
        ("paths.py", "from nblib.errors import StorageError\nimport numpy.nblib.suite\nfrom .errors import NblibError"),
        ("provenance.py", "import nblib\nfrom nblib import __version__, paths"),
        ("__init__.py", "from nblib.suite import run"),
    ],
)
def test_a_lawful_import_passes(tmp_path: Path, module: str, source: str) -> None:
    path = tmp_path / "nblib" / module
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    assert violations(tmp_path / "nblib") == []
