"""Music, noisy speech and songs as one corpus type over a table of items; a folder layout is one function."""

from nblib.corpora.corpus import Corpus, open_corpus
from nblib.corpora.items import SPLITS, Item, Mixture, measured_snr_db, mix, split_groups
from nblib.corpora.layouts import LAYOUTS, Row, layout
