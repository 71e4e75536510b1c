"""The losses that a network can be trained with, each an entry by name; those marked so are contenders.

A further contender is one class here: it is then trained, scored, judged, drawn and claimed beside the others. What its
parameters may ask for, by name, is said at `LossSpec.build`.
"""

from torch import Tensor
from torch.nn.functional import l1_loss

from nblib.audio import Geometry, scale, stft
from nblib.losses.codec import ALL, CodecLoss
from nblib.losses.weighted import WeightedLoss, loss
from nblib.networks import MaskUNet


@loss("l1", "l1", contender=True)
class L1Loss(WeightedLoss):
    """Mean absolute difference of magnitudes (the baseline of IJCNN'20, equation 1) or samples (MM'19 equation 1)."""

    def __init__(self) -> None:
        super().__init__(("l1",))

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """The one term."""
        return [l1_loss(estimate, target)]


@loss("spectrogram", "samples and spectrogram")
class SpectrogramLoss(WeightedLoss):
    """lambda_a || x - x_p ||_1 + lambda_b || S - S_p ||_1: MM'19 equation (2), Model B, on samples of a window or more.

    `geometry` and `domain` are those of the scaled magnitudes S.
    """

    on_samples = True

    def __init__(self, geometry: Geometry, domain: str, unit_epochs: int = 10) -> None:
        super().__init__(("samples", "magnitude"), unit_epochs)
        self.geometry, self.domain = geometry, domain

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """The errors of samples and of scaled magnitudes."""
        heard, meant = (magnitudes(samples, self.geometry, self.domain) for samples in (estimate, target))
        return [l1_loss(estimate, target), l1_loss(heard, meant)]


@loss("spectral_codec", "samples and codec network on the spectrogram")
class SpectralCodecLoss(CodecLoss):
    """The error of samples, and equation (4) on the spectrogram: MM'19 equation (3), Model C.

    lambda_a || x - x_p ||_1 + lambda_b || C(S) - C(S_p) ||_1 + lambda_c sum_m lambda_m || phi_m(S) - phi_m(S_p) ||_1

    `network` emulates a codec on scaled magnitudes of `geometry` in `domain`; it is frozen as in `CodecLoss`.
    """

    before = ("samples",)
    on_samples = True

    def __init__(self, network: MaskUNet, geometry: Geometry, domain: str, unit_epochs: int = 10) -> None:
        super().__init__(network, ALL, prediction=True, unit_epochs=unit_epochs)
        self.geometry, self.domain = geometry, domain

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """The error of samples, then those of the network's layers and of its prediction."""
        heard, meant = (magnitudes(samples, self.geometry, self.domain) for samples in (estimate, target))
        return [l1_loss(estimate, target), *super().terms(heard, meant)]


def magnitudes(samples: Tensor, geometry: Geometry, domain: str) -> Tensor:
    """Scaled magnitudes [shape=(batch, 1, bins, frames), range [0, 1]] of `samples` [shape=(batch, 1, n)]."""
    return scale(stft(samples, geometry).abs(), domain)
