"""The listening test of MM'19 Section 7 (Tables 4 and 5) on Models A to D and the original, from excerpts to votes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from nblib import paths
from nblib.audio import loudest, noise_like
from nblib.corpora import Item
from nblib.errors import ParameterError, check_choice
from nblib.evaluation import peaq_basic
from nblib.experiments import autoencoding, results
from nblib.experiments.autoencoding import MODELS
from nblib.experiments.settings import Settings
from nblib.listening import (
    PUBLISHED_TESTS,
    ModelListener,
    all_pairs,
    build_test,
    noticeable_difference,
    passed_catch,
    passed_headphones,
    preference_rates,
    read_votes,
)
from nblib.listening.votes import ORIGINAL
from nblib.networks import through
from nblib.parallel import parallel_map
from nblib.provenance import derive_seed, torch_threads
from nblib.training import Run

SCORES, SLOPE, VOTES, SENSITIVITY = (
    *("listening_scores.csv", "listening_scores_against_snr.csv"),
    *("listening_votes.csv.gz", "listening_sensitivity.csv"),
)
LATEST = "latest.txt"
EXCERPT_SECONDS = 5.0
PUBLISHED = PUBLISHED_TESTS["MM'19 Tables 4 and 5"]
SYSTEMS = {ORIGINAL: "original"} | MODELS
JUDGES = {"two_f": "2f-model listener", "nmr_db": "NMR listener"}  # the first is the main judge, chosen beforehand
# Music in noise of its own long-term spectrum, as speech was where the JND was measured; over these ratios the 2f-model
# goes from about 25 to 75, where systems worth a test lie.
SNRS_DB = (0.0, 6.0, 12.0)
SCALES = (0.5, 1.0, 2.0)


def listening_items(setup: Settings) -> list[Item]:
    """Test pieces of as many characters as there are ("five tracks across differing musical genres")."""
    items = autoencoding.corpus(setup).items("test")
    characters = [item.info.get("character", item.group) for item in items]
    first = [index for index, character in enumerate(characters) if character not in characters[:index]]
    rest = [index for index in range(len(items)) if index not in first]
    return [items[index] for index in sorted([*first, *rest][: PUBLISHED.items])]


def excerpts(setup: Settings, runs: dict[str, Run], item: Item) -> dict[str, np.ndarray]:
    """The loudest five seconds of `item`, band-limited as in training [shape=(n,)], and the same through each model."""
    piece = autoencoding.limited(setup, item, setup.mm19.limit_hz)
    part = loudest(piece, round(EXCERPT_SECONDS * setup.mm19.geometry.sample_rate))
    with torch_threads(1):
        restored = {model: through(run.network(), piece)[part] for model, run in runs.items()}
    return {ORIGINAL: piece[part]} | restored


def make(setup: Settings, log: Callable[[str], None] = print) -> None:
    """Score the excerpts, let the model listener vote, and write tables, one item's sounds and the test for people."""
    runs = autoencoding.train(setup, setup.mm19.limit_hz, setup.mm19.replicates, log)
    first = autoencoding.first_of_each(setup, runs)
    items = listening_items(setup)
    parts = list(parallel_map(partial(_score_item, setup, first), items))
    measures = ["two_f", "odg", "nmr_db"]
    results.save(setup, SCORES, pd.concat([scored for scored, _, _ in parts])[["item", "system", *measures]])
    results.save(setup, SLOPE, pd.concat([slope for _, slope, _ in parts])[["item", "snr_db", *measures]])
    for system, samples in parts[0][2].items():
        results.save_sound(setup, f"listening_{system}", samples, setup.mm19.geometry.sample_rate)
    scores = results.read(setup, SCORES)
    results.save(setup, VOTES, pd.concat([votes(setup, scores, measure) for measure in JUDGES], ignore_index=True))
    results.save(setup, SENSITIVITY, sensitivity(setup, scores))
    make_test(setup, {item.name: sounds for item, (_, _, sounds) in zip(items, parts, strict=True)})


def make_test(setup: Settings, sounds: dict[str, dict[str, np.ndarray]]) -> Path:
    """The test for people, of the same excerpts; its folder is named by what is in it, so that no vote is ever lost."""
    digest = hashlib.sha256(b"".join(samples.tobytes() for own in sounds.values() for samples in own.values()))
    folder = _tests(setup) / digest.hexdigest()[:8]
    name = "Which sounds better?"
    build_test(folder, sounds, setup.mm19.geometry.sample_rate, name=name, question="quality", seed=setup.seed)
    with paths.whole(_tests(setup) / LATEST) as temporary:
        temporary.write_text(folder.name)
    return folder


def made_test(setup: Settings) -> Path | None:
    """The folder of the test for people that was made last, from the project's folder where it lies there."""
    latest = _tests(setup) / LATEST
    if not latest.exists():
        return None
    folder = latest.with_name(latest.read_text())
    return folder.relative_to(paths.home()) if folder.is_relative_to(paths.home()) else folder


def _tests(setup: Settings) -> Path:
    return paths.data() / "listening" / results.folder(setup).name


def _score_item(
    setup: Settings, runs: dict[str, Run], item: Item
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, np.ndarray]]:
    sounds = excerpts(setup, runs, item)
    scored, slope = score_sounds(sounds, setup.mm19.geometry.sample_rate, setup.seed, item.name)
    return scored.assign(item=item.name), slope.assign(item=item.name), sounds


