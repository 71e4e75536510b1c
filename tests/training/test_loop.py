"""The training loop: it learns, decays, stops, resumes bit for bit, and says what went wrong."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import GEOMETRY, VIEW, both_splits

from nblib.errors import StorageError, TrainingDiverged
from nblib.losses import CodecLoss, L1Loss, SpectrogramLoss, WeightedLoss
from nblib.networks import MaskUNet
from nblib.provenance import derive_seed, seed_everything, torch_threads
from nblib.training import Outcome, PatchPairs, Training, View, train
from nblib.training.loop import evaluate

FAST = Training(learning_rate=0.01, batch_size=4, max_epochs=12, patience=5, checkpoint_seconds=0.0)
ON_SAMPLES = View(GEOMETRY, "sqrt", on_samples=True)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with torch_threads(1):
        yield


def network(seed: int = 0, num_layers: int = 2, base_filters: int = 2) -> MaskUNet:
    seed_everything("weights", seed)
    return MaskUNet(num_layers, base_filters)


def codec_loss(unit_epochs: int = 4) -> CodecLoss:
    return CodecLoss(network(77), "A", prediction=True, unit_epochs=unit_epochs)


LOSSES = {"l1": L1Loss, "codec": codec_loss, "sound": lambda: SpectrogramLoss(GEOMETRY, "sqrt", unit_epochs=4)}


def fit(unet: torch.nn.Module, loss: WeightedLoss, config: Training, folder: Path, *pairs: Any, **own: Any) -> Outcome:
    given: dict[str, Any] = {"view": VIEW, "seed": 3, "checkpoint": folder / "checkpoint.pt"} | own
    return train(unet, loss, pairs or both_splits(), config, **given)


def same_bits(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    values, others = one.state_dict(), other.state_dict()
    return values.keys() == others.keys() and all(torch.equal(values[name], others[name]) for name in values)


class OneWeight(torch.nn.Module):
    """weight * input."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(0.9, dtype=torch.float64))

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return self.weight * samples


class Scripted(WeightedLoss):
    """Validation losses read off a list; training losses that give a gradient of 1."""

    def __init__(self, validation: list[float], terms: int = 1, unit_epochs: int = 10) -> None:
        super().__init__(tuple("abc"[:terms]), unit_epochs)
        self.validation = iter(validation)

    def terms(self, estimate: torch.Tensor, target: torch.Tensor) -> list[torch.Tensor]:
        if self.training:
            return [estimate.mean()] * len(self.names)
        return [torch.tensor(next(self.validation)) / len(self.names)] * len(self.names)


def test_a_known_mask_is_learnt_that_no_constant_comes_near(tmp_path):
    config = replace(FAST, learning_rate=0.03, max_epochs=60, patience=60)
    outcome = fit(network(0, 3, 8), L1Loss(), config, tmp_path)
    inputs, targets = (VIEW(samples) for samples in (both_splits()[1].inputs, both_splits()[1].targets))
    constant = min(float((mask * inputs - targets).abs().mean()) for mask in np.linspace(0, 1, 101))
    assert outcome.history[outcome.best_epoch - 1]["validation_l1"] < constant / 6


def test_training_follows_adam_with_decay_worked_out_by_hand(tmp_path):
    ones = torch.full((6, 1, 4), 0.5, dtype=torch.float64)
    pairs = PatchPairs(ones, torch.zeros_like(ones), ("",) * 6)
    config = Training(learning_rate=0.05, decay=0.1, batch_size=2, max_epochs=4, patience=99)
    unet = OneWeight()
    fit(unet, L1Loss(), config, tmp_path, pairs, pairs, view=ON_SAMPLES)
    weight, first, second = 0.9, 0.0, 0.0
    for step in range(12):
        gradient = 0.5 * np.sign(weight)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        rate = 0.05 / (1 + 0.1 * step)
        weight -= rate * (first / (1 - 0.9 ** (step + 1))) / (np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-8)
    assert float(unet.weight.detach()) == pytest.approx(weight, rel=1e-9)


def test_training_stops_at_the_plateau_with_the_best_epochs_weights(tmp_path):
    losses = [5.0, 4.0, 3.0, 3.5, 2.9995, 3.0, 9.0]  # 2.9995 is less than the least improvement of 0.1 %
    stopped, best = network(), network()
    outcome = fit(stopped, Scripted(losses), replace(FAST, patience=3), tmp_path / "a")
    assert (outcome.status, outcome.epochs, outcome.best_epoch, outcome.steps) == ("plateau", 6, 3, 12)
    assert [row["validation_loss"] for row in outcome.history] == pytest.approx(losses[:6])
    fit(best, Scripted(losses), replace(FAST, max_epochs=3), tmp_path / "b")
    assert same_bits(stopped, best)
    again = network(5)
    fit(again, Scripted([]), replace(FAST, patience=3), tmp_path / "a")
    assert same_bits(again, stopped), "what had ended is not trained further"


def test_early_stopping_waits_for_the_weights_and_starts_anew_there(tmp_path):
    # Best at epoch 1; without the wait, patience 2 would end it at epoch 3, before the weights change at epoch 5.
    loss = Scripted([1.0, 2.0, 2.0, 2.0, 3.0, 2.5, 2.5, 2.5, 2.5], terms=2, unit_epochs=5)
    outcome = fit(network(), loss, replace(FAST, patience=2, min_improvement=0.0), tmp_path)
    assert (outcome.status, outcome.epochs) == ("plateau", 8)
    assert outcome.best_epoch == 6, "an epoch before the change cannot be the best: its loss means something else"


