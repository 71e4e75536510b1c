"""Both U-Nets: the papers' counts and sizes, configurations A to F, layers and skips, parts, dropout, refusals."""

import pytest
import torch
from torch import Tensor

from nblib.errors import ParameterError
from nblib.networks import (
    CONFIGURATIONS,
    MaskUNet,
    NetworkSpec,
    WaveUNet,
    configuration_layers,
    count_parameters,
    describe,
)
from nblib.provenance import seed_everything


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def mask_u_net(*sizes: int, output: str = "mask") -> MaskUNet:
    seed_everything("network", *sizes)
    return MaskUNet(*sizes, output)


def wave_u_net(*sizes: int) -> WaveUNet:
    seed_everything("wave u-net")
    return WaveUNet(*sizes)


BOTH = [(mask_u_net, (2, 1, 32, 16)), (wave_u_net, (2, 1, 64))]  # and what goes in


def test_the_papers_loss_networks_have_their_counts_and_sizes():
    with torch.device("meta"):
        spectral, time_domain = MaskUNet(6, 28).eval(), WaveUNet()
        counts = [count_parameters(made) for made in (spectral, MaskUNet(5, 32), time_domain)]
        assert counts == [30_076_397, 9_786_017, 5_164_065]
        found = spectral.activations(torch.zeros(1, 1, 512, 128), ["down1", "down6", "up1", "up5", "up6"])
        names = time_domain.layer_names
        waves = time_domain.activations(torch.zeros(1, 1, 16_384), names)
    sizes = [(28, 256, 64), (896, 8, 2), (448, 16, 4), (28, 256, 64), (1, 512, 128)]
    assert [tuple(value.shape[1:]) for value in found.values()] == sizes
    assert describe(mask_u_net(2, 3), 16, 8)[2] == {"name": "down2", "channels": 6, "bins": 4, "frames": 2}
    levels = [(32 * level, 16_384 // 2**level) for level in range(1, 9)]
    assert [tuple(waves[name].shape[1:]) for name in names] == [*levels, *levels[-2::-1], (1, 16_384)]
    assert {layer.kernel_size for layer in time_domain.down} == {(15,)}
    assert {(layer.kernel_size, layer.stride) for layer in time_domain.up} == {((9,), (2,))}


def test_configurations_compare_the_layers_of_figure_2():
    expected = {
        "A": "down1 down2 down3 down4 down5 down6",
        "B": "up1 up2 up3 up4 up5 up6",
        "C": "down4 down5 down6 up1 up2 up3",
        "D": "down1 down2 down3 up4 up5 up6",
        "E": "down4 down5 down6",
        "F": "down1 down2 down3",
    }
    assert {name: " ".join(configuration_layers(name, 6)) for name in CONFIGURATIONS} == expected


def test_the_mask_times_the_input_is_the_estimate_and_the_direct_output_is_the_sigmoid_itself():
    magnitude, unet = draw(2, 1, 16, 8), mask_u_net(2, 2).eval()
    mask = unet.mask(magnitude).detach()
    assert 0 < float(mask.min()) < float(mask.max()) < 1
    assert torch.equal(unet(magnitude), mask * magnitude)
    assert torch.equal(mask_u_net(2, 2, output="direct").eval()(magnitude), mask)
    trained = unet.train()(magnitude)
    assert trained.shape == magnitude.shape and (trained >= 0).all() and (trained <= magnitude).all()


@pytest.mark.parametrize(
    ("asked", "ran"), [(["down1"], "d1"), (["down1", "up1"], "d1 d2 d3 u1"), (["up3"], "d1 d2 d3 u1 u2 u3")]
)
@pytest.mark.parametrize(("make", "shape"), BOTH)
def test_no_layer_deeper_than_the_deepest_asked_for_is_computed_or_needed(make, shape, asked, ran):
    unet, inputs, seen = make(3, 2).eval(), draw(*shape), []
    for side in ("down", "up"):
        for level, layer in enumerate(getattr(unet, side), start=1):
            layer.register_forward_hook(lambda *_, name=f"{side[0]}{level}": seen.append(name))
    found = unet.activations(inputs, asked)
    assert seen == ran.split() and set(found) == set(asked)
    part = unet.first_layers(asked)
    assert part.layer_names == unet.layer_names[: len(seen)] and not part.training
    for network, missing in ((part, unet.layer_names[len(seen) :][:1] or ["up9"]), (unet, ["up9"])):
        with pytest.raises(ParameterError, match="is not known: choose one of down1"):
            network.activations(inputs, missing)
    for other in (part, make(3, 2).eval()):
        again = other.activations(inputs, asked)
        assert all(torch.equal(again[name], found[name]) for name in asked)
    if "up3" in asked:
        assert torch.equal(found["up3"], unet(inputs))


@pytest.mark.parametrize(("make", "shape"), BOTH)
def test_skips_reach_the_layer_of_their_own_length(make, shape):
    network, names = make(3, 4).eval(), ["down1", "up2", "up3"]
    with torch.no_grad():
        before = network.activations(draw(*shape), names)
        network.down[1].weight.zero_()  # cuts the way to all deeper layers, the skips of which are then constant
        network.down[1].bias.zero_()
        after, another = (network.activations(draw(*shape, seed=seed), names) for seed in (0, 1))
    assert torch.equal(before["down1"], after["down1"])
    assert torch.equal(after["up2"], another["up2"])
    assert not torch.equal(after["up3"], another["up3"])


def test_the_first_layer_is_convolution_batch_norm_and_relu():
    unet, magnitude = mask_u_net(2, 3).double().eval(), draw(1, 1, 8, 8).double()
    unet.down_norm[0].running_mean.fill_(0.1)
    unet.down_norm[0].running_var.fill_(4.0)
    padded = torch.nn.functional.pad(magnitude, (2, 2, 2, 2))[0, 0]
    weight, bias = unet.down[0].weight[1, 0], unet.down[0].bias[1]
    by_hand = torch.stack(
        [torch.stack([(padded[r : r + 5, c : c + 5] * weight).sum() for c in range(0, 8, 2)]) for r in range(0, 8, 2)]
    )
    expected = ((by_hand + bias - 0.1) / (4.0 + 1e-5) ** 0.5).clamp(min=0)
    torch.testing.assert_close(unet.activations(magnitude, ["down1"])["down1"][0, 1], expected)


@pytest.mark.parametrize(("num_layers", "dropping"), [(1, 0), (3, 2), (5, 3)])
def test_dropout_is_on_the_first_three_up_layers_and_never_on_the_last(num_layers, dropping):
    unet, magnitude = mask_u_net(num_layers, 4), draw(2, 1, 64, 64) + 0.1
    for norm in [*unet.down_norm, *unet.up_norm]:
        torch.nn.init.constant_(norm.weight, 0.1)
        torch.nn.init.constant_(norm.bias, 5.0)  # the ReLU lets all pass: whatever is zero was dropped
    found = unet.activations(magnitude, unet.layer_names)
    dropped = {name: float((value == 0).float().mean()) for name, value in found.items()}
    expected = {f"up{level}" for level in range(1, dropping + 1)}
    assert {name for name, share in dropped.items() if share > 0} == expected
    assert all(0.4 < dropped[name] < 0.6 for name in expected)
    assert all((value > 0).all() for value in unet.eval().activations(magnitude, unet.layer_names).values())


def test_folding_batch_norm_into_the_convolutions_changes_no_value():
    unet, magnitude = mask_u_net(3, 4).double(), draw(2, 1, 16, 16).double()
    for _ in range(4):
        unet(draw(4, 1, 16, 16, seed=1).double())  # statistics and, below, scales other than a new network's
    for number, norm in enumerate([*unet.down_norm, *unet.up_norm]):
        torch.nn.init.normal_(norm.weight, 1.0, 0.2, torch.Generator().manual_seed(number))
        torch.nn.init.normal_(norm.bias, 0.0, 0.2, torch.Generator().manual_seed(number + 50))
    expected = unet.eval().activations(magnitude, unet.layer_names)
    part = unet.first_layers(["up1"]).fuse().activations(magnitude, ["up1"])
    found = unet.fuse().activations(magnitude, unet.layer_names)
    for name, value in [*found.items(), *part.items()]:
        torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-9)
    assert not [module for module in unet.modules() if isinstance(module, torch.nn.BatchNorm2d)]


def test_sizes_that_cannot_be_halved_or_make_no_network_are_refused():
    images, waves = [(1, 1, 12, 16), (1, 1, 16, 12), (1, 2, 16, 16), (1, 16, 16)], [(1, 1, 12), (1, 2, 64), (1, 1, 0)]
    for network, shapes in ((mask_u_net(3, 2), images), (wave_u_net(3, 2), waves)):
        for shape in shapes:
            with pytest.raises(ParameterError, match="divisible by 8, are needed by 3 layers"):
                network(torch.zeros(shape))
    kind = "mask", "autoencoder"
    specs = {"mean 'mask'": (1, 1, "masks"), "layers=1: a whole number from 2": (1, 12, *kind), "even": (8, 3, *kind)}
    for message, spec in specs.items():
        with pytest.raises(ParameterError, match=message):
            NetworkSpec(*spec).build()


def test_the_codec_network_starts_with_the_weights_of_keras():
    for layer in wave_u_net().down:
        limit = (6 / (15 * (layer.in_channels + layer.out_channels))) ** 0.5
        assert layer.weight.abs().max() <= limit
        assert float(layer.weight.detach().std()) == pytest.approx(limit / 3**0.5, rel=0.1)
        assert not layer.bias.any()
