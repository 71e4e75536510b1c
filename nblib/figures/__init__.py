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
from nblib.figures.capacity import (
    configurations_diagram,
    costs_figure,
    effects_figure,
    figure5,
    residual_figure,
)
from nblib.figures.choices import preference_bars
from nblib.figures.networks import (
    aliasing_curves,
    figure2,
    hole_shares,
    interval_points,
    learning_curve,
    models_diagram,
    network_diagram,
)

__all__ = [
    "COLOURS",
    "NAMES",
    "aliasing_curves",
    "configurations_diagram",
    "costs_figure",
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
    "residual_figure",
    "save",
    "spectrogram",
    "spectrogram_grid",
    "spectrogram_rows",
    "use_style",
]
