"""The store of patches: cut as the papers cut, kept in the cache; and what a network sees of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from helpers.full_disk import files, small_files
from helpers.tiny import GEOMETRY

from nblib import paths
from nblib.audio import Codec, Geometry, band_limit, scale, unscale
from nblib.corpora import Item, Mixture
from nblib.errors import StorageError
from nblib.provenance import random_generator
from nblib.training import Source, View

AT_16K = replace(GEOMETRY, sample_rate=16_000)
SIZE = AT_16K.patch_samples
LENGTHS = {"long": 3 * SIZE + 5, "short": 100}

pytestmark = pytest.mark.usefixtures("own_data")


@dataclass(frozen=True)
class TwoSounds:
    """Noise as a corpus: one item of three patches and a bit, one shorter than a patch."""

    fingerprint: str = "two sounds"
    mixed: bool = True
    name: str = "two sounds"

    def items(self, split: str) -> Sequence[Item]:
        return [Item(name, name, "train") for name in LENGTHS] if split == "train" else []

    def load(self, item: Item) -> Any:
        target, noise = (
            random_generator(item.name, part).uniform(-0.4, 0.4, LENGTHS[item.name]).astype(np.float32)
            for part in ("target", "noise")
        )
        return Mixture(target, noise, target + noise) if self.mixed else target


def source(mixed: bool = True, geometry: Geometry = AT_16K, **options: Any) -> Source:
    return Source(TwoSounds(mixed=mixed), geometry, **options)  # type: ignore[arg-type]


music = partial(source, mixed=False)


def sound(name: str, mixed: bool = False) -> Any:
    return TwoSounds(mixed=mixed).load(Item(name, name, "train"))


def test_a_mixtures_patches_are_its_mixture_and_its_target_end_to_end_and_kept(monkeypatch):
    source()("train")
    monkeypatch.delattr(TwoSounds, "load")  # from here on the cache is all there is
    pairs = source()("train")
    assert pairs.names == ("long:0", "long:1", "long:2", "short:0")
    assert pairs.inputs.shape == pairs.targets.shape == (4, 1, SIZE)
    monkeypatch.undo()
    mixture = sound("long", mixed=True)
    for found, expected in ((pairs.inputs, mixture.mixture), (pairs.targets, mixture.target)):
        np.testing.assert_array_equal(found[:3, 0].numpy(), expected[: 3 * SIZE].reshape(3, SIZE))
    repeated = np.tile(sound("short", mixed=True).mixture, 100)[:SIZE]  # IJCNN'20 Section IV
    np.testing.assert_array_equal(pairs.inputs[3, 0].numpy(), repeated)


def test_codec_pairs_are_the_music_before_and_after_the_codec_with_half_overlap():
    codec = Codec("mp3", 16_000)
    pairs = music(becomes=codec, overlap=True)("train")
    lossless = sound("long")
    coded = codec.roundtrip(lossless, 16_000)
    starts = [0, SIZE, 2 * SIZE, SIZE // 2, SIZE // 2 + SIZE]
    for number, start in enumerate(starts):
        np.testing.assert_array_equal(pairs.inputs[number, 0].numpy(), lossless[start : start + SIZE])
        np.testing.assert_array_equal(pairs.targets[number, 0].numpy(), coded[start : start + SIZE])
    assert pairs.names[: len(starts)] == tuple(f"long:{n}" for n in range(len(starts)))
    assert {name.split(":")[0] for name in pairs.names[len(starts) :]} == {"short"}


def test_an_autoencoders_patches_are_limited_and_their_own_targets():
    pairs = music(becomes=3000)("train")
    assert pairs.targets is pairs.inputs and (moved := pairs.to("cpu")).targets is moved.inputs
    limited = band_limit(sound("long"), 16_000, 3000)
    np.testing.assert_array_equal(pairs.inputs[:3, 0].numpy(), limited[: 3 * SIZE].reshape(3, SIZE))


def test_whatever_changes_a_patch_changes_the_fingerprint():
    changes: list[dict[str, Any]] = [{}, {"overlap": True}, {"geometry": replace(AT_16K, frames=8)}]
    changes += [{"becomes": each} for each in (3000, Codec(), Codec("mp3", 24_000))]
    found = [music(**each).fingerprint for each in changes]
    assert len({*found, replace(music(), corpus=TwoSounds("other sounds")).fingerprint}) == len(found) + 1
    assert music().fingerprint == found[0]


def test_a_full_disk_leaves_no_half_cache():
    with small_files(), pytest.raises(StorageError, match="patches-.*free some space"):
        source()("train")
    assert files(paths.cache()) == []


@pytest.mark.parametrize("domain", ["sqrt", "linear", "log1p"])
def test_a_view_is_the_scaled_magnitude_of_numpys_own_fft(domain):
    samples = sound("long")[:SIZE]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(AT_16K.window) / AT_16K.window)
    frames = [samples[AT_16K.hop * n :][: AT_16K.window] * window for n in range(AT_16K.frames)]
    expected = np.abs(np.fft.rfft(frames).T[: AT_16K.bins]) / (window.sum() / 2)
    seen = View(AT_16K, domain)(torch.from_numpy(samples)[None, None])
    assert seen.shape == (1, 1, AT_16K.bins, AT_16K.frames)
    np.testing.assert_allclose(unscale(seen[0, 0], domain), expected, atol=1e-5)
    loud = View(AT_16K, domain)(torch.ones(1, 1, SIZE))
    assert float(loud.min()) >= 0 and float(loud.max()) == pytest.approx(1)


def test_sound_inverts_the_view_but_for_the_edges_and_keeps_the_inputs_phase():
    view = View(AT_16K, "sqrt")
    samples, edge = torch.from_numpy(sound("long"))[None, None, :SIZE], AT_16K.window - AT_16K.hop
    spectrum = torch.fft.rfft(samples)
    spectrum[..., -40:] = 0  # the top bin is dropped
    smooth = torch.fft.irfft(spectrum, n=SIZE)
    heard = view.sound(view(smooth), smooth)
    torch.testing.assert_close(heard[..., edge:-edge], smooth[..., edge:-edge], atol=1e-3, rtol=0)
    assert heard.shape == samples.shape and float(heard[..., :edge].abs().max()) == 0
    halved = view.sound(scale(0.5 * unscale(view(smooth), "sqrt"), "sqrt"), smooth)
    torch.testing.assert_close(halved, 0.5 * heard, atol=1e-3, rtol=0)
