"""A third loss and a capacity P6 flow into every table, picture and claim; one that fails changes no other number."""

from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from helpers import ijcnn

from nblib import claims, figures, study, tables
from nblib.entries import TASKS
from nblib.evaluation.intervals import contrast
from nblib.experiments import preferences, redistribution, separation
from nblib.settings import Settings

KEYS = ["task", "capacity", "contender", "seed", "item"]


def drawn(setup: Settings) -> list[str]:
    """All words of IJCNN'20 Figure 5 of both tasks, the effects and the residual by band."""
    rows, rates = study.read(setup, "capacity.csv"), study.read(setup, preferences.TABLE)
    data = pd.concat([tables.figure5_data(rows, rates, task) for task in TASKS], ignore_index=True)
    judges = dict.fromkeys(TASKS, "model-predicted, no listeners")
    rivals = [name for name in setup.contenders if name in set(rates["contender"])]
    effects = [contrast(rows, name, "l1", "l1", ("capacity",)) for name in rivals]
    bands = redistribution.by_band(study.read(setup, "redistribution.csv"))
    drawings = [
        figures.figure5(data, tables.parameter_table(setup), judges, setup.contenders),
        figures.effects_figure(pd.concat(effects), {"l1": "l1"}, setup.contenders),
        figures.residual_figure(bands, setup.contenders),
    ]
    words = []
    for drawing in drawings:
        for axes in drawing.axes:
            words += [axes.get_title(), *axes.get_legend_handles_labels()[1]]
            words += [label.get_text() for label in axes.get_xticklabels()]
        plt.close(drawing)
    return words


def mm19_tables(setup: Settings) -> None:
    """The few columns of MM'19's results that claims look at."""
    teachers = [
        {
            "teacher": name,
            "system": system,
            "item": "a",
            "seed": 0,
            "status": "plateau",
            "l1": error,
            "l1_samples": error,
        }
        | {"hole_recall": 0.5, "hole_precision": 0.75}
        for name in setup.teachers
        for system, error in (("identity", 0.4), ("low_pass", 0.2), ("emulation", 0.1))
    ]
    study.save(setup, "loss_networks.csv", pd.DataFrame(teachers))
    models = [
        {"system": f"model_{letter}", "seed": seed, "item": "a", "status": "plateau", "snr_db": 10.0 + seed}
        | {"clicks_per_second": 2.0, "level_bandwidth_hz": 3500.0}
        for letter in "abcd"
        for seed in (0, 1)
    ]
    original = {"system": "lossless", "item": "a", "status": "none", "clicks_per_second": 1.0}
    for name in ("snr.csv", "broadband.csv"):
        study.save(setup, name, pd.DataFrame([*models, original]))
    votes = [
        {"participant": f"p{n}", "item": "a", "system_a": "model_a", "system_b": f"model_{letter}", "choice": choice}
        | {"kind": "test", "judge": "2f-model listener (model-predicted, no listeners)"}
        for n, choice in enumerate("aaab")
        for letter in "bcd"
    ]
    study.save(setup, "listening_votes.csv.gz", pd.DataFrame(votes))


@pytest.fixture
def sound_claims(tiny_ijcnn: Settings) -> pd.DataFrame:
    mm19_tables(tiny_ijcnn)
    return claims.claims(tiny_ijcnn).set_index("claim")


def test_a_third_loss_is_in_every_table_and_picture(tiny_ijcnn):
    for name in ("capacity.csv", preferences.TABLE, "redistribution.csv"):
        assert "sound" in set(study.read(tiny_ijcnn, name)["contender"])
    words = drawn(tiny_ijcnn)
    for label in (
        "sound loss preferred, here",
        "trained with sound loss, here",
        "sound loss",
        "codec loss preferred, paper",
    ):
        assert label in words
    loss_terms = [name for name, spec in separation.contenders(tiny_ijcnn).items() if spec.teacher]
    assert loss_terms == ["codec"]


