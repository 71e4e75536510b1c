"""MM'19 equations (1) to (4): each loss recomputed by hand, by finite differences, and with its networks frozen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from nblib.audio import Geometry
from nblib.errors import ParameterError
from nblib.losses import CodecLoss, L1Loss, SpectralCodecLoss, SpectrogramLoss, WeightedLoss
from nblib.networks import MaskUNet, WaveUNet
from nblib.provenance import seed_everything

GEOMETRY = Geometry(sample_rate=16_000, window=32, hop=16, frames=8)
FEATURES = ("down1", "down2", "up1")  # of two layers, "up2" is the prediction


def spectral_network() -> MaskUNet:
    seed_everything("spectral")
    network = MaskUNet(2, 2)
    for _ in range(3):  # batch norm statistics other than those of a new network
        network(torch.rand(4, 1, 16, 8))
    return network.eval()


def time_network() -> WaveUNet:
    seed_everything("time")
    return WaveUNet(2, 2).eval()


LOSSES: dict[str, Callable[[], WeightedLoss]] = {
    "a": L1Loss,
    "b": lambda: SpectrogramLoss(GEOMETRY, "sqrt"),
    "c": lambda: SpectralCodecLoss(spectral_network(), GEOMETRY, "sqrt"),
    "d": lambda: CodecLoss(time_network(), "all", prediction=True),
}


def pair(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (2, 1, GEOMETRY.patch_samples)
    return tuple(torch.rand(shape, generator=generator, dtype=dtype) - 0.5 for _ in range(2))  # type: ignore[return-value]


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
    """The terms of a model's equation, in the equation's order of layers."""
    if model == "a":
        return {"l1": distance(estimate, target)}
    views = [spectrogram(samples) for samples in (estimate, target)]
    if model == "b":
        return {"samples": distance(estimate, target), "magnitude": distance(*views)}
    network = spectral_network().to(estimate.dtype) if model == "c" else time_network().to(estimate.dtype)
    heard = views if model == "c" else [estimate, target]
    with torch.no_grad():
        layers = [network.activations(view, (*FEATURES, "up2")) for view in heard]
    own = {name: distance(layers[0][name], layers[1][name]) for name in (*FEATURES, "up2")}
    return ({"samples": distance(estimate, target)} if model == "c" else {}) | own


@pytest.mark.parametrize("model", LOSSES)
def test_at_first_the_loss_is_exactly_the_sum_of_its_terms(model):
    estimate, target = pair(torch.float64)
    loss, terms = LOSSES[model]().double(), by_hand(model, estimate, target)
    assert loss.names == tuple(terms)
    found = [float(term) for term in loss.terms(estimate, target)]
    assert found == pytest.approx(list(terms.values()), rel=1e-6)
    assert float(loss(estimate, target)) == pytest.approx(sum(terms.values()), rel=1e-6)
    assert float(loss(target, target)) == 0


def test_model_c_is_its_three_terms_each_of_one_weight():
    """lambda_a, lambda_b and lambda_c weigh alike after the unit epochs, and so do the layers under lambda_c."""
    estimate, target = pair(torch.float64)
    loss = SpectralCodecLoss(spectral_network(), GEOMETRY, "sqrt", unit_epochs=1).double().train()
    loss(estimate, target)
    assert loss.end_epoch()
    terms = by_hand("c", estimate, target)
    other = 0.7 * target
    now = by_hand("c", other, target)
    features = sum(now[name] / terms[name] for name in FEATURES) / len(FEATURES)
    expected = now["samples"] / terms["samples"] + now["up2"] / terms["up2"] + features
    assert float(loss(other, target)) == pytest.approx(expected, rel=1e-5)
    assert float(loss(estimate, target)) == pytest.approx(3, rel=1e-5)


@pytest.mark.parametrize(("model", "terms"), [("b", 2), ("c", 3), ("d", 2)])
def test_every_term_of_an_equation_comes_to_one_once_the_weights_are_set(model, terms):
    loss = LOSSES[model]().double().train()
    loss.unit_epochs = 1
    loss(*pair(torch.float64))
    loss.end_epoch()
    assert float(loss(*pair(torch.float64))) == pytest.approx(terms, rel=1e-5)


@pytest.mark.parametrize("model", LOSSES)
def test_the_gradient_agrees_with_finite_differences(model):
    loss = LOSSES[model]().double().eval()
    loss.weights.copy_(torch.arange(1.0, len(loss.names) + 1))
    estimate, target = pair(torch.float64)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), estimate.requires_grad_(), eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("model", LOSSES)
def test_gradient_reaches_the_estimate_and_neither_target_nor_any_weight(model):
    loss = LOSSES[model]().train()
    estimate, target = (samples.requires_grad_() for samples in pair())
    loss(estimate, target).backward()
    assert torch.isfinite(estimate.grad).all() and float((estimate.grad != 0).float().mean()) > 0.9
    assert target.grad is None
    assert [name for name, weight in loss.named_parameters() if weight.requires_grad or weight.grad is not None] == []
    assert all(not module.training for name, module in loss.named_modules() if name.startswith("network"))


@pytest.mark.parametrize("model", ["b", "c"])
def test_silence_and_full_scale_give_finite_gradients(model):
    loss = LOSSES[model]()
    for level in (0.0, 1.0, 50.0):
        estimate = torch.full((1, 1, GEOMETRY.patch_samples), level).requires_grad_()
        loss(estimate, pair()[0][:1]).backward()
        assert torch.isfinite(estimate.grad).all()


def test_all_layers_are_all_but_the_output():
    assert CodecLoss(time_network(), "all").names == FEATURES
    assert CodecLoss(time_network(), "all", prediction=True).names == (*FEATURES, "up2")
    with pytest.raises(ParameterError, match="layer='down7' is not known"):
        CodecLoss(time_network(), ["down7"])
