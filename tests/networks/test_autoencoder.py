"""MM'19's autoencoder: the bottleneck's half, decimation, no skips, its orthogonal start, what it can learn."""

import pytest
import torch
from helpers.measures import plucked
from torch import Tensor
from torch.nn import functional

from nblib.audio import band_limit
from nblib.evaluation import frame_snr
from nblib.networks import AutoEncoder, WaveUNet, count_parameters, describe, through
from nblib.provenance import seed_everything, torch_threads

STEPS = 600


def samples(*shape: int) -> Tensor:
    return 2 * torch.rand(*shape, generator=torch.Generator().manual_seed(0)) - 1


def autoencoder(*sizes: int) -> AutoEncoder:
    seed_everything("autoencoder")
    return AutoEncoder(*sizes)


@pytest.mark.parametrize("length", [66_048, 16_384])
def test_the_papers_bottleneck_contains_exactly_half_and_nothing_passes_beside_it(length):
    sound, network = samples(2, 1, length), autoencoder()
    with torch.no_grad():
        bottleneck, restored = network.activations(sound, ["down8"])["down8"], network(sound)
        assert bottleneck.shape == (2, 128, length // 256)
        assert bottleneck.numel() * 2 == sound.numel()
        assert restored.shape == sound.shape and restored.abs().max() < 1
        decoded = bottleneck
        for level in range(8):
            decoded = network._layer("up", level, decoded)
        assert torch.equal(restored, decoded)
        padded = torch.cat([sound[:1, :, :-5], torch.zeros(1, 1, 5)], dim=-1)  # `through` takes any length
        found = through(network, sound[0, 0, :-5].numpy())
    assert torch.equal(torch.from_numpy(found), network(padded)[0, 0, :-5])


def test_filters_grow_by_12_and_the_decoder_mirrors_them():
    network, ladder = autoencoder(), [1, 12, 24, 36, 48, 60, 72, 84, 128]
    assert [layer.out_channels for layer in network.down] == ladder[1:]
    assert [layer.out_channels for layer in network.up] == ladder[-2::-1]
    pairs = [*zip(ladder, ladder[1:], strict=False), *zip(ladder[::-1], ladder[-2::-1], strict=False)]
    assert count_parameters(network) == sum(9 * before * after + after for before, after in pairs)
    rows = {row.pop("name"): row for row in describe(network, 512)}
    assert rows["down8"] == {"channels": 128, "samples": 2} and rows["up8"] == rows["input"]


@pytest.mark.parametrize("kind", [AutoEncoder, WaveUNet])
def test_stride_2_is_decimation_after_stride_1_and_zeros_between_samples_before_it(kind):
    network = kind().double()
    for layer in network.down:
        heard = samples(1, layer.in_channels, 64).double()
        every = functional.conv1d(heard, layer.weight, layer.bias, padding=layer.kernel_size[0] // 2)
        torch.testing.assert_close(layer(heard), every[..., ::2], rtol=1e-9, atol=1e-9)
    for layer in network.up:
        hidden = samples(1, layer.in_channels, 32).double()
        stuffed = torch.zeros(1, layer.in_channels, 64, dtype=torch.float64)
        stuffed[..., ::2] = hidden
        expected = functional.conv1d(stuffed, layer.weight.transpose(0, 1).flip(2), layer.bias, padding=4)
        torch.testing.assert_close(layer(hidden), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sizes", [(8, 12), (8, 4), (3, 2)])
def test_the_autoencoder_starts_as_an_orthogonal_projection_to_half_its_channels(sizes):
    network = autoencoder(*sizes).double()  # its weights were drawn in float32: sixteen layers of its rounding
    sound = 0.05 * samples(4, 1, 64 * 2**network.num_layers).double()
    with torch.no_grad():
        once = torch.atanh(network(sound))
        torch.testing.assert_close(torch.atanh(network(once)), once, rtol=0, atol=1e-5)
        assert float((once * (sound - once)).sum() / (once * once).sum()) == pytest.approx(0, abs=1e-4)
        # Of white noise a projection keeps its share of dimensions, at the narrowest level: one for each pair there.
        shares = [layer.out_channels / 2 / 2**level for level, layer in enumerate(network.down, start=1)]
        assert float(once.square().sum() / sound.square().sum()) == pytest.approx(min(shares), rel=0.15)


def test_one_batch_is_learnt_to_more_than_40_decibels():
    """The SNR that MM'19 Table 3 reports can be reached at all."""
    piece = band_limit(plucked(3.0, 16_000), 16_000, 3000)[16_384 : 16_384 + 1024]
    batch = torch.from_numpy(piece)[None, None]
    with torch_threads(1):
        network = autoencoder(5, 12)
        optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
        falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, 2 * (1 - step / STEPS)))
        before = network(batch).detach()
        for _ in range(STEPS):
            optimiser.zero_grad()
            functional.l1_loss(network(batch), batch).backward()
            optimiser.step()
            falling.step()
        after = network(batch).detach()
    reached = [frame_snr(piece, restored[0, 0].numpy())["snr_db"] for restored in (before, after)]
    assert reached[0] < 10 and reached[1] > 40
