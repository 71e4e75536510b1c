"""The command line: ``python -m nblib run``, ``list``, ``compare``, ``separate`` and ``listen``."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nblib import suite
from nblib.errors import NblibError, ParameterError
from nblib.listening.server.command import add_listen
from nblib.notebook import checked

if TYPE_CHECKING:
    from nblib.settings import Settings

BAD_PARAMETERS = 2
SEPARATE = """\
Take the speech out of a noisy recording, or the vocals out of a song: mono or stereo, any length, any usual format. The
network is loaded, or trained first where it is not there. Written are the separated sound and the rest, which add up to
the file (WAV, 32-bit float), and a picture of both. The networks hear up to 11 kHz: what lies above is in the rest."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that `arguments` name; returns 0 ok, 1 failed, 2 bad parameters, 130 Ctrl-C."""
    try:
        options, rest = _parser().parse_known_args(arguments)
        if rest:
            near = difflib.get_close_matches(rest[0], [f"--{name.replace('_', '-')}" for name in vars(options)], n=1)
            hint = f"did you mean {near[0]}?" if near else "see python -m nblib --help"
            raise ParameterError(f"argument {rest[0]!r} is not known: {hint}")
        return options.command(options)
    except NblibError as error:
        print(f"nblib: {error}", file=sys.stderr)
        return BAD_PARAMETERS if isinstance(error, ParameterError) else suite.FAILED
    except KeyboardInterrupt:
        return suite.INTERRUPTED
    except BrokenPipeError:  # `nblib list | head` has seen enough; nothing may be flushed into the pipe at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return suite.OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nblib", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the notebooks in order", allow_abbrev=False)
    run.add_argument("--only", nargs="+", default=[], action="extend", metavar="NN", help="numbers or names")
    shown = commands.add_parser("list", help="show the notebooks and their parameters", allow_abbrev=False)
    shown.add_argument("--settings", action="store_true", help="show every setting with its value instead")
    compare = commands.add_parser("compare", help="compare own results with the record", allow_abbrev=False)
    compare.add_argument("--html", type=Path, metavar="FILE", help="write the comparison with figures, too")
    separate = commands.add_parser(
        "separate", help="separate a sound file of your own", description=SEPARATE, allow_abbrev=False
    )
    separate.add_argument("file", type=Path, metavar="FILE", help="WAV, FLAC, MP3, M4A, OGG, ...: mono or stereo")
    separate.add_argument("--task", required=True, metavar="T", help="what to take out: speech or vocals")
    separate.add_argument("--capacity", default="P3", metavar="P", help="the network: P1 to P5 (default: P3)")
    separate.add_argument("--loss", default="codec", metavar="L", help="it was trained by (default: codec)")
    separate.add_argument("--out", type=Path, metavar="DIR", help="folder of the results (default: beside FILE)")
    for each, command in ((run, _run), (shown, _list), (compare, _compare), (separate, _separate)):
        each.set_defaults(command=command)
        each.add_argument("--profile", default="quick", metavar="P", help="smoke, quick (default) or paper")
        each.add_argument("--corpus", default="embedded", metavar="C", help="embedded (the default) or real")
        each.add_argument("--data-root", type=_folder, default="", metavar="DIR", help="of real recordings")
        each.add_argument("--seed", type=int, default=0, metavar="N", help="of everything drawn (default: 0)")
        each.add_argument(
            "--set", nargs="+", default=[], action="extend", metavar="NAME=VALUE", help="any setting, as list shows"
        )
    add_listen(commands.add_parser("listen", help="make and run a listening test", allow_abbrev=False))
    return parser


def _folder(text: str) -> str:
    return str(Path(text).expanduser().resolve())  # notebooks run in another folder


def _settings(options: argparse.Namespace) -> Settings:
    return checked(options.profile, options.corpus, options.data_root, options.seed, "run", options.set)


def _run(options: argparse.Namespace) -> int:
    return suite.run(
        *suite.plan(options.profile, options.corpus, options.data_root, options.seed, options.only, options.set)
    )


def _list(options: argparse.Namespace) -> int:
    """A notebook that cannot be read is named, and the others are shown."""
    if options.settings:
        from nblib.settings import values

        print("\n".join(f"{path} = {value!r}" for path, value in values(_settings(options)).items()))
        return suite.OK
    code = suite.OK
    for notebook in suite.SUITE:
        needs = f" (needs {', '.join(f'{number:02}' for number in notebook.needs)})" if notebook.needs else ""
        print(f"{notebook.number:02}  {notebook.name}: {notebook.title}{needs}")
        try:
            for name, entry in suite.parameters(notebook).items():
                print(f"      {name} = {entry['default']!r}  {entry['help']}".rstrip())
        except ParameterError as error:
            print(f"      {error}")
            code = BAD_PARAMETERS
    return code


def _compare(options: argparse.Namespace) -> int:
    from nblib.compare import compare

    return compare(_settings(options), options.html)


def _separate(options: argparse.Namespace) -> int:
    from nblib.separate import separate

    separate(_settings(options), options.file, options.task, options.capacity, options.loss, options.out)
    return suite.OK


if __name__ == "__main__":
    sys.exit(main())
