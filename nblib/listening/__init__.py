"""Choices between two sounds: tests for people, a model listener, and the papers' statistics of either's votes."""

from nblib.listening.build import build_test
from nblib.listening.chance import exact_tests, side_bias, wilson_interval
from nblib.listening.davidson import davidson
from nblib.listening.model_listener import LABEL, PUBLISHED_TESTS, ModelListener, noticeable_difference
from nblib.listening.pairs import all_pairs, pairs_against
from nblib.listening.preferences import dont_know_matrix, dont_know_triangle, preference_rates
from nblib.listening.screening import passed_catch, passed_headphones
from nblib.listening.systems import read_systems
from nblib.listening.tallies import win_matrix
from nblib.listening.votes import read_votes

__all__ = [
    "LABEL",
    "PUBLISHED_TESTS",
    "ModelListener",
    "all_pairs",
    "build_test",
    "davidson",
    "dont_know_matrix",
    "dont_know_triangle",
    "exact_tests",
    "noticeable_difference",
    "pairs_against",
    "passed_catch",
    "passed_headphones",
    "preference_rates",
    "read_systems",
    "read_votes",
    "side_bias",
    "wilson_interval",
    "win_matrix",
]
