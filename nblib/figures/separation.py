"""The picture that comes with a separated file: the whole of it before and after, however long."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nblib.audio import Geometry
from nblib.figures.base import decibels, spectrogram

COLUMNS = 1600  # more than the picture has pixels across
SHOWN_DB = 80.0  # from the loudest column of the input down
MINUTES_FROM = 120.0  # seconds


class PooledColumns:
    """A power spectrogram that grows but never beyond `COLUMNS` columns: when full, two and two become their mean.

    Attributes
    ----------
    frames : int
        Frames that a column stands for.
    """

    def __init__(self, bins: int) -> None:
        self.frames = 1
        self._columns = self._pending = np.zeros((bins, 0), np.float32)

    def add(self, power: np.ndarray) -> None:
        """Append frames [shape=(bins, frames)]."""
        self._take(np.concatenate([self._pending, power], axis=1))
        while self._columns.shape[1] > COLUMNS:
            pairs = self._columns.shape[1] // 2
            # A column that is left over goes back to the frames it is the mean of.
            left_over = np.repeat(self._columns[:, 2 * pairs :], self.frames, axis=1)
            self._columns = self._columns[:, : 2 * pairs].reshape(-1, pairs, 2).mean(2)
            self.frames *= 2
            self._take(np.concatenate([left_over, self._pending], axis=1))

    def power(self) -> np.ndarray:
        """What was added so far [shape=(bins, columns)]; the last column may stand for fewer frames."""
        if self._pending.shape[1] == 0:
            return self._columns
        return np.concatenate([self._columns, self._pending.mean(1, keepdims=True)], axis=1)

    def _take(self, power: np.ndarray) -> None:
        count = power.shape[1] // self.frames
        groups = power[:, : count * self.frames].reshape(len(power), count, self.frames).mean(2)
        self._columns = np.concatenate([self._columns, groups], axis=1)
        self._pending = power[:, count * self.frames :]


def separation_figure(
    title: str, mixture: PooledColumns, estimate: PooledColumns, geometry: Geometry, seconds: float
) -> Figure:
    """Input over separated sound, on one scale of decibels, which begins at the input's loudest; `seconds` long."""
    panels = {"input": mixture.power(), "separated": estimate.power()}
    figure, axes = plt.subplots(2, 1, figsize=(11, 6), sharex=True, sharey=True)
    loudest = float(np.ceil(decibels(np.sqrt(panels["input"])).max() / 10) * 10)
    for axis, (name, power) in zip(axes, panels.items(), strict=True):
        spectrogram(axis, decibels(np.sqrt(power)), geometry.sample_rate, geometry.hop * mixture.frames)
        axis.images[0].set_clim(loudest - SHOWN_DB, loudest)
        axis.set_ylabel(f"{name}\nfrequency (kHz)")
    axes[1].set_xlim(0.0, seconds)
    axes[1].set_xlabel("time (s)")
    if seconds >= MINUTES_FROM:
        axes[1].set_xlabel("time (min:s)")
        axes[1].xaxis.set_major_locator(MaxNLocator(10, steps=[1, 1.2, 1.5, 2, 3, 6, 10]))
        axes[1].xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{int(at) // 60}:{int(at) % 60:02}"))
    axes[0].set_title(title, parse_math=False)
    figure.colorbar(axes[0].images[0], ax=axes, label="dB re full-scale sine")
    return figure