def test_claims_come_from_the_results_alone_and_name_every_contender(tiny_ijcnn, sound_claims):
    here = sound_claims["here"]
    assert here["parameter counts of the ten separation networks"] == "10 of 10 equal"
    learns = here["a U-Net learns the codec (IJCNN'20, spectral): held-out l1"]
    assert learns == "0.25 of the identity's, 0.50 of a low-pass's"
    assert here["Model A: SNR (dB)"].startswith("10.5 [4.1, 16.9]"), "two seeds: Student's factor is 12.7"
    assert sound_claims["published"]["Model A: SNR (dB)"] == "59.3"
    assert here["Model A: share of its comparisons won"] == "0.75 (model-predicted, one training)"
    assert here["5 kHz material: clicks per second"] == "A 2.0, B 2.0, C 2.0, D 2.0 (original 1.0)"
    rates = preferences.main_rates(study.read(tiny_ijcnn, preferences.TABLE), "speech").query("seed.isna()")
    preferred = rates.set_index(["capacity", "contender"])["preferred_rate"]
    for name, title in (("codec", "codec loss"), ("sound", "sound loss")):
        told = here[f"speech P1: share of choices for the {title}"]
        assert told.startswith(f"{preferred['P1', name]:.2f}, l1 ")
        row = contrast(
            study.read(tiny_ijcnn, "capacity.csv").query("task == 'vocals'"), name, "l1", "sir_db", ("capacity",)
        )
        told = here[f"vocals P2: SIR, {title} minus l1"]
        assert told.startswith(f"{row.set_index('capacity').loc['P2', 'mean']:+.2f} [")
    assert sound_claims["published"]["speech P1: share of choices for the codec loss"].startswith("0.93, l1 ")
    assert sound_claims["published"]["speech P1: share of choices for the sound loss"] == "not given"
    kept = study.read(tiny_ijcnn, claims.TABLE)
    assert kept["claim"].tolist() == list(sound_claims.index)
    lines = claims.markdown(sound_claims.reset_index()).splitlines()
    assert len(lines) == 2 + len(kept) and lines[1] == "| --- | --- | --- | --- |"


def test_a_third_that_diverged_is_named_and_changes_no_number_of_the_others(
    made_ijcnn: Path, sound_claims: pd.DataFrame, broken_ijcnn: Settings
):
    rows = study.read(broken_ijcnn, "capacity.csv")
    assert set(rows.loc[rows["contender"] == "broken", "status"]) == {"diverged"}
    assert len(separation.unusable(rows)) == len(study.failed(broken_ijcnn, "capacity")) == 2 * (3 + 2)
    assert "broken" not in set(study.read(broken_ijcnn, preferences.TABLE)["contender"])
    before = made_ijcnn / "results" / ijcnn.LEAST.name
    clocks = ["training_seconds", "loss_share"]
    for name, keys in (
        ("capacity.csv", KEYS),
        (preferences.TABLE, ["task", "capacity", "contender", "seed", "measure"]),
    ):
        found, expected = (pd.read_csv(folder / name) for folder in (broken_ijcnn.results, before))
        found = found[~found["contender"].isin(["broken"]) & (found["capacity"] != "P6")]
        expected = expected[expected["contender"] != "sound"]
        scales = [each for each in ("noise_scale", "zone_scale") if each in found]
        found, expected = (
            each.sort_values(keys + scales).drop(columns=clocks, errors="ignore").reset_index(drop=True)
            for each in (found, expected)
        )
        pd.testing.assert_frame_equal(found, expected)
    mm19_tables(broken_ijcnn)
    told = claims.claims(broken_ijcnn).set_index("claim")
    shared = sound_claims.drop([name for name in sound_claims.index if "sound loss" in name])
    assert shared.drop([name for name in shared.index if "ten separation" in name]).equals(
        told.loc[[name for name in shared.index if "ten separation" not in name]]
    )
    assert told["here"]["speech P1: share of choices for the broken loss"] == "no usable pair (model-predicted)"


def test_a_capacity_p6_flows_through(broken_ijcnn):
    rows = study.read(broken_ijcnn, "capacity.csv")
    own = rows[rows["capacity"] == "P6"]
    assert set(own["task"]) == {"speech"} and {"l1", "codec"} <= set(own.loc[own["status"] != "diverged", "contender"])
    table = tables.parameter_table(broken_ijcnn, rows).set_index(["task", "capacity"])
    assert table.loc[("speech", "P6"), "trained"] == table.loc[("speech", "P6"), "counted"] == 1162
    assert pd.isna(table.loc[("speech", "P6"), "published"])
    assert "P6\n1,162" in drawn(broken_ijcnn)
    mm19_tables(broken_ijcnn)
    told = claims.claims(broken_ijcnn).set_index("claim")
    assert told["published"]["speech P6: share of choices for the codec loss"] == "not given"
    assert told["here"]["parameter counts of the ten separation networks"] == "10 of 10 equal"
    assert broken_ijcnn.name != replace(broken_ijcnn, only_capacities=()).name != ijcnn.LEAST.name
