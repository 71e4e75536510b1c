"""Small recordings in the layouts of the datasets, and where real ones lie."""

import os
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from nblib.audio.signals import labelled_snr_db
from nblib.corpora import SPLITS, Corpus, open_corpus

RATE = 16_000
BENCH = Path(os.environ.get("NBLIB_REALBENCH") or Path(__file__).resolve().parents[3] / "shared" / "realbench")
on_real = pytest.mark.skipif(not BENCH.is_dir(), reason="no real recordings: set NBLIB_REALBENCH to their folder")


def burst(name: str, seconds: float = 1.5, level: float = 0.1, rate: int = RATE) -> np.ndarray:
    """Noise [shape=(n,)] that swells three times a second, the same for the same name."""
    random, count = np.random.default_rng(zlib.crc32(name.encode())), round(seconds * rate)
    return level * random.standard_normal(count) * (1.2 + np.sin(2 * np.pi * 3 * np.arange(count) / rate))


def put(root: Path, *names: str, samples: np.ndarray | None = None, rate: int = RATE, **how: Any) -> None:
    """Write samples, or a burst of its own, under each name."""
    subtype = how.pop("subtype", None)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, burst(name, rate=rate, **how) if samples is None else samples, rate, subtype)


def put_pair(root: Path, name: str, snr_db: float = 0.0, seconds: float = 1.0, which: str = "trainset_56spk") -> None:
    """Clean and noisy as VoiceBank-DEMAND mixes them."""
    clean, noise = burst(name, seconds), burst(f"{name} noise", seconds)
    noise *= 10 ** ((labelled_snr_db(clean, noise, RATE) - snr_db) / 20)
    for kind, samples in (("clean", clean), ("noisy", clean + noise)):
        put(root / f"voicebank_demand/{kind}_{which}_wav", f"{name}.wav", samples=samples, subtype="FLOAT")


def put_song(folder: Path, seconds: float = 1.5, vocals: float = 0.05) -> dict[str, np.ndarray]:
    """A folder with mixture and vocals."""
    sung = vocals / 0.1 * burst(f"{folder.name} vocals", seconds)
    stems = {"mixture": sung + burst(folder.name, seconds, 0.05), "vocals": sung}
    for stem, samples in stems.items():
        put(folder, f"{stem}.wav", samples=samples, subtype="PCM_16")
    return stems


def loud(kind: str, root: Path, sizes: dict[str, int] | None = None, **settings: Any) -> Corpus:
    """`open_corpus` at 16 kHz."""
    return open_corpus(kind, root, **{"sample_rate": RATE, "seed": 0, "sizes": sizes or {}, **settings})


def opened(*place: Any, **settings: Any) -> Corpus:
    """`loud` without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return loud(*place, **settings)


def groups(corpus: Corpus) -> dict[str, set[str]]:
    """The groups of each split."""
    return {split: {item.group for item in corpus.items(split)} for split in SPLITS}


def sizes_of(corpus: Corpus) -> list[int]:
    """Items in each split."""
    return [len(corpus.items(split)) for split in SPLITS]


def spoilt(corpus: Corpus, reasons: dict[str, str]) -> bool:
    """Whether these files are skipped for these reasons, and no other."""
    return set(corpus.skipped) == set(reasons) and all(reasons[name] in corpus.skipped[name] for name in reasons)
