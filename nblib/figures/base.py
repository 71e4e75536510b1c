"""One style for all figures, how they are saved and shown, and players."""

import base64
import io
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import PIL.Image
import seaborn as sns
import soundfile
from IPython.display import HTML, Image
from matplotlib.figure import Figure

from nblib import paths

# Okabe and Ito's colours, told apart with every kind of colour vision.
COLOURS = {"codec": "#0072B2", "l1": "#D55E00", "paper": "#555555", "unprocessed": "#999999", "oracle_mask": "#009E73"}
PALETTE = ("#555555", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
Names = Mapping[str, str]  # what is written for each name, in the order in which it is drawn


def palette(names: Iterable[str]) -> dict[str, str]:
    """A colour for each of `names`, in order, from the start again after seven."""
    return dict(zip(names, itertools.cycle(PALETTE), strict=False))


def whiskers(table: pd.DataFrame, value: str = "mean") -> np.ndarray:
    """How far the columns low and high lie from `value` [shape=(2, n)]; 0 where there is no interval."""
    return np.nan_to_num(np.abs(table[["low", "high"]].to_numpy(float).T - table[value].to_numpy(float)))


def use_style() -> None:
    """Set matplotlib's and seaborn's defaults for every figure of the suite."""
    sizes = {"savefig.dpi": 110, "font.size": 11, "axes.titlesize": 11, "figure.constrained_layout.use": True}
    frames = {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
    files = {"svg.hashsalt": "nblib", "svg.fonttype": "none"}  # equal figures give equal files
    sns.set_theme("notebook", "ticks", list(COLOURS.values()), rc=sizes | frames | files)


def save(folder: Path, name: str, figure: Figure, data: pd.DataFrame) -> Image:
    """Write ``name.png``, ``name.svg``, ``name.csv`` (``.csv.gz`` over 10,000 values); gives the picture to show."""
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        with paths.whole(folder / f"{name}.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, metadata=metadata)
    large = data.size > 10_000
    with paths.whole(folder / f"{name}.csv{'.gz' if large else ''}") as temporary:
        compression = {"method": "gzip", "mtime": 0} if large else None
        data.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n", compression=compression)
    plt.close(figure)
    # A notebook holds it at screen resolution in 256 colours, a third of the full PNG's bytes.
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=80)
    PIL.Image.open(full).convert("RGB").quantize(256).save(small, format="PNG", optimize=True)
    return Image(small.getvalue())


def players(sounds: Mapping[str, np.ndarray], sample_rate: int) -> HTML:
    """A player per title, its samples [shape=(n,)] lossless, turned down where they would clip."""
    page = ""
    for title, samples in sounds.items():
        buffer = io.BytesIO()
        loudest = max(1.0, float(np.abs(samples).max()) / 0.999)
        soundfile.write(buffer, samples / loudest, sample_rate, format="FLAC", subtype="PCM_16")
        source = base64.b64encode(buffer.getvalue()).decode()
        page += f'<figure style="display:inline-block;margin:4px 12px"><figcaption>{title}</figcaption>'
        page += f'<audio controls preload="none" src="data:audio/flac;base64,{source}"></audio></figure>'
    return HTML(page)
