"""Runs: trained once and then loaded, by a hash of everything that decides them; killed, damaged, out of disk."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from full_disk import files, in_process_with_small_files
from tiny import low_pass_pairs, run_config

from nblib import paths, provenance
from nblib.audio import Geometry
from nblib.errors import ParameterError, StorageError, TrainingDiverged
from nblib.networks import AutoEncoder, MaskUNet, count_parameters
from nblib.patches import PatchPairs
from nblib.training import LossSpec, NetworkSpec, Run, RunConfig, Training, train_or_load
from nblib.training.runs import is_complete, load, spread


@pytest.fixture(autouse=True)
def own_data(monkeypatch, tmp_path) -> Iterator[None]:
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    threads = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == threads


def quiet(config: RunConfig, data: Any = low_pass_pairs) -> Run:
    return train_or_load(config, data, log=lambda line: None)


def no_data(split: str) -> PatchPairs:
    raise AssertionError("there is nothing to train")


def utc_now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def bits(run: Run) -> bytes:
    return (run.path / "network.safetensors").read_bytes()


# Hashes


def changed(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, tuple):
        return (*value[:-1], changed(value[-1]))
    if isinstance(value, bool):
        return not value
    return value // 2 or 5 if isinstance(value, int) else value * 2 + 2


def variants(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`config` with each of its fields changed in turn, down to the leaves."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        name = prefix + field.name
        if dataclasses.is_dataclass(value):
            for inner, other in variants(value, f"{name}."):
                yield inner, dataclasses.replace(config, **{field.name: other})
        else:
            yield name, dataclasses.replace(config, **{field.name: changed(value)})


def test_every_field_changes_the_hash_but_the_label_and_how_often_a_checkpoint_is_kept():
    config = run_config(geometry=Geometry(window=128, hop=32, frames=16))
    everything = dict(variants(config))
    silent = {name for name, other in everything.items() if other.hash == config.hash}
    assert silent == {"label", "training.checkpoint_seconds"}
    loud = [other.hash for name, other in everything.items() if name not in silent]
    assert len(set(loud)) == len(loud) == len(everything) - 2
    count = sum(len(dataclasses.fields(part)) for part in (RunConfig, NetworkSpec, LossSpec, Training, Geometry)) - 4
    assert len(everything) == count


def test_a_tuple_of_layers_is_not_the_configuration_of_that_name():
    assert run_config(loss=LossSpec("codec", "x", "F")).hash != run_config(loss=LossSpec("codec", "x", ("F",))).hash


def test_the_version_changes_every_hash(monkeypatch):
    before = run_config().hash
    monkeypatch.setattr("nblib.training.runs.VERSION", 999)
    assert run_config().hash != before


# Trained, then loaded


def test_a_run_is_trained_once_and_then_loaded_without_data():
    first = quiet(run_config())
    again = train_or_load(run_config(label="another name"), no_data, log=no_data)
    assert again == first
    assert is_complete(run_config()) and not is_complete(run_config(seed=1))
    assert files(first.path) == ["network.safetensors", "run.json"]
    networks = first.network(), again.network()
    magnitude = low_pass_pairs("validation").inputs
    assert torch.equal(networks[0](magnitude), networks[1](magnitude))
    assert not any(network.training for network in networks)


def test_the_record_says_what_was_trained_where_and_how_it_went():
    config, began = run_config(), utc_now()
    record = quiet(config).record
    assert record["config"] == provenance.canonical(config)
    assert record["parameters"] == count_parameters(MaskUNet(2, 2))
    assert (record["label"], record["status"], record["device"]) == ("tiny", "max_epochs", "cpu")
    assert (record["epochs"], record["steps"], len(record["history"])) == (4, 8, 4)
    assert 1 <= record["best_epoch"] <= 4
    assert record["environment"]["torch"] == provenance.environment()["torch"]
    assert began <= record["finished"] <= utc_now()


def test_the_loaded_network_is_the_best_epochs():
    run = quiet(run_config(domain="linear"))
    pairs = low_pass_pairs("validation")
    found = float((run.network()(pairs.inputs) - pairs.targets).detach().abs().mean())
    best = run.record["history"][run.record["best_epoch"] - 1]["validation_l1"]
    assert found == pytest.approx(best, rel=1e-5)


def test_two_trainings_from_nothing_give_the_same_bytes():
    contents = []
    for _ in range(2):
        run = quiet(run_config())
        contents.append((bits(run), run.record["history"]))
        shutil.rmtree(run.path)
        torch.rand(7)  # whatever was drawn before does not matter
    assert contents[0] == contents[1]


def test_a_codec_loss_is_built_from_its_networks_run():
    teacher = quiet(run_config(seed=9))
    run = quiet(run_config(loss=LossSpec("codec", teacher.hash, "A", prediction=True, unit_epochs=2)))
    assert run.record["config"]["loss"]["network"] == teacher.hash
    assert bits(run) != bits(quiet(run_config()))


def test_an_unknown_loss_and_a_missing_loss_network_are_named():
    with pytest.raises(ParameterError, match="loss='codek' is not known.*did you mean 'codec'"):
        quiet(run_config(loss=LossSpec("codek")))
    with pytest.raises(StorageError, match="0123: no complete run lies here; run the notebook that trains it"):
        quiet(run_config(loss=LossSpec("codec", "0123")))


# Runs that came to nothing


def broken_pairs(split: str) -> PatchPairs:
    pairs = low_pass_pairs(split)
    pairs.inputs[1] = torch.nan
    return pairs


def test_a_diverged_run_is_recorded_and_not_trained_again():
    lines: list[str] = []
    run = train_or_load(run_config(), broken_pairs, log=lines.append)
    assert run.status == "diverged"
    assert "epoch 1, batch" in run.record["reason"] and "items train:1;" in run.record["reason"]
    assert lines == [f"tiny: diverged: {run.record['reason']}"]
    assert files(run.path) == ["run.json"]
    again = train_or_load(run_config(), no_data, log=no_data)
    assert again.record == run.record
    with pytest.raises(TrainingDiverged, match="tiny: epoch 1, batch .* items train:1"):
        again.network()


def nothing_left(split: str) -> PatchPairs:
    pairs = low_pass_pairs(split)
    return PatchPairs(pairs.inputs, torch.zeros_like(pairs.targets), pairs.names)


def test_a_mask_that_became_constant_is_called_collapsed():
    run = quiet(run_config(training={"learning_rate": 0.3, "max_epochs": 15}), nothing_left)
    assert run.status == "collapsed"
    assert run.record["spread"] < 0.01
    assert float(run.network().mask(low_pass_pairs("validation").inputs).detach().std()) < 0.01
    assert quiet(run_config()).record["spread"] > 0.01


def test_the_spread_of_a_mask_is_its_standard_deviation_over_all_patches():
    provenance.seed_everything("spread")
    network, pairs = MaskUNet(2, 3), low_pass_pairs("train")
    mask = network.eval().mask(pairs.inputs).detach().double()
    for batch_size in (3, 16):
        assert spread(network, pairs, "linear", batch_size) == pytest.approx(float(mask.std(correction=0)), rel=1e-5)


def test_the_spread_of_a_network_on_samples_is_its_level_over_the_targets():
    provenance.seed_everything("spread")
    network, targets = AutoEncoder(3, 2), torch.rand(5, 1, 64) - 0.5
    pairs = PatchPairs(targets, targets, tuple("abcde"))
    restored = network(targets).detach()
    expected = float((restored.square().mean() / targets.square().mean()).sqrt())
    assert spread(network, pairs, None, 2) == pytest.approx(expected, rel=1e-5)
    torch.nn.init.zeros_(network.up[-1].weight)
    assert spread(network, pairs, None) == 0


# Damage


@pytest.mark.parametrize("content", ["", "{", "\xff"])
def test_a_damaged_record_is_named_and_its_folder_made_anew(content):
    run = quiet(run_config())
    before = bits(run)
    (run.path / "run.json").write_bytes(content.encode("latin1"))
    with pytest.raises(StorageError, match="run.json: damaged .*remove the folder, it is made anew"):
        quiet(run_config())
    shutil.rmtree(run.path)
    assert bits(quiet(run_config())) == before


@pytest.mark.parametrize("damage", ["cut", "missing", "another network's"])
def test_damaged_weights_are_named_and_the_remedy_named_works(damage):
    run = quiet(run_config())
    before, weights = bits(run), run.path / "network.safetensors"
    if damage == "missing":
        weights.unlink()
    elif damage == "cut":
        weights.write_bytes(before[:-40])
    else:
        weights.write_bytes(bits(quiet(run_config(network=NetworkSpec(1, 1)))))
    with pytest.raises(StorageError, match=rf"network.safetensors: missing or damaged; remove the folder {run.path}"):
        load(run.hash).network()
    shutil.rmtree(run.path)
    assert bits(quiet(run_config())) == before


def test_a_run_that_does_not_exist_is_named():
    with pytest.raises(StorageError, match="no complete run lies here"):
        load("000000000000")


# Stopped


class Stopped(Exception):
    pass


def stop_at_fifth(line: str) -> None:
    if "epoch 5" in line:
        raise Stopped


LONG: dict[str, Any] = {"max_epochs": 9, "patience": 99}


def test_a_stopped_run_goes_on_from_its_checkpoint(monkeypatch, tmp_path):
    expected = quiet(run_config(training=LONG))
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path / "other"))
    with pytest.raises(Stopped):
        train_or_load(run_config(training=LONG), low_pass_pairs, log=stop_at_fifth)
    assert not is_complete(run_config(training=LONG))
    folder = paths.runs() / expected.hash
    assert files(folder) == ["checkpoint.safetensors"]
    lines: list[str] = []
    run = train_or_load(run_config(training=LONG), low_pass_pairs, log=lines.append)
    assert len(lines) == 2 and "epoch 5" in lines[0]  # epoch 5's checkpoint was not written yet
    assert bits(run) == bits(expected)
    assert run.record["history"] == expected.record["history"]
    assert files(folder) == ["network.safetensors", "run.json"]


def test_a_full_disk_loses_nothing(monkeypatch, tmp_path):
    config = run_config(network=NetworkSpec(3, 2), training=LONG)
    expected = quiet(config)
    other = tmp_path / "other"
    monkeypatch.setenv("NBLIB_DATA", str(other))
    with pytest.raises(Stopped):
        train_or_load(config, low_pass_pairs, log=stop_at_fifth)
    checkpoint = paths.runs() / config.hash / "checkpoint.safetensors"
    before = checkpoint.read_bytes()
    code = """
