"""Models A to D at 3 and 5 kHz: losses, rows worked out anew, tables and excerpts."""

from dataclasses import replace

import numpy as np
import pytest

from nblib import figures, study, tables
from nblib.evaluation import aliasing, click_times, frame_snr, recovered_bandwidth, si_sdr_db
from nblib.experiments import BROADBAND, SNR, autoencoding
from nblib.experiments.overview import excerpts, short_title
from nblib.networks import AutoEncoder, through
from nblib.settings import Settings
from nblib.training import load, train_all


def network(setup: Settings, model: str, seed: int, broadband: bool = False) -> AutoEncoder:
    wanted = {"system": model, "seed": seed}
    (cell,) = (cell for cell in autoencoding.cells(setup, broadband) if wanted.items() <= cell.labels.items())
    return load(cell.hash).network()


def original(setup: Settings, limit_hz: int) -> np.ndarray:
    """The one test piece, limited."""
    ((_, samples),) = autoencoding.heard([], autoencoding.pieces(setup)[0], limit_hz)
    return samples


def test_each_model_has_the_terms_of_its_equation() -> None:
    terms = autoencoding.loss_terms(Settings())
    own = terms["system"].str[-1] + ": " + terms["through"] + " " + terms["term"] + " " + terms["terms"].astype(str)
    assert ", ".join(own) == (
        "a: samples samples 1, b: samples samples 1, b: magnitude magnitude 1, c: samples samples 1, "
        "c: C^S features 9, c: C^S prediction 1, d: C^T features 15, d: C^T prediction 1"
    )
    assert np.allclose(terms["share"], 1)


def test_one_run_per_seed_and_model_and_another_for_another_band(tiny_mm19: Settings) -> None:
    narrow, wide = autoencoding.cells(tiny_mm19), autoencoding.cells(tiny_mm19, broadband=True)
    assert len({cell.hash for cell in [*narrow, *wide]}) == 4 * (2 + 1)
    frames = {cell.labels["system"]: cell.data.geometry.frames for cell in narrow}
    assert frames == {"model_a": 16, "model_b": 16, "model_c": 16, "model_d": 15}


def test_every_piece_has_a_row_of_every_system_worked_out_anew(tiny_mm19: Settings) -> None:
    rows, patch = study.rows(tiny_mm19, SNR), tiny_mm19.mm19.geometry.patch_samples
    assert rows["system"].value_counts().to_dict() == {"half_rate": 1} | dict.fromkeys(autoencoding.MODELS, 2)
    before = original(tiny_mm19, 3000)
    for model in autoencoding.MODELS:
        row = rows.query("system == @model and seed == 1").iloc[0]
        restored = through(network(tiny_mm19, model, 1), before)
        found = frame_snr(before, restored, patch)["snr_db"], si_sdr_db(before, restored)
        assert row[["snr_db", "si_sdr_db"]].tolist() == pytest.approx(found, rel=1e-4)
        assert row["frames"] == len(before) // patch
    half = rows["system"] == "half_rate"
    assert not rows[~half].isna().any(axis=None) and (rows.loc[half, "snr_db"] > 40).all(), "enough for 3 kHz"


def test_table_3_has_means_intervals_over_seeds_and_the_papers_values(tiny_mm19: Settings) -> None:
    rows = study.rows(tiny_mm19, SNR)
    table = tables.snr_table(rows)
    assert table.index.tolist() == [*autoencoding.MODELS.values(), "half the rate, no network"]
    assert table["paper's SNR (dB)"].tolist()[:4] == [59.3, 55.6, 62.7, 45.6]
    own = rows[rows["system"] == "model_b"].groupby("seed")["snr_db"].mean()
    half = 12.7062 * own.std() / np.sqrt(2)  # Student's t for two seeds
    assert table.loc["Model B", "snr_db"] == f"{own.mean():.2f} [{own.mean() - half:.2f}, {own.mean() + half:.2f}]"
    assert "[" not in table.loc["half the rate, no network", "snr_db"]


