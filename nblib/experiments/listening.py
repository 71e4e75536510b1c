"""The listening test of MM'19 Section 7 (Tables 4 and 5) on Models A to D and the original, from excerpts to votes."""

import hashlib
import itertools
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from nblib import paths, study
from nblib.audio import loudest, noise_like
from nblib.errors import AudioError, ParameterError, check_choice
from nblib.evaluation import peaq_basic
from nblib.evaluation.intervals import seed_interval, verdict
from nblib.experiments import autoencoding
from nblib.experiments.autoencoding import MODELS, Piece, first_of_each, heard
from nblib.listening import LABEL, PUBLISHED_TESTS
from nblib.listening.model_listener import ModelListener, noticeable_difference
from nblib.listening.server.build import build_test
from nblib.listening.statistics import outcomes, preference_rates
from nblib.listening.votes import ORIGINAL, all_pairs, passed_catch, passed_headphones, read_votes
from nblib.provenance import derive_seed, torch_threads
from nblib.settings import Settings
from nblib.study import Row, Sounds, Study, Trained

VOTES, SENSITIVITY = "listening_votes.csv.gz", "listening_sensitivity.csv"
PUBLISHED = PUBLISHED_TESTS["MM'19 Tables 4 and 5"]
SYSTEMS = {ORIGINAL: "original"} | MODELS
JUDGES = {"two_f": "2f-model listener", "nmr_db": "NMR listener"}  # the first is the main judge, chosen beforehand
SIGNS = {"two_f": 1, "nmr_db": -1}  # so that higher is better
# Music in noise of its own long-term spectrum, as speech was where the JND was measured; over these ratios the 2f-model
# goes from about 25 to 75, where systems worth a test lie.
NOISE, SNRS_DB = "noise", (0.0, 6.0, 12.0)
MEASURES = {"two_f": "two_f", "odg": "odg", "nmr_db": "TotalNMRB"}  # by PEAQ's names


def excerpts(setup: Settings, trained: Sequence[Trained], piece: Piece) -> list[tuple[Row, np.ndarray]]:
    """The loudest five seconds of `heard`."""
    found = heard(trained, piece, setup.mm19.limit_hz, ORIGINAL)
    part = loudest(found[0][1], 5 * setup.mm19.geometry.sample_rate)
    return [(row, samples[part]) for row, samples in found]


def score(setup: Settings, trained: list[Trained], piece: Piece) -> list[Row]:
    """What PEAQ says of each system against the original, and of the original in noise of its own spectrum (snr_db)."""
    systems, name = excerpts(setup, trained, piece), piece[1].name
    original = systems[0][1]
    noise, label = noise_like(original, setup.seed, name), {"system": NOISE, "status": "none"}
    systems += [(label | {"snr_db": snr_db}, original + 10 ** (-snr_db / 20) * noise) for snr_db in SNRS_DB]
    sounds = np.stack([samples for _, samples in systems]).astype(np.float32)
    with torch_threads(1):
        found = peaq_basic(np.broadcast_to(original, sounds.shape), sounds, setup.mm19.geometry.sample_rate)
    measured = [{own: float(found[theirs][n]) for own, theirs in MEASURES.items()} for n in range(len(sounds))]
    return [row | {"item": name} | own for (row, _), own in zip(systems, measured, strict=True)]


def keep(setup: Settings, trained: list[Trained]) -> None:
    """The model listeners' votes and how they move, one item's sounds, and the test for people (first seed)."""
    scores, rate = study.read(setup, "listening_scores.csv"), setup.mm19.geometry.sample_rate
    study.save(setup, VOTES, pd.concat([votes(setup, scores, measure) for measure in JUDGES], ignore_index=True))
    study.save(setup, SENSITIVITY, sensitivity(setup, scores))
    sounds: dict[str, Sounds] = {}
    for piece in PIECES(setup):
        systems = excerpts(setup, first_of_each(trained), piece)
        sounds[piece[1].name] = {str(row["system"]): samples for row, samples in systems}
    study.keep_sounds(setup, "listening", next(iter(sounds.values())), rate, 5 * rate)
    # Named by what is in it, so that no vote is ever lost.
    digest = hashlib.sha256(b"".join(samples.tobytes() for own in sounds.values() for samples in own.values()))
    folder = _latest(setup).with_name(digest.hexdigest()[:8])
    try:
        build_test(folder, sounds, rate, name="Which sounds better?", question="quality", seed=setup.seed)
    except AudioError as error:  # a model that came to silence cannot be levelled
        warnings.warn(f"no listening test for people was made: {error}", stacklevel=2)
        return
    with paths.whole(_latest(setup)) as temporary:
        temporary.write_text(folder.name)


