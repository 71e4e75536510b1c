"""The whole suite at the least sizes, from nothing, in a folder of its own; killed and rerun; with bad input."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import nblib
from nblib.suite import SUITE

# Once, in a notebook that trains a loss network, then others by it; NBLIB_TEST_KILLS=10 kills the whole suite so often.
KILLS = int(os.environ.get("NBLIB_TEST_KILLS", "1"))
KILLED = () if KILLS > 1 else ("--only", "10")
IJCNN20 = [f"ijcnn20_figure{number}" for number in (2, 3, 4, 5)]
# Who computed a row, when and how fast may differ; what came out may not.
OF_THE_MOMENT = ["seconds", "loss_seconds", "finished", "commit", "training_seconds", "loss_share"]


def suite(folder: Path, *options: str) -> subprocess.Popen[str]:
    places = {"NBLIB_DATA": str(folder / "data"), "NBLIB_FIGURES": str(folder / "figures")}
    places["PYTHONPATH"] = str(Path(nblib.__file__).parents[1])  # this very nblib, wherever another is installed
    command = [sys.executable, "-m", "nblib", "run", "--profile", "smoke", *options]
    return subprocess.Popen(command, env=os.environ | places, cwd=folder, stdout=-1, stderr=-2, text=True)


def complete(folder: Path, *options: str) -> str:
    process = suite(folder, *options)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    return output


def contents(folder: Path) -> dict[str, bytes]:
    """Every result, figure table and network by its path; `OF_THE_MOMENT` and what steps cost are left out.

    A kill in the middle of a write leaves a hidden folder beside the file, which later writes sweep: it is no result.
    """
    found = {}
    patterns = ("data/results/**/*", "data/runs/*/network.safetensors", "figures/**/*.csv*", "figures/**/*.png")
    for path in sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file()):
        if path.parent.suffix == ".tmp" or path.name.startswith("configuration_costs."):
            continue
        data = path.read_bytes()
        if path.suffix == ".csv":
            table = pd.read_csv(path).drop(columns=OF_THE_MOMENT, errors="ignore")
            if path.name == "claims.csv":
                table = table[~table["claim"].str.startswith("cost of")]
            data = table.to_csv().encode()
        found[str(path.relative_to(folder))] = data
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    folder = tmp_path_factory.mktemp("undisturbed")
    start = time.monotonic()
    complete(folder)
    return folder, time.monotonic() - start


def test_everything_comes_out(undisturbed: tuple[Path, float]) -> None:
    folder, _ = undisturbed
    results = folder / "data" / "results" / "smoke"
    capacity = pd.read_csv(results / "capacity.csv")
    columns = ["task", "capacity", "parameters", "contender", "seed", "item", "l1", "estoi", "pesq_wb", "si_sdr_db"]
    assert set(columns) <= set(capacity.columns) and set(capacity["task"]) == {"speech", "vocals"}
    assert set(capacity["contender"]) == {"l1", "codec", "unprocessed", "oracle_mask"}
    for name in ("mm19_figure2", "mm19_figure3", "mm19_figure4", "mm19_figure5", *IJCNN20):
        made = {path.suffix for path in (folder / "figures" / "smoke").glob(f"{name}.*")}
        assert made in ({".png", ".svg", ".csv"}, {".png", ".svg", ".gz"})
    copies = {path.stem for path in (folder / "data" / "executed" / "smoke").glob("*.ipynb")}
    assert copies == {notebook.name for notebook in SUITE}


def test_killed_at_random_moments_it_ends_with_the_same_results(undisturbed: tuple[Path, float], tmp_path: Path):
    whole, seconds = undisturbed
    moments = [random.uniform(5, (0.15 if KILLED else 0.8) * seconds) for _ in range(KILLS)]
    for moment in moments:
        process = suite(tmp_path, *KILLED)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    complete(tmp_path, *KILLED)
    expected, found = contents(whole), contents(tmp_path)
    if KILLED:  # what these notebooks make; of the runs all others are missing
        expected = {name: data for name, data in expected.items() if name in found and not name.endswith("runs.csv")}
        assert "data/results/smoke/capacity.csv" in expected
    else:
        assert found.keys() == expected.keys(), f"killed after {moments} seconds"
    different = [name for name in expected if found[name] != expected[name]]
    assert not different, f"killed after {moments} seconds"


def test_rerun_trains_nothing(undisturbed: tuple[Path, float]) -> None:
    folder, _ = undisturbed
    records = {path: path.stat().st_mtime_ns for path in folder.glob("data/runs/*/run.json")}
    before = contents(folder)
    complete(folder, "--only", "10")
    assert {path: path.stat().st_mtime_ns for path in folder.glob("data/runs/*/run.json")} == records
    assert contents(folder) == before


def test_a_wrong_parameter_stops_before_anything_is_made(tmp_path: Path) -> None:
    process = suite(tmp_path, "--set", "profil=quick")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 2 and "profil" in output and "Traceback" not in output
    assert not list(tmp_path.iterdir())
