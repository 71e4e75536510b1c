"""Every figure of the notebooks as a function of its table."""

from nblib.figures.base import COLOURS, figure2, magnitude_table, player, players, save, spectrogram_rows, use_style
from nblib.figures.capacity import costs_figure, effects_figure, figure5, residual_figure
from nblib.figures.charts import aliasing_curves, hole_shares, interval_points, learning_curve, preference_bars
from nblib.figures.diagrams import configurations_diagram, models_diagram, network_diagram
