"""Models A to D and their broadband versions, made once at the least size (see conftest.py)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from nblib import figures, tables
from nblib.errors import TrainingDiverged
from nblib.evaluation import aliasing, clicks_per_second, frame_snr, recovered_bandwidth, si_sdr_db
from nblib.experiments import Settings, autoencoding, broadband, loss_network, results, settings
from nblib.experiments.overview import short_title
from nblib.experiments.settings import PAPER
from nblib.networks import AutoEncoder, through
from nblib.training import LossSpec, load


@pytest.fixture(autouse=True)
def figures_closed(made_data: None) -> Iterator[None]:
    yield
    plt.close("all")


def specs(setup: Settings) -> dict[str, LossSpec]:
    spectral, time_domain = (
        loss_network.config(setup, name).hash for name in (loss_network.SPECTRAL, loss_network.TIME_DOMAIN)
    )
    return autoencoding.losses(setup, spectral, time_domain)


def chosen(setup: Settings, limit_hz: int, model: str, seed: int) -> AutoEncoder:
    found = [
        config
        for config in autoencoding.configs(setup, specs(setup), limit_hz, 2)
        if config.label == f"{autoencoding.MODELS[model]} {limit_hz} Hz seed {seed}"
    ]
    return load(found[0].hash).network()


def test_the_paper_profile_has_the_papers_sizes():
    mm19 = PAPER.mm19
    assert (mm19.geometry.patch_samples, mm19.time_geometry.patch_samples) == (66_048, 16_384)
    assert mm19.geometry.sample_rate == mm19.time_geometry.sample_rate == 16_000
    lengths = {model: autoencoding.patch_geometry(PAPER, model).patch_samples for model in autoencoding.MODELS}
    assert lengths == {"model_a": 66_048, "model_b": 66_048, "model_c": 66_048, "model_d": 16_384}
    assert (mm19.training.learning_rate, mm19.training.decay, mm19.training.batch_size) == (1e-3, 5e-6, 32)
    assert (mm19.spectral_training.learning_rate, mm19.time_domain_training.learning_rate) == (1e-3, 1e-4)
    assert (mm19.spectral_training.batch_size, mm19.time_domain_training.batch_size) == (32, 16)
    assert (mm19.limit_hz, mm19.broadband_limit_hz) == (3000, 5000)
    for profile in ("paper", "quick"):
        own = settings(profile).mm19
        assert autoencoding.patch_geometry(settings(profile), "model_a") == mm19.geometry
        assert own.autoencoder == mm19.autoencoder


def test_each_model_has_the_terms_of_its_equation():
    terms = autoencoding.loss_terms(PAPER)
    found = {
        model: list(zip(own["through"], own["term"], own["terms"], strict=True))
        for model, own in terms.groupby("system")
    }
    assert found == {
        "model_a": [("samples", "samples", 1)],
        "model_b": [("samples", "samples", 1), ("magnitude", "magnitude", 1)],
        "model_c": [("samples", "samples", 1), ("C^S", "features", 9), ("C^S", "prediction", 1)],
        "model_d": [("C^T", "features", 15), ("C^T", "prediction", 1)],
    }
    assert np.allclose(terms["share"], 1)


def test_one_run_per_seed_and_model_and_another_for_another_band(least):
    first = autoencoding.configs(least, specs(least), 3000, 2)
    wide = autoencoding.configs(least, specs(least), 5000, 2)
    assert len({config.hash for config in [*first, *wide]}) == 16
    again = autoencoding.configs(dataclasses.replace(least, participants=9), specs(least), 3000, 2)
    assert [config.hash for config in again] == [config.hash for config in first]


def test_the_material_ends_at_the_limit(least):
    item = autoencoding.corpus(least).items("test")[0]
    for limit in (3000, 5000):
        samples = autoencoding.limited(least, item, limit)
        power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
        edge = len(power) * limit // 8000
        assert power[round(1.03 * edge) :].sum() < 1e-6 * power.sum()
        assert power[round(0.85 * edge) : edge].sum() > 100 * power[round(1.03 * edge) :].sum()


def test_every_piece_has_a_row_of_every_system_worked_out_anew(least):
    rows = autoencoding.results_table(least, "committed")
    items = [item.name for item in autoencoding.corpus(least).items("test")]
    expected = {"half_rate": items} | dict.fromkeys(autoencoding.MODELS, items * 2)
    assert rows.groupby("system")["item"].agg(list).to_dict() == expected
    item = autoencoding.corpus(least).items("test")[0]
    original = autoencoding.limited(least, item, 3000)
    for model in autoencoding.MODELS:
        row = rows.query("system == @model and seed == 1 and item == @item.name").iloc[0]
        restored = through(chosen(least, 3000, model, 1), original)
        found = frame_snr(original, restored, least.mm19.geometry.patch_samples)
        assert row["snr_db"] == pytest.approx(found["snr_db"], rel=1e-4)
        assert row["si_sdr_db"] == pytest.approx(si_sdr_db(original, restored), rel=1e-4)
        assert row["frames"] == len(original) // least.mm19.geometry.patch_samples
        assert row["training_seconds"] > 0 and 0 < row["loss_share"] < 1
    models = rows[rows["system"] != "half_rate"]
    assert not models.drop(columns="device").isna().any(axis=None)


def test_half_the_rate_is_enough_for_3_kilohertz(least):
    rows = autoencoding.results_table(least, "committed")
    assert (rows.loc[rows["system"] == "half_rate", "snr_db"] > 40).all()


def test_table_3_has_the_means_and_the_papers_values(least):
    rows = autoencoding.results_table(least, "committed")
    table = tables.snr_table(rows)
    assert table.index.tolist() == [*autoencoding.MODELS.values(), "half the rate, no network"]
    assert table["paper's SNR (dB)"].tolist()[:4] == [59.3, 55.6, 62.7, 45.6]
    mean = rows.loc[rows["system"] == "model_b", "snr_db"].mean()
    assert table.loc["Model B", "snr_db"].startswith(f"{mean:.2f} [")


def test_differences_are_paired_by_seed_and_piece():
    rows = pd.DataFrame(
        {"system": system, "seed": seed, "item": item, "snr_db": 10 * seed + len(item) + (3 if system == "one" else 0)}
        for system in ("one", "other")
        for seed in (0, 1)
        for item in ("a", "bbbb")
    )
    assert autoencoding.differences(rows, "snr_db", "one", "other") == pytest.approx({"mean": 3, "low": 3, "high": 3})


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
def test_a_row_without_seeds_stands_against_every_seed(seeds):
    rows = pd.DataFrame(
        [{"system": "lossless", "seed": None, "item": item, "clicks": 1.0} for item in ("a", "b")]
        + [{"system": "model", "seed": seed, "item": item, "clicks": 3.0} for seed in seeds for item in ("a", "b")]
    )
    found = autoencoding.differences(rows.astype({"seed": "Int64"}), "clicks", "model", "lossless")
    assert found == pytest.approx({"mean": 2, "low": 2, "high": 2})


def test_figure_4_has_five_rows_of_each_piece(least):
    sounds = autoencoding.excerpts(least, autoencoding.EXCERPTS)
    assert list(sounds) == ["lossless", "Model A", "Model B", "Model C", "Model D"]
    lengths = {len(samples) for own in sounds.values() for samples in own.values()}
    assert lengths == {least.mm19.geometry.patch_samples}
    figure = figures.spectrogram_rows(sounds, least.mm19.geometry)
    assert len(figure.axes) == 5 * len(sounds["lossless"]) + 1


def test_a_diverged_model_is_named_and_left_out(least, monkeypatch):
    runs = autoencoding.train(least, 3000, 2, log=lambda line: None)
    broken = [
        dataclasses.replace(run, record=run.record | {"status": "diverged", "reason": "nan"}) if number == 2 else run
        for number, run in enumerate(runs)
    ]
    assert [autoencoding.model_of(run) for run in autoencoding.usable(broken)].count("model_c") == 1
    with pytest.raises(TrainingDiverged, match="Model C 3000 Hz seed 0: nan"):
        autoencoding.first_of_each(least, broken)


def test_the_broadband_rows_are_worked_out_anew(least):
    rows = broadband.results_table(least, "committed")
    item = broadband.example(least)
    original = autoencoding.limited(least, item, 5000)
    whole = rows.query("system == 'lossless' and item == @item.name").iloc[0]
    assert whole["level_bandwidth_hz"] == whole["waveform_bandwidth_hz"] == whole["offered_bandwidth_hz"] > 3000
    assert whole["clicks_per_second"] == pytest.approx(clicks_per_second(original, 16_000, 5000), abs=1e-4)
    restored = through(chosen(least, 5000, "model_d", 0), original)
    row = rows.query("system == 'model_d' and item == @item.name").iloc[0]
    assert row["clicks_per_second"] == pytest.approx(clicks_per_second(restored, 16_000, 5000), abs=1e-4)
    found = recovered_bandwidth(original, restored, least.mm19.geometry, 5000)
    assert row["level_bandwidth_hz"] == found["level_bandwidth_hz"]
    assert row["snr_db"] == pytest.approx(frame_snr(original, restored, least.mm19.geometry.patch_samples)["snr_db"])


def test_every_model_is_swept(least):
    tones = results.read(least, broadband.ALIASING)
    counts = tones.groupby(["limit_hz", "system"]).size()
    assert counts.loc[3000].to_dict() == dict.fromkeys(autoencoding.MODELS, 2 * 15) | {"untrained": 15}
    assert counts.loc[5000].to_dict() == dict.fromkeys([*autoencoding.MODELS, "untrained"], 25)
    network = chosen(least, 5000, "model_c", 0)
    (tone,) = aliasing(lambda samples: through(network, samples), [1100.0], 16_000, 8)
    row = tones.query("limit_hz == 5000 and system == 'model_c'").iloc[5]
    assert row["aliasing_db"] == pytest.approx(tone["aliasing_db"], abs=1e-3)
    means = broadband.sweep_means(least)
    expected = 10 * np.log10((10 ** (tones.query("limit_hz == 5000 and system == 'model_c'")["gain_db"] / 10)).mean())
    assert means.loc[(5000, "model_c"), "gain_db"] == pytest.approx(expected)


def test_the_pictures_of_notebooks_4_5_and_7_show_their_tables(least):
    rows = autoencoding.results_table(least, "committed")
    snr = autoencoding.intervals(rows, "snr_db")
    published = tables.published("mm19", "table3").set_index("system")["value"]
    axes = figures.interval_points(snr, autoencoding.MODELS, "dB", published).axes[0]
    assert axes.get_lines()[-1].get_ydata().tolist() == [59.3, 55.6, 62.7, 45.6]
    tones = results.read(least, broadband.ALIASING)
    panels = figures.aliasing_curves(tones, autoencoding.MODELS).axes
    assert len(panels) == 4 and all(len(axes.get_lines()) == 4 for axes in panels)
    assert len(panels[3].get_lines()[0].get_xdata()) == 25
    diagram = figures.models_diagram(autoencoding.loss_terms(least), autoencoding.MODELS, "autoencoder")
    texts = [text.get_text() for text in diagram.axes[0].texts]
    assert texts.count("samples") == 3 and "features (×5)\n+ prediction" in texts


def test_table_2_counts_the_bottleneck(least):
    table = tables.autoencoder_table(least)
    assert table.loc["Variables in the bottleneck"].tolist() == ["50.00% of the input"] * 2
    assert table["MM'19 Table 2"]["Bottleneck, channels x steps"] == "128 x 258"
    assert table["MM'19 Table 2"]["Input size"] == "66048 (A, B, C), 16384 (D)"
    assert table["MM'19 Table 2"]["Trainable parameters"] == "484,857"


def test_table_1_has_both_domains():
    table = tables.loss_network_table(settings("quick"))
    time_domain = table["MM'19 time domain"]
    assert time_domain["W (frames, or samples)"] == "16384" and time_domain["Kernel, down"].startswith("15, stride 1")
    assert table["MM'19 spectral"]["Kernel, up"] == "(5, 5), stride 2"
    assert time_domain["Learning rate"] == "0.0001" and time_domain["Batch size"] == "16"
    assert [column for column in table if column.startswith("here (quick)")] == list(table.columns[3:])


def test_figure_5_has_one_piece_of_each_system(least):
    sounds = autoencoding.excerpts(least, broadband.EXCERPTS)
    assert [list(own) for own in sounds.values()] == [[short_title(broadband.example(least))]] * 5
    for own in sounds.values():
        for samples in own.values():
            assert np.isfinite(samples).all() and 0.001 < np.abs(samples).max() <= 1
