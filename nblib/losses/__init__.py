"""Losses between what a network puts out and its target, by name in `LOSSES`; the codec loss first of all."""

from nblib.losses.codec import ALL, CodecLoss
from nblib.losses.contenders import L1Loss, SpectralCodecLoss, SpectrogramLoss
from nblib.losses.weighted import LOSSES, LossSpec, WeightedLoss
