"""The networks of both papers."""

from nblib.networks.autoencoder import AutoEncoder
from nblib.networks.unet import CONFIGURATIONS, MaskUNet, configuration_layers, count_parameters, describe
from nblib.networks.waveunet import WaveUNet

__all__ = [
    "CONFIGURATIONS",
    "AutoEncoder",
    "MaskUNet",
    "WaveUNet",
    "configuration_layers",
    "count_parameters",
    "describe",
]
