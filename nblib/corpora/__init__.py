"""Music, noisy speech and songs as one corpus type over a table of items; a folder layout is one function."""

from nblib.corpora.corpus import SPEECH_FRACTIONS, Corpus, open_corpus, split_groups
from nblib.corpora.layouts import LAYOUTS, SPLITS, Item, Row, layout
from nblib.corpora.survey import PEAK, Mixture, limited, measured_snr_db, mix
