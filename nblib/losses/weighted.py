"""What all losses share: a weighted sum of named terms with the papers' weight schedule, and an entry by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from nblib.audio import Geometry
from nblib.errors import ParameterError, check_choice


@dataclass(frozen=True)
class LossSpec:
    """What a network is trained with: a name of `LOSSES`, and what that loss is made from.

    `teacher` is the hash of the run of the loss network, for losses that have one; the rest as for `CodecLoss`.
    """

    kind: str = "l1"
    teacher: str = ""
    layers: str | tuple[str, ...] = "F"
    prediction: bool = False
    unit_epochs: int = 10

    def build(self, geometry: Geometry, domain: str, teacher: Any = None) -> "WeightedLoss":
        """The loss; its parameters may be the patches' geometry and domain, network (`teacher`), and this spec's."""
        check_choice("loss", self.kind, LOSSES)
        given = {**vars(self), "network": teacher, "geometry": geometry, "domain": domain}
        make: Any = LOSSES[self.kind]
        return make(**{name: given[name] for name in signature(make).parameters})


class WeightedLoss(nn.Module):
    """A sum of named terms, each weighted 1 for `unit_epochs` epochs and then by its share / its mean training value.

    IJCNN'20 Section III: "we first train for 10 epochs with lambda = 1, and then set lambda = 1 / ||...|| for the
    remainder". The mean is that of the last epoch before the change; weights are fixed once (the code of the paper's
    reference [15]) and stand in the loss's buffers, so that a checkpoint holds them. Shares are 1, but that terms under
    one further weight (the layers in MM'19 equations 3 and 4) share out 1 among them.
    """

    title: ClassVar[str]
    contender: ClassVar[bool]
    on_samples: ClassVar[bool] = False  # it compares sound: a network on magnitudes is heard with its input's phase

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
        """The weighted sum, a scalar; gradient reaches `estimate` alone. `ParameterError` where shapes differ.

        Both are scaled magnitudes [shape=(batch, 1, bins, frames), range [0, 1]] or samples [shape=(batch, 1, n)].
        """
        if estimate.shape != target.shape:
            raise ParameterError(f"estimate {tuple(estimate.shape)} and target {tuple(target.shape)} differ in shape")
        values = torch.stack(self.terms(estimate, target.detach()))
        if self.training:
            self.sums.add_(values.detach().double())
            self.batches.add_(1)
        return (self.weights.to(values.dtype) * values).sum()

    @property
    def settled(self) -> bool:
        """Whether the weights will change no more; before that, training must not be stopped early."""
        return len(self.names) == 1 or int(self.epochs) >= self.unit_epochs

    def end_epoch(self) -> bool:
        """Count an epoch of training; True if the weights changed now, so that losses start to mean something else."""
        means = self.sums / self.batches.clamp(min=1)
        self.sums.zero_()
        self.batches.zero_()
        self.epochs.add_(1)
        if len(self.names) == 1 or int(self.epochs) != self.unit_epochs:
            return False
        self.weights.copy_(means.new_tensor(self.shares) / means.clamp(min=1e-12))
        return True


LOSSES: dict[str, type[WeightedLoss]] = {}
Loss = TypeVar("Loss", bound=type[WeightedLoss])


def loss(name: str, title: str, contender: bool = False) -> Callable[[Loss], Loss]:
    """Enter a class in `LOSSES` by `name`; as a `contender` it is trained and compared wherever contenders are."""

    def enter(kind: Loss) -> Loss:
        kind.title, kind.contender = title, contender
        LOSSES[name] = kind
        return kind

    return enter
