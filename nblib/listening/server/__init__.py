"""The listening test for people: made from systems, served in the browser, its votes taken out; to and from webMUSHRA.

What ``__init__.pyi`` names is imported when first asked for: help texts do not wait for Flask.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
