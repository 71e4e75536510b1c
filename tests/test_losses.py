"""The codec loss and the weight schedule that all losses share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib import tensors
from nblib.errors import ParameterError, StorageError
from nblib.losses import CodecLoss, L1Loss
from nblib.networks import MaskUNet, WaveUNet
from nblib.provenance import seed_everything

LAYERS = ("down1", "down2", "down3", "up1", "up2", "up3")


def codec_network(num_layers: int = 3, base_filters: int = 2) -> MaskUNet:
    seed_everything("codec network")
    unet = MaskUNet(num_layers, base_filters)
    for _ in range(3):  # batch norm statistics other than those of a new network
        unet(torch.rand(4, 1, 16, 16))
    return unet


def pair(seed: int = 0, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 1, 16, 16, generator=generator), torch.rand(batch, 1, 16, 16, generator=generator)


def by_hand(network: MaskUNet, names: tuple[str, ...], estimate: torch.Tensor, target: torch.Tensor) -> list[float]:
    network = network.eval()
    with torch.no_grad():
        heard, meant = network.activations(estimate, names), network.activations(target, names)
    return [float((heard[name] - meant[name]).abs().sum() / heard[name].numel()) for name in names]


def test_l1_is_the_mean_absolute_difference():
    estimate = torch.tensor([[[[0.0, 0.5], [1.0, 0.25]]]])
    assert float(L1Loss()(estimate, torch.full((1, 1, 2, 2), 0.5))) == pytest.approx((0.5 + 0 + 0.5 + 0.25) / 4)


@pytest.mark.parametrize("configuration", "ABCDEF")
def test_equal_inputs_cost_nothing_and_different_ones_something(configuration):
    loss = CodecLoss(codec_network(), configuration)
    estimate, target = pair()
    assert float(loss(target, target)) == 0.0
    assert float(loss(estimate, target)) > 0.01


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(LAYERS), min_size=1, unique=True), st.booleans())
def test_any_layers_sum_their_mean_differences_and_prediction_adds_the_output_term_alone(layers, prediction):
    network = codec_network()
    estimate, target = pair()
    loss = CodecLoss(network, layers, prediction)
    features = tuple(name for name in layers if not (prediction and name == "up3"))
    names = features + (("up3",) if prediction else ())
    assert loss.names == names
    assert float(loss(estimate, target)) == pytest.approx(sum(by_hand(network, names, estimate, target)), rel=1e-5)


def test_prediction_alone_is_the_difference_of_the_networks_outputs():
    network = codec_network()
    estimate, target = pair()
    loss = CodecLoss(network, (), prediction=True)
    with torch.no_grad():
        expected = (network.eval()(estimate) - network(target)).abs().mean()
    assert float(loss(estimate, target)) == pytest.approx(float(expected))


def test_gradient_reaches_the_estimate_and_neither_target_nor_any_weight():
    loss = CodecLoss(codec_network(), "D", prediction=True).train()
    estimate, target = (part.requires_grad_() for part in pair())
    loss(estimate, target).backward()
    assert torch.isfinite(estimate.grad).all() and float((estimate.grad != 0).float().mean()) > 0.9
    assert target.grad is None
    assert [name for name, weight in loss.named_parameters() if weight.requires_grad or weight.grad is not None] == []


@pytest.mark.parametrize(("layers", "prediction"), [("F", False), ("E", False), ("B", False), (("down1",), True)])
def test_the_gradient_agrees_with_finite_differences(layers, prediction):
    loss = CodecLoss(codec_network(2, 2).double(), layers, prediction).eval()
    loss.weights.copy_(torch.arange(1.0, len(loss.names) + 1))
    generator = torch.Generator().manual_seed(5)
    estimate, target = (torch.rand(1, 1, 8, 8, dtype=torch.float64, generator=generator) for _ in range(2))
    assert torch.autograd.gradcheck(lambda x: loss(x, target), estimate.requires_grad_(), eps=1e-7, atol=1e-5)


def test_the_frozen_network_is_a_copy_and_its_statistics_do_not_move():
    network = codec_network().train()
    loss = CodecLoss(network, "B").train()
    before = {name: value.clone() for name, value in loss.network.state_dict().items()}
    values = {float(loss(*pair())) for _ in range(3)}
    assert len(values) == 1, "dropout or batch norm moved"
    network(pair()[0])
    assert all(torch.equal(value, before[name]) for name, value in loss.network.state_dict().items())
    assert network.training and all(weight.requires_grad for weight in network.parameters())


@pytest.mark.parametrize("network", [MaskUNet(4, 3), WaveUNet(4, 2)], ids=["spectral", "samples"])
def test_the_loss_keeps_the_layers_that_it_needs_and_no_other(network):
    kept = CodecLoss(network, "F").state_dict()
    assert {name.split(".")[1] + name.split(".")[2] for name in kept if name.startswith("network")} == {
        "down0",
        "down1",
        "down2",
    }
    everything = {name: weight.shape for name, weight in network.named_parameters() if "norm" not in name}
    whole = CodecLoss(network, "B").state_dict()
    assert {name: whole[f"network.{name}"].shape for name in everything} == everything


@pytest.mark.parametrize(("layers", "prediction"), [("F", False), (("down2",), True)])
def test_a_stored_loss_is_the_same_loss(tmp_path, layers, prediction):
    loss = CodecLoss(codec_network(4, 2), layers, prediction, unit_epochs=1).train()
    loss(*pair())
    loss.end_epoch()
    loss.save(tmp_path / "loss.safetensors")
    again = CodecLoss.load(tmp_path / "loss.safetensors")
    assert (again.names, again.unit_epochs, again.layers) == (loss.names, 1, loss.layers)
    estimate, target = pair(3)
    assert float(again.eval()(estimate, target)) == float(loss.eval()(estimate, target))
    estimate.requires_grad_()
    again(estimate, target).backward()
    assert float(estimate.grad.abs().sum()) > 0 and not any(weight.requires_grad for weight in again.parameters())


def test_configuration_f_is_stored_as_its_three_layers_alone(tmp_path):
    network = MaskUNet(6, 4)
    CodecLoss(network, "F").save(tmp_path / "loss.safetensors")
    convolutions = sum(weight.numel() for layer in network.down[:3] for weight in layer.parameters())
    assert sum(weight.numel() for weight in CodecLoss.load(tmp_path / "loss.safetensors").parameters()) == convolutions
    assert (tmp_path / "loss.safetensors").stat().st_size < 4 * convolutions + 2000


def test_what_is_no_stored_loss_is_named(tmp_path):
    with pytest.raises(StorageError, match="no such file; CodecLoss.save or notebook 09 writes one"):
        CodecLoss.load(tmp_path / "loss.safetensors")
    tensors.save(tmp_path / "other.safetensors", {"weights": torch.zeros(3)}, {"label": "a run"})
    with pytest.raises(StorageError, match="other.safetensors: holds no codec loss .*; write it by CodecLoss.save"):
        CodecLoss.load(tmp_path / "other.safetensors")


def test_an_optimiser_over_the_loss_finds_nothing_to_train():
    loss = CodecLoss(codec_network(), "A")
    assert not any(weight.requires_grad for weight in loss.parameters())
    assert not loss.train().network.training and not loss.eval().network.training


@pytest.mark.parametrize("loss", [L1Loss(), CodecLoss(codec_network())], ids=["l1", "codec"])
def test_different_shapes_are_refused(loss):
    with pytest.raises(ParameterError, match=r"estimate \(2, 1, 16, 16\) and target \(1, 1, 16, 16\) differ in shape"):
        loss(torch.zeros(2, 1, 16, 16), torch.zeros(1, 1, 16, 16))


def test_wrong_layers_are_refused_when_the_loss_is_made():
    with pytest.raises(ParameterError, match="layer='down4' is not known.*did you mean"):
        CodecLoss(codec_network(), ["down4"])
    with pytest.raises(ParameterError, match="layers='G' is not known"):
        CodecLoss(codec_network(), "G")
    with pytest.raises(ParameterError, match="nothing to compare"):
        CodecLoss(codec_network(), ())


def test_after_its_unit_epochs_each_term_is_weighted_once_by_one_over_its_mean():
    network = codec_network()
    loss = CodecLoss(network, "F", unit_epochs=2).train()
    epochs = [[pair(10 * epoch + batch) for batch in range(3)] for epoch in range(4)]
    changed = []
    for number, batches in enumerate(epochs):
        for estimate, target in batches:
            loss(estimate, target)
        loss.eval()
        loss(*pair(99))  # validation counts nothing
        loss.train()
        assert loss.settled == (number >= 2)
        changed.append(loss.end_epoch())
    assert changed == [False, True, False, False]
    terms = torch.tensor([by_hand(network, loss.names, *batch) for batch in epochs[1]])
    torch.testing.assert_close(loss.weights, 1 / terms.mean(0))

    estimate, target = pair(7)
    expected = sum(
        float(weight) * term
        for weight, term in zip(loss.weights, by_hand(network, loss.names, estimate, target), strict=True)
    )
    assert float(loss(estimate, target)) == pytest.approx(expected, rel=1e-5)


def test_every_term_weighs_the_same_at_the_change():
    loss = CodecLoss(codec_network(), "A", unit_epochs=1).train()
    estimate, target = pair()
    loss(estimate, target)
    loss.end_epoch()
    assert float(loss(estimate, target)) == pytest.approx(len(loss.names), rel=1e-5)


@pytest.mark.parametrize("loss", [L1Loss(), CodecLoss(codec_network(), ["down1"])], ids=["l1", "one layer"])
def test_a_single_term_keeps_weight_one_and_is_settled_at_once(loss):
    loss.train()
    assert loss.settled
    for _ in range(12):
        loss(*pair())
        assert not loss.end_epoch()
    assert loss.weights.tolist() == [1.0]


def test_a_layer_that_never_differs_does_not_make_the_loss_infinite():
    network = codec_network()
    torch.nn.init.constant_(network.down_norm[1].weight, 0.0)  # a dead layer
    loss = CodecLoss(network, "F", unit_epochs=1).train()
    loss(*pair())
    loss.end_epoch()
    assert torch.isfinite(loss.weights).all()
    assert torch.isfinite(loss(*pair()))
