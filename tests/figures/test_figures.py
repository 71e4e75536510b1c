"""Figures: files, the data behind them, and that what is drawn is what the table says."""

import base64
import gzip
import io
import re
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers.listening import votes

from nblib import figures
from nblib.audio import Geometry
from nblib.listening.statistics import preference_rates
from nblib.networks import CONFIGURATIONS, MaskUNet, configuration_layers, describe

GEOMETRY = Geometry(sample_rate=16000)
SINE = np.sin(2 * np.pi * 1000 * np.arange(GEOMETRY.patch_samples) / 16000).astype(np.float32)
TITLES = {"l1": "l1", "codec": "codec loss", "third": "third loss"}
BOUNDS = [("unprocessed", "here", None, 0.05), ("oracle_mask", "here", None, 0.001)]


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    plt.close("all")  # what other files' tests left open
    figures.use_style()
    yield
    plt.close("all")


def heights(axes: plt.Axes) -> list[list[float]]:
    return [np.asarray(line.get_ydata()).tolist() for line in axes.lines]


def test_a_figure_is_saved_with_its_data_and_twice_the_same(tmp_path: Path) -> None:
    data = pd.DataFrame({"x": [1, 2], "y": [0.1234567, np.nan]})
    for run in ("first", "second"):
        figure, axes = plt.subplots()
        axes.plot(data["x"], data["y"])
        shown = figures.save(tmp_path / run, "line", figure, data)
    first, second = ({own.name: own.read_bytes() for own in (tmp_path / run).iterdir()} for run in ("first", "second"))
    assert first.keys() == {"line.png", "line.svg", "line.csv"} and first == second
    assert first["line.csv"] == b"x,y\n1,0.123457\n2,\n"
    assert first["line.png"][:4] == shown.data[:4] == b"\x89PNG"
    assert not plt.get_fignums()
    figures.save(tmp_path, "large", plt.figure(), pd.DataFrame(np.zeros((200, 60))))
    assert len(gzip.decompress((tmp_path / "large.csv.gz").read_bytes()).splitlines()) == 201


@pytest.mark.parametrize(("gain", "expected"), [(0.5, 0.5), (2.0, 0.999)])
def test_a_player_holds_the_very_samples_turned_down_only_where_they_would_clip(gain: float, expected: float) -> None:
    page = figures.players({"tone": gain * SINE}, 16000).data
    coded = re.search(r"base64,([^\"]+)", page)
    assert coded and "tone" in page
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(coded.group(1))), dtype="float32")
    assert rate == 16000
    np.testing.assert_allclose(samples, expected * SINE, atol=1e-4)


def test_spectrograms_show_decibels_over_seconds_and_kilohertz_and_titles_once() -> None:
    rows = {"above": {"tone": SINE, "half": SINE / 2}, "below": {"x": SINE, "y": SINE}}
    figure = figures.spectrogram_rows(rows, GEOMETRY)
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in panels] == ["tone", "half", "", ""]
    picture = panels[0].images[0]
    values = np.asarray(picture.get_array())
    assert values.shape == (512, 128) and values.argmax(axis=0).tolist() == [64] * 128  # 1 kHz
    assert abs(values.max()) < 0.1  # a full-scale sine is 0 dB
    assert picture.get_extent() == [0.0, 128 * 512 / 16000, 0.0, 8.0]
    table = figures.magnitude_table({"tone": SINE}, GEOMETRY)
    assert table.columns[:2].tolist() == ["sound", "frequency_hz"]
    np.testing.assert_allclose(table.filter(regex="^frame").to_numpy(), values, atol=0.051)


def test_the_diagrams_show_the_networks_own_sizes_and_the_layers_compared() -> None:
    figure = figures.network_diagram(describe(MaskUNet(3, 2), 64, 32))
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels[:4] == ["input\n1 × 64\n× 32", "down1\n2 × 32\n× 16", "down2\n4 × 16\n× 8", "down3\n8 × 8\n× 4"]
    assert len(figure.axes[0].texts) == 2  # the two skips
    chosen = {name: configuration_layers(name, 6) for name in CONFIGURATIONS}
    figure = figures.configurations_diagram(describe(MaskUNet(6, 1), 64, 64), chosen)
    filled = [[patch.get_facecolor()[:3] != (1, 1, 1) for patch in axes.patches] for axes in figure.axes]
    assert [sum(own) for own in filled] == [6, 6, 6, 6, 3, 3] and filled[5][:5] == [False, True, True, True, False]


