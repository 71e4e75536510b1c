"""Music, noisy speech and songs as one corpus type over a table of items; a folder layout is one function."""

from __future__ import annotations

from nblib.corpora.corpus import Corpus, open_corpus
from nblib.corpora.items import SPLITS, Item, Mixture, measured_snr_db, mix, split_groups
from nblib.corpora.layouts import LAYOUTS, layout
from nblib.corpora.rows import Row

__all__ = ["LAYOUTS", "SPLITS", "Corpus", "Item", "Mixture", "Row"]
__all__ += ["layout", "measured_snr_db", "mix", "open_corpus", "split_groups"]
