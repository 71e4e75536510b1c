"""The U-Net: the papers' parameter counts, configurations A to F, its range, its layers, its dropout."""

from __future__ import annotations

import csv

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib import paths
from nblib.errors import ParameterError
from nblib.experiments.settings import PAPER, SPEECH_CAPACITIES, VOCAL_CAPACITIES, parameter_count
from nblib.networks import CONFIGURATIONS, MaskUNet, configuration_layers, count_parameters, describe
from nblib.provenance import seed_everything


def published_counts() -> list[tuple[str, int]]:
    with (paths.paper() / "paper_values.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if (row["paper"], row["item"]) == ("ijcnn20", "table2")]
    return [(row["system"], int(row["value"])) for row in rows if row["quantity"] == "parameters"]


def patches(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def network(num_layers: int, base_filters: int, output: str = "mask") -> MaskUNet:
    seed_everything("network", num_layers, base_filters)
    return MaskUNet(num_layers, base_filters, output)


@pytest.mark.parametrize(("system", "count"), published_counts())
def test_ten_counts_of_table_2_come_out_exactly(system, count):
    task, capacity = system.split("_")
    specs = {"speech": SPEECH_CAPACITIES, "vocals": VOCAL_CAPACITIES}[task]
    assert parameter_count(specs[capacity.upper()]) == count


def test_table_2_has_ten_counts():
    assert len(published_counts()) == len(SPEECH_CAPACITIES) + len(VOCAL_CAPACITIES) == 10


def test_the_loss_networks_counts():
    assert parameter_count(PAPER.loss_network) == 30_076_397
    assert parameter_count(PAPER.mm19.spectral) == 9_786_017


def test_layers_of_the_papers_loss_network_have_its_sizes():
    with torch.device("meta"):
        found = MaskUNet(6, 28).eval().activations(torch.zeros(1, 1, 512, 128), ["down1", "down6", "up1", "up5", "up6"])
    assert {name: tuple(value.shape[1:]) for name, value in found.items()} == {
        "down1": (28, 256, 64),
        "down6": (896, 8, 2),
        "up1": (448, 16, 4),
        "up5": (28, 256, 64),
        "up6": (1, 512, 128),
    }


def test_configurations_compare_the_layers_of_figure_2():
    down, up = [tuple(f"{side}{level}" for level in range(1, 7)) for side in ("down", "up")]
    expected = {
        "A": down,
        "B": up,
        "C": ("down4", "down5", "down6", "up1", "up2", "up3"),
        "D": ("down1", "down2", "down3", "up4", "up5", "up6"),
        "E": ("down4", "down5", "down6"),
        "F": ("down1", "down2", "down3"),
    }
    assert {name: configuration_layers(name, 6) for name in CONFIGURATIONS} == expected


@pytest.mark.parametrize("names", [("down2",), ("down1", "down4"), ("up2",), ("down1", "up4")])
def test_the_first_layers_put_out_what_the_whole_network_does(names):
    whole = network(4, 2).eval()
    part = whole.first_layers(names)
    inputs = patches(2, 1, 32, 16)
    with torch.no_grad():
        expected, found = whole.activations(inputs, names), part.activations(inputs, names)
    assert all(torch.equal(found[name], expected[name]) for name in names)
    fused = part.fuse().activations(inputs, names)
    assert all(torch.allclose(fused[name], expected[name], atol=1e-5) for name in names)


def test_what_the_first_layers_do_not_hold_is_refused():
    whole = network(4, 2)
    part = whole.first_layers(["down2"])
    assert count_parameters(part) < count_parameters(whole) / 10
    assert part.layer_names == ("down1", "down2")
    with pytest.raises(ParameterError, match="layer='down3' is not known: choose one of down1, down2"):
        part.activations(patches(1, 1, 32, 16), ["down3"])
    with pytest.raises(ParameterError, match="layer='up9' is not known"):
        whole.first_layers(["up9"])


def test_an_unknown_configuration_is_named():
    with pytest.raises(ParameterError, match="layers='G' is not known: choose one of A, B, C, D, E, F"):
        configuration_layers("G", 6)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 2),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.booleans(),
)
def test_the_estimate_lies_between_nothing_and_the_input(num_layers, base_filters, batch, blocks, training):
    magnitude = patches(batch + training, 1, *(2**num_layers * (count + 1) for count in blocks))
    unet = network(num_layers, base_filters).train(training)
    estimate = unet(magnitude)
    assert estimate.shape == magnitude.shape
    assert (estimate >= 0).all() and (estimate <= magnitude).all()


def test_the_mask_times_the_input_is_the_estimate_and_the_direct_output_is_the_sigmoid_itself():
    magnitude = patches(2, 1, 16, 8)
    unet = network(2, 2).eval()
    mask = unet.mask(magnitude).detach()
    assert 0 < float(mask.min()) < float(mask.max()) < 1
    assert torch.equal(unet(magnitude), mask * magnitude)
    direct = network(2, 2, "direct").eval()
    assert torch.equal(direct(magnitude), mask)


@pytest.mark.parametrize("shape", [(1, 1, 12, 16), (1, 1, 16, 12), (1, 2, 16, 16), (1, 16, 16), (16, 16)])
def test_wrong_shapes_are_refused_with_the_right_one(shape):
    with pytest.raises(ParameterError, match=r"divisible by 8 is needed by 3 layers"):
        network(3, 1)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 1), "num_layers=0"), ((1, 2.0), "base_filters=2.0"), ((True, 1), "num_layers=True"), ((1, -1), "=-1")],
)
def test_sizes_are_whole_numbers_from_1(arguments, message):
    with pytest.raises(ParameterError, match=message):
        MaskUNet(*arguments)


