"""Losses between what a network puts out and its target, each a class by name in `LOSSES`: see docs/extending.md.

Norms are means over elements, so that lambda = 1 weighs every element of a layer alike whatever the layer's size.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from nblib import tensors
from nblib.audio import Geometry, scale, stft
from nblib.errors import ParameterError, StorageError, check_choice
from nblib.networks import KINDS, UNet, configuration_layers

ALL = "all"  # every layer but the output


@dataclass(frozen=True)
class LossSpec:
    """What a network is trained with: a name of `LOSSES`, and what that loss is made from, as for `CodecLoss`."""

    kind: str = "l1"
    teacher: str = ""  # the hash of the loss network's run, where there is one
    layers: str | tuple[str, ...] = "F"
    prediction: bool = False
    unit_epochs: int = 10

    def build(self, geometry: Geometry, domain: str, teacher: Any = None) -> "WeightedLoss":
        """The loss; its parameters may be the patches' `geometry` and `domain`, `network` (the teacher), own fields."""
        check_choice("loss", self.kind, LOSSES)
        given, make = vars(self) | {"network": teacher, "geometry": geometry, "domain": domain}, LOSSES[self.kind]
        return make(**{name: given[name] for name in signature(make).parameters})


class WeightedLoss(nn.Module):
    """A sum of named terms, each weighted 1 for `unit_epochs` epochs and then by its share / its mean training value.

    IJCNN'20 Section III; the mean is that of the last epoch before, as in the paper's reference [15]. Terms under one
    further weight (MM'19 equations 3 and 4) share out 1.
    """

    title = ""  # with one it is a contender: trained and compared wherever contenders are
    on_samples = False  # it compares sound: a network on magnitudes is heard with its input's phase

    def __init__(self, names: tuple[str, ...], unit_epochs: int = 10, shares: Sequence[float] | None = None) -> None:
        super().__init__()
        self.names, self.unit_epochs = names, unit_epochs
        self.shares = tuple(shares or (1.0,) * len(names))
        self.weights = nn.Buffer(torch.ones(len(names)))
        self.sums = nn.Buffer(torch.zeros(len(names), dtype=torch.float64))
        self.batches, self.epochs = (nn.Buffer(torch.zeros((), dtype=torch.int64)) for _ in range(2))

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """One scalar per name."""
        raise NotImplementedError

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """The weighted sum over scaled magnitudes [shape=(batch, 1, bins, frames)] or samples [shape=(batch, 1, n)]."""
        if estimate.shape != target.shape:
            raise ParameterError(f"estimate {tuple(estimate.shape)} and target {tuple(target.shape)} differ in shape")
        values = torch.stack(self.terms(estimate, target.detach()))
        if self.training:
            self.sums.add_(values.detach().double())
            self.batches.add_(1)
        return (self.weights.to(values.dtype) * values).sum()

    @property
    def settled(self) -> bool:
        """Whether the weights will change no more, and training may be stopped early."""
        return len(self.names) == 1 or int(self.epochs) >= self.unit_epochs

    def end_epoch(self) -> bool:
        """Count an epoch of training; True if the weights changed now, so that losses start to mean something else."""
        means = self.sums / self.batches.clamp(min=1)
        self.sums.zero_(), self.batches.zero_(), self.epochs.add_(1)
        if len(self.names) == 1 or int(self.epochs) != self.unit_epochs:
            return False
        self.weights.copy_(means.new_tensor(self.shares) / means.clamp(min=1e-12))
        return True


class L1Loss(WeightedLoss):
    """Mean absolute difference of magnitudes (the baseline of IJCNN'20, equation 1) or samples (MM'19 equation 1)."""

    title = "l1"

    def __init__(self) -> None:
        super().__init__(("l1",))

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """The one term."""
        return [l1_loss(estimate, target)]


