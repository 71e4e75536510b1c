"""Losses between an estimate's and a target's scaled magnitudes."""

from nblib.losses.codec import CodecLoss
from nblib.losses.spectral import L1Loss, WeightedLoss

__all__ = ["CodecLoss", "L1Loss", "WeightedLoss"]
