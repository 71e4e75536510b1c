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
    """An audio file or signal cannot be used: unreadable, empty, silent, too short, not finite, odd format."""


class CorpusError(NblibError):
    """A corpus folder is missing, empty or does not have the layout that its loader expects."""


class StorageError(NblibError, OSError):
    """A file could not be written whole; whatever stood there before is untouched."""


class TrainingDiverged(NblibError, ArithmeticError):
    """The loss of a batch is not finite; the message names the run, the epoch, the batch and its items."""


class ResultsMissing(NblibError):
    """Committed results were asked for and are not there; the message says which command makes them."""


def check_whole(name: str, value: object, least: int = 0) -> None:
    """Raise `ParameterError` unless `value` is a whole number from `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ParameterError(f"{name}={value!r}: a whole number from {least} is needed")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise `ParameterError` unless `value` is one of `choices`; the nearest is named, of many the nearest 20."""
    known = list(choices)
    if value not in known:
        near = difflib.get_close_matches(str(value), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        listed = known if len(known) <= 20 else [*difflib.get_close_matches(str(value), known, 20, 0), "..."]
        raise ParameterError(f"{name}={value!r} is not known: choose one of {', '.join(listed)}{hint}")
