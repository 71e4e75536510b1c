"""The papers' tables, counted from the code's own configuration, and the tidy data behind figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from nblib import paths
from nblib.audio import Geometry
from nblib.entries import BASELINE, CODEC, SPEECH, VOCALS
from nblib.evaluation.intervals import USABLE, summary
from nblib.experiments import autoencoding, preferences
from nblib.experiments.overview import codec_title
from nblib.listening import LABEL, dont_know_matrix, dont_know_triangle, preference_rates
from nblib.networks import count_parameters
from nblib.networks.autoencoder import KERNEL as AUTOENCODER_KERNEL
from nblib.networks.unet import DOWN_KERNEL, UP_KERNEL
from nblib.settings import Settings
from nblib.training import NetworkSpec, Training

# Parameter by kind of network: what the papers' tables of networks say, no row where there is nothing.
ROWS = pd.read_csv(Path(__file__).with_name("network_tables.csv"), index_col="parameter")
KERNELS = {"kernel": AUTOENCODER_KERNEL, "down_kernel": DOWN_KERNEL, "up_kernel": UP_KERNEL}


def published(paper: str, item: str) -> pd.DataFrame:
    """The published numbers of one figure or table: columns system, quantity, value, spread, source.

    ``source`` is "text", or "digitised" for what was read off the authors' plots (+-0.004).
    """
    values = pd.read_csv(paths.paper() / "paper_values.csv").query("paper == @paper and item == @item")
    return values.drop(columns=["paper", "item"]).reset_index(drop=True)


def parameter_count(spec: NetworkSpec) -> int:
    """Trainable parameters, counted on the network itself."""
    return count_parameters(spec.build())


def _column(network: NetworkSpec, training: Training, geometry: Geometry, **known: object) -> dict[str, str]:
    """What `ROWS` say of a network and its training."""
    known |= {"network": network, "training": training, "geometry": geometry, "parameters": parameter_count(network)}
    return {str(name): text.format(**known, **KERNELS) for name, text in ROWS[network.kind].dropna().items()}


def loss_network_table(setup: Settings) -> pd.DataFrame:
    """MM'19 Table 1 and IJCNN'20 Table I (loss network) from the configuration, then every teacher's network here."""
    columns: dict[str, dict[str, str]] = {}
    for where, own in (("", Settings()), (f"here ({setup.profile}): ", setup)):
        for teacher in own.teachers.values():
            learner = own.loss_networks[teacher.loss_network]
            if where or teacher.codec == own.codec:  # the papers' is one codec
                column = _column(learner.network, learner.training, learner.geometry)
                columns[where + teacher.title] = {"Codec": codec_title(teacher.codec)} | column
    return pd.DataFrame(columns).rename_axis("parameter")


def autoencoder_table(setup: Settings) -> pd.DataFrame:
    """MM'19 Table 2 from the configuration, beside this profile's; the bottleneck is counted on the network itself."""
    columns = {}
    for where, own in (("MM'19 Table 2", Settings().mm19), (f"here ({setup.profile})", setup.mm19)):
        network: Any = own.autoencoder.build()
        _, channels, steps = network.encode(torch.zeros(1, 1, own.geometry.patch_samples)).shape
        known = {"channels": channels, "steps": steps, "share": channels * steps / own.geometry.patch_samples}
        known["time_geometry"] = own.time_geometry
        columns[where] = _column(own.autoencoder, own.training, own.geometry, **known)
    return pd.DataFrame(columns).rename_axis("parameter")


def interval(found: Mapping[Any, Any] | pd.Series, digits: int = 2, sign: str = "") -> str:
    """A mean with its interval over seeds as text: "+0.31 [+0.02, +0.60]"; of one seed the mean alone."""
    mean, low, high = (f"{found[name]:{sign}.{digits}f}" for name in ("mean", "low", "high"))
    return mean if np.isnan(found["low"]) else f"{mean} [{low}, {high}]"


def snr_table(rows: pd.DataFrame) -> pd.DataFrame:
    """MM'19 Table 3: per system the mean of each measure, its 95 % interval over seeds, and the paper's SNR.

    `rows` are the study's ("snr"); of one seed, or of a system without training, there is no interval.
    """
    names = autoencoding.MODELS | {autoencoding.HALF_RATE: "half the rate, no network"}
    columns = {"paper's SNR (dB)": published("mm19", "table3").set_index("system")["value"]}
    for measure in autoencoding.MEASURES:
        columns[measure] = summary(rows, measure, ["system"]).set_index("system").apply(interval, axis=1)
    return pd.DataFrame(columns, list(names)).rename(index=names).rename_axis(index="system")