def test_an_unknown_output_or_layer_is_named():
    with pytest.raises(ParameterError, match="output='masks' is not known.*did you mean 'mask'"):
        MaskUNet(1, 1, "masks")
    with pytest.raises(ParameterError, match="layer='down3' is not known"):
        network(2, 1).activations(patches(1, 1, 4, 4), ["down3"])


def layers_that_ran(unet: MaskUNet, names: list[str]) -> list[str]:
    ran: list[str] = []
    modules = {f"{side}{n}": layer for side in ("down", "up") for n, layer in enumerate(getattr(unet, side), start=1)}
    hooks = [layer.register_forward_hook(lambda *_, name=name: ran.append(name)) for name, layer in modules.items()]
    unet.activations(patches(1, 1, 16, 16), names)
    for hook in hooks:
        hook.remove()
    return ran


@pytest.mark.parametrize(
    ("asked", "ran"),
    [
        (["down1"], ["down1"]),
        (["down2", "down1"], ["down1", "down2"]),
        (["down3"], ["down1", "down2", "down3"]),
        (["down1", "up1"], ["down1", "down2", "down3", "up1"]),
        (["up3"], ["down1", "down2", "down3", "up1", "up2", "up3"]),
    ],
)
def test_no_layer_deeper_than_the_deepest_asked_for_is_computed(asked, ran):
    unet = network(3, 1).eval()
    assert layers_that_ran(unet, asked) == ran
    assert set(unet.activations(patches(1, 1, 16, 16), asked)) == set(asked)


def test_a_layer_is_the_same_alone_and_among_all():
    unet, magnitude = network(3, 2).eval(), patches(2, 1, 16, 16)
    everything = unet.activations(magnitude, configuration_layers("A", 3) + configuration_layers("B", 3))
    assert len(everything) == 6
    for name, value in everything.items():
        assert torch.equal(unet.activations(magnitude, [name])[name], value)
    assert torch.equal(everything["up3"], unet(magnitude))


def test_the_first_layer_is_convolution_batch_norm_and_relu():
    unet, magnitude = network(2, 3).eval(), patches(1, 1, 8, 8)
    unet.down_norm[0].running_mean.fill_(0.1)
    unet.down_norm[0].running_var.fill_(4.0)
    padded = torch.nn.functional.pad(magnitude, (2, 2, 2, 2))[0, 0]
    weight, bias = unet.down[0].weight[1, 0], unet.down[0].bias[1]
    by_hand = torch.stack(
        [torch.stack([(padded[r : r + 5, c : c + 5] * weight).sum() for c in range(0, 8, 2)]) for r in range(0, 8, 2)]
    )
    expected = ((by_hand + bias - 0.1) / (4.0 + 1e-5) ** 0.5).clamp(min=0)
    torch.testing.assert_close(unet.activations(magnitude, ["down1"])["down1"][0, 1], expected)


@pytest.mark.parametrize(("num_layers", "dropping"), [(1, 0), (2, 1), (3, 2), (4, 3), (5, 3)])
def test_dropout_is_on_the_first_three_up_layers_and_never_on_the_last(num_layers, dropping):
    unet = network(num_layers, 4)
    for norm in [*unet.down_norm, *unet.up_norm]:
        torch.nn.init.constant_(norm.weight, 0.1)
        torch.nn.init.constant_(norm.bias, 5.0)  # the ReLU lets all pass: whatever is zero was dropped
    names = [f"{side}{level}" for side in ("down", "up") for level in range(1, num_layers + 1)]
    magnitude = patches(2, 1, 64, 64) + 0.1
    dropped = {name: float((value == 0).float().mean()) for name, value in unet.activations(magnitude, names).items()}
    expected = {f"up{level}" for level in range(1, dropping + 1)}
    assert {name for name, share in dropped.items() if share > 0} == expected
    assert all(0.4 < dropped[name] < 0.6 for name in expected)
    unet.eval()
    assert all((value > 0).all() for value in unet.activations(magnitude, names).values())


def test_folding_batch_norm_into_the_convolutions_changes_no_value():
    unet, magnitude = network(3, 4), patches(2, 1, 16, 16)
    for _ in range(4):
        unet(patches(4, 1, 16, 16, seed=1))  # statistics and, below, scales other than a new network's
    for number, norm in enumerate([*unet.down_norm, *unet.up_norm]):
        torch.nn.init.normal_(norm.weight, 1.0, 0.2, torch.Generator().manual_seed(number))
        torch.nn.init.normal_(norm.bias, 0.0, 0.2, torch.Generator().manual_seed(number + 50))
    names = configuration_layers("A", 3) + configuration_layers("B", 3)
    expected = unet.eval().activations(magnitude, names)
    found = unet.fuse().activations(magnitude, names)
    for name in names:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)
    assert not [module for module in unet.modules() if isinstance(module, torch.nn.BatchNorm2d)]


def test_a_network_describes_its_layers_by_what_they_give():
    rows = {row.pop("name"): row for row in describe(network(2, 3), 16, 8)}
    assert list(rows) == ["input", "down1", "down2", "up1", "up2"]
    assert rows["down2"] == {"channels": 6, "bins": 4, "frames": 2}
    assert rows["up1"] == {"channels": 3, "bins": 8, "frames": 4}
    assert rows["up2"] == rows["input"] == {"channels": 1, "bins": 16, "frames": 8}
