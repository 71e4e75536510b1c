"""Settings of all tests: no pictures on a screen, and a data folder of each test's own where it asks for one."""

from pathlib import Path

import matplotlib
import pytest

matplotlib.use("Agg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file begins."""
    items.sort(key=lambda item: item.path.name != "test_smoke_suite.py")


@pytest.fixture
def own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder that data, runs and results go to, on one core."""
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    monkeypatch.setenv("NBLIB_FIGURES", str(tmp_path / "figures"))
    monkeypatch.setenv("NBLIB_CORES", "1")
    return tmp_path
