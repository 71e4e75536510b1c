"""Models A to D: one autoencoder trained with each loss of MM'19 Section 6, equations (1) to (4).

On material of 3 kHz (Tables 2 and 3, Figure 4), on material of 5 kHz (Section 8.1, Figure 5), and aliasing (8.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from nblib import data, study
from nblib.audio import Geometry, band_limit, resample
from nblib.corpora import Corpus, Item
from nblib.evaluation import aliasing, clicks_per_second, frame_snr, peaq_basic, recovered_bandwidth, si_sdr_db
from nblib.experiments import overview, teachers
from nblib.experiments.overview import keep_excerpts, short_title
from nblib.losses import ALL, CodecLoss, LossSpec
from nblib.networks import through
from nblib.parallel import parallel_map
from nblib.provenance import seed_everything, torch_threads
from nblib.settings import Settings
from nblib.study import Cell, Row, Study, Trained, untrained
from nblib.training import RunConfig, Source

HISTORY, ALIASING = "autoencoder_history.csv", "aliasing.csv"
FIGURE4, FIGURE5 = "figure4", "figure5"  # their excerpts
LOSSLESS = "lossless"
HALF_RATE = "half_rate"  # half of the variables without any network: resampled to half the rate and back
UNTRAINED = "untrained"  # the autoencoder as training finds it
SWEEP_STEP_HZ = 200  # between the tones of the sweep
MODELS = {"model_a": "Model A", "model_b": "Model B", "model_c": "Model C", "model_d": "Model D"}
LOSSES = {  # `teacher` by its name
    "model_a": LossSpec("l1"),
    "model_b": LossSpec("spectrogram"),
    "model_c": LossSpec("spectral_codec", "mm19_spectral", ALL, prediction=True),
    "model_d": LossSpec("codec", "mm19_time_domain", ALL, prediction=True),
}
Heard = list[tuple[Row, np.ndarray]]
BY = ("system", "limit_hz")
MEASURES = ("snr_db", "snr_20log_db", "psnr_db", "snr_10ln", "si_sdr_db", "two_f", "nmr_db")
WIDE_MEASURES = ("snr_db", "clicks_per_second", "level_bandwidth_hz", "waveform_bandwidth_hz")


def patch_geometry(setup: Settings, model: str) -> Geometry:
    """Of a model's training patches: 66,048 samples for Models A, B and C, 16,384 for Model D (Section 6.1)."""
    return setup.mm19.time_geometry if model == "model_d" else setup.mm19.geometry


def loss_terms(setup: Settings) -> pd.DataFrame:
    """What each model's loss compares, read from the losses themselves: MM'19 equations (1) to (4), Figure 3.

    Columns: system; through ("samples", "magnitude", "C^S" or "C^T"); term (of a network "prediction" or "features");
    terms, the number of l1 distances in it; share, what they together come to once the weights are set.
    """
    rows = []
    for model, spec in LOSSES.items():
        network = teachers.loss_network(setup, spec.teacher).network if spec.teacher else None
        loss = spec.build(setup.mm19.geometry, setup.domain, network and network.build())
        layers = loss.layers if isinstance(loss, CodecLoss) else ()
        for name, share in zip(loss.names, loss.shares, strict=True):
            view = term = "samples" if name == "l1" else name
            if network and name in layers:
                view = "C^T" if network.on_samples else "C^S"
                term = "prediction" if name == layers[-1] else "features"
            rows.append({"system": model, "through": view, "term": term, "terms": 1, "share": share})
    return pd.DataFrame(rows).groupby(["system", "through", "term"], sort=False, as_index=False).sum()


def corpus(setup: Settings) -> Corpus:
    """The music at MM'19's sample rate."""
    return data.music(setup, setup.mm19.geometry.sample_rate)


