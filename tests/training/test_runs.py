"""Runs: trained once and then loaded, by a hash of everything that decides them; killed, damaged, out of disk."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.full_disk import files, small_files
from helpers.tiny import VIEW, Pairs, broken_pairs, low_pass_pairs, no_data, tiny_cell

from nblib import paths, provenance
from nblib.audio import Geometry
from nblib.errors import StorageError, TrainingDiverged
from nblib.losses import LossSpec
from nblib.networks import AutoEncoder, MaskUNet, count_parameters
from nblib.parallel import start_server
from nblib.training import Cell, NetworkSpec, PatchPairs, Run, Training, View, load, train_all, train_or_load
from nblib.training.runs import spread

pytestmark = pytest.mark.usefixtures("own_data")
trained = partial(train_or_load, device="cpu")


def bits(run: Run) -> bytes:
    return paths.runs(run.hash, "network.safetensors").read_bytes()


OTHER: dict[str, Any] = {  # every value another than `tiny_cell`'s
    "network": NetworkSpec(5, 5, "direct", "wave_unet"),
    "loss": LossSpec("codec", "a run", "A", prediction=True, unit_epochs=5),
    "training": Training(0.5, 0.5, 5, 5, 5, 0.5, (-5.0, 0.0), 0.5, 5.0),
    "data": Pairs(no_data, Geometry(5, 128, 64, 5), "another"),
    **{"domain": "linear", "labels": {"title": "another", "seed": 5}},
}


def test_every_field_changes_the_hash_but_how_often_a_checkpoint_is_kept_and_what_a_run_is_called(monkeypatch):
    cell, everything = tiny_cell(), {}
    for name, other in OTHER.items():
        fields = vars(other) if is_dataclass(other) else other if isinstance(other, dict) else {"": other}
        for field, value in fields.items():
            own = getattr(cell, name)
            changed = (
                own | {field: value} if isinstance(own, dict) else replace(own, **{field: value}) if field else value
            )
            everything[f"{name}.{field}"] = replace(cell, **{name: changed}).hash
    same = [name for name, found in everything.items() if found == cell.hash]
    assert same == ["training.checkpoint_seconds", "data.made", "labels.title"]
    assert len(set(everything.values())) == len(everything) - 2 > 20
    monkeypatch.setattr("nblib.training.runs.VERSION", 999)
    assert tiny_cell().hash != cell.hash


def test_a_run_is_trained_once_and_then_loaded_without_data_whatever_it_is_called():
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    cell, first = tiny_cell(), trained(tiny_cell())
    again = trained(tiny_cell("another name", no_data))
    assert again == replace(first, labels={"title": "another name", "seed": 0})
    assert files(paths.runs(cell.hash)) == ["network.safetensors", "run.json"]
    record = first.record
    assert record["config"] == cell.config
    assert record["parameters"] == count_parameters(MaskUNet(2, 2))
    assert (record["title"], record["status"], record["device"]) == ("tiny 0", "max_epochs", "cpu")
    assert (record["epochs"], record["steps"], len(record["history"])) == (4, 8, 4)
    assert record["environment"]["torch"] == provenance.environment()["torch"]
    assert began <= record["finished"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    pairs, network = low_pass_pairs("validation"), again.network()
    found = float((network(VIEW(pairs.inputs)) - VIEW(pairs.targets)).detach().abs().mean())
    assert found == pytest.approx(record["history"][record["best_epoch"] - 1]["validation_l1"], rel=1e-4)
    assert not network.training


def cells(made: Any = low_pass_pairs) -> list[Cell]:
    teacher = trained(tiny_cell(seed=9)).hash
    return [
        tiny_cell("small", made, network=NetworkSpec(1, 1)),
        tiny_cell("codec", made, loss=LossSpec("codec", teacher, "A", unit_epochs=2)),
        tiny_cell("deep", made, network=NetworkSpec(3, 1)),
        tiny_cell("small again", made, network=NetworkSpec(1, 1)),
    ]


def test_what_is_missing_is_trained_the_costly_first_and_two_names_of_one_run_once(monkeypatch, tmp_path, capsys):
    start_server()  # it imports while this process trains
    alone = [bits(run) for run in train_all(cells(), "cpu")]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["codec 0", "deep 0", "small again 0"]
    assert lines[0].startswith("1 of 3: codec 0: max_epochs after 4 epochs, ")
    train_all(cells(no_data), "cpu")
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("NBLIB_CORES", "2")
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path / "two"))
    assert [bits(run) for run in train_all(cells(), "cpu")] == alone, "processes give the bits of one"


def test_a_diverged_run_is_recorded_stops_no_other_and_is_not_trained_again(capsys):
    train_all([tiny_cell("tiny", broken_pairs), tiny_cell("other", broken_pairs, seed=1)], "cpu")
    said = sorted(line.split(": ", 1)[1] for line in capsys.readouterr().out.splitlines())
    assert said == [f"{title}: diverged after 0 epochs, 0 s" for title in ("other 1", "tiny 0")]
    run = trained(tiny_cell(made=no_data))
    assert run.status == "diverged" and files(paths.runs(run.hash)) == ["run.json"]
    assert "epoch 1, batch" in run.record["reason"] and "items train:1;" in run.record["reason"]
    with pytest.raises(TrainingDiverged, match="tiny 0: epoch 1, batch .* items train:1"):
        run.network()


def test_a_mask_that_became_constant_is_called_collapsed():
    def nothing_left(split: str) -> PatchPairs:
        return replace(low_pass_pairs(split), targets=torch.zeros_like(low_pass_pairs(split).targets))

    run = trained(tiny_cell(made=nothing_left, training={"learning_rate": 0.3, "max_epochs": 15}))
    assert run.status == "collapsed" and run.record["spread"] < 0.01
    assert trained(tiny_cell()).record["spread"] > 0.01


def test_the_spread_is_a_masks_standard_deviation_and_on_samples_the_level_over_the_targets():
    provenance.seed_everything("spread")
    network, pairs = MaskUNet(2, 3), low_pass_pairs("train")
    mask = network.eval().mask(VIEW(pairs.inputs)).detach().double()
    assert spread(network, pairs, VIEW) == pytest.approx(float(mask.std(correction=0)), rel=1e-4)
    coder, targets = AutoEncoder(3, 2), torch.rand(20, 1, 64) - 0.5  # more than a batch
    pairs, view = PatchPairs(targets, targets, tuple("a" * 20)), View(VIEW.geometry, "sqrt", on_samples=True)
    expected = float((coder(targets).detach().square().mean() / targets.square().mean()).sqrt())
    assert spread(coder, pairs, view) == pytest.approx(expected, rel=1e-4)
    torch.nn.init.zeros_(coder.up[-1].weight)
    assert spread(coder, pairs, view) == 0


@pytest.mark.parametrize("damage", ["record", "cut", "missing", "another network's"])
def test_what_is_damaged_is_named_and_the_remedy_named_works(damage):
    run = trained(tiny_cell())
    before, folder = bits(run), paths.runs(run.hash)
    file = folder / ("run.json" if damage == "record" else "network.safetensors")
    another = bits(trained(tiny_cell(network=NetworkSpec(1, 1))))
    file.write_bytes({"record": b"{\xff", "cut": before[:-40]}.get(damage, another))
    if damage == "missing":
        file.unlink()
    with pytest.raises(StorageError, match=f"{file.name}: missing or damaged.*; remove the folder"):
        load(run.hash).network()
    shutil.rmtree(folder)
    assert bits(trained(tiny_cell())) == before


def test_a_stopped_run_goes_on_from_its_checkpoint_and_a_full_disk_loses_nothing(monkeypatch):
    cell, epochs = tiny_cell(network=NetworkSpec(3, 2), training={"max_epochs": 9, "patience": 99}), []

    def seed_until_fifth(*parts: Any) -> None:
        epochs.append(parts[-1])
        provenance.seed_everything(*parts)
        if epochs == [1, 2, 3, 4, 5]:
            raise KeyboardInterrupt

    monkeypatch.setattr("nblib.training.loop.seed_everything", seed_until_fifth)
    with pytest.raises(KeyboardInterrupt):
        trained(cell)
    before = (checkpoint := paths.runs(cell.hash, "checkpoint.pt")).read_bytes()
    with small_files(), pytest.raises(StorageError, match="checkpoint.pt: could not be written .*free some space"):
        trained(cell)
    assert checkpoint.read_bytes() == before and files(checkpoint.parent) == ["checkpoint.pt"]
    trained(cell)
    assert epochs == [1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9]  # epoch 5's checkpoint was twice not written
    assert files(checkpoint.parent) == ["network.safetensors", "run.json"]


# One process imports everything once and forks a child per attempt; the child trains until the parent kills it.
ATTEMPTS = """
import os, signal, sys, time
import torch._dynamo  # else every child would: Adam needs it
from helpers.tiny import tiny_cell
from nblib import paths
from nblib.losses import LossSpec
from nblib.training import train_or_load

