"""Models A to D: one autoencoder per loss of MM'19 Section 6, on material of 3 kHz and of 5 kHz (Section 8)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from nblib import audio, parallel, provenance, study
from nblib.corpora import Corpus, Item
from nblib.evaluation import aliasing, click_times, frame_snr, peaq_basic, recovered_bandwidth, si_sdr_db
from nblib.experiments import overview, teachers
from nblib.losses import ALL, CodecLoss, LossSpec
from nblib.networks import WaveUNet, through
from nblib.settings import Settings
from nblib.study import Row, Sounds, Study, Systems, recordings
from nblib.training import Cell, Run, Source, train_all

HISTORY, ALIASING = "autoencoder_history.csv", "aliasing.csv"
FIGURE4, FIGURE5 = "figure4", "figure5"
Piece = tuple[Corpus, Item]
LOSSLESS = "lossless"
HALF_RATE = "half_rate"  # half of the variables without any network: resampled to half the rate and back
UNTRAINED = "untrained"  # the autoencoder as training finds it
MODELS = {"model_a": "Model A", "model_b": "Model B", "model_c": "Model C", "model_d": "Model D"}
TITLES = {LOSSLESS: "lossless"} | MODELS
LOSSES = {  # `teacher` by its name
    "model_a": LossSpec("l1"),
    "model_b": LossSpec("spectrogram"),
    "model_c": LossSpec("spectral_codec", "mm19_spectral", ALL, prediction=True),
    "model_d": LossSpec("codec", "mm19_time_domain", ALL, prediction=True),
}


def loss_terms(setup: Settings) -> pd.DataFrame:
    """What each model's loss compares, read from the losses themselves: MM'19 equations (1) to (4), Figure 3."""
    rows = []
    for model, spec in LOSSES.items():
        network = teachers.loss_network(setup, spec.teacher).network.build() if spec.teacher else None
        loss = spec.build(setup.mm19.geometry, setup.domain, network)
        for name, share in zip(loss.names, loss.shares, strict=True):
            view = term = "samples" if name == "l1" else name
            if isinstance(loss, CodecLoss) and name in loss.layers:
                view = "C^T" if isinstance(network, WaveUNet) else "C^S"
                term = "prediction" if name == loss.layers[-1] else "features"
            # share: what it comes to once the weights are set
            rows.append({"system": model, "through": view, "term": term, "terms": 1, "share": share})
    return pd.DataFrame(rows).groupby(["system", "through", "term"], sort=False, as_index=False).sum()


def cells(setup: Settings, broadband: bool = False) -> list[Cell]:
    """A network per seed and model, on material limited to 3 kHz, `broadband` to 5 kHz; loss networks come first."""
    own, made = setup.mm19, []
    limit_hz = own.broadband_limit_hz if broadband else own.limit_hz
    runs = {spec.teacher: spec.teacher and teachers.run(setup, spec.teacher).hash for spec in LOSSES.values()}
    for seed in setup.seeds(own.broadband_replicates if broadband else own.replicates):
        for model, spec in LOSSES.items():
            loss = replace(spec, teacher=runs[spec.teacher], unit_epochs=own.unit_epochs)
            geometry = own.time_geometry if model == "model_d" else own.geometry
            source = Source(recordings(setup, "music", geometry.sample_rate), geometry, limit_hz)
            labels = {"system": model, "limit_hz": limit_hz, "seed": seed}
            made.append(Cell(labels, source, own.autoencoder, loss, own.training, setup.domain))
    return made


def pieces(setup: Settings, most: int | None = None) -> list[Piece]:
    """The test pieces at MM'19's sample rate; of so many, each is of another character as far as there are."""
    corpus = recordings(setup, "music", setup.mm19.geometry.sample_rate)
    items = corpus.items("test")
    return [(corpus, item) for item in (overview.different(items, most) if most else items)]


@provenance.torch_threads(1)
def heard(trained: Sequence[Run], piece: Piece, limit_hz: int, name: str = LOSSLESS) -> Systems:
    """A piece (by `name`), limited, and that through usable networks."""
    corpus, item = piece
    original = audio.band_limit(corpus.load(item), corpus.sample_rate, limit_hz)
    networks = [(each.row, through(each.network(), original)) for each in trained if each.usable]
    return [({"system": name, "status": "none"}, original), *networks]


def first_of_each(trained: Sequence[Run]) -> list[Run]:
    """Of each model the first usable network, to look at and to listen to."""
    firsts = {each.labels["system"]: each for each in reversed(trained) if each.usable}
    return [firsts[model] for model in MODELS if model in firsts]


def _excerpts(trained: Sequence[Run], piece: Piece, limit_hz: int) -> tuple[Item, Sounds]:
    """A piece as it is and through the first of each model."""
    return piece[1], {row["system"]: sound for row, sound in heard(first_of_each(trained), piece, limit_hz)}


def snr_rows(setup: Settings, trained: list[Run], piece: Piece) -> list[Row]:
    """The SNR of Table 3 and its variants, averaged over frames; SI-SDR, 2f and NMR of the piece."""
    (_, original), *networks = heard(trained, piece, setup.mm19.limit_hz)
    rate, rows = piece[0].sample_rate, []
    half = audio.resample(audio.resample(original, rate, rate // 2), rate // 2, rate)[: len(original)]
    systems = [({"system": HALF_RATE, "status": "none"}, half), *networks]
    sounds = np.stack([sound for _, sound in systems])
    judged = peaq_basic(np.broadcast_to(original, sounds.shape), sounds, rate)
    for (system, sound), two_f, nmr_db in zip(systems, judged["two_f"], judged["TotalNMRB"], strict=True):
        measured = frame_snr(original, sound, setup.mm19.geometry.patch_samples)
        measured |= {"si_sdr_db": si_sdr_db(original, sound), "two_f": float(two_f), "nmr_db": float(nmr_db)}
        rows.append(system | {"item": piece[1].name} | measured)
    return rows


def broadband_rows(setup: Settings, trained: list[Run], piece: Piece) -> list[Row]:
    """SNR, clicks and bandwidth of a piece as it is and through every model."""
    geometry, limit_hz, rows = setup.mm19.geometry, setup.mm19.broadband_limit_hz, []
    systems = heard(trained, piece, limit_hz)
    original, rate = systems[0][1], geometry.sample_rate
    for row, sound in systems:
        found = {"item": piece[1].name, "snr_db": frame_snr(original, sound, geometry.patch_samples)["snr_db"]}
        found["clicks_per_second"] = len(click_times(sound, rate, limit_hz)) * rate / len(sound)
        rows.append(row | found | recovered_bandwidth(original, sound, geometry, limit_hz))
    return rows


def _keep_narrow(setup: Settings, trained: list[Run]) -> None:
    study.save(setup, HISTORY, teachers.histories(trained))
    shown = [_excerpts(trained, piece, setup.mm19.limit_hz) for piece in pieces(setup, most=3)]
    overview.keep_excerpts(setup, FIGURE4, shown)


def _keep_broadband(setup: Settings, trained: list[Run]) -> None:
    """Aliasing of the models of both band limits; and Figure 5, of the piece with the largest share over 3 kHz."""
    narrow_hz, wide_hz = setup.mm19.limit_hz, setup.mm19.broadband_limit_hz
    models = [each for each in train_all(cells(setup), setup.device) + trained if each.usable]
    tones = parallel.parallel_map(partial(_sweep, setup), [narrow_hz, wide_hz, *models])
    study.save(setup, ALIASING, pd.DataFrame([tone for own in tones for tone in own]))

    def share_above(piece: Piece) -> float:
        ((_, original),) = heard([], piece, wide_hz)
        power = np.abs(np.fft.rfft(original)) ** 2
        return power[round(len(power) * 2 * narrow_hz / piece[0].sample_rate) :].sum() / power.sum()

    overview.keep_excerpts(setup, FIGURE5, [_excerpts(trained, max(pieces(setup), key=share_above), wide_hz)])


def _sweep(setup: Settings, what: Run | int) -> list[Row]:
    """A row per tone, 200 Hz apart, through a network, or through the untrained one up to a limit (Hz)."""
    if isinstance(what, Run):
        network, row = what.network(), {**what.labels, "status": what.status}
    else:
        provenance.seed_everything(setup.seed, "weights")  # as training does
        network = setup.mm19.autoencoder.build()
        row = {"system": UNTRAINED, "limit_hz": what, "seed": setup.seed, "status": "none"}
    tones = np.arange(100, row["limit_hz"], 200.0).tolist()
    rate, factor = setup.mm19.geometry.sample_rate, 2**network.num_layers
    return [row | tone for tone in aliasing(partial(through, network), tones, rate, factor)]


BY = ("system", "limit_hz")
MEASURES = ("snr_db", "snr_20log_db", "psnr_db", "snr_10ln", "si_sdr_db", "two_f", "nmr_db")
WIDTHS = ("snr_db", "clicks_per_second", "level_bandwidth_hz", "waveform_bandwidth_hz")
SNR = Study("snr", cells, pieces, snr_rows, BY, MEASURES, _keep_narrow, (HISTORY, f"**/{FIGURE4}_*"))
WIDE = partial(cells, broadband=True)
BROADBAND = Study("broadband", WIDE, pieces, broadband_rows, BY, WIDTHS, _keep_broadband, (ALIASING, f"**/{FIGURE5}_*"))


def sweep_means(tones: pd.DataFrame) -> pd.DataFrame:
    """Per band limit and model the mean power of all tones and seeds in each column of `ALIASING`, in dB."""
    columns = ["gain_db", "aliasing_db", "distortion_db", "aliasing_over_output_db"]
    powers = (tones.set_index(["limit_hz", "system"])[columns] / 10).rpow(10)
    return powers.groupby(level=["limit_hz", "system"]).mean().apply(np.log10) * 10
