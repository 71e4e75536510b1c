"""The losses: each equation recomputed by hand, frozen networks, the weight schedule, and the codec loss in a file."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib import tensors
from nblib.audio import Geometry
from nblib.errors import ParameterError, StorageError
from nblib.losses import LOSSES, CodecLoss, L1Loss, LossSpec, SpectralCodecLoss, SpectrogramLoss, WeightedLoss
from nblib.networks import MaskUNet, WaveUNet
from nblib.provenance import seed_everything
from nblib.training import View

GEOMETRY = Geometry(sample_rate=16_000, window=32, hop=16, frames=8)
FEATURES = ("down1", "down2", "up1")  # of two layers, "up2" is the prediction


def spectral_network(num_layers: int = 2, base_filters: int = 2) -> MaskUNet:
    seed_everything("spectral")
    network = MaskUNet(num_layers, base_filters)
    for _ in range(3):  # batch norm statistics other than those of a new network
        network(torch.rand(4, 1, 16, 16))
    return network.eval()


def time_network() -> WaveUNet:
    seed_everything("time")
    return WaveUNet(2, 2).eval()


MADE: dict[str, Callable[[], WeightedLoss]] = {
    "a": L1Loss,
    "b": lambda: SpectrogramLoss(GEOMETRY, "sqrt"),
    "c": lambda: SpectralCodecLoss(spectral_network(), GEOMETRY, "sqrt"),
    "d": lambda: CodecLoss(time_network(), "all", prediction=True),
}


def pair(seed: int = 1, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    one, other = torch.rand(2, 2, 1, GEOMETRY.patch_samples, generator=generator, dtype=dtype) - 0.5
    return one, other


def magnitude_pair(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    one, other = torch.rand(2, 2, 1, 16, 16, generator=torch.Generator().manual_seed(seed))
    return one, other


def spectrogram(samples: torch.Tensor) -> torch.Tensor:
    """Square roots of magnitudes by plain discrete Fourier sums, over those of a full-scale sine."""
    window = 0.5 - 0.5 * torch.cos(2 * torch.pi * torch.arange(32, dtype=samples.dtype) / 32)
    frames = torch.stack([samples[:, 0, 16 * k : 16 * k + 32] * window for k in range(8)], dim=-1)
    angles = 2 * torch.pi * torch.outer(torch.arange(16), torch.arange(32)).to(samples.dtype) / 32
    real, imaginary = (torch.einsum("fn,bnk->bfk", part, frames) for part in (angles.cos(), angles.sin()))
    return ((real**2 + imaginary**2).sqrt() / (window.sum() / 2)).clamp(max=1).sqrt()[:, None]


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().sum() / one.numel())


def by_hand(model: str, estimate: torch.Tensor, target: torch.Tensor) -> dict[str, float]:
    """The terms of MM'19's equation (1) to (4), in the equation's order of layers."""
    if model == "a":
        return {"l1": distance(estimate, target)}
    if model == "d":
        return layers_by_hand(time_network().to(estimate.dtype), (*FEATURES, "up2"), estimate, target)
    views = [spectrogram(samples) for samples in (estimate, target)]
    network = spectral_network().to(estimate.dtype)
    own = {"magnitude": distance(*views)} if model == "b" else layers_by_hand(network, (*FEATURES, "up2"), *views)
    return {"samples": distance(estimate, target)} | own


@torch.no_grad()
def layers_by_hand(network: MaskUNet | WaveUNet, names: tuple[str, ...], *pair: torch.Tensor) -> dict[str, float]:
    heard, meant = (network.activations(each, names) for each in pair)
    return {name: distance(heard[name], meant[name]) for name in names}


@pytest.mark.parametrize("model", MADE)
def test_at_first_a_loss_is_exactly_the_sum_of_its_equations_terms(model):
    estimate, target = pair(dtype=torch.float64)
    loss, terms = MADE[model]().double(), by_hand(model, estimate, target)
    assert loss.names == tuple(terms)
    found = [float(term) for term in loss.terms(estimate, target)]
    assert found == pytest.approx(list(terms.values()), rel=1e-6)
    assert float(loss(estimate, target)) == pytest.approx(sum(terms.values()), rel=1e-6)
    assert float(loss(target, target)) == 0


@settings(max_examples=20, deadline=None)
@given(st.sets(st.sampled_from(("down1", "down2", "down3", "up1", "up2", "up3")), min_size=1), st.booleans())
def test_any_layers_with_batch_norm_folded_in_and_prediction_as_the_output_term_alone(layers, prediction):
    network = spectral_network(3, 2)
    loss = CodecLoss(network, sorted(layers), prediction)
    names = tuple(sorted(layers - {"up3"} if prediction else layers)) + (("up3",) if prediction else ())
    assert loss.names == names
    expected = layers_by_hand(network, names, *magnitude_pair())
    assert float(loss(*magnitude_pair())) == pytest.approx(sum(expected.values()), rel=1e-4)