from tiny import low_pass_pairs, run_config
from nblib.training import NetworkSpec, train_or_load
config = run_config(network=NetworkSpec(3, 2), training={"max_epochs": 9, "patience": 99})
train_or_load(config, low_pass_pairs)
"""
    assert "checkpoint.safetensors: could not be written" in in_process_with_small_files(code, NBLIB_DATA=str(other))
    assert checkpoint.read_bytes() == before
    assert files(checkpoint.parent) == ["checkpoint.safetensors"]
    assert bits(quiet(config)) == bits(expected)


# One process imports everything once and forks a child per attempt; the child trains, the parent kills it when its
# checkpoint has been replaced so many times and a moment more.
ATTEMPTS = """
import os, signal, sys, time
import torch
from tiny import low_pass_pairs, run_config
from nblib import paths
from nblib.training import LossSpec, train_or_load

weight = torch.nn.Parameter(torch.zeros(1))
weight.grad = torch.zeros(1)
torch.optim.Adam([weight]).step()  # imports half of torch when first called

def run(config, kill_after, moment):
    child = os.fork()
    if child == 0:
        train_or_load(config, low_pass_pairs, log=lambda line: None)
        os._exit(0)
    checkpoint, seen, replaced = paths.runs() / config.hash / "checkpoint.safetensors", None, 0
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if kill_after is None:
            time.sleep(0.01)
            continue
        stamp = (s.st_ino, s.st_mtime_ns) if checkpoint.exists() and (s := checkpoint.stat()) else None
        replaced, seen = replaced + (stamp != seen), stamp
        if replaced >= kill_after:
            time.sleep(moment)
            os.kill(child, signal.SIGKILL)
            kill_after = 10**9

