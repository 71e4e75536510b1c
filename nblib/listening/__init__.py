"""Choices between two sounds: the model listener, and statistics of its votes and of people's.

What ``__init__.pyi`` names is imported when first asked for: settings and help texts do not wait for statsmodels.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
