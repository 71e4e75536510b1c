"""Choices between two sounds; its modules are imported by name, so that help texts need not wait for scipy."""

from collections import namedtuple

LABEL = "model-predicted, no listeners"  # in the judge's name, wherever the model listener's votes are shown
# Size of one of the papers' listening tests: every participant judges every pair on every item once.
PublishedTest = namedtuple("PublishedTest", "participants items")
# All pairs of 5 systems; 6 layer configurations against l1; codec loss against l1 at 5 capacities.
PUBLISHED_TESTS = {
    "MM'19 Tables 4 and 5": PublishedTest(14, 5),
    "IJCNN'20 Figure 3": PublishedTest(15, 5),
    "IJCNN'20 Figure 5": PublishedTest(20, 5),
}
