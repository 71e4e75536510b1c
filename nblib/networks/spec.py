"""Which network, as data."""

from dataclasses import dataclass

from nblib.errors import check_choice
from nblib.networks.autoencoder import AutoEncoder
from nblib.networks.unet import OUTPUTS, MaskUNet, WaveUNet

Network = MaskUNet | WaveUNet | AutoEncoder


@dataclass(frozen=True)
class NetworkSpec:
    """A `MaskUNet` with its `output`, a `WaveUNet` or an `AutoEncoder`."""

    num_layers: int
    base_filters: int
    output: str = "mask"
    kind: str = "mask_unet"

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, ("mask_unet", "wave_unet", "autoencoder"))
        check_choice("output", self.output, OUTPUTS)

    @property
    def on_samples(self) -> bool:
        """Whether the network takes samples rather than scaled magnitudes."""
        return self.kind != "mask_unet"

    def build(self) -> Network:
        """A new network, its weights drawn from torch's current seed."""
        if self.kind == "mask_unet":
            return MaskUNet(self.num_layers, self.base_filters, self.output)
        return (WaveUNet if self.kind == "wave_unet" else AutoEncoder)(self.num_layers, self.base_filters)
