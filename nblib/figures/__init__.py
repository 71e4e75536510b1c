"""Every figure of the notebooks as a function of its table."""

from nblib.figures.base import COLOURS, figure2, magnitude_table, players, save, spectrogram_rows, use_style
from nblib.figures.charts import (
    aliasing_curves,
    costs_figure,
    effects_figure,
    figure5,
    hole_shares,
    interval_points,
    learning_curve,
    preference_bars,
    residual_figure,
)
from nblib.figures.diagrams import configurations_diagram, models_diagram, network_diagram
