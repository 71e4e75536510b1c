"""Choices between two sounds: the model listener, and statistics of its votes and of people's.

What is named in ``__init__.pyi`` is imported when it is first asked for, so that settings and help texts, which want a
constant or nothing, do not wait for pandas and statsmodels.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
