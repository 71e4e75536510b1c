"""Patches of codec pairs, mixtures and what an autoencoder restores, made once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from full_disk import files, in_process_with_small_files

from nblib import paths
from nblib.audio import Codec, Geometry, band_limit
from nblib.corpora.base import Item, Mixture
from nblib.errors import CorpusError, StorageError
from nblib.patches import codec_pairs, mixture_pairs, sample_codec_pairs, sample_patches
from nblib.provenance import random_generator

GEOMETRY = Geometry(sample_rate=16_000, window=64, hop=32, frames=16)
LENGTHS = {"long": 3 * GEOMETRY.patch_samples + 5, "short": 100}


@dataclass(frozen=True)
class TwoSounds:
    """Noise as a corpus: one item of three patches and a bit, one shorter than a patch."""

    seed: int = 0
    names: tuple[str, ...] = ("long", "short")
    name: str = "two sounds"
    licence: str = "none"
    citation: str = ""
    sample_rate: int = 16_000

    @property
    def fingerprint(self) -> str:
        return f"two sounds {self.seed} {self.names}"

    def items(self, split: str | None = None) -> Sequence[Item]:
        return [Item(name, name, "train") for name in self.names] if split in (None, "train") else []

    def samples(self, item: Item, part: str) -> np.ndarray:
        return random_generator(self.seed, item.name, part).uniform(-0.4, 0.4, LENGTHS[item.name]).astype(np.float32)


class Music(TwoSounds):
    def load(self, item: Item) -> np.ndarray:
        return self.samples(item, "music")


class Mixtures(TwoSounds):
    def load(self, item: Item) -> Mixture:
        target, noise = self.samples(item, "target"), self.samples(item, "noise")
        return Mixture(target, noise, target + noise)


class Unloadable(Music):
    def load(self, item: Item) -> np.ndarray:
        raise AssertionError("the cache was not used")


@pytest.fixture(autouse=True)
def own_data(monkeypatch, tmp_path):
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    monkeypatch.setenv("NBLIB_CORES", "1")


def by_hand(samples: np.ndarray, start: int) -> np.ndarray:
    """One patch by numpy's FFT alone."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(GEOMETRY.window) / GEOMETRY.window)
    frames = [samples[start + GEOMETRY.hop * n :][: GEOMETRY.window] * window for n in range(GEOMETRY.frames)]
    return np.abs(np.fft.rfft(frames).T[: GEOMETRY.bins]) / (window.sum() / 2)


def test_a_mixtures_patches_are_its_mixture_and_its_target():
    corpus = Mixtures()
    pairs = mixture_pairs(corpus, GEOMETRY, "train")
    assert pairs.names == ("long:0", "long:1", "long:2", "short:0")
    assert len(pairs) == 4
    assert pairs.inputs.shape == pairs.targets.shape == (4, 1, GEOMETRY.bins, GEOMETRY.frames)
    mixed = corpus.load(corpus.items()[0])
    for number in range(3):
        start = number * GEOMETRY.patch_samples
        np.testing.assert_allclose(pairs.inputs[number, 0], by_hand(mixed.mixture, start), atol=1e-6)
        np.testing.assert_allclose(pairs.targets[number, 0], by_hand(mixed.target, start), atol=1e-6)


def test_what_is_shorter_than_a_patch_is_repeated_as_the_paper_does():
    corpus = Mixtures(names=("short",))
    repeated = np.tile(corpus.load(corpus.items()[0]).target, 100)
    np.testing.assert_allclose(mixture_pairs(corpus, GEOMETRY, "train").targets[0, 0], by_hand(repeated, 0), atol=1e-6)


def test_a_codec_pair_is_the_music_before_and_after_the_codec():
    corpus, codec = Music(names=("long",)), Codec("mp3", 16_000)
    pairs = codec_pairs(corpus, codec, GEOMETRY, "train")
    lossless = corpus.load(corpus.items()[0])
    coded = codec.roundtrip(lossless, corpus.sample_rate)
    np.testing.assert_allclose(pairs.inputs[0, 0], by_hand(lossless, 0), atol=1e-6)
    np.testing.assert_allclose(pairs.targets[0, 0], by_hand(coded, 0), atol=1e-6)
    assert not torch.equal(pairs.inputs, pairs.targets)


def test_magnitudes_stay_within_the_range_that_masks_and_domains_expect():
    class Loud(Mixtures):
        def samples(self, item: Item, part: str) -> np.ndarray:
            return np.ones(LENGTHS[item.name], np.float32)

    pairs = mixture_pairs(Loud(), GEOMETRY, "train")
    assert float(pairs.inputs.max()) == 1.0
    assert float(pairs.inputs.min()) >= 0.0


