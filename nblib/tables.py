"""The papers' tables, counted from the code's own configuration, and the tidy data behind figures."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd

from nblib import paths
from nblib.audio import Geometry
from nblib.entries import BASELINE, CODEC, SPEECH, VOCALS
from nblib.evaluation.intervals import USABLE, summary
from nblib.experiments import autoencoding, listening, separation
from nblib.experiments.overview import codec_title
from nblib.listening import LABEL
from nblib.listening.statistics import dont_know_matrix, preference_rates
from nblib.networks import NetworkSpec, count_parameters, describe
from nblib.settings import Settings
from nblib.training import Training

KERNELS = {  # down and up
    "mask_unet": ("(5, 5), stride 2", "(5, 5), stride 2"),
    "wave_unet": ("15, stride 1, decimation by 2", "9, stride 2"),
    "autoencoder": ("9, stride 1, decimation by 2", "9, stride 1 after zeros between samples"),
}


def published(paper: str, item: str) -> pd.DataFrame:
    """What a paper's figure or table says; source is "text", or "digitised" for what was read off plots (+-0.004)."""
    values = pd.read_csv(paths.paper() / "paper_values.csv").query("paper == @paper and item == @item")
    return values.drop(columns=["paper", "item"]).reset_index(drop=True)


def parameter_count(spec: NetworkSpec) -> int:
    """Trainable parameters, counted on the network itself."""
    return count_parameters(spec.build())


def _column(networks: Sequence[NetworkSpec], training: Training, geometry: Geometry, sizes: dict | None = None) -> dict:
    """One column of a table of hyperparameters; `sizes` are its rows in place of those of a U-Net."""
    first, on_samples = networks[0], networks[0].on_samples
    down, up = KERNELS[first.kind]
    usual = {
        "W (frames, or samples)": str(geometry.patch_samples if on_samples else geometry.frames),
        "H (bins)": "none" if on_samples else str(geometry.bins),
        "F (filters of the first layer)": ", ".join(str(own.base_filters) for own in networks),
        "Batch normalisation": "none" if on_samples else "all layers but the last",
        "Dropout": "none" if on_samples else "50 % (first 3 upsampling layers, never the last)",
    }
    return {
        "Number of layers": ", ".join(str(own.num_layers) for own in networks),
        **(sizes or usual),
        "Kernel, down": down,
        "Kernel, up": up,
        "Activation": f"ReLU, {'tanh' if on_samples else 'sigmoid'} in the final layer",
        "Learning rate": f"{training.learning_rate:g}",
        "Decay": f"{training.decay:g}",
        "Batch size": str(training.batch_size),
        "Optimiser": "Adam",
        "Sample rate (Hz)": str(geometry.sample_rate),
        "Trainable parameters": f"{parameter_count(first):,}",
    }


def loss_network_table(setup: Settings) -> pd.DataFrame:
    """MM'19 Table 1 and IJCNN'20 Table I (loss network) from the configuration, then every teacher's network here."""
    columns = {}
    for where, own in (("", Settings()), (f"here ({setup.profile}): ", setup)):
        for teacher in own.teachers.values():
            learner, codec = own.loss_networks[teacher.loss_network], {"Codec": codec_title(teacher.codec)}
            columns[where + teacher.title] = codec | _column([learner.network], learner.training, learner.geometry)
    return pd.DataFrame(columns).rename_axis("parameter")


def autoencoder_table(setup: Settings) -> pd.DataFrame:
    """MM'19 Table 2 from the configuration, beside this profile's; the bottleneck is counted on the network itself."""
    columns = {}
    for where, own in (("MM'19 Table 2", Settings().mm19), (f"here ({setup.profile})", setup.mm19)):
        network, length = own.autoencoder, own.geometry.patch_samples
        _, channels, steps = describe(network.build(), length)[network.num_layers].values()
        sizes = {
            "Input size": f"{length} (A, B, C), {own.time_geometry.patch_samples} (D)",
            "Number of filters (first level)": str(network.base_filters),
            "Bottleneck, channels x steps": f"{channels} x {steps}",
            "Variables in the bottleneck": f"{channels * steps / length:.2%} of the input",
        }
        columns[where] = _column([network], own.training, own.geometry, sizes)
    return pd.DataFrame(columns).rename_axis("parameter")


def separation_network_table(setup: Settings) -> pd.DataFrame:
    """IJCNN'20 Table I, the columns of the separation networks: one row per hyperparameter."""
    paper = Settings()
    networks = {
        "speech denoising, loss configurations": [paper.configuration_network],
        "speech denoising, capacity": list(setup.capacities[SPEECH].values()),
        "vocal separation, capacity": list(setup.capacities[VOCALS].values()),
    }
    columns = {title: _column(own, paper.separation_training, paper.geometry) for title, own in networks.items()}
    return pd.DataFrame(columns).drop(index="Trainable parameters").rename_axis("parameter")


def interval(found: Mapping[Any, Any] | pd.Series, digits: int = 2, sign: str = "") -> str:
    """A mean with its interval over seeds as text: "+0.31 [+0.02, +0.60]"; of one seed the mean alone."""
    mean, low, high = (f"{found[name]:{sign}.{digits}f}" for name in ("mean", "low", "high"))
    return mean if np.isnan(found["low"]) else f"{mean} [{low}, {high}]"


