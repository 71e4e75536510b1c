"""Figures: files, the data behind them, and that what is drawn is what the table says."""

from __future__ import annotations

import base64
import gzip
import io
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile

from nblib import figures
from nblib.audio import Geometry
from nblib.networks import CONFIGURATIONS, MaskUNet, configuration_layers, describe

GEOMETRY = Geometry(sample_rate=16000)
SINE = np.sin(2 * np.pi * 1000 * np.arange(GEOMETRY.patch_samples) / 16000).astype(np.float32)


@pytest.fixture(autouse=True)
def style() -> None:
    plt.close("all")  # what other files' tests left open
    figures.use_style()


def made(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_figure_is_saved_with_its_data_and_twice_the_same(tmp_path: Path) -> None:
    data = pd.DataFrame({"x": [1, 2], "y": [0.1234567, np.nan]})
    for run in ("first", "second"):
        figure, axes = plt.subplots()
        axes.plot(data["x"], data["y"])
        shown = figures.save(tmp_path / run, "line", figure, data)
    first, second = made(tmp_path / "first"), made(tmp_path / "second")
    assert first.keys() == {"line.png", "line.svg", "line.csv"} and first == second
    assert first["line.csv"] == b"x,y\n1,0.123457\n2,\n"
    assert first["line.png"][:4] == shown.data[:4] == b"\x89PNG"
    assert not plt.get_fignums()


def test_large_data_is_compressed(tmp_path: Path) -> None:
    data = pd.DataFrame(np.zeros((200, 60)))
    figures.save(tmp_path, "large", plt.figure(), data)
    assert len(gzip.decompress((tmp_path / "large.csv.gz").read_bytes()).splitlines()) == 201


def test_a_player_holds_the_very_samples_turned_down_only_where_they_would_clip() -> None:
    for gain, expected in ((0.5, 0.5), (2.0, 0.999)):
        page = figures.player(gain * SINE, 16000, "tone").data
        coded = re.search(r"base64,([^\"]+)", page)
        assert coded and "tone" in page
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(coded.group(1))), dtype="float32")
        assert rate == 16000
        np.testing.assert_allclose(samples, expected * SINE, atol=1e-4)


def test_a_spectrogram_shows_decibels_over_seconds_and_kilohertz() -> None:
    figure = figures.spectrogram_rows({"row": {"tone": SINE}}, GEOMETRY)
    picture = figure.axes[0].images[0]
    values = np.asarray(picture.get_array())
    assert values.shape == (512, 128) and values.argmax(axis=0).tolist() == [64] * 128  # 1 kHz
    assert abs(values.max()) < 0.1  # a full-scale sine is 0 dB
    assert picture.get_extent() == [0.0, 128 * 512 / 16000, 0.0, 8.0]
    table = figures.magnitude_table({"tone": SINE}, GEOMETRY)
    np.testing.assert_allclose(table.filter(like="frame").to_numpy(), values, atol=0.051)
    plt.close(figure)


def test_figure2_has_a_row_per_system_and_a_column_per_piece() -> None:
    one = figures.magnitude_table({"tone": SINE}, GEOMETRY).drop(columns="sound")
    rows = [
        one.assign(item=item, title=f"title {item}", system=system)
        for item in ("a", "b")
        for system in ("lossless", "mp3", "mm19_spectral")
    ]
    figure = figures.figure2(pd.concat(rows), GEOMETRY)
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == 6
    assert [axes.get_title() for axes in drawn] == ["title a", "title b", "", "", "", ""]
    assert [axes.get_ylabel().split("\n")[0] for axes in drawn[::2]] == ["lossless", "MP3, 16 kbps", "spectral network"]
    plt.close(figure)


def figure5_rows(task: str) -> pd.DataFrame:
    rows = [
        {"capacity": name, "quantity": quantity, "source": source, "seed": seed, "value": value, "spread": 0.1}
        | {"low": value - 0.2, "high": value + 0.1}
        for name, value in (("P1", 0.8), ("P5", 0.4))
        for quantity in ("preferred_rate", "dont_know_rate")
        for source, seed in (("here", None), ("here", 0), ("here", 1), ("paper", None))
    ]
    errors = [
        {"capacity": name, "quantity": "test_l1", "source": source, "loss": loss, "value": 0.02}
        | {"low": 0.015, "high": 0.03}
        for name in ("P1", "P5")
        for source in ("here", "paper")
        for loss in ("l1", "codec")
    ]
    levels = [
        {"quantity": "test_l1", "source": "here", "loss": loss, "value": value}
        for loss, value in (("unprocessed", 0.05), ("oracle_mask", 0.001))
    ]
    return pd.DataFrame(rows + errors + levels).assign(task=task)


