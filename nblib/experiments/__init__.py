"""What is trained and compared, as data: the papers' tables, and the profiles as differences from them."""

from nblib.experiments.settings import PROFILES, Settings, settings

__all__ = ["PROFILES", "Settings", "settings"]
