"""A third loss and a capacity P6 flow into every table, picture and claim; one that fails changes no other number."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from helpers import ijcnn

from nblib import claims, figures, study, tables
from nblib.entries import TASKS
from nblib.evaluation.intervals import contrast
from nblib.experiments import listening, redistribution, separation
from nblib.settings import Settings

KEYS = ["task", "capacity", "contender", "seed", "item", "measure", "noise_scale", "zone_scale"]


def drawn(setup: Settings) -> list[str]:
    """All words of IJCNN'20 Figure 5 of both tasks, the effects and the residual by band."""
    rows, rates = study.read(setup, "capacity.csv"), study.read(setup, listening.TABLE)
    data = pd.concat([tables.figure5_data(rows, rates, task) for task in TASKS], ignore_index=True)
    judges = dict.fromkeys(TASKS, "model-predicted, no listeners")
    rivals = [name for name in setup.contenders if name in set(rates["contender"])]
    effects = pd.concat([contrast(rows, name, "l1", "l1", ("capacity",)) for name in rivals])
    bands, words = redistribution.by_band(study.read(setup, "redistribution.csv")), []
    for drawing in (
        figures.figure5(data, tables.parameter_table(setup), judges, setup.contenders),
        figures.effects_figure(effects, {"l1": "l1"}, setup.contenders),
        figures.residual_figure(bands, setup.contenders),
    ):
        for axes in drawing.axes:
            words += [axes.get_title(), *axes.get_legend_handles_labels()[1]]
            words += [label.get_text() for label in axes.get_xticklabels()]
        plt.close(drawing)
    return words


def claimed(setup: Settings) -> pd.DataFrame:
    """The claims, where MM'19's results are a few columns made up."""
    systems = pd.DataFrame({"system": ["identity", "low_pass", "emulation"], "l1": [0.4, 0.2, 0.1]})
    systems = systems.assign(l1_samples=systems["l1"], hole_recall=0.5, hole_precision=0.75, item="a", seed=0)
    learnt = pd.concat([systems.assign(teacher=name, status="plateau") for name in setup.teachers])
    models = pd.DataFrame(product([f"model_{letter}" for letter in "abcd"], (0, 1)), columns=["system", "seed"])
    models = models.assign(status="plateau", snr_db=10.0 + models["seed"], clicks_per_second=2, level_bandwidth_hz=3500)
    models = pd.concat([models, pd.DataFrame([{"system": "lossless", "status": "none", "clicks_per_second": 1}])])
    votes = pd.DataFrame(product("bcd", enumerate(("aaab", "aabb"))), columns=["system_b", "seed"])
    votes = votes.assign(choice=[list(choices) for _, choices in votes["seed"]], participant=[range(4)] * len(votes))
    votes = votes.explode(["choice", "participant"]).assign(system_b="model_" + votes["system_b"], system_a="model_a")
    votes = votes.assign(seed=votes["seed"].str[0], item="a", kind="test", judge=listening.judge("two_f"))
    tables = {"loss_networks.csv": learnt, listening.VOTES: votes}
    for name, table in (tables | dict.fromkeys(("snr.csv", "broadband.csv"), models.assign(item="a"))).items():
        study.save(setup, name, table)
    return claims.claims(setup).set_index("claim")


@pytest.fixture
def sound_claims(tiny_ijcnn: Settings) -> pd.DataFrame:
    return claimed(tiny_ijcnn)


def test_a_third_loss_is_in_every_table_and_picture(tiny_ijcnn):
    for name in ("capacity.csv", listening.TABLE, "redistribution.csv"):
        assert "sound" in set(study.read(tiny_ijcnn, name)["contender"])
    wanted = "sound loss preferred, here/trained with sound loss, here/codec loss preferred, paper/sound loss"
    assert set(wanted.split("/")) <= set(drawn(tiny_ijcnn))
    assert [name for name, spec in separation.contenders(tiny_ijcnn).items() if spec.teacher] == ["codec"]


