"""``python -m nblib listen``: build, serve, export, import; imports stand where they are used: help comes at once."""

import argparse
from collections.abc import Callable
from pathlib import Path

from nblib.errors import ParameterError


def add_listen(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the sub-commands build, serve, export and import."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], summary: str) -> Callable[..., argparse.Action]:
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        command.set_defaults(command=run)
        return command.add_argument

    build = add("build", _build, "make a test from a folder of systems")
    build("systems", type=Path, metavar="SYSTEMS_DIR", help="a folder per system, a sound file per item")
    build("--out", type=Path, required=True, metavar="TEST_DIR", help="folder of the test")
    build("--question", default="quality", metavar="Q", help="quality, intelligible, vocals (default: quality)")
    build("--name", default="Listening test", metavar="TITLE", help="what participants see (default: Listening test)")
    build("--reference", default="original", metavar="SYSTEM", help="heard beside A and B (default: original)")
    build("--leave-out-reference", action="store_true", help="do not let it stand behind A or B as well")
    build("--baseline", metavar="SYSTEM", help="pair each system with this one only (default: all pairs)")
    build("--seed", type=int, default=0, metavar="N", help="seed of everything drawn (default: 0)")
    serve = add("serve", _serve, "let people take it in a browser")
    serve("test", type=Path, metavar="TEST_DIR", help="a test made by listen build")
    serve("--host", default="127.0.0.1", metavar="H", help="where to listen (default: this machine only)")
    serve("--port", type=int, default=8000, metavar="N", help="(default: 8000)")
    export = add("export", _export, "write its votes, and a webMUSHRA configuration")
    export("test", type=Path, metavar="TEST_DIR", help="a test made by listen build")
    export("--out", type=Path, required=True, metavar="DIR", help="gets the tables, and webmushra/")
    for command in (serve, export):
        command("--database", metavar="URL", help="where votes are kept (default: votes.sqlite in TEST_DIR)")
    results = add("import", _import, "turn webMUSHRA's results into votes")
    results("results", type=Path, metavar="RESULTS.csv", help="webMUSHRA's paired_comparison.csv")
    results("--test", type=Path, required=True, metavar="TEST_DIR", help="the test that was exported")
    results("--out", type=Path, required=True, metavar="votes.csv", help="table of votes to write")


def _build(options: argparse.Namespace) -> int:
    from nblib.listening.server.build import build_test, read_systems

    sounds, sample_rate = read_systems(options.systems)
    wanted = {name: getattr(options, name) for name in ("name", "question", "reference", "baseline", "seed")}
    compare_reference = not options.leave_out_reference
    test = build_test(options.out, sounds, sample_rate, compare_reference=compare_reference, **wanted)
    kinds = [kind for *_, kind in test.pairs]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("test", "catch", "training"))
    print(f"{options.out}: {len(test.sounds)} items at {sample_rate} Hz; pairs: {counts}")
    print(f"now: python -m nblib listen serve {options.out}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    from nblib.listening.server.app import serve

    serve(options.test, options.host, options.port, options.database)
    return 0


def _export(options: argparse.Namespace) -> int:
    """Files of its own names are replaced, each whole: the votes stay in the database."""
    from nblib.listening.server import manifest, webmushra
    from nblib.listening.server.store import stored_participants, stored_votes
    from nblib.listening.votes import write_table

    test, out = manifest.load(options.test), options.out
    votes = stored_votes(options.test, options.database)
    people = stored_participants(options.test, options.database)
    write_table(out / "votes.csv", votes)
    write_table(out / "participants.csv", people)
    webmushra.export_config(test, options.test, out / "webmushra")
    print(f"{out}: votes.csv ({len(votes)} votes), participants.csv ({len(people)} participants), webmushra/")
    print(
        f"for webMUSHRA: copy what is in {out / 'webmushra'} into its configs/, open ?config={webmushra.FILE}; "
        f"then: python -m nblib listen import results/{webmushra.test_id(test)}/paired_comparison.csv "
        f"--test {options.test} --out webmushra_votes.csv"
    )
    return 0


def _import(options: argparse.Namespace) -> int:
    """An earlier import is replaced, since results grow; any other file is left alone."""
    from nblib.listening.server import manifest, webmushra
    from nblib.listening.votes import read_votes, write_table

    votes = webmushra.read_results(options.results, manifest.load(options.test))
    try:
        other = options.out.exists() and not all(read_votes(options.out)["participant"].str.startswith("webmushra-"))
    except ParameterError:
        other = True
    if other:
        raise ParameterError(f"{options.out}: is there and was not made by listen import; choose another name")
    write_table(options.out, votes)
    print(f"{options.out}: {len(votes)} votes of {votes['participant'].nunique()} participants")
    print("now: read it by nblib.listening.votes.read_votes, count it by nblib.listening.statistics.preference_rates")
    return 0