def test_a_model_that_came_to_nothing_is_left_out_and_the_next_seed_is_heard(tiny_mm19: Settings) -> None:
    trained = train_all(autoencoding.cells(tiny_mm19), "cpu")
    for number, status in ((2, "collapsed"), (3, "diverged")):
        trained[number] = replace(trained[number], record=trained[number].record | {"status": status})
    heard = [row["system"] for row, _ in autoencoding.heard(trained, autoencoding.pieces(tiny_mm19)[0], 3000)]
    assert heard[0] == "lossless" and sorted(heard[1:]) == [*["model_a"] * 2, *["model_b"] * 2, "model_c", "model_d"]
    firsts = {each.labels["system"]: each.labels["seed"] for each in autoencoding.first_of_each(trained)}
    assert firsts == {"model_a": 0, "model_b": 0, "model_c": 1, "model_d": 1}


def test_figures_4_and_5_show_every_system(tiny_mm19: Settings) -> None:
    geometry, title = tiny_mm19.mm19.geometry, short_title(autoencoding.pieces(tiny_mm19)[0][1])
    for name in ("figure4", "figure5"):
        sounds = excerpts(tiny_mm19, name, autoencoding.TITLES)
        assert list(sounds) == ["lossless", "Model A", "Model B", "Model C", "Model D"]
        assert all(list(own) == [title] for own in sounds.values())
        assert {len(samples) for own in sounds.values() for samples in own.values()} == {geometry.patch_samples}


def test_the_broadband_rows_are_worked_out_anew(tiny_mm19: Settings) -> None:
    own, before = study.rows(tiny_mm19, BROADBAND).set_index("system"), original(tiny_mm19, 5000)
    whole, row = own.loc["lossless"], own.loc["model_d"]
    assert whole["level_bandwidth_hz"] == whole["waveform_bandwidth_hz"] == whole["offered_bandwidth_hz"] > 3000
    restored = through(network(tiny_mm19, "model_d", 0, broadband=True), before)
    for found, sound in ((whole, before), (row, restored)):
        assert found["clicks_per_second"] == pytest.approx(
            len(click_times(sound, 16_000, 5000)) * 16_000 / len(sound), abs=1e-4
        )
    bandwidth = recovered_bandwidth(before, restored, tiny_mm19.mm19.geometry, 5000)
    assert row["level_bandwidth_hz"] == bandwidth["level_bandwidth_hz"]


def test_every_model_is_swept(tiny_mm19: Settings) -> None:
    tones = study.read(tiny_mm19, autoencoding.ALIASING)
    counts = tones.groupby(["limit_hz", "system"]).size()
    assert counts.loc[3000].to_dict() == dict.fromkeys(autoencoding.MODELS, 2 * 15) | {"untrained": 15}
    assert counts.loc[5000].to_dict() == dict.fromkeys([*autoencoding.MODELS, "untrained"], 25)
    trained = network(tiny_mm19, "model_c", 0, broadband=True)
    (tone,) = aliasing(lambda samples: through(trained, samples), [1100.0], 16_000, 8)
    own = tones.query("limit_hz == 5000 and system == 'model_c'")
    assert own.iloc[5]["aliasing_db"] == pytest.approx(tone["aliasing_db"], abs=1e-3)
    mean = 10 * np.log10((10 ** (own["gain_db"] / 10)).mean())
    assert autoencoding.sweep_means(tones).loc[(5000, "model_c"), "gain_db"] == pytest.approx(mean)
    figure = figures.aliasing_curves(tones.query("limit_hz == 5000 or system != 'model_c'"), autoencoding.MODELS)
    assert [line.get_label() for line in figure.axes[0].lines if not line.get_xdata().size] == ["Model C"]


def test_table_2_counts_the_bottleneck(tiny_mm19: Settings) -> None:
    table = tables.autoencoder_table(tiny_mm19)
    assert table.loc["Variables in the bottleneck"].tolist() == ["50.00% of the input"] * 2
    golden = {"128 x 258", "66048 (A, B, C), 16384 (D)", "484,857"}
    assert golden <= set(table["MM'19 Table 2"])
