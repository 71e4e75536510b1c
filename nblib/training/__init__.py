"""The store of patches, one loop for every network, and runs that are trained once and then loaded."""

from nblib.networks import NetworkSpec
from nblib.training.loop import Outcome, Training, train
from nblib.training.runs import Cell, Run, load, train_all, train_or_load
from nblib.training.store import PatchPairs, Source, View