def test_the_bars_show_what_the_votes_say_and_costs_stack_to_their_sums() -> None:
    published = pd.DataFrame({"capacity": ["P1", "P2"], "value": [0.9, 0.5], "spread": [0.1, 0.1]})
    given = pd.concat(
        votes(dict(zip("pqrs", choices, strict=True)), capacity=capacity, judge="people")
        for capacity, choices in {"P1": "aaaa", "P2": "aab-"}.items()
    )
    rates = preference_rates(given, ["judge", "capacity"]).query("system == 'codec'")
    bars = figures.preference_bars(rates, {"P1": "54", "P2": "107"}, published, "capacity")
    assert [patch.get_height() for patch in bars.axes[0].patches] == [1.0, 0.5, 0.9, 0.5]
    columns = ["step_seconds", "loss_seconds", "weights_mib", "activations_mib", "batch"]
    table = pd.DataFrame([(3.0, 2.0, 5.0, 7.0, 4), (1.0, 0.5, 1.0, 2.0, 4)], ["A", "F"], columns)
    for axes, tops in zip(figures.costs_figure(table).axes, ([3.0, 1.0], [12.0, 3.0]), strict=True):
        assert [patch.get_y() + patch.get_height() for patch in axes.patches[2:]] == tops


def test_figure5_draws_the_pooled_points_the_seeds_and_the_papers_of_every_contender() -> None:
    here = [
        (name, quantity, contender, "here", seed, value)
        for name, value in (("P1", 0.8), ("P5", 0.4))
        for quantity in ("preferred_rate", "dont_know_rate", "test_l1")
        for contender in TITLES
        for seed in (None, 0, 1)
    ]
    paper = [(name, "preferred_rate", "codec", "paper", None, 0.7) for name in ("P1", "P5")]
    bounds = [(None, "test_l1", *bound) for bound in BOUNDS]
    columns = ["capacity", "quantity", "contender", "source", "seed", "value"]
    data = pd.DataFrame(here + paper + bounds, columns=columns)
    data = data.assign(task="speech", spread=0.1, low=0.3, high=0.9)
    counts = pd.DataFrame({"task": "speech", "capacity": ["P1", "P5"], "counted": [54, 1949]})
    upper, lower = figures.figure5(data, counts, {"speech": "(model-predicted)"}, TITLES).axes
    assert "(model-predicted)" in upper.get_title()
    assert [label.get_text() for label in upper.get_xticklabels()] == ["P1\n54", "P5\n1,949"]
    drawn = {each.get_label(): each for each in upper.containers}
    for title in ("codec loss preferred, here", "third loss preferred, here"):
        assert np.asarray(drawn[title][0].get_ydata()).tolist() == [0.8, 0.4]
        np.testing.assert_allclose([own[:, 1] for own in drawn[title][2][0].get_segments()], [[0.3, 0.9], [0.3, 0.9]])
    assert np.asarray(drawn["codec loss preferred, paper"][0].get_ydata()).tolist() == [0.7, 0.7]
    assert [0.8, 0.8, 0.4, 0.4] in heights(upper)
    assert [0.05, 0.05] in heights(lower) and [0.001, 0.001] in heights(lower)


def test_the_residuals_curves_and_the_effects_intervals_are_the_tables() -> None:
    row = {"contender": "codec", "l1_db": -10.0, "contender_db": -12.0, "mean": -2.0, "low": -3.0, "high": -1.0}
    bands = [
        row | {"task": task, "side": side, "centre_hz": centre}
        for task in ("speech", "vocals")
        for side in ("above", "below")
        for centre in (100.0, 1000.0)
    ]
    figure = figures.residual_figure(pd.DataFrame(bands), dict(list(TITLES.items())[:2]))
    above, _, difference, *_ = figure.axes
    assert len(figure.axes) == 6 and heights(above) == [[-10, -10], [-12, -12]] and heights(difference)[0] == [-2, -2]
    extent = difference.collections[0].get_paths()[0].get_extents()
    assert (extent.y0, extent.y1) == (-3, -1)
    effect = {"measure": "estoi", "capacity": "P1", "one": "codec", "mean": 0.02, "low": -0.01, "high": 0.04}
    axes = figures.effects_figure(pd.DataFrame([effect]), {"estoi": "ESTOI"}, TITLES).axes[0]
    np.testing.assert_allclose(axes.collections[0].get_segments()[0][:, 1], [-0.01, 0.04])
