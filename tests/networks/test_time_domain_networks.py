"""MM'19's time-domain codec network and autoencoder: sizes, the bottleneck's half, decimation, skips or none."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from nblib.errors import ParameterError
from nblib.networks import AutoEncoder, WaveUNet, count_parameters, describe, through
from nblib.provenance import seed_everything


def samples(*shape: int) -> torch.Tensor:
    return 2 * torch.rand(*shape, generator=torch.Generator().manual_seed(0)) - 1


def autoencoder(*sizes: int) -> AutoEncoder:
    seed_everything("autoencoder")
    return AutoEncoder(*sizes)


def wave_u_net(*sizes: int) -> WaveUNet:
    seed_everything("wave u-net")
    return WaveUNet(*sizes)


@pytest.mark.parametrize("length", [66_048, 16_384])
def test_the_papers_bottleneck_contains_exactly_half(length):
    sound = samples(2, 1, length)
    with torch.no_grad():
        network = autoencoder()
        bottleneck = network.encode(sound)
        restored = network(sound)
    assert bottleneck.shape == (2, 128, length // 256)
    assert bottleneck.numel() * 2 == sound.numel()
    assert restored.shape == sound.shape
    assert restored.abs().max() < 1


def test_filters_grow_by_12_and_the_decoder_mirrors_them():
    network = autoencoder()
    assert [layer.out_channels for layer in network.down] == [12, 24, 36, 48, 60, 72, 84, 128]
    assert [layer.out_channels for layer in network.up] == [84, 72, 60, 48, 36, 24, 12, 1]
    ladder = [1, 12, 24, 36, 48, 60, 72, 84, 128]
    pairs = [*zip(ladder, ladder[1:], strict=False), *zip(ladder[::-1], ladder[-2::-1], strict=False)]
    assert count_parameters(network) == sum(9 * before * after + after for before, after in pairs)


def test_nothing_passes_but_the_bottleneck():
    network, sound = autoencoder(), samples(1, 1, 1024)
    assert torch.equal(network(sound), network.decode(network.encode(sound)))


def test_a_transposed_convolution_puts_zeros_between_samples_and_convolves():
    for layer in autoencoder().double().up:
        hidden = samples(1, layer.in_channels, 32).double()
        stuffed = torch.zeros(1, layer.in_channels, 64, dtype=torch.float64)
        stuffed[..., ::2] = hidden
        kernel = layer.weight.transpose(0, 1).flip(2)
        torch.testing.assert_close(
            layer(hidden), functional.conv1d(stuffed, kernel, layer.bias, padding=4), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("build", [autoencoder, wave_u_net])
def test_stride_2_is_stride_1_and_then_decimation(build):
    for layer in build().double().down:
        heard = samples(1, layer.in_channels, 64).double()
        every = functional.conv1d(heard, layer.weight, layer.bias, padding=layer.kernel_size[0] // 2)
        torch.testing.assert_close(layer(heard), every[..., ::2], rtol=1e-12, atol=1e-12)


def test_the_codec_networks_sizes_are_those_of_table_1():
    network = wave_u_net()
    names = [f"{side}{level}" for side in ("down", "up") for level in range(1, 9)]
    with torch.no_grad():
        found = network.activations(samples(1, 1, 16_384), names)
    down = [(32 * level, 16_384 // 2**level) for level in range(1, 9)]
    up = [(32 * level, 16_384 // 2**level) for level in range(7, 0, -1)] + [(1, 16_384)]
    assert [tuple(found[name].shape[1:]) for name in names] == down + up
    assert {layer.kernel_size for layer in network.down} == {(15,)}
    assert {(layer.kernel_size, layer.stride) for layer in network.up} == {((9,), (2,))}
    assert count_parameters(network) == 5_164_065
    assert found["up8"].abs().max() < 1
    assert min(float(found[name].min()) for name in names[:-1]) == 0


def test_skips_reach_the_layer_of_their_own_length():
    network, sound = wave_u_net(3, 4), samples(1, 1, 64)
    with torch.no_grad():
        before = network.activations(sound, ["down1", "up2", "up3"])
        network.down[1].weight.zero_()  # cuts the way to all deeper layers, the skips of which are then constant
        network.down[1].bias.zero_()
        after = network.activations(sound, ["down1", "up2", "up3"])
        another = network.activations(samples(2, 1, 64)[1:], ["up2", "up3"])
    assert torch.equal(before["down1"], after["down1"])
    assert torch.equal(after["up2"], another["up2"])
    assert not torch.equal(after["up3"], another["up3"])


def test_no_layer_beyond_the_deepest_one_named_is_computed():
    network = wave_u_net(3, 4)
    ran = []
    for name, layer in network.named_modules():
        if name.count(".") == 1:
            layer.register_forward_hook(lambda *_, name=name: ran.append(name))
    network.activations(samples(1, 1, 64), ["down2"])
    assert ran == ["down.0", "down.1"]
    network.activations(samples(1, 1, 64), ["up1", "down1"])
    assert ran[2:] == ["down.0", "down.1", "down.2", "up.0"]


@pytest.mark.parametrize("network", [AutoEncoder(3, 2), WaveUNet(3, 2)])
@pytest.mark.parametrize("shape", [(1, 1, 12), (1, 2, 64), (1, 64), (1, 1, 0)])
def test_lengths_that_cannot_be_halved(network, shape):
    with pytest.raises(ParameterError, match="divisible by 8"):
        network(torch.zeros(shape))


@pytest.mark.parametrize(
    "kind, sizes", [(AutoEncoder, (1, 12)), (AutoEncoder, (8, 0)), (WaveUNet, (0, 32)), (WaveUNet, (8, 1.5))]
)
def test_sizes_that_make_no_network(kind, sizes):
    with pytest.raises(ParameterError, match="a whole number from"):
        kind(*sizes)


def test_an_unknown_layer_is_named():
    with pytest.raises(ParameterError, match="down4"):
        wave_u_net(3, 4).activations(samples(1, 1, 64), ["down4"])


def test_filters_that_make_no_pairs():
    with pytest.raises(ParameterError, match="base_filters=3: give an even number"):
        AutoEncoder(8, 3)


@pytest.mark.parametrize("sizes", [(8, 12), (8, 4), (3, 2)])
def test_the_autoencoder_starts_as_an_orthogonal_projection_to_half_its_channels(sizes):
    network = autoencoder(*sizes).double()
    step = 2**network.num_layers
    sound = 0.05 * samples(4, 1, 64 * step).double()

    def project(signal: torch.Tensor) -> torch.Tensor:
        return torch.atanh(network(signal))

    with torch.no_grad():
        once = project(sound)
        torch.testing.assert_close(project(once), once, rtol=0, atol=1e-6)
        assert float((once * (sound - once)).sum() / (once * once).sum()) == pytest.approx(0, abs=1e-6)
        # Of white noise a projection keeps its share of dimensions, at the narrowest level: one for each pair there.
        shares = [layer.out_channels / 2 / 2**level for level, layer in enumerate(network.down, start=1)]
        assert float(once.square().sum() / sound.square().sum()) == pytest.approx(min(shares), rel=0.15)


def test_the_codec_network_starts_with_the_weights_of_keras():
    for layer in wave_u_net().down:
        inputs, outputs, kernel = layer.in_channels, layer.out_channels, 15
        limit = (6 / (kernel * (inputs + outputs))) ** 0.5
        assert layer.weight.abs().max() <= limit
        assert float(layer.weight.detach().std()) == pytest.approx(limit / 3**0.5, rel=0.1)
        assert not layer.bias.any()


@pytest.mark.parametrize("length", [1, 255, 256, 1000])
def test_signals_of_any_length_go_through_whole(length):
    network, sound = autoencoder(), samples(length).numpy()
    restored = through(network, sound)
    assert restored.shape == (length,)
    padded = torch.zeros(1, 1, -(-length // 256) * 256)
    padded[0, 0, :length] = torch.from_numpy(sound)
    with torch.no_grad():
        assert torch.equal(torch.from_numpy(restored), network(padded)[0, 0, :length])


def test_networks_on_samples_describe_their_layers():
    rows = {row.pop("name"): row for row in describe(autoencoder(3, 2), 64)}
    assert list(rows) == ["input", "down1", "down2", "down3", "up1", "up2", "up3"]
    assert rows["down3"] == {"channels": 4, "samples": 8}
    assert rows["up3"] == rows["input"] == {"channels": 1, "samples": 64}


@pytest.mark.parametrize("names", [("down2",), ("down1", "up2"), ("up3",)])
def test_the_first_layers_put_out_what_the_whole_network_does(names):
    whole = WaveUNet(3, 2).eval()
    inputs = torch.rand(2, 1, 64) - 0.5
    with torch.no_grad():
        expected, found = whole.activations(inputs, names), whole.first_layers(names).activations(inputs, names)
    assert all(torch.equal(found[name], expected[name]) for name in names)
