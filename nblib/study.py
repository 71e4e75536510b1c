"""Studies: which recordings are heard, what is trained and scored, and the rows that come out; one way for all of them.

Tables hold no time of day, so that two runs from nothing give identical files; when networks were trained is in `RUNS`.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nblib import audio, embedded, paths
from nblib.corpora import SPLITS, Corpus, open_corpus
from nblib.entries import SPEECH, VOCALS, Size
from nblib.errors import ResultsMissing, check_choice
from nblib.parallel import parallel_map
from nblib.provenance import code_digest, config_hash, environment
from nblib.settings import Settings
from nblib.training import Cell, Run, train_all

RUNS = "runs.csv"
ABOUT = """study run seed title status parameters epochs steps best_epoch seconds loss_seconds spread device commit
finished reason""".split()  # its columns
WHOLE = ("parameters", "epochs", "steps", "best_epoch", "seed")  # kept whole where a row lacks them
TEXT = ("run", "item", "commit", "participant")  # a hash 0123 or 12e4, a recording 0001, a listener 1 are no numbers
Row = dict[str, Any]
Sounds = dict[str, np.ndarray]  # samples [shape=(n,)] by name
Systems = list[tuple[Row, np.ndarray]]  # of each what its rows begin with, and samples [shape=(n,)]


@dataclass(frozen=True)
class Study:
    """What is trained, if anything, and how it is scored."""

    name: str  # of its table, ``<name>.csv``
    cells: Callable[[Settings], list[Cell]]
    work: Callable[[Settings], Sequence[tuple[Corpus, *tuple[Any, ...]]]]  # independent pieces: a corpus, what of it
    # Rows of one piece of work; picklable. What needs no training (the unprocessed input) has status "none", no seed.
    score: Callable[[Settings, list[Run], Any], list[Row]]
    by: tuple[str, ...]  # the labels that tell rows apart beside seed and item
    measures: tuple[str, ...] = ()  # the columns that hold what was measured
    keep: Callable[[Settings, list[Run]], None] | None = None  # saves what pictures need beside rows
    kept: tuple[str, ...] = ()  # patterns of the files that `keep` and `score` write


def recordings(setup: Settings, kind: str, sample_rate: int | None = None) -> Corpus:
    """Lossless "music", "speech" in noise at 0 dB, or "vocals" in songs, at IJCNN'20's sample rate or another (Hz).

    They are embedded, made on the spot, or real, from folders in the datasets' layouts.
    """
    sizes = {"music": setup.music, SPEECH: setup.speech, VOCALS: setup.songs}
    check_choice("kind", kind, sizes)
    rate = sample_rate or setup.geometry.sample_rate
    return _open(kind, setup.corpus, setup.data_root, setup.seed, sizes[kind], rate)


@lru_cache(maxsize=8)  # a real corpus is surveyed, and its unusable files are named, once
def _open(kind: str, corpus: str, data_root: str, seed: int, size: Size, sample_rate: int) -> Corpus:
    root, sizes = Path(data_root), {split: getattr(size, split) for split in SPLITS}
    if corpus == "embedded":
        root = paths.cache() / f"{kind}-{config_hash([embedded.recipe(), seed, size])}"
        embedded.write(kind, root, sizes, size.seconds, seed)
    return open_corpus(kind, root, sample_rate=sample_rate, seed=seed, sizes=sizes, seconds=size.seconds)


def rows(setup: Settings, study: Study) -> pd.DataFrame:
    """The study's table, from the record, or made anew unless files, settings, runs, code, corpora are as they were."""
    name = f"{study.name}.csv"
    if setup.source == "record":
        return read(setup, name)
    trained, work = train_all(study.cells(setup), setup.device), study.work(setup)
    if trained:
        save_runs(setup, study.name, trained)
    heard = sorted({corpus.fingerprint for corpus, *_ in work})
    networks = [[dict(each.labels), each.hash] for each in trained]
    made_from = [setup, study.name, networks, heard, code_digest(), environment()]
    stamp = paths.runs() / f"made-{config_hash(made_from)}.json"

    def digests() -> str:
        found = sorted(path for pattern in (name, *study.kept) for path in setup.results.glob(pattern))
        return config_hash({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found})

    if not stamp.exists() or stamp.read_text() != digests():
        parts = parallel_map(partial(study.score, setup, trained), work)
        table = pd.DataFrame([row for part in parts for row in part])
        first = [*study.by, *(["seed"] if trained else []), "item"]
        save(setup, name, table.reindex(columns=[*first, *table.columns.difference(first, sort=False)]))
        if study.keep:
            study.keep(setup, trained)
        with paths.whole(stamp) as temporary:
            temporary.write_text(digests())
    return read(setup, name)