def cells(setup: Settings, limit_hz: int, replicates: int) -> list[Cell]:
    """A network per seed and model, on material band-limited to `limit_hz`; their loss networks come first.

    `TrainingDiverged` where one of those came to nothing.
    """
    runs = {spec.teacher: teachers.run(setup, spec.teacher).hash for spec in LOSSES.values() if spec.teacher}
    mm19, made = setup.mm19, []
    for seed in setup.seeds(replicates):
        for model, spec in LOSSES.items():
            loss = replace(spec, teacher=runs.get(spec.teacher, ""), unit_epochs=mm19.unit_epochs)
            source = Source(corpus(setup), patch_geometry(setup, model), limit_hz)
            known = (source.geometry, setup.domain, source.fingerprint, seed)
            config = RunConfig(mm19.autoencoder, loss, mm19.training, *known)
            made.append(Cell({"system": model, "limit_hz": limit_hz, "seed": seed}, config, source))
    return made


def narrow(setup: Settings) -> list[Cell]:
    """Models A to D on material of 3 kHz, as all of MM'19 but Section 8.1 has them."""
    return cells(setup, setup.mm19.limit_hz, setup.mm19.replicates)


def wide(setup: Settings) -> list[Cell]:
    """Models A to D on material of 5 kHz (Section 8.1)."""
    return cells(setup, setup.mm19.broadband_limit_hz, setup.mm19.broadband_replicates)


def limited(music: Corpus, item: Item, limit_hz: int) -> np.ndarray:
    """A piece as the models see it: band-limited to `limit_hz` [shape=(n,)]."""
    with torch_threads(1):
        return band_limit(music.load(item), music.sample_rate, limit_hz)


def restored(trained: Sequence[Trained], original: np.ndarray, others: Mapping[str, np.ndarray]) -> Heard:
    """First columns and sound of `others`, then of `original` [shape=(n,)] through every usable network."""
    labels = trained[0].labels if trained else {}
    beside = [(untrained(name, labels, "system"), sound) for name, sound in others.items()]
    with torch_threads(1):
        return beside + [(each.row, through(each.run.network(), original)) for each in trained if each.usable]


def pieces(setup: Settings, trained: Sequence[Trained]) -> list[tuple[Corpus, Item]]:
    """The test pieces, each with its corpus, so that no worker opens that anew."""
    return [(corpus(setup), item) for item in corpus(setup).items("test")]


def first_of_each(trained: Sequence[Trained]) -> list[Trained]:
    """Of each model the first usable network, to look at and to listen to."""
    firsts = {each.labels["system"]: each for each in reversed(trained) if each.usable}
    return [firsts[model] for model in MODELS if model in firsts]


def _keep_excerpts(setup: Settings, trained: list[Trained], items: list[Item], limit_hz: int, name: str) -> None:
    """The loudest part of each piece, as it is and through the first of each model, for `excerpts` to read."""
    rows, geometry = [], setup.mm19.geometry
    for item in items:
        original = limited(corpus(setup), item, limit_hz)
        heard = restored(first_of_each(trained), original, {LOSSLESS: original})
        sounds = {str(row["system"]): sound for row, sound in heard}
        keep_excerpts(setup, f"{name}_{item.name}", sounds, geometry.sample_rate, geometry.patch_samples)
        rows += [{"item": item.name, "title": short_title(item), "system": system} for system in sounds]
    study.save(setup, f"{name}_pieces.csv", pd.DataFrame(rows))


def _files(name: str) -> tuple[str, str]:
    return f"{name}_pieces.csv", f"excerpts/{name}_*"


def excerpts(setup: Settings, name: str) -> dict[str, dict[str, np.ndarray]]:
    """The sounds of `FIGURE4` or `FIGURE5`: by the systems' titles, then the pieces'."""
    pieces = study.read(setup, f"{name}_pieces.csv")
    titles = {LOSSLESS: "lossless"} | MODELS
    return overview.excerpts(setup, name, pieces, {system: titles[system] for system in pieces["system"].unique()})