def run(cell, moment=None):
    child = os.fork()
    if child == 0:
        train_or_load(cell, "cpu")
        os._exit(0)
    if moment is not None:
        while not list(paths.runs(cell.hash).glob("check*")):
            time.sleep(0.001)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

teacher = tiny_cell(seed=9)
pupil = tiny_cell(
    loss=LossSpec("codec", teacher.hash, "A", prediction=True, unit_epochs=8),
    training={"max_epochs": 30, "patience": 99},
)
for place, *moments in ((sys.argv[1],), sys.argv[2:]):
    os.environ["NBLIB_DATA"] = place
    assert run(teacher) == 0
    print(*(run(pupil, float(moment)) for moment in moments), run(pupil), paths.runs(pupil.hash))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_run_killed_at_random_moments_ends_bit_identical_to_one_that_was_not(tmp_path):
    kills = [f"{random.Random().uniform(0, 0.1):.4f}" for _ in range(4)]  # never the same moments twice: any must do
    own = {"PYTHONPATH": os.pathsep.join([str(paths.home()), *sys.path])}
    command = [sys.executable, "-c", ATTEMPTS, str(tmp_path / "undisturbed"), str(tmp_path / "killed"), *kills]
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    results = []
    for *codes, code, place in map(str.split, done.stdout.splitlines()):
        assert codes[:1] in ([], [str(-signal.SIGKILL)]) and code == "0", (kills, codes, done.stderr)
        folder = Path(place)
        record = json.loads((folder / "run.json").read_text())
        record |= dict.fromkeys(("seconds", "loss_seconds", "finished"))
        results.append(((folder / "network.safetensors").read_bytes(), record))
        assert [name for name in files(folder) if not name.endswith(".tmp")] == ["network.safetensors", "run.json"]
    assert results[0] == results[1], f"killed at {kills}"
