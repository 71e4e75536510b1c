"""nblib's modules import only from their own place or from places to their left: the flow of the design, one way."""

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
    {"embedded"},
    {"networks"},
    {"losses"},
    {"training"},
    {"evaluation"},
    {"listening"},
    {"entries"},
    {"settings"},
    {"data", "study"},
    {"figures"},
    {"experiments"},
    {"tables"},
    {"claims", "compare", "notebook", "separate"},
    {"suite"},
    {"__main__"},
]
PLACES = {name: place for place, names in enumerate(ORDER) for name in names}
ONLY_FOR = {"embedded": {"data"}}  # nothing else knows how the embedded corpus is made


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
        for line, name in imported(ast.parse(path.read_text(encoding="utf-8")), [package.name, *relative.parts[:-1]]):
            parts = name.split(".")
            if parts[0] != package.name or len(parts) == 1 or parts[1] in ("__version__", own):
                continue
            if PLACES.get(parts[1], len(ORDER)) > PLACES[own] or own not in ONLY_FOR.get(parts[1], {own}):
                wrong.append(f"{relative}:{line}: {own} imports {name}, which it must not know")
    return wrong


def test_imports_point_left() -> None:
    assert len(list(PACKAGE.rglob("*.py"))) > 50
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("from nblib.audio import read\nfrom . import noise\nimport numpy.nblib.suite\nfrom nblib import paths", 0),
        ("def late():\n    from nblib.figures import draw\nfrom .. import training\nimport nblib.unheard_of", 3),
        ("from nblib.embedded import recipe", 1),
    ],
)
def test_the_order_is_looked_at(tmp_path: Path, source: str, count: int) -> None:
    module = tmp_path / "nblib" / "corpora" / "items.py"
    module.parent.mkdir(parents=True)
    module.write_text(source)
    assert len(violations(tmp_path / "nblib")) == count
