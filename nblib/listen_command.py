"""``python -m nblib listen``: make a listening test, serve it to people, take its votes out or in."""

from __future__ import annotations

import argparse
from pathlib import Path

from nblib import suite
from nblib.errors import ParameterError


def add_listen(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the sub-commands build, serve, export and import."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, add, summary in (
        ("build", _add_build, "make a test from a folder of systems"),
        ("serve", _add_serve, "let people take it in a browser"),
        ("export", _add_export, "write its votes, and a webMUSHRA configuration"),
        ("import", _add_import, "turn webMUSHRA's results into votes"),
    ):
        add(commands.add_parser(name, help=summary, description=summary, allow_abbrev=False))


def _add_build(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_build)
    parser.add_argument("systems", type=Path, metavar="SYSTEMS_DIR", help="a folder per system, a sound file per item")
    parser.add_argument("--out", type=Path, required=True, metavar="TEST_DIR", help="folder of the test")
    parser.add_argument(
        "--question", default="quality", metavar="Q", help="quality, intelligible, vocals (default: quality)"
    )
    parser.add_argument(
        "--name", default="Listening test", metavar="TITLE", help="what participants see (default: Listening test)"
    )
    parser.add_argument(
        "--reference", default="original", metavar="SYSTEM", help="heard beside A and B (default: original)"
    )
    parser.add_argument("--leave-out-reference", action="store_true", help="do not let it stand behind A or B as well")
    parser.add_argument("--baseline", metavar="SYSTEM", help="pair each system with this one only (default: all pairs)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything drawn (default: 0)")


def _build(options: argparse.Namespace) -> int:
    from nblib.listening.build import build_test
    from nblib.listening.systems import read_systems

    sounds, sample_rate = read_systems(options.systems)
    test = build_test(
        options.out,
        sounds,
        sample_rate,
        name=options.name,
        question=options.question,
        reference=options.reference,
        compare_reference=not options.leave_out_reference,
        baseline=options.baseline,
        seed=options.seed,
    )
    counts = ", ".join(f"{len(test.pair_table(kind))} {kind}" for kind in ("test", "catch", "training"))
    print(f"{options.out}: {len(test.sounds)} items at {sample_rate} Hz; pairs: {counts}")
    print(f"now: python -m nblib listen serve {options.out}")
    return suite.OK


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_serve)
    parser.add_argument("test", type=Path, metavar="TEST_DIR", help="a test made by listen build")
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="where to listen (default: this machine only)")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="(default: 8000)")
    _add_database(parser)


def _serve(options: argparse.Namespace) -> int:
    from nblib.listening.server import serve

    serve(options.test, options.host, options.port, options.database)
    return suite.OK


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_export)
    parser.add_argument("test", type=Path, metavar="TEST_DIR", help="a test made by listen build")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets the tables, and webmushra/")
    _add_database(parser)


def _export(options: argparse.Namespace) -> int:
    """Files of its own names are replaced, each whole: the votes stay in the database."""
    from nblib.listening import manifest, webmushra
    from nblib.listening.server import stored_participants, stored_votes
    from nblib.listening.votes import write_table

    test = manifest.load(options.test)
    votes = stored_votes(options.test, options.database)
    people = stored_participants(options.test, options.database)
    write_table(options.out / "votes.csv", votes)
    write_table(options.out / "participants.csv", people)
    webmushra.export_config(test, options.test, options.out / "webmushra")
    print(f"{options.out}: votes.csv ({len(votes)} votes), participants.csv ({len(people)} participants), webmushra/")
    print(
        f"for webMUSHRA: copy what is in {options.out / 'webmushra'} into its configs/, open ?config={webmushra.FILE}; "
        f"then: python -m nblib listen import results/{webmushra.test_id(test)}/paired_comparison.csv "
        f"--test {options.test} --out webmushra_votes.csv"
    )
    return suite.OK


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_import)
    parser.add_argument("results", type=Path, metavar="RESULTS.csv", help="webMUSHRA's paired_comparison.csv")
    parser.add_argument("--test", type=Path, required=True, metavar="TEST_DIR", help="the test that was exported")
    parser.add_argument("--out", type=Path, required=True, metavar="votes.csv", help="table of votes to write")


def _import(options: argparse.Namespace) -> int:
    """An earlier import is replaced, since results grow; any other file is left alone."""
    from nblib.listening import manifest, webmushra
    from nblib.listening.votes import write_table

    votes = webmushra.read_results(options.results, manifest.load(options.test))
    if options.out.exists() and not _was_imported(options.out):
        raise ParameterError(f"{options.out}: is there and was not made by listen import; choose another name")
    write_table(options.out, votes)
    print(f"{options.out}: {len(votes)} votes of {votes['participant'].nunique()} participants")
    print("now: read it by nblib.listening.read_votes, count it by nblib.listening.preference_rates")
    return suite.OK


def _was_imported(path: Path) -> bool:
    from nblib.listening.votes import read_votes
    from nblib.listening.webmushra import PARTICIPANT

    try:
        return path.is_file() and bool(read_votes(path)["participant"].str.startswith(PARTICIPANT).all())
    except ParameterError:
        return False


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", metavar="URL", help="where votes are kept (default: votes.sqlite in TEST_DIR)")