def test_model_c_is_its_three_terms_each_of_one_weight_and_so_are_the_layers_under_theirs():
    estimate, target = pair(dtype=torch.float64)
    loss = SpectralCodecLoss(spectral_network(), GEOMETRY, "sqrt", unit_epochs=1).double().train()
    loss(estimate, target)
    assert loss.end_epoch() and float(loss(estimate, target)) == pytest.approx(3, rel=1e-5)
    terms, now = by_hand("c", estimate, target), by_hand("c", 0.7 * target, target)
    features = sum(now[name] / terms[name] for name in FEATURES) / len(FEATURES)
    expected = now["samples"] / terms["samples"] + now["up2"] / terms["up2"] + features
    assert float(loss(0.7 * target, target)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("model", MADE)
def test_the_right_gradient_reaches_the_estimate_and_neither_target_nor_any_weight(model):
    loss = MADE[model]().double().train()
    estimate, target = (samples.requires_grad_() for samples in pair(dtype=torch.float64))
    loss(estimate, target).backward()
    assert estimate.grad is not None and target.grad is None
    assert float((estimate.grad != 0).float().mean()) > 0.9
    assert [name for name, weight in loss.named_parameters() if weight.requires_grad or weight.grad is not None] == []
    assert all(not module.training for name, module in loss.named_modules() if name.startswith("network"))
    loss.weights.copy_(torch.arange(1.0, len(loss.names) + 1))
    assert torch.autograd.gradcheck(lambda x: loss.eval()(x, target.detach()), estimate, eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("model", ["b", "c"])
@pytest.mark.parametrize("silent", [False, True])
def test_what_a_network_on_magnitudes_puts_out_is_compared_as_sound(model, silent):
    """By `View.sound`: equal magnitudes with one phase cost nothing, others give finite gradients, at silence too."""
    view, loss = View(GEOMETRY, "sqrt"), MADE[model]()
    samples, other = pair()
    samples = samples * (0 if silent else 1)
    seen = view(samples).requires_grad_()
    target = view.sound(view(other), other)
    assert target.shape == samples.shape
    assert float(loss(view.sound(seen, samples), view.sound(view(samples), samples)).detach()) == 0
    loss(view.sound(seen, samples), target).backward()
    assert seen.grad is not None and torch.isfinite(seen.grad).all()
    assert silent or float((seen.grad != 0).float().mean()) > 0.9


@pytest.mark.parametrize("network", [spectral_network(4, 2), WaveUNet(4, 2)], ids=["spectral", "samples"])
@pytest.mark.parametrize(("layers", "prediction"), [("F", False), (("down2",), True)])
def test_a_stored_loss_is_the_same_loss_and_keeps_the_layers_it_needs_alone(tmp_path, network, layers, prediction):
    inputs = magnitude_pair if isinstance(network, MaskUNet) else pair
    loss, path = CodecLoss(network, layers, prediction, unit_epochs=1).train(), tmp_path / "loss.safetensors"
    loss(*inputs(0))
    loss.end_epoch()
    loss.save(path)
    again = CodecLoss.load(path)
    assert (again.names, again.unit_epochs, again.layers) == (loss.names, 1, loss.layers)
    assert float(again.eval()(*inputs(3))) == float(loss.eval()(*inputs(3)))
    assert not any(weight.requires_grad for weight in again.parameters())
    if layers == "F":
        convolutions = sum(weight.numel() for layer in network.down[:3] for weight in layer.parameters())
        assert sum(weight.numel() for weight in again.parameters()) == convolutions
        assert path.stat().st_size < 4 * convolutions + 2000


def test_what_is_no_stored_loss_is_named(tmp_path):
    with pytest.raises(StorageError, match="no such file; CodecLoss.save or notebook 09 writes one"):
        CodecLoss.load(tmp_path / "loss.safetensors")
    tensors.save(tmp_path / "other.safetensors", {"weights": torch.zeros(3)}, {"title": "a run"})
    with pytest.raises(StorageError, match="other.safetensors: holds no codec loss .*; write it by CodecLoss.save"):
        CodecLoss.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_built_by_name_and_its_settings_reach_it(name):
    loss = LossSpec(name, layers="A", unit_epochs=7).build(GEOMETRY, "linear", spectral_network())
    assert type(loss) is LOSSES[name]
    assert len(loss.names) == 1 or loss.unit_epochs == 7
    one, other = (View(GEOMETRY, "linear", loss.on_samples)(samples) for samples in pair())
    assert float(loss(one, other)) > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LossSpec("codek").build(GEOMETRY, "sqrt"), "loss='codek' is not known.*did you mean 'codec'"),
        (lambda: CodecLoss(spectral_network(), ["down7"]), "layer='down7' is not known.*did you mean"),
        (lambda: CodecLoss(spectral_network(), "G"), "layers='G' is not known: choose one of A, B, C, D, E, F"),
        (lambda: CodecLoss(spectral_network(), ()), "nothing to compare"),
        (lambda: L1Loss()(torch.zeros(2, 3), torch.zeros(1, 3)), r"\(2, 3\) and target \(1, 3\) differ in shape"),
    ],
)
def test_what_is_wrong_is_refused(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_after_its_unit_epochs_each_term_is_weighted_once_by_one_over_its_mean():
    network = spectral_network(3, 2)
    loss = CodecLoss(network, "F", unit_epochs=2).train()
    epochs = [[magnitude_pair(10 * epoch + batch) for batch in range(3)] for epoch in range(4)]
    changed = []
    for number, batches in enumerate(epochs):
        for batch in batches:
            loss.train()(*batch)
        loss.eval()(*magnitude_pair(99))  # validation counts nothing
        assert loss.settled == (number >= 2)
        changed.append(loss.end_epoch())
    assert changed == [False, True, False, False]
    terms = [list(layers_by_hand(network, loss.names, *batch).values()) for batch in epochs[1]]
    weights = 1 / torch.tensor(terms).mean(0)
    torch.testing.assert_close(loss.weights, weights, rtol=1e-4, atol=0)
    now = torch.tensor(list(layers_by_hand(network, loss.names, *magnitude_pair(7)).values()))
    assert float(loss(*magnitude_pair(7))) == pytest.approx(float((weights * now).sum()), rel=1e-4)