def snr_table(rows: pd.DataFrame) -> pd.DataFrame:
    """MM'19 Table 3: per system the mean of each measure, its 95 % interval over seeds, and the paper's SNR."""
    names = autoencoding.MODELS | {autoencoding.HALF_RATE: "half the rate, no network"}
    columns = {"paper's SNR (dB)": published("mm19", "table3").set_index("system")["value"]}
    for measure in autoencoding.MEASURES:
        columns[measure] = summary(rows, measure, ["system"]).set_index("system").apply(interval, axis=1)
    return pd.DataFrame(columns, list(names)).rename(index=names).rename_axis(index="system")


def parameter_table(setup: Settings) -> pd.DataFrame:
    """IJCNN'20 Table II: parameters counted on the networks themselves, and those published."""
    paper = published("ijcnn20", "table2").set_index("system")["value"]
    table = [
        (task, name, own.num_layers, own.base_filters, parameter_count(own), paper.get(f"{task}_{name.lower()}"))
        for task, networks in setup.capacities.items()
        for name, own in networks.items()
    ]
    columns = ["task", "capacity", "layers", "F", "counted", "published"]
    return pd.DataFrame(table, columns=columns).astype({"published": "Int64"})


def figure5_data(rows: pd.DataFrame, rates: pd.DataFrame, task: str = SPEECH) -> pd.DataFrame:
    """Everything that IJCNN'20 Figure 5 shows of one task, ours (by the main judge) and the paper's.

    `rows` are the capacity study's, `rates` as of `experiments.listening.preferences`. Columns: task, capacity,
    quantity ("preferred_rate", "dont_know_rate", "test_l1"), contender, source ("here", "paper"), seed (missing for
    means over seeds), value, spread (over participants), low and high (95 % interval over seeds, ours alone).
    """
    main = (rates["task"] == task) & (rates["measure"] == separation.JUDGES[task][0])
    shown = rates[main & (rates["noise_scale"] == 1) & (rates["zone_scale"] == 1)]
    parts, scored = [], rows[rows["task"] == task]
    for kind in listening.KINDS:
        own = {f"{kind}_rate": "value", f"{kind}_std": "spread", f"{kind}_low": "low", f"{kind}_high": "high"}
        parts.append(shown.rename(columns=own).assign(quantity=f"{kind}_rate", source="here"))
    seeds = scored[scored["status"].isin(USABLE)].groupby(["capacity", "contender", "seed"])
    means = seeds["l1"].mean().rename("value").reset_index()
    over_seeds = summary(scored, "l1", ("capacity", "contender")).rename(columns={"mean": "value"})
    parts += [errors.assign(quantity="test_l1", source="here") for errors in (means, over_seeds)]
    paper = published("ijcnn20", "figure5")
    names = paper["system"].str.extract(rf"^{task}_(?P<capacity>p\d)(?:\|(?P<loss>\w+))?$")
    contender = names["loss"].replace({"codec_loss": CODEC, "baseline": BASELINE}).fillna(CODEC)
    paper = paper.assign(capacity=names["capacity"].str.upper(), contender=contender, source="paper")
    parts.append(paper[paper["capacity"].isin(set(shown["capacity"]))])
    columns = ["task", "capacity", "quantity", "contender", "source", "seed", "value", "spread", "low", "high"]
    return pd.concat([part.assign(task=task).reindex(columns=columns) for part in parts], ignore_index=True)


def figure3_published() -> pd.DataFrame:
    """IJCNN'20 Figure 3 as read off: columns configuration, value, spread."""
    table = published("ijcnn20", "figure3")
    return table.assign(configuration=table["system"].str[-1].str.upper())[["configuration", "value", "spread"]]


def preference_table(votes: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """MM'19 Table 4: how often each system was preferred, mean ± spread, as text; `names` labels them in order."""
    rates = preference_rates(votes, ["judge"]).set_index(["system", "judge"])
    text = rates.apply("{preferred_rate:.2f} ± {preferred_std:.2f}".format_map, axis=1)
    people = rates.apply(" [{preferred_low:.2f}, {preferred_high:.2f}]".format_map, axis=1)
    # Of a model listener the interval over participants would say how many of them we chose.
    text += people.where(~rates.index.get_level_values("judge").str.contains(LABEL), "")
    return text.unstack().reindex(list(names)).rename(index=names).rename_axis(index="system", columns=None)


def dont_know_table(votes: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """MM'19 Table 5: how often nobody could tell two systems apart, "0.12 ± 0.24"; each pair once, by judge."""
    rates = dont_know_matrix(votes, ["judge"]).set_index(["judge", "system_1", "system_2"])
    texts = rates.apply("{dont_know_rate:.2f} ± {dont_know_std:.2f}".format_map, axis=1)
    index = pd.MultiIndex.from_product([texts.index.unique("judge"), list(names)[:-1]], names=["judge", "system"])
    table = pd.DataFrame("", index, list(names)[1:])
    for judge, (one, other) in product(index.unique("judge"), combinations(names, 2)):
        table.loc[(judge, one), other] = texts.get((judge, *sorted((one, other))), "not compared")
    return table.rename(index=names, columns=names)