def test_figure5_draws_the_pooled_points_the_seeds_and_the_papers_of_each_task() -> None:
    data = pd.concat([figure5_rows("speech"), figure5_rows("vocals")])
    parameters = {"speech": {"P1": 54, "P5": 1949}, "vocals": {"P1": 188, "P5": 153_653}}
    judges = {"speech": "ESTOI listener (model-predicted, no listeners)", "vocals": "SIR listener"}
    figure = figures.figure5(data, parameters, judges)
    speech, vocals, errors, _ = figure.axes
    assert "model-predicted, no listeners" in speech.get_title() and "SIR listener" in vocals.get_title()
    assert [label.get_text() for label in speech.get_xticklabels()] == ["P1\n54", "P5\n1,949"]
    assert [label.get_text() for label in vocals.get_xticklabels()] == ["P1\n188", "P5\n153,653"]
    pooled = next(each for each in speech.containers if each.get_label() == "codec loss preferred, here")
    assert np.asarray(pooled[0].get_ydata()).tolist() == [0.8, 0.4]
    np.testing.assert_allclose([segment[:, 1] for segment in pooled[2][0].get_segments()], [[0.6, 0.9], [0.2, 0.5]])
    assert any(np.asarray(line.get_ydata()).tolist() == [0.8, 0.8, 0.4, 0.4] for line in speech.lines)
    heights = [np.asarray(line.get_ydata()).tolist() for line in errors.lines]
    assert [0.05, 0.05] in heights and [0.001, 0.001] in heights
    plt.close(figure)


def test_the_configurations_fill_the_layers_that_are_compared() -> None:
    layers = describe(MaskUNet(6, 1), 64, 64)
    chosen = {name: configuration_layers(name, 6) for name in CONFIGURATIONS}
    figure = figures.configurations_diagram(layers, chosen)
    filled = [sum(patch.get_facecolor()[:3] != (1, 1, 1) for patch in axes.patches) for axes in figure.axes]
    assert filled == [6, 6, 6, 6, 3, 3]
    first = figure.axes[5].patches
    assert [patch.get_facecolor()[:3] != (1, 1, 1) for patch in first[:5]] == [False, True, True, True, False]
    plt.close(figure)


def test_costs_stack_to_their_sums() -> None:
    table = pd.DataFrame(
        {
            "step_seconds": [3.0, 1.0],
            "loss_seconds": [2.0, 0.5],
            "weights_mib": [5.0, 1.0],
            "activations_mib": [7.0, 2.0],
        },
        index=["A", "F"],
    )
    figure = figures.costs_figure(table.assign(batch=4))
    for axes, tops in zip(figure.axes, ([3.0, 1.0], [12.0, 3.0]), strict=True):
        assert [patch.get_y() + patch.get_height() for patch in axes.patches[2:]] == tops
    plt.close(figure)


def test_the_residuals_curves_and_intervals_are_the_tables() -> None:
    row = {"l1_db": -10.0, "codec_db": -12.0, "mean": -2.0, "low": -3.0, "high": -1.0}
    bands = pd.DataFrame(
        [
            row | {"task": task, "side": side, "centre_hz": centre}
            for task in ("speech", "vocals")
            for side in ("above", "below")
            for centre in (100.0, 1000.0)
        ]
    )
    figure = figures.residual_figure(bands)
    assert len(figure.axes) == 6
    above, _, difference = figure.axes[:3]
    assert [np.asarray(line.get_ydata()).tolist() for line in above.lines] == [[-10, -10], [-12, -12]]
    assert np.asarray(difference.lines[0].get_ydata()).tolist() == [-2, -2]
    extent = difference.collections[0].get_paths()[0].get_extents()
    assert (extent.y0, extent.y1) == (-3, -1)
    plt.close(figure)


def test_the_diagram_shows_the_networks_own_sizes() -> None:
    figure = figures.network_diagram(describe(MaskUNet(3, 2), 64, 32))
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels[:4] == ["input\n1 × 64\n× 32", "down1\n2 × 32\n× 16", "down2\n4 × 16\n× 8", "down3\n8 × 8\n× 4"]
    assert labels[-1] == "up3\n1 × 64\n× 32"
    assert len(figure.axes[0].texts) == 2  # the two skips
    plt.close(figure)


def test_effects_have_their_intervals() -> None:
    table = pd.DataFrame({"measure": "estoi", "capacity": ["P1"], "mean": [0.02], "low": [-0.01], "high": [0.04]})
    figure = figures.effects_figure(table, {"estoi": "ESTOI"})
    segment = figure.axes[0].collections[0].get_segments()[0]
    np.testing.assert_allclose(segment[:, 1], [-0.01, 0.04])
    plt.close(figure)
