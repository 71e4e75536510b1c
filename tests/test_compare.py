"""Own results against the record: what agrees, what differs, and what cannot be told."""

import re
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from nblib import compare, study
from nblib.errors import ResultsMissing
from nblib.settings import settings

OWN, RECORD = (settings("smoke", source=source) for source in ("run", "record"))


@pytest.fixture(autouse=True)
def home(own_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of its own beside own results."""
    monkeypatch.setenv("NBLIB_HOME", str(own_data / "home"))


def made_rows(seeds: int = 3, shift: float = 0.0, unprocessed: float = 0.5) -> pd.DataFrame:
    """Two contenders and the input; codec's ESTOI moved by `shift` of the seeds' standard deviation of 0.1."""
    cells = product(("l1", "codec"), range(seeds), "ab")
    rows = pd.DataFrame(cells, columns=["contender", "seed", "item"]).assign(capacity="P1", status="plateau", l1=0.02)
    moved = 0.1 * shift * (rows["contender"] == "codec") + 0.01 * (rows["item"] == "b")
    rows["estoi"] = 0.4 + 0.1 * rows["seed"] + moved
    bound = {"contender": "unprocessed", "item": "a", "status": "none", "estoi": unprocessed}
    return pd.concat([rows, pd.DataFrame([bound])], ignore_index=True).assign(task="speech")


def keep(own: pd.DataFrame, record: pd.DataFrame) -> pd.DataFrame:
    study.save(OWN, "capacity.csv", own)
    study.save(RECORD, "capacity.csv", record)
    return compare.numbers(OWN, RECORD).set_index(["cell", "measure"])


@pytest.mark.parametrize("own_seeds", [2, 3, 5])
def test_the_tolerance_is_that_of_a_difference_of_two_means_over_seeds(own_seeds):
    row = keep(made_rows(own_seeds), made_rows(3)).loc[("speech P1 codec", "estoi")]
    expected = scipy.stats.t.ppf(0.975, 2) * 0.1 * np.sqrt(1 / 3 + 1 / own_seeds)
    assert row["tolerance"] == pytest.approx(expected, rel=1e-6)
    assert (row["own_seeds"], row["record_seeds"]) == (own_seeds, 3)


def test_equal_results_agree_and_a_shifted_cell_differs_alone():
    table = keep(made_rows(), made_rows())
    assert (table["verdict"] == compare.AGREES).all() and set(table["study"]) == {"capacity"}
    assert set(table.index.get_level_values("cell")) == {"speech P1 l1", "speech P1 codec", "speech unprocessed"}
    verdicts = keep(made_rows(shift=5), made_rows())["verdict"]
    assert verdicts[verdicts == compare.DIFFERS].index.tolist() == [("speech P1 codec", "estoi")]
    assert (keep(made_rows(shift=3), made_rows())["verdict"] == compare.AGREES).all()


@pytest.mark.parametrize(
    ("own", "verdict"), [(0.5049, compare.AGREES), (0.4951, compare.AGREES), (0.506, compare.DIFFERS)]
)
def test_what_needs_no_training_may_differ_by_1_percent(own, verdict):
    assert keep(made_rows(unprocessed=own), made_rows()).loc[("speech unprocessed", "estoi"), "verdict"] == verdict


def test_95_of_100_retrainings_agree():
    """Own and record drawn alike, seeds moving all items of a cell together."""
    generator = np.random.default_rng(2)

    def drawn(seeds: int) -> pd.DataFrame:
        rows = pd.DataFrame(product(range(1000), range(seeds)), columns=["capacity", "seed"])
        rows["estoi"] = generator.normal(rows["capacity"], 0.2)
        return rows.assign(task="speech", contender="l1", item="a", status="plateau")

    table = keep(drawn(3), drawn(4))
    assert (table["verdict"] == compare.AGREES).mean() == pytest.approx(0.95, abs=0.02)


def test_the_table_the_picture_and_a_well_formed_page_are_written(capsys, tmp_path):
    keep(made_rows(shift=5), made_rows())
    compare.compare(OWN)
    page = (OWN.results / compare.PAGE).read_text(encoding="utf-8")
    tags = [each.tag for each in ElementTree.fromstring(re.sub(r"<(!|meta|img)[^>]*>", "", page)).iter()]
    assert page.count("<img") == 1 and tags.count("table") == 4
    assert "4 of 5 numbers agree with the record within the spread of a retraining." in page
    assert "speech P1 codec" in page and str(tmp_path) not in page
    told = capsys.readouterr().out
    assert "own results of smoke against the record of smoke" in told and compare.PAGE in told
    assert len(study.read(OWN, compare.TABLE)) == 5 and list(OWN.figures.iterdir())
    compare.compare(OWN, tmp_path / "page.html")
    assert (tmp_path / "page.html").exists()
    assert not (RECORD.results / compare.TABLE).exists(), "the record stays as it is"


def test_what_is_missing_is_named():
    with pytest.raises(ResultsMissing, match="smoke: there is no record of this profile and corpus to compare with"):
        compare.compare(OWN)
    study.save(RECORD, "capacity.csv", made_rows())
    with pytest.raises(ResultsMissing, match="smoke: no results; make them by python -m nblib run --profile smoke"):
        compare.compare(OWN)
