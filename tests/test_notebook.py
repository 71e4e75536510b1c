"""The call that every notebook starts with."""

import pytest

from nblib import paths
from nblib.errors import ParameterError
from nblib.notebook import choose_device, start

GOOD = {"profile": "quick", "corpus": "embedded", "data_root": "", "seed": 0, "source": "record", "changes": ""}


def test_settings_hold_the_checked_values_and_the_places(capsys, monkeypatch):
    monkeypatch.setenv("NBLIB_DEVICE", "cpu")
    setup = start(**GOOD)
    assert (setup.profile, setup.seed, setup.source, setup.device) == ("quick", 0, "record", "cpu")
    assert setup.results == paths.record("quick")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Environment: nblib ")
    assert line.endswith("cpu; profile quick, corpus embedded, seed 0; results read from data/record/quick")


def test_own_results_are_written_where_nothing_else_lies(capsys, tmp_path):
    changes = "replicates=4 separation_training.max_epochs=3"
    own = {"corpus": "real", "data_root": str(tmp_path), "source": "run", "seed": 2, "changes": changes}
    setup = start(**GOOD | own)
    assert (setup.data_root, setup.replicates, setup.separation_training.max_epochs) == (str(tmp_path), 4, 3)
    line = capsys.readouterr().out
    assert f"corpus real, seed 2, {changes}; results written to " in line and f"{setup.results.name}\n" in line
    assert setup.name.startswith("quick-real-") and "seed2" in setup.name


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("profile", 3, "profile=3 is not known"),
        ("seed", 2.5, "seed=2.5: a whole number"),
        ("data_root", 7, "data_root=7 must be a text, not of type int"),
        ("changes", ["replicates=4"], "changes=.* must be a text, not of type list"),
        ("changes", "replicate=4", "did you mean 'replicates'"),
    ],
)
def test_an_injected_parameter_of_another_type_or_a_setting_that_is_not_there_is_refused(name, value, message):
    with pytest.raises(ParameterError, match=message):
        start(**GOOD | {name: value})


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_an_unknown_device_is_refused(device, monkeypatch):
    monkeypatch.setenv("NBLIB_DEVICE", device)
    with pytest.raises(ParameterError, match=f"NBLIB_DEVICE='{device}'"):
        choose_device()
