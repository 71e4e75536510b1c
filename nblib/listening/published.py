"""The papers' listening tests, and what votes are called that nobody gave."""

from dataclasses import dataclass

LABEL = "model-predicted, no listeners"  # in the judge's name, wherever the model listener's votes are shown


@dataclass(frozen=True)
class PublishedTest:
    """Size of a listening test: every participant judges every pair on every item once."""

    participants: int
    items: int
    pairs: str


PUBLISHED_TESTS = {
    "MM'19 Tables 4 and 5": PublishedTest(14, 5, "all pairs of 5 systems"),
    "IJCNN'20 Figure 3": PublishedTest(15, 5, "6 layer configurations against l1"),
    "IJCNN'20 Figure 5": PublishedTest(20, 5, "codec loss against l1 at 5 capacities"),
}