def snr_rows(setup: Settings, trained: list[Trained], piece: tuple[Corpus, Item]) -> list[Row]:
    """The SNR of Table 3 and its variants, averaged over frames; SI-SDR, 2f and NMR of the piece."""
    music, item = piece
    original, rate = limited(music, item, setup.mm19.limit_hz), music.sample_rate
    half = resample(resample(original, rate, rate // 2), rate // 2, rate)[: len(original)]
    systems = restored(trained, original, {HALF_RATE: half})
    sounds = np.stack([sound for _, sound in systems])
    heard = peaq_basic(np.broadcast_to(original, sounds.shape), sounds, rate)
    return [
        system
        | {"item": item.name, **frame_snr(original, sound, setup.mm19.geometry.patch_samples)}
        | {"si_sdr_db": si_sdr_db(original, sound), "two_f": float(two_f), "nmr_db": float(nmr_db)}
        for (system, sound), two_f, nmr_db in zip(systems, heard["two_f"], heard["TotalNMRB"], strict=True)
    ]


def _keep_narrow(setup: Settings, trained: list[Trained]) -> None:
    """Learning curves, and the sounds of Figure 4."""
    study.save(setup, HISTORY, teachers.histories(trained))
    _keep_excerpts(setup, trained, overview.different(corpus(setup).items("test")), setup.mm19.limit_hz, FIGURE4)


SNR = Study("snr", narrow, pieces, snr_rows, BY, MEASURES, _keep_narrow, kept=(HISTORY, *_files(FIGURE4)))


def broadband_rows(setup: Settings, trained: list[Trained], piece: tuple[Corpus, Item]) -> list[Row]:
    """SNR, clicks and bandwidth of a piece as it is and through every model."""
    geometry, limit_hz = setup.mm19.geometry, setup.mm19.broadband_limit_hz
    original = limited(*piece, limit_hz)
    return [
        system
        | {"item": piece[1].name, "snr_db": frame_snr(original, sound, geometry.patch_samples)["snr_db"]}
        | {"clicks_per_second": clicks_per_second(sound, geometry.sample_rate, limit_hz)}
        | recovered_bandwidth(original, sound, geometry, limit_hz)
        for system, sound in restored(trained, original, {LOSSLESS: original})
    ]


def _keep_broadband(setup: Settings, trained: list[Trained]) -> None:
    """Aliasing of the models of both band limits, and the sounds of Figure 5."""
    usable = [each for each in [*study.train(setup, narrow(setup)), *trained] if each.usable]
    sweeps: list[Trained | int] = [setup.mm19.limit_hz, setup.mm19.broadband_limit_hz, *usable]
    tones = [tone for part in parallel_map(partial(_sweep, setup), sweeps) for tone in part]
    study.save(setup, ALIASING, pd.DataFrame(tones))
    _keep_excerpts(setup, trained, [figure5_item(setup)], setup.mm19.broadband_limit_hz, FIGURE5)


BROADBAND = Study(
    "broadband", wide, pieces, broadband_rows, BY, WIDE_MEASURES, _keep_broadband, kept=(ALIASING, *_files(FIGURE5))
)


def figure5_item(setup: Settings) -> Item:
    """The test piece of which the largest share of power lies above the 3 kHz of the other experiments."""

    def share(item: Item) -> float:
        power = np.abs(np.fft.rfft(limited(corpus(setup), item, setup.mm19.broadband_limit_hz))) ** 2
        above = round(len(power) * setup.mm19.limit_hz / (corpus(setup).sample_rate / 2))
        return float(power[above:].sum() / power.sum())

    return max(corpus(setup).items("test"), key=share)


def _sweep(setup: Settings, what: Trained | int) -> list[Row]:
    """A row per tone through a network, or through the untrained one up to a limit (Hz)."""
    if isinstance(what, Trained):
        labels, network = dict(what.labels) | {"status": what.run.status}, what.run.network()
    else:
        labels = {"system": UNTRAINED, "limit_hz": what, "seed": setup.seed, "status": "none"}
        seed_everything(setup.seed, "weights")  # as training does
        network = setup.mm19.autoencoder.build()
    tones = np.arange(SWEEP_STEP_HZ / 2, labels["limit_hz"], SWEEP_STEP_HZ).tolist()
    found = aliasing(partial(through, network), tones, setup.mm19.geometry.sample_rate, 2**network.num_layers)
    return [labels | tone for tone in found]


def sweep_means(tones: pd.DataFrame) -> pd.DataFrame:
    """Per band limit and model the mean power of all tones and seeds in each column of `ALIASING`, in dB."""
    columns = ["gain_db", "aliasing_db", "distortion_db", "aliasing_over_output_db"]
    powers = (tones.set_index(["limit_hz", "system"])[columns] / 10).rpow(10)
    return powers.groupby(level=["limit_hz", "system"]).mean().apply(np.log10) * 10
