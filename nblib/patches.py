"""Patches for training, made once and kept in the cache: codec pairs, mixture pairs, and what an autoencoder restores.

The papers' geometry: 66,048 samples give one patch of 512 bins x 128 frames (MM'19 and IJCNN'20, Table 1 and I).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from nblib import paths, tensors
from nblib.audio import Codec, Geometry, band_limit, patches, stft
from nblib.corpora.base import Item, MixtureCorpus, MusicCorpus
from nblib.errors import CorpusError
from nblib.parallel import parallel_map
from nblib.provenance import config_hash, torch_threads

VERSION = 1


@dataclass(frozen=True)
class PatchPairs:
    """Inputs and targets of one split.

    Attributes
    ----------
    inputs, targets : Tensor [shape=(n, 1, bins, frames)] or [shape=(n, 1, samples)], float32
        Linear magnitude over that of a full-scale sine, in [0, 1]; or samples in [-1, 1].
    names : tuple of str
        Per patch ``item:number``, to name a batch by.
    """

    inputs: Tensor
    targets: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def every(self, step: int) -> PatchPairs:
        """One patch in `step`, spread evenly; with 1 the same pairs."""
        if step <= 1:
            return self
        inputs = self.inputs[::step]
        return PatchPairs(inputs, inputs if self.targets is self.inputs else self.targets[::step], self.names[::step])

    def to(self, device: str | torch.device) -> PatchPairs:
        """The same pairs on another device."""
        inputs = self.inputs.to(device)
        return PatchPairs(inputs, inputs if self.targets is self.inputs else self.targets.to(device), self.names)


def codec_pairs(corpus: MusicCorpus, codec: Codec, geometry: Geometry, split: str) -> PatchPairs:
    """Lossless patches and the same patches after the codec (MM'19 Section 4.1), from the cache where it has them."""
    work = partial(_codec_item, corpus, codec, geometry)
    key = config_hash([VERSION, "codec", corpus.fingerprint, codec.identity, geometry, split])
    return _cached(key, work, corpus.items(split), f"{corpus.name}, {split}")


def sample_codec_pairs(corpus: MusicCorpus, codec: Codec, geometry: Geometry, split: str) -> PatchPairs:
    """Lossless and coded samples, patches of `geometry.patch_samples` with 50 % overlap (MM'19 Section 4.2)."""
    work = partial(_sample_codec_item, corpus, codec, geometry)
    key = config_hash([VERSION, "sample codec", corpus.fingerprint, codec.identity, geometry, split])
    return _cached(key, work, corpus.items(split), f"{corpus.name}, {split}")


def sample_patches(corpus: MusicCorpus, limit_hz: int, geometry: Geometry, split: str) -> PatchPairs:
    """Samples band-limited to `limit_hz`, end to end, each the target of itself (MM'19 Section 6.1)."""
    work = partial(_limited_item, corpus, limit_hz, geometry)
    key = config_hash([VERSION, "samples", corpus.fingerprint, limit_hz, geometry, split])
    return _cached(key, work, corpus.items(split), f"{corpus.name}, {split}")


def mixture_pairs(corpus: MixtureCorpus, geometry: Geometry, split: str) -> PatchPairs:
    """Mixture patches and target patches (IJCNN'20 Section IV), from the cache where it has them."""
    work = partial(_mixture_item, corpus, geometry)
    key = config_hash([VERSION, "mixture", corpus.fingerprint, geometry, split])
    return _cached(key, work, corpus.items(split), f"{corpus.name}, {split}")


def _codec_item(corpus: MusicCorpus, codec: Codec, geometry: Geometry, item: Item) -> tuple[np.ndarray, np.ndarray]:
    lossless = corpus.load(item)
    return _magnitudes(lossless, geometry), _magnitudes(codec.roundtrip(lossless, corpus.sample_rate), geometry)


def _sample_codec_item(
    corpus: MusicCorpus, codec: Codec, geometry: Geometry, item: Item
) -> tuple[np.ndarray, np.ndarray]:
    lossless = corpus.load(item)
    coded = codec.roundtrip(lossless, corpus.sample_rate)
    half = geometry.patch_samples // 2
    shifted = [samples[start:] for samples in (lossless, coded) for start in (0, half) if start < len(samples)]
    parts = [patches(samples, geometry).unsqueeze(1).numpy() for samples in shifted]
    return np.concatenate(parts[: len(parts) // 2]), np.concatenate(parts[len(parts) // 2 :])


def _limited_item(corpus: MusicCorpus, limit_hz: int, geometry: Geometry, item: Item) -> tuple[np.ndarray]:
    with torch_threads(1):
        limited = band_limit(corpus.load(item), corpus.sample_rate, limit_hz)
    return (patches(limited, geometry).unsqueeze(1).numpy(),)


def _mixture_item(corpus: MixtureCorpus, geometry: Geometry, item: Item) -> tuple[np.ndarray, np.ndarray]:
    mixed = corpus.load(item)
    return _magnitudes(mixed.mixture, geometry), _magnitudes(mixed.target, geometry)


def _magnitudes(samples: np.ndarray, geometry: Geometry) -> np.ndarray:
    return stft(patches(samples, geometry), geometry).abs().clamp(max=1).unsqueeze(1).numpy()


def _cached(key: str, work: partial, items: Sequence[Item], what: str) -> PatchPairs:
    path = paths.cache() / f"patches-{key}.safetensors"
    if not path.exists():
        if not items:
            raise CorpusError(f"{what}: no recordings; use a larger corpus")
        parts = list(parallel_map(work, items))
        names = [f"{item.name}:{n}" for item, part in zip(items, parts, strict=True) for n in range(len(part[0]))]
        sides = zip(("inputs", "targets"), zip(*parts, strict=True), strict=False)
        tensors.save(path, {side: torch.from_numpy(np.concatenate(own)) for side, own in sides}, names)
    found, names = tensors.load(path)
    return PatchPairs(found["inputs"], found.get("targets", found["inputs"]), tuple(names))