def test_the_cache_gives_the_same_bits_without_the_corpus():
    first = codec_pairs(Music(), Codec(), GEOMETRY, "train")
    again = codec_pairs(Unloadable(), Codec(), GEOMETRY, "train")
    assert torch.equal(first.inputs, again.inputs) and torch.equal(first.targets, again.targets)
    assert first.names == again.names


def test_whatever_changes_a_sample_changes_the_cached_file():
    codec_pairs(Music(), Codec(), GEOMETRY, "train")
    codec_pairs(Music(seed=1), Codec(), GEOMETRY, "train")
    codec_pairs(Music(), Codec("mp3", 24_000), GEOMETRY, "train")
    codec_pairs(Music(), Codec(), Geometry(sample_rate=16_000, window=64, hop=32, frames=8), "train")
    mixture_pairs(Mixtures(), GEOMETRY, "train")
    assert len(list(paths.cache().iterdir())) == 5


def test_processes_give_the_bits_and_the_order_of_one(monkeypatch):
    alone = mixture_pairs(Mixtures(), GEOMETRY, "train")
    for file in paths.cache().iterdir():
        file.unlink()
    monkeypatch.setenv("NBLIB_CORES", "2")
    together = mixture_pairs(Mixtures(), GEOMETRY, "train")
    assert together.names == alone.names
    assert torch.equal(together.inputs, alone.inputs) and torch.equal(together.targets, alone.targets)


def test_an_empty_split_is_named():
    with pytest.raises(CorpusError, match="two sounds, test: no recordings"):
        codec_pairs(Music(), Codec(), GEOMETRY, "test")


def test_a_damaged_cache_is_named_with_its_remedy():
    codec_pairs(Music(), Codec(), GEOMETRY, "train")
    (path,) = paths.cache().iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StorageError, match=f"{path.name}: damaged .*remove it and run again"):
        codec_pairs(Music(), Codec(), GEOMETRY, "train")


def test_a_full_disk_leaves_no_half_cache(tmp_path):
    code = """
from test_patches import GEOMETRY, Mixtures
from nblib.patches import mixture_pairs
mixture_pairs(Mixtures(), GEOMETRY, "train")
"""
    message = in_process_with_small_files(code, NBLIB_DATA=str(tmp_path))
    assert "patches-" in message
    assert files(paths.cache()) == []


def test_pairs_move_to_a_device_as_one():
    pairs = mixture_pairs(Mixtures(), GEOMETRY, "train").to("meta")
    assert pairs.inputs.device.type == pairs.targets.device.type == "meta"
    assert len(pairs) == 4


def test_sample_pairs_are_lossless_and_coded_samples_with_half_overlap():
    codec = Codec("mp3", 16_000)
    pairs = sample_codec_pairs(Music(), codec, GEOMETRY, "train")
    size, half = GEOMETRY.patch_samples, GEOMETRY.patch_samples // 2
    long, short = Music().items("train")
    lossless = Music().load(long)
    coded = codec.roundtrip(lossless, 16_000)
    starts = [0, size, 2 * size, half, half + size]
    assert pairs.inputs.shape == pairs.targets.shape == (len(pairs), 1, size)
    for number, start in enumerate(starts):
        np.testing.assert_array_equal(pairs.inputs[number, 0].numpy(), lossless[start : start + size])
        np.testing.assert_array_equal(pairs.targets[number, 0].numpy(), coded[start : start + size])
    assert pairs.names[: len(starts)] == tuple(f"long:{n}" for n in range(len(starts)))
    assert {name.split(":")[0] for name in pairs.names[len(starts) :]} == {"short"}
    np.testing.assert_array_equal(pairs.inputs[len(starts), 0, :100].numpy(), Music().load(short))


def test_an_autoencoders_patches_are_limited_samples_and_their_own_targets():
    pairs = sample_patches(Music(), 3000, GEOMETRY, "train")
    assert pairs.targets is pairs.inputs and pairs.to("cpu").targets is pairs.to("cpu").inputs
    limited = band_limit(Music().load(Music().items("train")[0]), 16_000, 3000)
    size = GEOMETRY.patch_samples
    np.testing.assert_array_equal(pairs.inputs[:3, 0].numpy(), limited[: 3 * size].reshape(3, size))
    assert len(sample_patches(Music(), 5000, GEOMETRY, "train")) == len(pairs)
    again = sample_patches(Unloadable(), 3000, GEOMETRY, "train")
    assert torch.equal(again.inputs, pairs.inputs) and again.targets is again.inputs