class CodecLoss(WeightedLoss):
    """IJCNN'20 equation (2): sum over m of lambda_m || g_m(X) - g_m(Y) ||_1, g_m being layers of a frozen `network`.

    `layers` is a configuration "A" to "F" of IJCNN'20 Figure 2, "all" (every layer but the output, as in MM'19), or
    names ("down1", "up3", ...). With `prediction` outputs are compared too (MM'19 equation 4), the layers weigh as one.
    """

    def __init__(
        self, network: UNet, layers: str | Iterable[str] = "F", prediction: bool = False, unit_epochs: int = 10
    ) -> None:
        *hidden, output = network.layer_names
        if isinstance(layers, str):
            layers = hidden if layers == ALL else configuration_layers(layers, network.num_layers)
        features = tuple(name for name in dict.fromkeys(layers) if not (prediction and name == output))
        if not (features or prediction):
            raise ParameterError("layers=() and prediction=False: the codec loss has nothing to compare")
        before = ["samples"] if self.on_samples else []
        names = (*before, *features, *([output] if prediction else []))
        together = 1 / len(features) if prediction and features else 1.0
        super().__init__(names, unit_epochs, [together if name in features else 1.0 for name in names])
        self.layers, self.prediction = names[len(before) :], prediction
        self.network = network.first_layers(self.layers).fuse().requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """As for any module, but the network stays in evaluation mode."""
        super().train(mode).network.eval()
        return self

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """One mean absolute difference per layer."""
        heard = self.network.activations(estimate, self.layers)
        with torch.no_grad():
            meant = self.network.activations(target, self.layers)
        return [l1_loss(heard[name], meant[name]) for name in self.layers]

    def save(self, path: Path) -> None:
        """Write the layers that the loss needs, and its weights, for training elsewhere: see `load`."""
        header = {"kind": type(self.network).__name__, "settings": self.network.settings}
        header |= {name: getattr(self, name) for name in ("layers", "prediction", "unit_epochs")}
        tensors.save(path, self.state_dict(), header)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The loss that `save` wrote, on the CPU; a missing, damaged or other file raises StorageError."""
        if not path.exists():
            raise StorageError(f"{path}: no such file; CodecLoss.save or notebook 09 writes one")
        values, header = tensors.load(path)
        try:
            with torch.device("meta"):
                network = {kind.__name__: kind for kind in KINDS.values()}[header["kind"]](*header["settings"])
                made = cls(network, header["layers"], header["prediction"], header["unit_epochs"])
            made.load_state_dict(values, assign=True)
        except (KeyError, TypeError, RuntimeError) as error:
            raise StorageError(f"{path}: holds no codec loss ({error}); write it by CodecLoss.save") from error
        return made.requires_grad_(False)


def magnitudes(samples: Tensor, geometry: Geometry, domain: str) -> Tensor:
    """Scaled magnitudes [shape=(batch, 1, bins, frames), range [0, 1]] of `samples` [shape=(batch, 1, n)]."""
    return scale(stft(samples, geometry).abs(), domain)


class SpectrogramLoss(WeightedLoss):
    """lambda_a || x - x_p ||_1 + lambda_b || S - S_p ||_1: MM'19 equation (2), Model B; S has `geometry`, `domain`."""

    on_samples = True

    def __init__(self, geometry: Geometry, domain: str, unit_epochs: int = 10) -> None:
        super().__init__(("samples", "magnitude"), unit_epochs)
        self.geometry, self.domain = geometry, domain

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """The errors of samples and of scaled magnitudes."""
        heard, meant = (magnitudes(samples, self.geometry, self.domain) for samples in (estimate, target))
        return [l1_loss(estimate, target), l1_loss(heard, meant)]


class SpectralCodecLoss(CodecLoss):
    """MM'19 equation (3), Model C: || x - x_p ||_1, and equation (4) on the spectrogram, each with its own weight."""

    on_samples = True

    def __init__(self, network: UNet, geometry: Geometry, domain: str, unit_epochs: int = 10) -> None:
        super().__init__(network, ALL, prediction=True, unit_epochs=unit_epochs)
        self.geometry, self.domain = geometry, domain

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """The error of samples, then those of the network's layers and of its prediction."""
        heard, meant = (magnitudes(samples, self.geometry, self.domain) for samples in (estimate, target))
        return [l1_loss(estimate, target), *super().terms(heard, meant)]


LOSSES: dict[str, type[WeightedLoss]] = {
    "l1": L1Loss,
    "codec": CodecLoss,
    "spectrogram": SpectrogramLoss,
    "spectral_codec": SpectralCodecLoss,
}
