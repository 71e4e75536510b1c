"""nblib's modules import only from their own place or from places to their left: the flow of the design, one way."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "nblib"
# From left to right. Modules on one line share a place and may import one another.
ORDER = """
errors paths provenance parallel tensors
audio
corpora
embedded
networks
losses
training
evaluation
listening
entries
settings
study
figures
experiments
tables
claims compare separate
suite
__main__
"""
PLACES = {name: place for place, names in enumerate(ORDER.strip().splitlines()) for name in names.split()}
ONLY_FOR = {"embedded": {"study", "embedded"}}  # nothing else knows how the embedded corpus is made


def imported(path: Path) -> set[str]:
    """What of nblib a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: names of modules are written out"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("nblib.")} - {"__version__"}


def test_imports_point_left() -> None:
    wrong, files = [], sorted(PACKAGE.rglob("*.py"))
    for path in files:
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        found = imported(path) if own != "__init__" else set()
        wrong += [(path, name) for name in found if PLACES[name] > PLACES[own] or own not in ONLY_FOR.get(name, {own})]
    assert len(files) > 50 and wrong == []