def test_another_seed_gives_other_bits(tmp_path):
    networks = [network() for _ in range(3)]
    for unet, seed in zip(networks, (3, 3, 4), strict=True):
        fit(unet, L1Loss(), replace(FAST, checkpoint_seconds=99.0), tmp_path, seed=seed)
    assert same_bits(networks[0], networks[1]) and not same_bits(networks[0], networks[2])
    assert list(tmp_path.iterdir()) == [], "a checkpoint is kept no oftener than asked"


def test_a_gain_is_drawn_per_patch_from_its_range_and_not_for_validation(tmp_path):
    seen: dict[bool, list[torch.Tensor]] = {True: [], False: []}

    class Watching(L1Loss):
        def terms(self, estimate: torch.Tensor, target: torch.Tensor) -> list[torch.Tensor]:
            seen[self.training].append(target.amax(dim=(1, 2)))
            return super().terms(estimate, target)

    half = PatchPairs(torch.full((8, 1, 16), 0.5), torch.full((8, 1, 16), 0.5), ("",) * 8)
    config = replace(FAST, gain_db=(-20.0, 12.0), max_epochs=20, patience=99)
    fit(OneWeight(), Watching(), config, tmp_path, half, half, view=ON_SAMPLES)
    gains_db = 20 * torch.log10(torch.cat(seen[True]) / 0.5)
    assert len(gains_db.unique()) > 100
    assert -20 <= float(gains_db.min()) < -17
    assert float(gains_db.max()) == pytest.approx(20 * np.log10(2), abs=1e-4), "samples end at full scale"
    assert torch.cat(seen[False]).unique().tolist() == [0.5]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("stops", [(3,), (4,), (1, 5, 11)], ids=str)
def test_a_run_that_goes_on_ends_bit_identical_to_one_that_was_never_stopped(tmp_path, name, stops):
    undisturbed = network()
    config = replace(FAST, gain_db=(-20.0, 0.0), min_improvement=0.05)  # some epochs improve, some do not
    expected = fit(undisturbed, LOSSES[name](), config, tmp_path / "a")
    for number, epochs in enumerate(stops):
        fit(network(number), LOSSES[name](), replace(config, max_epochs=epochs), tmp_path / "b")
    resumed = network(99)  # every network but the first has other weights, until the checkpoint sets them
    outcome = fit(resumed, LOSSES[name](), config, tmp_path / "b")
    assert replace(outcome, seconds=0, loss_seconds=0) == replace(expected, seconds=0, loss_seconds=0)
    assert same_bits(resumed, undisturbed)


def test_a_damaged_checkpoint_is_named_with_what_to_do(tmp_path):
    fit(network(), L1Loss(), replace(FAST, max_epochs=2), tmp_path)
    checkpoint = tmp_path / "checkpoint.pt"
    whole = checkpoint.read_bytes()
    for damaged in (b"", b"no checkpoint", whole[: len(whole) // 2], whole[len(whole) // 2 :]):
        checkpoint.write_bytes(damaged)
        with pytest.raises(StorageError, match="checkpoint.pt: damaged; remove it and run again"):
            fit(network(), L1Loss(), FAST, tmp_path)


def test_patches_that_are_not_numbers_stop_the_run_by_epoch_batch_and_item(tmp_path):
    training, validation = both_splits()
    validation.targets[2] = torch.nan
    with pytest.raises(TrainingDiverged, match="epoch 1: the validation loss is .*; items validation:2$"):
        fit(network(), L1Loss(), FAST, tmp_path, training, validation)
    training.targets[5, 0, 3] = torch.nan
    torch.manual_seed(derive_seed(3, "epoch", 1))
    batch = torch.randperm(8).tolist().index(5) // 4 + 1
    with pytest.raises(TrainingDiverged, match=rf"epoch 1, batch {batch} of 2: the loss is nan; items train:5; lower"):
        fit(network(), L1Loss(), FAST, tmp_path, training, validation)


@pytest.mark.parametrize(("share", "steps"), [(1.0, 4), (0.5, 2), (0.01, 1)])
def test_an_epoch_draws_its_share_of_the_patches_anew(tmp_path, share, steps):
    unet = network()
    config = replace(FAST, batch_size=2, max_epochs=1, learning_rate=1e-9, epoch_share=share)
    outcome = fit(unet, L1Loss(), config, tmp_path)
    assert outcome.steps == steps
    _, expected = evaluate(unet, L1Loss(), both_splits()[1].to("cpu", round(1 / share)), 4, VIEW)
    assert outcome.history[0]["validation_l1"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: the same loop there, resumed there")
@pytest.mark.parametrize("name", LOSSES)
def test_the_same_code_trains_and_resumes_on_a_gpu(tmp_path, name):
    on_cpu, on_gpu = network(), network().cuda()
    expected = fit(on_cpu, LOSSES[name](), FAST, tmp_path / "a")
    fit(network(9).cuda(), LOSSES[name]().cuda(), replace(FAST, max_epochs=5), tmp_path / "b")
    outcome = fit(on_gpu, LOSSES[name]().cuda(), FAST, tmp_path / "b")
    assert next(on_gpu.parameters()).is_cuda
    # Dropout draws other numbers there, so values agree only roughly.
    assert outcome.history[-1]["validation_l1"] == pytest.approx(expected.history[-1]["validation_l1"], rel=0.5)
