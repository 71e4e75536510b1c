"""Errors that name the file or parameter, the value found and the remedy."""

import difflib
from collections.abc import Iterable


class NblibError(Exception):
    """Base of every error that nblib raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        # IPython asks for this: the message names the remedy, forty lines of frames would hide it.
        return [f"{type(self).__name__}: {self}"]


class ParameterError(NblibError, ValueError):
    """A parameter has an unknown name, a wrong type or a value out of range."""


class AudioError(NblibError, ValueError):
    """A sound file or signal cannot be used."""


class CorpusError(NblibError):
    """A folder of recordings cannot be used as it is."""


class StorageError(NblibError, OSError):
    """A file could not be written whole (the old one stays), or is missing or damaged."""


class TrainingDiverged(NblibError, ArithmeticError):
    """A loss is not finite."""


class ResultsMissing(NblibError):
    """Results were asked for and are not there."""


def check_whole(name: str, value: object, least: int = 0) -> None:
    """Raise `ParameterError` unless `value` is a whole number from `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ParameterError(f"{name}={value!r}: a whole number from {least} is needed")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise `ParameterError` unless `value` is one of `choices`; it names the nearest, and of many choices 20."""
    known = list(choices)
    if value not in known:
        near = difflib.get_close_matches(str(value), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        listed = known if len(known) <= 20 else [*difflib.get_close_matches(str(value), known, 20, 0), "..."]
        raise ParameterError(f"{name}={value!r} is not known: choose one of {', '.join(listed)}{hint}")