def separation_network_table(setup: Settings) -> pd.DataFrame:
    """IJCNN'20 Table I, the columns of the separation networks: one row per hyperparameter."""
    paper, columns = Settings(), {}
    networks = {"speech denoising, loss configurations": [paper.configuration_network]}
    for task, name in ((SPEECH, "speech denoising"), (VOCALS, "vocal separation")):
        networks[f"{name}, capacity"] = list(setup.capacities[task].values())
    for title, own in networks.items():
        columns[title] = _column(own[0], paper.separation_training, paper.geometry)
        columns[title]["Number of layers"] = ", ".join(str(network.num_layers) for network in own)
        columns[title]["F (filters of the first layer)"] = ", ".join(str(network.base_filters) for network in own)
    return pd.DataFrame(columns).drop(index="Trainable parameters").rename_axis("parameter")


def parameter_table(setup: Settings, rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """IJCNN'20 Table II: parameters counted on the networks themselves beside the published numbers.

    Of `rows` of the capacity study comes a column ``trained``, the count of the networks that were trained, missing
    where the profile trains none.
    """
    paper = published("ijcnn20", "table2").set_index("system")["value"]
    table = [
        (task, name, network.num_layers, network.base_filters, parameter_count(network))
        for task, own in setup.capacities.items()
        for name, network in own.items()
    ]
    result = pd.DataFrame(table, columns=["task", "capacity", "layers", "F", "counted"])
    result["published"] = (result["task"] + "_" + result["capacity"].str.lower()).map(paper).astype("Int64")
    if rows is None:
        return result
    trained = rows.dropna(subset=["parameters"]).groupby(["task", "capacity"])["parameters"]
    return result.merge(trained.first().rename("trained").reset_index(), how="left")


def figure5_data(rows: pd.DataFrame, rates: pd.DataFrame, task: str = SPEECH) -> pd.DataFrame:
    """Everything that IJCNN'20 Figure 5 shows of one task, ours and the paper's.

    Of `rows` of the capacity study and `rates` as of `experiments.preferences.preferences`, whose main judge with
    unscaled constants is shown. Columns: task, capacity, quantity ("preferred_rate", "dont_know_rate", "test_l1"),
    contender, source ("here", "paper"), seed (missing for means over seeds), value, spread (standard deviation over
    participants), low and high (95 % interval over seeds, ours alone).
    """
    shown = preferences.main_rates(rates, task)
    parts = []
    for kind in preferences.KINDS:
        names = {f"{kind}_rate": "value", f"{kind}_std": "spread", f"{kind}_low": "low", f"{kind}_high": "high"}
        part = shown[["capacity", "contender", "seed", *names]].rename(columns=names)
        parts.append(part.assign(quantity=f"{kind}_rate", source="here"))
    own = rows[rows["task"] == task]
    networks = own[own["seed"].notna() & own["status"].isin(USABLE)]
    means = networks.groupby(["capacity", "contender", "seed"])["l1"].mean().rename("value").reset_index()
    over_seeds = summary(own, "l1", ("capacity", "contender")).rename(columns={"mean": "value"})
    parts += [part.assign(quantity="test_l1", source="here") for part in (means, over_seeds)]
    parts.append(_published_figure5(task, set(shown["capacity"])))
    columns = ["task", "capacity", "quantity", "contender", "source", "seed", "value", "spread", "low", "high"]
    return pd.concat([part.assign(task=task).reindex(columns=columns) for part in parts], ignore_index=True)


def figure3_published() -> pd.DataFrame:
    """IJCNN'20 Figure 3 as read off: columns configuration, value, spread."""
    table = published("ijcnn20", "figure3")
    return table.assign(configuration=table["system"].str[-1].str.upper())[["configuration", "value", "spread"]]


def _published_figure5(task: str, capacities: set[str]) -> pd.DataFrame:
    table = published("ijcnn20", "figure5")
    names = table["system"].str.extract(rf"^{task}_(?P<capacity>p\d)(?:\|(?P<loss>\w+))?$")
    contender = names["loss"].replace({"codec_loss": CODEC, "baseline": BASELINE}).fillna(CODEC)
    table = table.assign(capacity=names["capacity"].str.upper(), contender=contender, source="paper")
    return table[table["capacity"].isin(capacities)]


def preference_table(votes: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """MM'19 Table 4: how often each system was preferred, mean ± standard deviation over participants, per judge.

    `votes` have a column ``judge``, `names` is the label of each system in the order of the rows. For people with the
    95 % interval (bootstrap over participants); a model listener's would say how many participants we chose.
    """
    rates = preference_rates(votes, ["judge"])
    text = [
        f"{row.preferred_rate:.2f} ± {row.preferred_std:.2f}"
        + ("" if LABEL in str(row.judge) else f" [{row.preferred_low:.2f}, {row.preferred_high:.2f}]")
        for row in rates.itertuples()
    ]
    table = rates.assign(text=text).pivot(index="system", columns="judge", values="text")
    return table.reindex(list(names)).rename(index=names).rename_axis(index="system", columns=None)


def dont_know_table(votes: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """MM'19 Table 5: how often nobody could tell two systems apart; as `preference_table`, a triangle per judge."""
    triangles = {
        judge: dont_know_triangle(dont_know_matrix(own), list(names)).rename(index=names, columns=names)
        for judge, own in votes.groupby("judge")
    }
    return pd.concat(triangles, names=["judge", "system"])
