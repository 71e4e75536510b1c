"""Choices between two sounds: a model listener that makes them, and the papers' statistics of them."""

from nblib.listening.model_listener import ModelListener, estoi_noticeable_difference
from nblib.listening.preferences import preference_rates

__all__ = ["ModelListener", "estoi_noticeable_difference", "preference_rates"]
