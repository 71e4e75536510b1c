"""What is trained and compared, as data: the studies of both papers."""

from nblib.experiments.autoencoding import BROADBAND, SNR
from nblib.experiments.redistribution import REDISTRIBUTION
from nblib.experiments.separation import CAPACITY, CONFIGURATION
from nblib.experiments.teachers import LOSS_NETWORKS

STUDIES = (LOSS_NETWORKS, SNR, BROADBAND, CONFIGURATION, CAPACITY, REDISTRIBUTION)
