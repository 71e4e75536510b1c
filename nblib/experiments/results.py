"""Result tables and the few sounds that go with them, under ``data/results/<profile>``.

Tables hold what a computation came to and no time of day, so that two runs from nothing give identical files; who
computed it, when and how fast stands in ``runs.csv``, and how fast in the columns of `time_columns` too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from nblib import audio, paths
from nblib.errors import ResultsMissing, check_choice
from nblib.experiments.settings import Settings
from nblib.provenance import code_digest, config_hash, environment
from nblib.training import Run

SOURCES = ("committed", "run")
DIGITS = "%.6g"
NAMES = ("run", "item", "commit", "label")  # read as text: a hash 0123 or 12e4, a recording 0001 is no number
WHOLE = ("parameters", "epochs", "steps", "best_epoch", "seed")  # kept whole where a row lacks them


def folder(setup: Settings) -> Path:
    """Where this profile's and corpus's results lie."""
    return paths.results(setup.profile, setup.corpus)


def wants_run(source: str) -> bool:
    """Whether `source` says to train or load networks ("run") rather than to redraw what is committed.

    Raises
    ------
    ParameterError
        It is neither.
    """
    check_choice("source", source, SOURCES)
    return source == "run"


def save(setup: Settings, name: str, table: pd.DataFrame) -> None:
    """Write a table as CSV (compressed if `name` ends so), whole, six significant digits."""
    path = folder(setup) / name
    # A time stamp in the gzip header would make equal tables differ.
    compression = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
    with paths.whole(path) as temporary:
        table.to_csv(temporary, index=False, float_format=DIGITS, lineterminator="\n", compression=compression)


def read(setup: Settings, name: str) -> pd.DataFrame:
    """A table written by `save`.

    Raises
    ------
    ResultsMissing
        There is none; the message names the command that makes it.
    """
    return pd.read_csv(_existing(setup, name), dtype=dict.fromkeys(NAMES, str))


def save_sound(setup: Settings, name: str, samples: np.ndarray, sample_rate: int) -> None:
    """Write an excerpt as 16-bit FLAC; over full scale it is turned down to fit."""
    peak = float(np.abs(samples).max())
    audio.write(folder(setup) / "excerpts" / f"{name}.flac", samples / max(1.0, peak / 0.999), sample_rate)


def once(setup: Settings, made_from: object, files: tuple[str, ...], make: Callable[[], None]) -> None:
    """Call `make`, unless an equal call was made before and its files lie there as it left them.

    Parameters
    ----------
    made_from : configuration
        What decides the outcome beside `setup`, the code and the packages: hashes of runs and corpora.
    files : tuple of str
        Patterns of what `make` writes, within the folder of results.
    """
    key = config_hash([setup, made_from, code_digest(), environment()])
    stamp = paths.runs() / f"made-{key}.json"
    if not stamp.exists() or json.loads(stamp.read_text()) != _digests(setup, files):
        make()
        with paths.whole(stamp) as temporary:
            temporary.write_text(json.dumps(_digests(setup, files)))


def _digests(setup: Settings, files: tuple[str, ...]) -> dict[str, str]:
    found = sorted(path for pattern in files for path in folder(setup).glob(pattern))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def read_sound(setup: Settings, name: str) -> np.ndarray:
    """An excerpt written by `save_sound` [shape=(n,)]. Errors as for `read`."""
    samples, _ = audio.read(_existing(setup, f"excerpts/{name}.flac"))
    return samples


def save_runs(setup: Settings, experiment: str, runs: list[Run]) -> None:
    """Who trained what, on what and how long: this experiment's rows of ``runs.csv`` are written anew."""
    rows = pd.DataFrame(
        {"experiment": experiment, "run": run.hash}
        | {key: run.record.get(key) for key in ("label", "status", "parameters", "epochs", "steps", "best_epoch")}
        | {"seed": run.record["config"]["seed"]}
        | {key: run.record.get(key) for key in ("seconds", "loss_seconds", "spread", "device", "commit")}
        | {key: run.record.get(key) for key in ("finished", "reason")}
        for run in runs
    )
    if (folder(setup) / "runs.csv").exists():
        others = read(setup, "runs.csv")
        rows = pd.concat([others[others["experiment"] != experiment], rows], ignore_index=True)
        rows = rows.sort_values("experiment", kind="stable")  # so that a rerun of one leaves all in its place
    save(setup, "runs.csv", rows.astype(dict.fromkeys(WHOLE, "Int64")))


def failed(setup: Settings, experiment: str) -> list[str]:
    """The collapsed and diverged runs of an experiment, named."""
    runs = read(setup, "runs.csv").query("experiment == @experiment and status in ['collapsed', 'diverged']")
    return [f"{run.label}: {run.status}" for run in runs.itertuples()]


def time_columns(run: Run) -> dict[str, float]:
    """Training time of a run and the share of it that its loss took, forward and back, for a row of results."""
    seconds = float(run.record["seconds"])
    return {"training_seconds": seconds, "loss_share": float(run.record["loss_seconds"]) / max(seconds, 1e-9)}


def _existing(setup: Settings, name: str) -> Path:
    path = folder(setup) / name
    if not path.exists():
        where = f" --corpus real --data-root {setup.data_root or 'DIR'}" if setup.corpus == "real" else ""
        raise ResultsMissing(f"{path}: not there; make it by python -m nblib run --profile {setup.profile}{where}")
    return path
