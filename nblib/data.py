"""The corpora that settings ask for: embedded, made on the spot, or real, from folders in the datasets' layouts."""

from functools import lru_cache
from pathlib import Path

from nblib import embedded, paths
from nblib.corpora import SPLITS, Corpus, open_corpus
from nblib.entries import SPEECH, VOCALS, Size
from nblib.errors import check_choice
from nblib.provenance import config_hash
from nblib.settings import Settings


def recordings(setup: Settings, kind: str, sample_rate: int | None = None) -> Corpus:
    """Lossless "music", "speech" in noise at 0 dB, or "vocals" in songs, at IJCNN'20's sample rate or another (Hz)."""
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
