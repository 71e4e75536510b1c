"""Music, noisy speech and songs as one corpus type over a list of items; a folder layout is one function."""

from nblib.audio.signals import PEAK, Mixture, limited, measured_snr_db, mix
from nblib.corpora.corpus import SPEECH_FRACTIONS, Corpus, open_corpus, split_groups
from nblib.corpora.layouts import LAYOUTS, SPLITS, Item, layout
