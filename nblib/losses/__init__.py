"""Losses between an estimate and a target: scaled magnitudes, or samples."""

from nblib.losses.autoencoding import SpectralCodecLoss, SpectrogramLoss
from nblib.losses.codec import CodecLoss
from nblib.losses.weighted import L1Loss, WeightedLoss

__all__ = ["CodecLoss", "L1Loss", "SpectralCodecLoss", "SpectrogramLoss", "WeightedLoss"]
