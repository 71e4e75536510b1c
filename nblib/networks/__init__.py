"""The networks of both papers."""

from nblib.networks.autoencoder import AutoEncoder
from nblib.networks.unet import CONFIGURATIONS, MaskUNet, configuration_layers, count_parameters
from nblib.networks.waveunet import WaveUNet
from nblib.networks.whole import describe, through

__all__ = [
    "CONFIGURATIONS",
    "AutoEncoder",
    "MaskUNet",
    "WaveUNet",
    "configuration_layers",
    "count_parameters",
    "describe",
    "through",
]
