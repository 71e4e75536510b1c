"""Many runs: loaded or trained, in order, alone or on several processes, with the same bits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tiny import low_pass_pairs, run_config

from nblib.patches import PatchPairs
from nblib.training import LossSpec, NetworkSpec, RunConfig
from nblib.training.runs import train_or_load
from nblib.training.sweep import train_all


@pytest.fixture(autouse=True)
def own_data(monkeypatch, tmp_path) -> Iterator[None]:
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    monkeypatch.setenv("NBLIB_CORES", "1")
    threads = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == threads


def teacher() -> RunConfig:
    return run_config(label="teacher", seed=9)


def sweep() -> list[RunConfig]:
    teaching = train_or_load(teacher(), low_pass_pairs, log=lambda line: None).hash
    return [
        run_config(label="small", network=NetworkSpec(1, 1)),
        run_config(label="codec", loss=LossSpec("codec", teaching, "A", unit_epochs=2)),
        run_config(label="deep", network=NetworkSpec(3, 1)),
    ]


def no_data(split: str) -> PatchPairs:
    raise AssertionError("there is nothing to train")


def test_runs_come_in_their_own_order_and_the_costly_are_trained_first():
    lines: list[str] = []
    configs = sweep()
    runs = train_all(configs, low_pass_pairs, log=lines.append)
    assert [run.hash for run in runs] == [config.hash for config in configs]
    assert [line.split(": ")[1] for line in lines] == ["codec", "deep", "small"]
    assert lines[0].startswith("1 of 3: codec: max_epochs after 4 epochs, ")


def test_complete_runs_are_loaded_and_only_the_others_trained():
    configs = sweep()
    first = train_all(configs[:2], low_pass_pairs, log=lambda line: None)
    lines: list[str] = []
    runs = train_all(configs, low_pass_pairs, log=lines.append)
    assert len(lines) == 1 and "deep" in lines[0]
    assert runs[:2] == first
    assert train_all(configs, no_data, log=no_data) == runs
    assert train_all([], no_data) == []


def test_two_names_of_one_configuration_are_trained_once():
    lines: list[str] = []
    runs = train_all([run_config(label="one"), run_config(label="other")], low_pass_pairs, log=lines.append)
    assert len(lines) == 1
    assert runs[0] == runs[1]


def broken_pairs(split: str) -> PatchPairs:
    pairs = low_pass_pairs(split)
    pairs.inputs[0] = torch.nan
    return pairs


def test_a_diverged_run_stops_no_other():
    lines: list[str] = []
    runs = train_all([run_config(), run_config(seed=1)], broken_pairs, log=lines.append)
    assert [run.status for run in runs] == ["diverged", "diverged"]
    assert lines[1] == "2 of 2: tiny: diverged after 0 epochs, 0 s"


def test_processes_give_the_bits_of_one(monkeypatch, tmp_path):
    alone = [(run.path / "network.safetensors").read_bytes() for run in train_all(sweep(), low_pass_pairs, log=print)]
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path / "other"))
    monkeypatch.setenv("NBLIB_CORES", "2")
    together = train_all(sweep(), low_pass_pairs, log=print)
    assert all(run.path.is_relative_to(tmp_path / "other") for run in together)
    assert [(run.path / "network.safetensors").read_bytes() for run in together] == alone
