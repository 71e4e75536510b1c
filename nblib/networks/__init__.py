"""The networks of both papers."""

from nblib.networks.autoencoder import AutoEncoder, through
from nblib.networks.unet import CONFIGURATIONS, MaskUNet, WaveUNet, configuration_layers, count_parameters, describe