def test_claims_come_from_the_results_alone_and_name_every_contender(tiny_ijcnn, sound_claims):
    here, paper = sound_claims["here"], sound_claims["published"]
    for claim, expected in {
        "parameter counts of the ten separation networks": "10 of 10 equal",
        "a U-Net learns the codec (IJCNN'20, spectral): held-out l1": "0.25 of the identity's, 0.50 of a low-pass's",
        "Model A: SNR (dB)": "10.5 [4.1, 16.9]",  # two seeds: Student's factor is 12.7
        "Model A: share of its comparisons won": "0.62 [0.00, 1.00] (model-predicted)",  # 0.75 and 0.5
        "5 kHz material: clicks per second": "A 2.0, B 2.0, C 2.0, D 2.0 (original 1.0)",
    }.items():
        assert here[claim] == expected
    assert sound_claims["verdict"]["5 kHz material: clicks per second"] == "mean of 2 trainings"
    assert paper["Model A: SNR (dB)"] == "59.3"
    rates = study.read(tiny_ijcnn, listening.TABLE).query("measure == 'estoi' and noise_scale == zone_scale == 1")
    preferred = rates[rates["seed"].isna()].set_index(["capacity", "contender"])["preferred_rate"]
    for name, title in (("codec", "codec loss"), ("sound", "sound loss")):
        told = here[f"speech P1: share of choices for the {title}"]
        assert told.startswith(f"{preferred['P1', name]:.2f}, l1 ")
        vocals = study.read(tiny_ijcnn, "capacity.csv").query("task == 'vocals'")
        row = contrast(vocals, name, "l1", "sir_db", ("capacity",)).set_index("capacity")
        told = here[f"vocals P2: SIR, {title} minus l1"]
        assert told.startswith(f"{row.loc['P2', 'mean']:+.2f} [")
    assert paper["speech P1: share of choices for the codec loss"].startswith("0.93, l1 ")
    assert paper["speech P1: share of choices for the sound loss"] == "not given"
    kept = study.read(tiny_ijcnn, claims.TABLE)
    assert kept["claim"].tolist() == list(sound_claims.index)


def test_a_third_that_diverged_is_named_and_changes_no_number_of_the_others(
    made_ijcnn: Path, sound_claims: pd.DataFrame, broken_ijcnn: Settings
):
    rows = study.read(broken_ijcnn, "capacity.csv")
    assert set(rows.loc[rows["contender"] == "broken", "status"]) == {"diverged"}
    assert len(study.failed(broken_ijcnn, "capacity")) == 2 * (3 + 2)
    assert "broken" not in set(study.read(broken_ijcnn, listening.TABLE)["contender"])
    for name in ("capacity.csv", listening.TABLE):
        kept = []
        for folder in (broken_ijcnn.results, made_ijcnn / "results" / ijcnn.LEAST.name):
            table = pd.read_csv(folder / name).drop(columns=["training_seconds", "loss_share"], errors="ignore")
            table = table[~table["contender"].isin(["broken", "sound"]) & (table["capacity"] != "P6")]
            kept.append(table.sort_values([each for each in KEYS if each in table]).reset_index(drop=True))
        pd.testing.assert_frame_equal(*kept)
    told = claimed(broken_ijcnn)
    shared = [name for name in sound_claims.index if "sound loss" not in name]
    pd.testing.assert_frame_equal(sound_claims.loc[shared], told.loc[shared])
    assert told["here"]["speech P1: share of choices for the broken loss"] == "no usable pair (model-predicted)"


def test_a_capacity_p6_flows_through(broken_ijcnn):
    rows = study.read(broken_ijcnn, "capacity.csv")
    own = rows[rows["capacity"] == "P6"]
    assert set(own["task"]) == {"speech"} and {"l1", "codec"} <= set(own.loc[own["status"] != "diverged", "contender"])
    table = tables.parameter_table(broken_ijcnn).set_index(["task", "capacity"])
    assert set(own["parameters"].dropna()) == {table.loc[("speech", "P6"), "counted"]} == {1162}
    assert pd.isna(table.loc[("speech", "P6"), "published"])
    assert "P6\n1,162" in drawn(broken_ijcnn)
    told = claimed(broken_ijcnn)
    assert told["published"]["speech P6: share of choices for the codec loss"] == "not given"
    assert told["here"]["parameter counts of the ten separation networks"] == "10 of 10 equal"
    assert broken_ijcnn.name != replace(broken_ijcnn, only_capacities=()).name != ijcnn.LEAST.name
