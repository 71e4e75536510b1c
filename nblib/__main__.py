"""The command line: ``python -m nblib run``, ``list``, ``compare``, ``separate`` and ``listen``."""

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nblib import suite
from nblib.errors import NblibError, ParameterError
from nblib.listening.server.command import add_listen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that `arguments` name; returns 0 ok, 1 failed, 2 bad parameters, 130 Ctrl-C."""
    try:
        options, rest = _parser().parse_known_args(arguments)
        if rest:
            near = difflib.get_close_matches(rest[0], [f"--{name.replace('_', '-')}" for name in vars(options)], n=1)
            hint = f"did you mean {near[0]}?" if near else "see python -m nblib --help"
            raise ParameterError(f"argument {rest[0]!r} is not known: {hint}")
        return options.command(options) or 0
    except NblibError as error:
        print(f"nblib: {error}", file=sys.stderr)
        return 2 if isinstance(error, ParameterError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `nblib list | head` has seen enough; nothing may be flushed into the pipe at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    strict = partial(argparse.ArgumentParser, allow_abbrev=False)
    parser = strict(prog="python -m nblib", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=strict)  # type: ignore[call-overload]
    run = commands.add_parser("run", help="run the notebooks in order")
    run.add_argument("--only", nargs="+", default=[], action="extend", metavar="NN", help="numbers or names")
    shown = commands.add_parser("list", help="show the notebooks and their parameters")
    shown.add_argument("--settings", action="store_true", help="show every setting with its value instead")
    compare = commands.add_parser("compare", help="compare own results with the record, number by number")
    compare.add_argument("--html", type=Path, metavar="FILE", help="the page (default: in the folder of results)")
    separate = commands.add_parser("separate", help="take speech out of noise, or vocals out of a song")
    separate.add_argument("file", type=Path, metavar="FILE", help="WAV, FLAC, MP3, M4A, OGG, ...: mono or stereo")
    separate.add_argument("--task", required=True, metavar="T", help="what to take out: speech or vocals")
    separate.add_argument("--capacity", default="P3", metavar="P", help="the network: P1 to P5 (default: P3)")
    separate.add_argument("--loss", default="codec", metavar="L", help="trained by (default: codec)")
    separate.add_argument("--out", type=Path, metavar="DIR", help="folder of the results (default: beside FILE)")
    for each, command in ((run, _run), (shown, _list), (compare, _compare), (separate, _separate)):
        each.set_defaults(command=command)
        each.add_argument("--profile", default="quick", metavar="P", help="smoke, quick (default) or paper")
        each.add_argument("--corpus", default="embedded", metavar="C", help="embedded (default) or real")
        each.add_argument("--data-root", default="", metavar="DIR", help="folder of the real recordings")
        each.add_argument("--seed", type=int, default=0, metavar="N", help="of everything drawn (default: 0)")
        each.add_argument("--set", nargs="+", default=[], action="extend", metavar="NAME=VALUE", help="see list")
    add_listen(commands.add_parser("listen", help="make and run a listening test"))
    return parser


def _setup(options: argparse.Namespace, device: str = "cpu") -> Any:
    from nblib.settings import settings  # it takes seconds to import

    own = {"data_root": options.data_root, "seed": options.seed, "changes": options.set}
    return settings(options.profile, options.corpus, **own, device=device)


def _run(options: argparse.Namespace) -> int:
    own = (options.profile, options.corpus, options.data_root, options.seed)
    return suite.run(*suite.plan(*own, options.only, options.set))


def _list(options: argparse.Namespace) -> None:
    if options.settings:
        from nblib.settings import values

        print(*(f"{path} = {value!r}" for path, value in values(_setup(options)).items()), sep="\n")
        return
    for each in suite.SUITE:
        needs = f" (needs {', '.join(each.needs)})" if each.needs else ""
        print(f"{each.number}  {each.name}: {each.title}{needs}")
        for name, entry in suite.parameters(each).items():
            print(f"      {name} = {entry['default']!r}  {entry['help']}".rstrip())


def _compare(options: argparse.Namespace) -> None:
    from nblib.compare import compare

    compare(_setup(options), options.html)


def _separate(options: argparse.Namespace) -> None:
    from nblib.separate import separate

    setup = _setup(options, suite.choose_device())
    separate(setup, options.file, options.task, options.capacity, options.loss, options.out)


if __name__ == "__main__":
    sys.exit(main())
