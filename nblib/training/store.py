"""What networks learn from: pairs of patches of samples, made once from a corpus and kept in the cache.

The papers' patches are spectrograms of 512 bins x 128 frames, 66,048 samples (MM'19 Table 1, IJCNN'20 Table I).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from nblib import paths, tensors
from nblib.audio import Codec, Geometry, band_limit, patches, stft, synthesise, unscale
from nblib.corpora import Corpus, Item, Mixture
from nblib.errors import CorpusError
from nblib.losses import magnitudes
from nblib.parallel import parallel_map
from nblib.provenance import config_hash

VERSION = 2  # raised when the code changes what a patch holds


@dataclass(frozen=True)
class PatchPairs:
    """Inputs and targets of a split: samples in [-1, 1] [shape=(n, 1, samples), float32], or what a `View` makes."""

    inputs: Tensor
    targets: Tensor
    names: tuple[str, ...]  # per patch ``item:number``, to name a batch by

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: str | torch.device, step: int = 1, view: "View | None" = None) -> Self:
        """One patch in `step`, spread evenly, on another device; as `view` sees it where one is given."""

        def moved(sounds: Tensor) -> Tensor:
            parts = sounds[::step].split(16)
            return torch.cat([view(part.to(device)) for part in parts]) if view else sounds[::step].to(device)

        inputs = moved(self.inputs)
        return type(self)(inputs, inputs if self.targets is self.inputs else moved(self.targets), self.names[::step])


@dataclass(frozen=True)
class View:
    """How a network sees samples: as they are, or as scaled magnitudes."""

    geometry: Geometry
    domain: str
    on_samples: bool = False

    def __call__(self, samples: Tensor) -> Tensor:
        """What the network takes [shape=(batch, 1, n) or (batch, 1, bins, frames)] of samples [shape=(batch, 1, n)]."""
        return samples if self.on_samples else magnitudes(samples, self.geometry, self.domain)

    def sound(self, seen: Tensor, samples: Tensor) -> Tensor:
        """Samples of what the network put out, with the phase of the `samples` that it was given.

        A patch's first and last hop lie in fewer windows than the rest, so those come out silent.
        """
        if self.on_samples:
            return seen
        spectrum = torch.polar(unscale(seen, self.domain), stft(samples, self.geometry).angle())
        edge = self.geometry.window - self.geometry.hop
        inner = synthesise(spectrum, samples.shape[-1] - 2 * edge, self.geometry)
        return torch.nn.functional.pad(inner, (edge, edge)).unsqueeze(1)


@dataclass(frozen=True)
class Source:
    """Where a network's patches come from; called with a split it gives its `PatchPairs`.

    Mixtures are paired with their targets (IJCNN'20 Section IV); lossless with coded recordings where `becomes` is a
    codec (MM'19 Section 4), limited ones with themselves where it is a band limit in Hz (Section 6.1).
    """

    corpus: Corpus
    geometry: Geometry  # its `patch_samples` is a patch's length
    becomes: Codec | int | None = None  # None for mixtures
    overlap: bool = False  # patches overlap by half (MM'19 Section 4.2) rather than lying end to end

    @property
    def fingerprint(self) -> str:
        """Changes with any sample of any patch."""
        becomes = self.becomes.identity if isinstance(self.becomes, Codec) else self.becomes
        return config_hash([VERSION, self.corpus.fingerprint, self.geometry, becomes, self.overlap])

    def __call__(self, split: str) -> PatchPairs:
        """The patches of a split, cut once and then read from the cache."""
        path = paths.cache() / f"patches-{self.fingerprint}-{split}.safetensors"
        if not path.exists():
            if not (items := self.corpus.items(split)):
                raise CorpusError(f"{self.corpus.name}, {split}: no recordings; use a larger corpus")
            parts = list(parallel_map(self._cut, items))
            names = [f"{item.name}:{n}" for item, part in zip(items, parts, strict=True) for n in range(len(part[0]))]
            sides = zip(("inputs", "targets"), zip(*parts, strict=True), strict=False)
            tensors.save(path, {side: torch.from_numpy(np.concatenate(own)) for side, own in sides}, names)
        found, names = tensors.load(path)
        return PatchPairs(found["inputs"], found.get("targets", found["inputs"]), tuple(names))

    def _cut(self, item: Item) -> list[np.ndarray]:
        """The patches [shape=(n, 1, samples)] of an item's input and, where it is another, of its target."""
        found, becomes, rate = self.corpus.load(item), self.becomes, self.geometry.sample_rate
        if isinstance(found, Mixture):
            sounds = [found.mixture, found.target]
        elif isinstance(becomes, Codec):
            sounds = [found, becomes.roundtrip(found, rate)]
        else:
            sounds = [band_limit(found, rate, becomes) if becomes else found]
        half = self.geometry.patch_samples // 2
        starts = (0, half) if self.overlap and half < len(sounds[0]) else (0,)
        parts = (torch.cat([patches(samples[start:], self.geometry) for start in starts]) for samples in sounds)
        return [part.unsqueeze(1).numpy() for part in parts]
