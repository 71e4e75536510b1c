"""The losses of MM'19 Section 6 for a network that puts out samples, where they look at its spectrogram.

Model A is `L1Loss` on samples (equation 1) and Model D `CodecLoss` with a network on samples (equation 4); here are
Models B and C. S(t, f) is the scaled magnitude that the codec network was trained on. Norms are means over elements,
and the weights that the paper does not give, lambda_a, lambda_b, lambda_c and lambda_m, are all set by `WeightedLoss`.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import l1_loss

from nblib.audio import Geometry, scale, stft
from nblib.losses.codec import ALL, CodecLoss
from nblib.losses.weighted import WeightedLoss
from nblib.networks import MaskUNet

SAMPLES, MAGNITUDE = "samples", "magnitude"


class SpectrogramLoss(WeightedLoss):
    """lambda_a || x - x_p ||_1 + lambda_b || S - S_p ||_1: MM'19 equation (2), Model B.

    Parameters
    ----------
    geometry : Geometry
        Of the spectrogram; estimates are as long as its patches, or at least one window.
    domain : str
        Of the magnitudes, see `nblib.audio.scale`.
    unit_epochs : int >= 1
        Epochs with weights 1.
    """

    def __init__(self, geometry: Geometry, domain: str, unit_epochs: int = 10) -> None:
        super().__init__((SAMPLES, MAGNITUDE), unit_epochs)
        self.geometry, self.domain = geometry, domain

    def terms(self, estimate: Tensor, target: Tensor) -> list[Tensor]:
        """The errors of samples and of scaled magnitudes."""
        heard, meant = (magnitudes(samples, self.geometry, self.domain) for samples in (estimate, target))
        return [l1_loss(estimate, target), l1_loss(heard, meant)]


class SpectralCodecLoss(CodecLoss):
    """The error of samples, and equation (4) on the spectrogram: MM'19 equation (3), Model C.

    lambda_a || x - x_p ||_1 + lambda_b || C(S) - C(S_p) ||_1 + lambda_c sum_m lambda_m || phi_m(S) - phi_m(S_p) ||_1

    Parameters
    ----------
    network : MaskUNet
        Trained to emulate a codec on scaled magnitudes; frozen as in `CodecLoss`.
    geometry, domain
        Of the spectrograms that `network` was trained on.
    unit_epochs : int >= 1
        Epochs with weights 1.
    """

    before = (SAMPLES,)

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
