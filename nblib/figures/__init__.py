"""Every figure of the notebooks as a function of its table."""

from nblib.figures.base import (
    COLOURS,
    NAMES,
    decibels,
    magnitude_table,
    player,
    players,
    save,
    spectrogram,
    spectrogram_grid,
    spectrogram_rows,
    use_style,
)
from nblib.figures.choices import preference_bars, preference_curve
from nblib.figures.papers import aliasing_curves, interval_points, effects_figure, figure2, figure5, hole_shares, learning_curve, models_diagram, network_diagram
from nblib.figures.separation import PooledColumns, separation_figure

__all__ = [
    "COLOURS",
    "NAMES",
    "PooledColumns",
    "aliasing_curves",
    "decibels",
    "effects_figure",
    "figure2",
    "figure5",
    "hole_shares",
    "interval_points",
    "learning_curve",
    "magnitude_table",
    "models_diagram",
    "network_diagram",
    "player",
    "players",
    "preference_bars",
    "preference_curve",
    "save",
    "separation_figure",
    "spectrogram",
    "spectrogram_grid",
    "spectrogram_rows",
    "use_style",
]