teacher = run_config(seed=9)
pupil = run_config(
    loss=LossSpec("codec", teacher.hash, "A", prediction=True, unit_epochs=8),
    training={"max_epochs": 40, "patience": 99},
)
assert run(teacher, None, 0) == 0
for kill in sys.argv[1:]:
    kill_after, moment = kill.split(":")
    print(run(pupil, int(kill_after), float(moment)))
print(run(pupil, None, 0), pupil.hash)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_run_killed_at_random_moments_ends_bit_identical_to_one_that_was_not(tmp_path):
    moments = random.Random()  # never the same moments twice: any must do
    kills = [f"{moments.randint(0, 4)}:{moments.uniform(0, 0.01):.4f}" for _ in range(4)]
    results = []
    for name, arguments in (("undisturbed", []), ("killed", kills)):
        environment = os.environ | {
            "NBLIB_DATA": str(tmp_path / name),
            "PYTHONPATH": os.pathsep.join([str(paths.home()), *sys.path]),
        }
        command = [sys.executable, "-c", ATTEMPTS, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        *codes, last = done.stdout.split("\n")[:-1]
        assert codes == [str(-signal.SIGKILL)] * len(arguments), (kills, codes)
        code, run_hash = last.split()
        assert code == "0", (kills, done.stderr)
        folder = tmp_path / name / "runs" / run_hash
        record = json.loads((folder / "run.json").read_text())
        for clock in ("seconds", "loss_seconds", "finished"):
            del record[clock]
        results.append(((folder / "network.safetensors").read_bytes(), record))
        assert {"network.safetensors", "run.json"} <= set(files(folder))
        assert "checkpoint.safetensors" not in files(folder)
    assert results[0] == results[1], f"killed at {kills}"
