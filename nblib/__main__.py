"""The command line: ``python -m nblib run``, ``list``, ``listen`` and ``separate``."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Sequence

from nblib import paths, suite
from nblib.errors import NblibError, ParameterError
from nblib.listen_command import add_listen
from nblib.notebook import CORPORA, PROFILES
from nblib.notebook_parameters import read_parameters
from nblib.separate_command import add_separate

BAD_PARAMETERS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that `arguments` name; returns 0 ok, 1 failed, 2 bad parameters, 130 Ctrl-C."""
    try:
        options = _parse(arguments)
        return options.command(options)
    except ParameterError as error:
        print(f"nblib: {error}", file=sys.stderr)
        return BAD_PARAMETERS
    except NblibError as error:
        print(f"nblib: {error}", file=sys.stderr)
        return suite.FAILED
    except KeyboardInterrupt:
        return suite.INTERRUPTED
    except BrokenPipeError:  # `nblib list | head` has seen enough; nothing may be flushed into the pipe at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return suite.OK


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    options, rest = _parser().parse_known_args(arguments)
    if rest:
        near = difflib.get_close_matches(rest[0], [f"--{name.replace('_', '-')}" for name in vars(options)], n=1)
        hint = f"did you mean {near[0]}?" if near else "see python -m nblib --help"
        raise ParameterError(f"argument {rest[0]!r} is not known: {hint}")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nblib", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands.add_parser("run", help="run the notebooks in order", allow_abbrev=False))
    _add_list(commands.add_parser("list", help="show the notebooks and their parameters", allow_abbrev=False))
    add_listen(commands.add_parser("listen", help="make and run a listening test", allow_abbrev=False))
    add_separate(commands.add_parser("separate", help="separate a sound file of your own", allow_abbrev=False))
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_run)
    parser.add_argument("--profile", default="quick", metavar="P", help=f"{', '.join(PROFILES)} (default: quick)")
    parser.add_argument("--corpus", default="embedded", metavar="C", help=f"{', '.join(CORPORA)} (default: embedded)")
    parser.add_argument("--data-root", metavar="DIR", help="folder of the real datasets, with --corpus real")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of everything drawn (default: each notebook's own)")
    parser.add_argument(
        "--only", nargs="+", default=[], action="extend", metavar="NN", help="run these notebooks: numbers or names"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        action="extend",
        metavar="NAME=VALUE",
        help="further parameters, see python -m nblib list",
    )


def _run(options: argparse.Namespace) -> int:
    return suite.run(options.profile, options.corpus, options.data_root, options.seed, options.only, options.set)


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_list)


def _list(options: argparse.Namespace) -> int:
    """Print the table; a notebook that cannot be read is named, and the others are shown."""
    code = suite.OK
    for notebook in suite.SUITE:
        needs = f" (needs {', '.join(f'{number:02}' for number in notebook.needs)})" if notebook.needs else ""
        print(f"{notebook.number:02}  {notebook.name}: {notebook.title}{needs}")
        try:
            parameters = read_parameters(paths.home() / "notebooks" / f"{notebook.name}.ipynb")
        except ParameterError as error:
            print(f"      {error}")
            code = BAD_PARAMETERS
            continue
        for parameter in parameters.values():
            print(f"      {parameter.name} = {parameter.default!r}  {parameter.help}".rstrip())
    return code


if __name__ == "__main__":
    sys.exit(main())
