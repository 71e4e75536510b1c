"""``python -m nblib separate``: speech out of noise, or vocals out of a song, in a sound file of one's own."""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nblib import paths, suite
from nblib.errors import ParameterError, check_choice
from nblib.notebook import CORPORA, PROFILES, check_values
from nblib.suite_progress import clock

if TYPE_CHECKING:
    import numpy as np

    from nblib.audio import SoundFacts
    from nblib.experiments import Settings
    from nblib.figures.separation import PooledColumns
    from nblib.separation import Separated
    from nblib.training import Run

TASKS = {"speech": "the speech", "vocals": "the vocals"}
CAPACITIES = ("P1", "P2", "P3", "P4", "P5")
LOSSES = ("codec", "l1")
PLAIN_SECONDS = 10.0  # between progress lines where the output is no terminal

DESCRIPTION = """\
Take the speech out of a noisy recording, or the vocals out of a song: mono or stereo, any length, any usual format. The
network of the task and capacity is loaded, or trained first where it is not there. Written are the separated sound and
the rest, which add up to the file (WAV, 32-bit float, its rate, length and channels), and a picture of both. The
networks hear up to 11 kHz: what lies above is in the rest. Files of these names are replaced."""


def add_separate(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of the command."""
    parser.set_defaults(command=_separate)
    parser.description = DESCRIPTION
    parser.add_argument("file", type=Path, metavar="FILE", help="WAV, FLAC, MP3, M4A, OGG, ...: mono or stereo")
    parser.add_argument("--task", required=True, metavar="T", help=f"what to take out: {', '.join(TASKS)}")
    parser.add_argument(
        "--capacity", default="P3", metavar="P", help=f"the network: {', '.join(CAPACITIES)} (default: P3)"
    )
    parser.add_argument(
        "--loss", default="codec", metavar="L", help=f"trained by {' or '.join(LOSSES)} (default: codec)"
    )
    parser.add_argument("--profile", default="quick", metavar="P", help=f"{', '.join(PROFILES)} (default: quick)")
    parser.add_argument("--corpus", default="embedded", metavar="C", help=f"{', '.join(CORPORA)} (default: embedded)")
    parser.add_argument("--data-root", metavar="DIR", help="folder of the real datasets, with --corpus real")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the network's training (default: 0)")
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the results (default: beside FILE)")


def _separate(options: argparse.Namespace) -> int:
    """Everything that may be refused is looked at before a network is trained."""
    _check(options)
    from nblib import audio
    from nblib.experiments import capacity, settings

    sound = audio.facts(options.file)
    _check_device(options.device)
    folder = _folder(options.file, options.out)
    print(f"file: {options.file}: {_described(sound)}", flush=True)
    setup = settings(
        options.profile,
        options.corpus,
        data_root=str(Path(options.data_root).expanduser().resolve()) if options.data_root else "",
        seed=options.seed,
        device=options.device,
    )
    run = capacity.one_run(setup, options.task, options.capacity, options.loss, print)
    print(
        f"network: {run.record['label']}, {run.record['parameters']} parameters, run {run.hash}, trained at "
        f"{setup.profile} on the {setup.corpus} corpus ({run.status})",
        flush=True,
    )
    name = f"{options.file.stem}-{options.task}-{options.capacity}" + ("" if options.loss == "codec" else "-l1")
    _write(setup, run, options, sound, folder / name)
    return suite.OK


def _check(options: argparse.Namespace) -> None:
    check_values(options.profile, options.corpus, options.data_root, options.seed, "run")
    check_choice("task", options.task, TASKS)
    check_choice("capacity", options.capacity, CAPACITIES)
    check_choice("loss", options.loss, LOSSES)


def _check_device(name: str) -> None:
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # no such device, or a torch without CUDA
        reason = str(error).splitlines()[0]
        raise ParameterError(f"device={name!r}: cannot be used here ({reason}); choose cpu") from error


def _folder(file: Path, out: Path | None) -> Path:
    if out is None:
        beside = file.resolve().parent
        return beside if os.access(beside, os.W_OK) else paths.data() / "separated"
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f"out={str(out)!r}: cannot be made a folder ({error.strerror}); choose another") from error
    return out


def _described(sound: SoundFacts) -> str:
    length = "of unknown length" if sound.seconds is None else clock(sound.seconds)
    return f"{length}, {'mono' if sound.channels == 1 else 'stereo'}, {sound.sample_rate} Hz"


def _write(setup: Settings, run: Run, options: argparse.Namespace, sound: SoundFacts, base: Path) -> None:
    """The two sounds and the picture, and what to say about them."""
    from nblib.figures.separation import PooledColumns
    from nblib.separation import separate_file

    before, after = PooledColumns(setup.geometry.bins), PooledColumns(setup.geometry.bins)
    estimate, rest = base.with_name(f"{base.name}.wav"), base.with_name(f"{base.name}-rest.wav")
    network = run.network().to(options.device)

    def watch(mixture: np.ndarray, found: np.ndarray) -> None:
        before.add(mixture)
        after.add(found)

    began = time.monotonic()
    with _progress(sound.seconds) as progress:
        done = separate_file(
            options.file,
            network,
            setup.geometry,
            setup.domain,
            estimate,
            rest,
            watch=watch,
            progress=progress,
        )
    seconds, taken = done.samples / sound.sample_rate, time.monotonic() - began
    print(f"separated {clock(seconds)} in {taken:.1f} s: {seconds / taken:.0f} times real time")
    title = f"{options.file.name}: {options.task}, {options.capacity}, {options.loss} loss"
    picture = base.with_name(f"{base.name}.png")
    _draw(setup, picture, title, (before, after), seconds)
    _say_where(setup, options.task, sound, done, [estimate, rest, picture])


def _draw(setup: Settings, path: Path, title: str, panels: tuple[PooledColumns, PooledColumns], seconds: float) -> None:
    from nblib.figures import use_style
    from nblib.figures.separation import separation_figure

    use_style()
    figure = separation_figure(title, *panels, setup.geometry, seconds)
    with paths.whole(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a file may be named in any script
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _say_where(setup: Settings, task: str, sound: SoundFacts, done: Separated, places: list[Path]) -> None:
    estimate, rest, picture = places
    print(f"in {estimate.parent}:")
    print(f"  {estimate.name}: {TASKS[task]}")
    print(f"  {rest.name}: the rest; the two add up to the file")
    print(f"  {picture.name}: their spectrograms")
    if sound.sample_rate > setup.geometry.sample_rate:
        print(f"the network hears up to {setup.geometry.sample_rate / 2000:g} kHz: what lies above is in the rest")
    for place, peak in ((estimate, done.estimate_peak), (rest, done.rest_peak)):
        if peak > 1:
            print(f"{place.name}: its peak is {peak:.3g} times full scale; kept, but a player may clip it")


@contextmanager
def _progress(total: float | None) -> Iterator[Callable[[float], None]]:
    """A bar in a terminal; elsewhere a line now and then. What it yields takes the seconds of sound that are done."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from rich.progress import Progress

        with Progress(transient=True) as bar:
            separating = bar.add_task("separating", total=total)
            yield lambda seconds: bar.update(separating, completed=seconds)
        return
    spoke = time.monotonic()

    def say(seconds: float) -> None:
        nonlocal spoke
        if time.monotonic() >= spoke + PLAIN_SECONDS:
            spoke = time.monotonic()
            print(f"separated {clock(seconds)}" + (f" of {clock(total)}" if total else ""), flush=True)

    yield say