def failed(setup: Settings, study: str) -> list[str]:
    """The collapsed and diverged runs of a study, named."""
    runs = read(setup, RUNS).query("study == @study and status in ['collapsed', 'diverged']")
    return [f"{run.title}: {run.status}" for run in runs.itertuples()]


def save_runs(setup: Settings, study: str, trained: Sequence[Run]) -> None:
    """Who trained what, on what and how long: this study's rows of `RUNS` are written anew."""
    runs = [each.record | {"study": study, "run": each.hash, "seed": each.labels["seed"]} for each in trained]
    table = pd.DataFrame(runs, columns=ABOUT)
    if (setup.results / RUNS).exists():
        table = pd.concat([read(setup, RUNS).query("study != @study"), table], ignore_index=True)
    save(setup, RUNS, table.sort_values("study", kind="stable"))  # so that a rerun of one leaves all in its place


def save(setup: Settings, name: str, table: pd.DataFrame) -> None:
    """Write a table as CSV (compressed if `name` ends so), whole, six significant digits."""
    # A time stamp in the gzip header would make equal tables differ.
    compression = {"method": "gzip", "mtime": 0} if name.endswith(".gz") else None
    table = table.astype({column: "Int64" for column in WHOLE if column in table})
    with paths.whole(setup.results / name) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n", compression=compression)
    # Results of real recordings are also found by the profile's name alone: those made last.
    link = paths.results(setup.record_name)
    if setup.corpus == "real" and not setup.changed and not setup.seed and (link.is_symlink() or not link.exists()):
        link.unlink(missing_ok=True)
        link.symlink_to(setup.results.name, target_is_directory=True)


def read(setup: Settings, name: str) -> pd.DataFrame:
    """A table written by `save`; `ResultsMissing`, where there is none, names the command that makes it."""
    return pd.read_csv(_existing(setup, name), dtype=dict.fromkeys(TEXT, "str") | dict.fromkeys(WHOLE, "Int64"))


def keep_sounds(setup: Settings, prefix: str, sounds: Sounds, sample_rate: int, length: int) -> None:
    """Of each sound the `length` samples where the first is loudest; saved as ``prefix_name``, within full scale."""
    part = audio.loudest(next(iter(sounds.values())), length)
    for name, samples in sounds.items():
        quieter = samples[part] / max(1.0, float(np.abs(samples[part]).max()) / 0.999)
        audio.write(setup.results / "excerpts" / f"{prefix}_{name}.flac", quieter, sample_rate)


def read_sound(setup: Settings, name: str) -> np.ndarray:
    """The excerpt `name` [shape=(n,)]; errors as for `read`."""
    return audio.read(_existing(setup, f"excerpts/{name}.flac"))[0]


def _existing(setup: Settings, name: str) -> Path:
    path = setup.results / name
    if not path.exists():
        where = f" --corpus real --data-root {setup.data_root}" if setup.corpus == "real" else ""
        raise ResultsMissing(f"{path}: not there; make it by python -m nblib run --profile {setup.profile}{where}")
    return path