# "Five tracks across differing musical genres."
PIECES = partial(autoencoding.pieces, most=PUBLISHED.items)
KEPT = (VOTES, SENSITIVITY, "excerpts/listening_*")
LISTENING = Study("listening_scores", autoencoding.cells, PIECES, score, autoencoding.BY, tuple(MEASURES), keep, KEPT)


def _latest(setup: Settings) -> Path:
    return paths.data() / "listening" / setup.name / "latest.txt"


def made_test(setup: Settings) -> Path | None:
    """The folder of the test for people that was made last."""
    latest = _latest(setup)
    return latest.with_name(latest.read_text()) if latest.exists() else None


def difference(scores: pd.DataFrame, measure: str) -> float:
    """The JND in the unit of `measure`: 3 dB of signal-to-noise ratio."""
    noisy = scores[scores["system"] == NOISE]
    return noticeable_difference(noisy["snr_db"].to_numpy(), (SIGNS[measure] * noisy[measure]).to_numpy())


def votes(setup: Settings, scores: pd.DataFrame, measure: str, **scales: float) -> pd.DataFrame:
    """What 14 model participants answer to all pairs of systems on all items, for each training seed's networks."""
    listener, tables = ModelListener(difference(scores, measure), **scales), []
    systems = scores[scores["system"] != NOISE]
    for seed in systems["seed"].dropna().unique():
        own = systems[(systems["seed"] == seed) | systems["seed"].isna()]
        score = SIGNS[measure] * own.set_index(["item", "system"])[measure]
        pairs = all_pairs(own["system"].unique().tolist(), own["item"].unique().tolist())
        for side in ("a", "b"):
            pairs = pairs.join(score.rename(f"score_{side}"), on=["item", f"system_{side}"])
        chosen = listener.choose(pairs, PUBLISHED.participants, derive_seed(setup.seed, "listening", int(seed)))
        tables.append(chosen.drop(columns=["score_a", "score_b"]).assign(seed=seed))
    return pd.concat(tables, ignore_index=True).assign(judge=f"{JUDGES[measure]} ({LABEL})")


def sensitivity(setup: Settings, scores: pd.DataFrame) -> pd.DataFrame:
    """Rates of every system when each of the listener's constants halves and doubles: columns constant, scale, ..."""
    tables = []
    for constant, scale in itertools.product(("noise", "zone", "bias"), (0.5, 1.0, 2.0)):
        moved = votes(setup, scores, next(iter(JUDGES)), **{f"{constant}_scale": scale})
        tables.append(preference_rates(moved, seed=setup.seed).assign(constant=constant, scale=scale))
    columns = ["constant", "scale", "system", "preferred_rate", "preferred_std", "dont_know_rate", "dont_know_std"]
    return pd.concat(tables, ignore_index=True)[columns]


def share_interval(shares: Sequence[float] | pd.Series, least: float = 0.0) -> dict[str, float]:
    """`seed_interval` of a share per training seed, cut to what a share can be."""
    found = seed_interval(np.asarray(shares, float))
    return found | {name: float(np.clip(found[name], least, 1)) for name in ("low", "high")}


def net_preference(chosen: pd.DataFrame, one: str, other: str) -> dict[str, float | str]:
    """Share of a model listener's votes on a pair for `one` less that for `other`: `share_interval`, ``verdict``."""
    first, second = sorted((one, other))
    table = outcomes(chosen, ["seed"]).query("system_1 == @first and system_2 == @second")
    found = share_interval(table.groupby("seed")["outcome"].mean() * (1 if one == first else -1), least=-1)
    return found | {"verdict": verdict(found["low"], found["high"])}


def people_votes(path: str) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """The votes that count of a CSV file (of an empty `path` none), and a row per participant as by `passed_catch`.

    `ParameterError` as for `read_votes`, for a system that is not compared here, and if nobody passed the checks.
    """
    if not path:
        return None, None
    everyone = read_votes(Path(path).expanduser())
    for system in pd.unique(everyone.loc[everyone["kind"] == "test", ["system_a", "system_b"]].to_numpy().ravel()):
        check_choice(f"{path}: system", system, SYSTEMS)
    heard = passed_headphones(everyone)[0] if "headphones" in everyone else everyone
    kept, participants = (heard, None) if heard.empty else passed_catch(heard)
    if kept.empty:
        raise ParameterError(f"{path}: none of {everyone['participant'].nunique()} participants passed the checks")
    return kept, participants


def all_votes(setup: Settings, people: pd.DataFrame | None = None) -> pd.DataFrame:
    """The model listeners' votes, and people's beside them where there are any."""
    model = study.read(setup, VOTES).assign(participant=lambda table: table["participant"].astype(str))
    return model if people is None else pd.concat([people.assign(judge="people"), model], ignore_index=True)
