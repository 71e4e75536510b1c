"""The corpora that settings ask for: embedded, made on the spot, or real, from folders in the datasets' layouts."""

from functools import lru_cache
from pathlib import Path

from nblib import embedded, paths
from nblib.corpora import SPLITS, Corpus, open_corpus
from nblib.entries import SPEECH, TASKS, Size
from nblib.errors import check_choice
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
    root, sizes = Path(data_root), {split: getattr(size, split) for split in SPLITS}
    if corpus == "embedded":
        root = paths.cache() / f"{kind}-{config_hash([embedded.recipe(), seed, size])}"
        embedded.write(kind, root, sizes, size.seconds, seed)
    return open_corpus(kind, root, sample_rate=sample_rate, seed=seed, sizes=sizes, seconds=size.seconds)
