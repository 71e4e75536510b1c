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
from nblib.networks import MaskUNet, describe

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


def test_figure5_draws_the_pooled_points_the_seeds_and_the_papers() -> None:
    rows = [
        {"capacity": name, "quantity": quantity, "source": source, "seed": seed, "value": value, "spread": 0.1}
        for name, value in (("P1", 0.8), ("P5", 0.4))
        for quantity in ("preferred_rate", "dont_know_rate")
        for source, seed in (("here", None), ("here", 0), ("here", 1), ("paper", None))
    ]
    errors = [
        {"capacity": name, "quantity": "test_l1", "source": source, "loss": loss, "value": 0.02}
        for name in ("P1", "P5")
        for source in ("here", "paper")
        for loss in ("l1", "codec")
    ]
    levels = [
        {"quantity": "test_l1", "source": "here", "loss": loss, "value": value}
        for loss, value in (("unprocessed", 0.05), ("oracle_mask", 0.001))
    ]
    data = pd.DataFrame(rows + errors + levels)
    figure = figures.figure5(data, {"P1": 54, "P5": 1949}, "model-predicted, no listeners")
    upper, lower = figure.axes
    assert "model-predicted, no listeners" in upper.get_title()
    assert [label.get_text() for label in upper.get_xticklabels()] == ["P1\n54", "P5\n1,949"]
    line = next(line for line in upper.lines if line.get_label() == "codec loss preferred, here")
    assert np.asarray(line.get_ydata()).tolist() == [0.8, 0.4]
    assert any(np.asarray(line.get_ydata()).tolist() == [0.8, 0.8, 0.4, 0.4] for line in upper.lines)
    heights = [np.asarray(line.get_ydata()).tolist() for line in lower.lines]
    assert [0.05, 0.05] in heights and [0.001, 0.001] in heights
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
