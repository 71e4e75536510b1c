import typing

from .model_listener import ModelListener as ModelListener
from .model_listener import noticeable_difference as noticeable_difference
from .statistics import davidson as davidson
from .statistics import dont_know_matrix as dont_know_matrix
from .statistics import dont_know_triangle as dont_know_triangle
from .statistics import exact_tests as exact_tests
from .statistics import outcomes as outcomes
from .statistics import preference_rates as preference_rates
from .statistics import side_bias as side_bias
from .statistics import wilson_interval as wilson_interval
from .votes import ORIGINAL as ORIGINAL
from .votes import SPOILT as SPOILT
from .votes import all_pairs as all_pairs
from .votes import passed_catch as passed_catch
from .votes import passed_headphones as passed_headphones
from .votes import presented as presented
from .votes import read_votes as read_votes
from .votes import write_table as write_table

LABEL: str

class PublishedTest(typing.NamedTuple):
    participants: int
    items: int

PUBLISHED_TESTS: dict[str, PublishedTest]
