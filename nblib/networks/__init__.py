"""The networks of both papers."""

from nblib.networks.unet import CONFIGURATIONS, MaskUNet, configuration_layers, count_parameters, describe

__all__ = ["CONFIGURATIONS", "MaskUNet", "configuration_layers", "count_parameters", "describe"]
