"""The corpora of some settings: embedded, made on the spot, or real, from folders in the datasets' layouts."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from nblib import embedded, paths
from nblib.corpora import Corpus, open_corpus
from nblib.entries import SPEECH, TASKS, VOCALS, Size
from nblib.errors import ParameterError, check_choice
from nblib.provenance import config_hash
from nblib.settings import Settings


def music(setup: Settings, sample_rate: int | None = None) -> Corpus:
    """Lossless music for codec pairs at `sample_rate` (Hz): IJCNN'20's without, MM'19's is 16,000."""
    rate = sample_rate or setup.geometry.sample_rate
    return _open("music", setup.corpus, setup.data_root, setup.seed, setup.music, rate)


def mixtures(setup: Settings, task: str) -> Corpus:
    """Speech in noise at 0 dB, or songs with their vocals as target; `ParameterError` for another task."""
    check_choice("task", task, TASKS)
    size = setup.speech if task == SPEECH else setup.songs
    return _open(task, setup.corpus, setup.data_root, setup.seed, size, setup.geometry.sample_rate)


@lru_cache(maxsize=8)  # a real corpus is surveyed, and its unusable files are named, once
def _open(kind: str, corpus: str, data_root: str, seed: int, size: Size, sample_rate: int) -> Corpus:
    if corpus == "real" and not data_root:
        raise ParameterError("corpus='real' needs data_root: the folder of the datasets, e.g. data_root='/data'")
    sizes = {"train": size.train, "validation": size.validation, "test": size.test}
    common: dict[str, Any] = {"sample_rate": 22_050, "seed": seed}  # of the embedded corpus, made where it is not there
    root = paths.cache() / f"{kind}-{config_hash([embedded.recipe(), seed, size])}"
    if corpus == "real":
        root = Path(data_root).expanduser()
    elif kind == VOCALS:  # IJCNN'20 Section IV has tracks of several minutes
        embedded.write_songs(root / "musdb18hq", **sizes, seconds=size.seconds or 180.0, **common)
    elif kind == SPEECH:
        embedded.write_speech(root / "voicebank_demand", **sizes, **common)
    else:
        pieces = sum(sizes.values())
        embedded.write_music(root / "lossless_music", pieces=pieces, seconds=size.seconds or 30.0, **common)
    return open_corpus(kind, root, sample_rate=sample_rate, seed=seed, sizes=sizes, seconds=size.seconds)
