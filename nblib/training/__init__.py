"""One loop for every network, and runs that are trained once and then loaded."""

from nblib.training.loop import Outcome, Training, train
from nblib.training.runs import LossSpec, NetworkSpec, Run, RunConfig, load, train_or_load

__all__ = ["LossSpec", "NetworkSpec", "Outcome", "Run", "RunConfig", "Training", "load", "train", "train_or_load"]