def score_sounds(
    sounds: dict[str, np.ndarray], sample_rate: int, *seed: str | int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What PEAQ says of each system against `ORIGINAL`, and of `ORIGINAL` in noise of its own spectrum at `SNRS_DB`.

    Columns two_f, odg, nmr_db (dB), and system or snr_db (dB).
    """
    original = sounds[ORIGINAL]
    noise = noise_like(original, *seed)
    noisy = [original + 10 ** (-snr_db / 20) * noise for snr_db in SNRS_DB]
    estimates = np.stack([*sounds.values(), *noisy]).astype(np.float32)
    with torch_threads(1):
        found = peaq_basic(np.broadcast_to(original, estimates.shape), estimates, sample_rate)
    values = pd.DataFrame({"two_f": found["two_f"], "odg": found["odg"], "nmr_db": found["TotalNMRB"]})
    return values[: len(sounds)].assign(system=list(sounds)), values[len(sounds) :].assign(snr_db=SNRS_DB)


def quality(table: pd.DataFrame, measure: str) -> pd.Series:
    """`measure` such that higher is better: a noise-to-mask ratio changes its sign."""
    check_choice("measure", measure, JUDGES)
    return -table[measure] if measure == "nmr_db" else table[measure]


def difference(setup: Settings, measure: str) -> float:
    """The JND in the unit of `measure`: 3 dB of signal-to-noise ratio."""
    table = results.read(setup, SLOPE)
    return noticeable_difference(table["snr_db"].to_numpy(), quality(table, measure).to_numpy())


def votes(setup: Settings, scores: pd.DataFrame, measure: str, **scales: float) -> pd.DataFrame:
    """What 14 model participants answer to all pairs of systems on all items; ``judge`` names the measure.

    Raises
    ------
    ParameterError
        A score is missing; the item and the system are named.
    """
    table = scores.assign(score=quality(scores, measure)).set_index(["item", "system"])["score"]
    if table.isna().any():
        raise ParameterError(f"{SCORES}: {measure} of {table.index[table.isna()][0]} is missing; leave this item out")
    pairs = all_pairs(list(scores["system"].unique()), list(scores["item"].unique()))
    for side in ("a", "b"):
        pairs[f"score_{side}"] = table.loc[list(zip(pairs["item"], pairs[f"system_{side}"], strict=True))].to_numpy()
    listener = ModelListener(difference(setup, measure), **scales)
    chosen = listener.choose(pairs, PUBLISHED.participants, derive_seed(setup.seed, "listening"))
    judge = JUDGES[measure] + " (" + chosen["judge"] + ")"
    return chosen.drop(columns=["score_a", "score_b"]).assign(judge=judge)


def sensitivity(setup: Settings, scores: pd.DataFrame) -> pd.DataFrame:
    """Rates of every system when each of the listener's constants halves and doubles: columns constant, scale, ..."""
    tables = []
    for constant in ("noise_scale", "zone_scale", "bias_scale"):
        for scale in SCALES:
            rates = preference_rates(votes(setup, scores, next(iter(JUDGES)), **{constant: scale}), seed=setup.seed)
            tables.append(rates.assign(constant=constant.removesuffix("_scale"), scale=scale))
    columns = ["constant", "scale", "system", "preferred_rate", "preferred_std", "dont_know_rate", "dont_know_std"]
    return pd.concat(tables, ignore_index=True)[columns]


def results_table(setup: Settings, source: str, log: Callable[[str], None] = print) -> pd.DataFrame:
    """Scores of every item and system: columns item, system, two_f, odg, nmr_db (dB)."""
    if results.wants_run(source):
        make(setup, log)
    return results.read(setup, SCORES)


def people_votes(path: str) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """People's votes from a CSV file, without those whose headphone check failed or who missed catch pairs.

    Parameters
    ----------
    path : str
        As `nblib listen export` or `nblib listen import` writes it; empty: there are none.

    Returns
    -------
    votes, participants : DataFrame or None
        The votes that count, and a row per participant as `nblib.listening.passed_catch` gives it.

    Raises
    ------
    ParameterError
        As `nblib.listening.read_votes`; a system is none of those compared here; nobody is left.
    """
    if not path:
        return None, None
    everyone = read_votes(Path(path).expanduser())
    tested = everyone[everyone["kind"] == "test"]
    for system in pd.unique(tested[["system_a", "system_b"]].to_numpy().ravel()):
        check_choice(f"{path}: system", system, SYSTEMS)
    heard = passed_headphones(everyone)[0] if "headphones" in everyone else everyone
    kept, participants = (heard, None) if heard.empty else passed_catch(heard)
    if kept.empty:
        raise ParameterError(f"{path}: none of {everyone['participant'].nunique()} participants passed the checks")
    return kept, participants


def all_votes(setup: Settings, people: pd.DataFrame | None = None) -> pd.DataFrame:
    """The model listeners' votes, and people's beside them where there are any."""
    model = results.read(setup, VOTES).assign(participant=lambda table: table["participant"].astype(str))
    return model if people is None else pd.concat([people.assign(judge="people"), model], ignore_index=True)
