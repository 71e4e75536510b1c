"""What a notebook's parameters cell declares: one ``name = value  # help`` a line, read without running it."""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nblib.errors import ParameterError


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell: its name, its default (which also sets its type) and the comment after it."""

    name: str
    default: object
    help: str = ""


def declared(source: str, where: str) -> dict[str, Parameter]:
    """The parameters that a cell assigns, in its order.

    Parameters
    ----------
    source : str
        The cell: assignments of literals only, because a value worked out from another parameter would be worked out
        before the injected values arrive.
    where : str
        What an error calls the cell, e.g. the notebook's path.

    Raises
    ------
    ParameterError
        The cell is not Python, or a line of it is not ``name = literal``.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise ParameterError(f"{where}: line {error.lineno} of the parameters cell: {error.msg}") from error
    comments = _comments(source)
    found = {}
    for node in body:
        name, value = _assignment(node)
        try:
            default = ast.literal_eval(value) if value else None
        except ValueError:
            value = None
        if value is None:
            line = ast.get_source_segment(source, node)
            raise ParameterError(
                f"{where}: {line!r} in the parameters cell is not `name = literal`: move it to a later cell"
            )
        found[name] = Parameter(name, default, comments.get(node.end_lineno or node.lineno, ""))
    return found


def _assignment(node: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    return "", None


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("#").strip() for token in tokens if token.type == tokenize.COMMENT}


def read_parameters(path: Path) -> dict[str, Parameter]:
    """The parameters of the notebook at `path`: those of its first cell tagged ``parameters``, none without one.

    Raises
    ------
    ParameterError
        The notebook is missing or unreadable, or its parameters cell holds anything but ``name = literal`` lines.
    """
    import nbformat  # takes a second, which a notebook that checks its own parameters need not wait for

    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError as error:
        raise ParameterError(
            f"{path}: no such notebook; run from a checkout of the project, or set NBLIB_HOME to one"
        ) from error
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise ParameterError(f"{path}: not a readable notebook ({error}); restore it from version control") from error
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            return declared(cell.source, str(path))
    return {}


def unknown(name: str, known: Iterable[str], where: str) -> ParameterError:
    """The error for a parameter that no parameters cell in `where` declares; it names the near miss."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return ParameterError(f"parameter {name!r} is not declared in the parameters cell of {where}: {hint}")


def check(parameter: Parameter, value: object, where: str) -> object:
    """`value` as `parameter` takes it: the type of its default, where an integer may stand for a float.

    A default of ``None`` takes any value. The elements of a list are checked against the default's first.

    Raises
    ------
    ParameterError
        The type differs from the default's.
    """
    if not _fits(parameter.default, value):
        expected = type(parameter.default).__name__
        raise ParameterError(
            f"parameter {parameter.name}={value!r} of {where} must be of type {expected}, "
            f"like its default {parameter.default!r}, not {type(value).__name__}"
        )
    return float(str(value)) if isinstance(parameter.default, float) else value


def _fits(default: object, value: object) -> bool:
    if default is None:
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, (int, float))
    if isinstance(default, (list, tuple)):
        return isinstance(value, (list, tuple)) and _elements_fit(default, value)
    return isinstance(value, type(default))


def _elements_fit(default: Sequence[object], value: Sequence[object]) -> bool:
    return not default or all(_fits(default[0], element) for element in value)


def from_text(parameter: Parameter, text: str, where: str) -> object:
    """The value that `text` from the command line stands for, checked against `parameter`.

    Where the default is a string, the text is taken as it is; elsewhere it is read as a Python literal.
    """
    if isinstance(parameter.default, str):
        return text
    if text.lower() in ("true", "false"):
        text = text.capitalize()
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    return check(parameter, value, where)
