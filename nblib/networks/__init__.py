"""The networks of both papers."""

from nblib.networks.autoencoder import AutoEncoder, through
from nblib.networks.unet import CONFIGURATIONS, MaskUNet, UNet, configuration_layers, count_parameters, describe
from nblib.networks.waveunet import WaveUNet

__all__ = ["CONFIGURATIONS", "AutoEncoder", "MaskUNet", "UNet", "WaveUNet", "configuration_layers"]
__all__ += ["count_parameters", "describe", "through"]
