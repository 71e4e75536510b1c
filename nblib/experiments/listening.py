"""Both papers' listening tests by model listeners (model-predicted, no listeners), and MM'19's by people too."""

import hashlib
import warnings
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from nblib import paths, study
from nblib.audio import loudest, noise_like
from nblib.entries import BASELINE
from nblib.errors import AudioError, ParameterError, check_choice
from nblib.evaluation import peaq_basic
from nblib.evaluation.intervals import USABLE, seed_interval, verdict
from nblib.evaluation.metrics import PEAQ as MEASURES
from nblib.experiments import autoencoding, separation
from nblib.experiments.autoencoding import MODELS, Piece, first_of_each, heard
from nblib.listening import LABEL, PUBLISHED_TESTS
from nblib.listening.server.build import build_test
from nblib.listening.statistics import outcomes, preference_rates
from nblib.listening.votes import ORIGINAL, model_votes, passed_checks, read_votes
from nblib.provenance import derive_seed, torch_threads
from nblib.settings import Settings
from nblib.study import Row, Study, Systems
from nblib.training import Run

VOTES, SENSITIVITY, TABLE = "listening_votes.csv.gz", "listening_sensitivity.csv", "preferences.csv"
LATEST = "latest.txt"  # holds the name of the folder of the test for people that was made last
PUBLISHED = PUBLISHED_TESTS["MM'19 Tables 4 and 5"]
SYSTEMS = {ORIGINAL: "original"} | MODELS
TITLES = {"estoi": "ESTOI", "pesq_wb": "PESQ-WB", "sir_db": "SIR", "two_f": "2f-model", "nmr_db": "NMR"}
JUDGES = {"two_f": 1, "nmr_db": -1}  # MM'19's, with the sign of better; the first, the main one, was chosen beforehand
# Music in noise of its own long-term spectrum, as speech was where the JND was measured; over these ratios the 2f-model
# goes from about 25 to 75, where systems worth a test lie.
NOISE, SNRS_DB = "noise", (0.0, 6.0, 12.0)
JND_DB = 3.0  # of speech in noise, published for no other sound (docs/listening-tests.md)
SCALES = [{"noise": noise, "zone": zone} for noise, zone in ((1, 1), (0.5, 1), (2, 1), (1, 0.5), (1, 2))]  # factors
KINDS, BY = ("preferred", "dont_know"), separation.BY
COLUMNS = """task measure contender noise_scale zone_scale capacity seed judge noticeable_difference preferred_rate
preferred_std preferred_low preferred_high dont_know_rate dont_know_std dont_know_low dont_know_high participants
comparisons""".split()


def judge(measure: str) -> str:
    """What a listener that goes by `measure` is called, wherever it is shown."""
    return f"{TITLES[measure]} listener ({LABEL})"


def difference(rows: pd.DataFrame, measure: str) -> float:
    """The JND of 3 dB in `measure`, by its slope over ``snr_db`` in `rows`; `ParameterError` where it does not rise."""
    noisy = rows.dropna(subset=["snr_db", measure])
    slope = float(np.polyfit(noisy["snr_db"], JUDGES.get(measure, 1) * noisy[measure], 1)[0])
    if not slope > 0:
        raise ParameterError(f"the score changes by {slope:.4f} per dB of SNR: it must rise; check sounds and measure")
    return JND_DB * slope


def excerpts(setup: Settings, trained: Sequence[Run], piece: Piece) -> Systems:
    """The loudest five seconds of `heard`."""
    found = heard(trained, piece, setup.mm19.limit_hz, ORIGINAL)
    part = loudest(found[0][1], 5 * setup.mm19.geometry.sample_rate)
    return [(row, samples[part]) for row, samples in found]


def _score(setup: Settings, trained: list[Run], piece: Piece) -> list[Row]:
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


def _keep(setup: Settings, trained: list[Run]) -> None:
    """The model listeners' votes and how they move, one item's sounds, and the test for people (first seed)."""
    scores, rate = study.read(setup, "listening_scores.csv"), setup.mm19.geometry.sample_rate
    study.save(setup, VOTES, pd.concat([_votes(setup, scores, measure) for measure in JUDGES], ignore_index=True))
    study.save(setup, SENSITIVITY, _sensitivity(setup, scores))
    found = {piece[1].name: excerpts(setup, first_of_each(trained), piece) for piece in PIECES(setup)}
    sounds = {item: {row["system"]: samples for row, samples in systems} for item, systems in found.items()}
    study.keep_sounds(setup, "listening", next(iter(sounds.values())), rate, 5 * rate)
    # Named by what is in it, so that no vote is ever lost.
    digest = hashlib.sha256(b"".join(samples.tobytes() for own in sounds.values() for samples in own.values()))
    latest = paths.data("listening", setup.name, LATEST)
    folder = latest.with_name(digest.hexdigest()[:8])
    try:
        build_test(folder, sounds, rate, name="Which sounds better?", question="quality", seed=setup.seed)
    except AudioError as error:  # a model that came to silence cannot be levelled
        warnings.warn(f"no listening test for people was made: {error}", stacklevel=2)
        return
    with paths.whole(latest) as temporary:
        temporary.write_text(folder.name)


# "Five tracks across differing musical genres."
PIECES = partial(autoencoding.pieces, most=PUBLISHED.items)
KEPT = (VOTES, SENSITIVITY, "excerpts/listening_*")
LISTENING = Study("listening_scores", autoencoding.cells, PIECES, _score, autoencoding.BY, tuple(MEASURES), _keep, KEPT)


def made_test(setup: Settings) -> Path | None:
    """The folder of the test for people that was made last."""
    latest = paths.data("listening", setup.name, LATEST)
    return latest.with_name(latest.read_text()) if latest.exists() else None


def _votes(setup: Settings, scores: pd.DataFrame, measure: str, **scales: float) -> pd.DataFrame:
    """What 14 model participants answer to all pairs of systems on all items, for each training seed's networks."""
    unit, order, tables = difference(scores, measure), list(SYSTEMS).index, []
    scored = scores.assign(score=JUDGES[measure] * scores[measure])[scores["system"] != NOISE]
    for seed in scored["seed"].dropna().unique():
        own = scored.loc[scored["seed"].fillna(seed) == seed, ["item", "system", "score"]]
        pairs = own.merge(own, on="item", suffixes=("_a", "_b"))
        pairs = pairs[pairs["system_a"].map(order) < pairs["system_b"].map(order)]
        own_seed = derive_seed(setup.seed, "listening", int(seed))
        chosen = model_votes(pairs, unit, PUBLISHED.participants, own_seed, **scales)
        tables.append(chosen.drop(columns=["score_a", "score_b"]).assign(seed=seed))
    return pd.concat(tables, ignore_index=True).assign(judge=judge(measure))


def _sensitivity(setup: Settings, scores: pd.DataFrame) -> pd.DataFrame:
    """Rates of every system when each of the main listener's constants halves and doubles."""
    tables = []
    for constant, scale in product(("noise", "zone", "bias"), (0.5, 1.0, 2.0)):
        moved = _votes(setup, scores, next(iter(JUDGES)), **{constant: scale})
        tables.append(preference_rates(moved, seed=setup.seed).assign(constant=constant, scale=scale))
    columns = ["constant", "scale", "system", "preferred_rate", "preferred_std", "dont_know_rate", "dont_know_std"]
    return pd.concat(tables, ignore_index=True)[columns]


def net_preference(chosen: pd.DataFrame, one: str, other: str) -> dict[str, float | str]:
    """Share of a model listener's votes on a pair for `one` less that for `other`: `seed_interval`, ``verdict``."""
    first, second = sorted((one, other))
    table = outcomes(chosen, ["seed"]).query("system_1 == @first and system_2 == @second")
    found = seed_interval(table.groupby("seed")["outcome"].mean() * (1 if one == first else -1), -1, 1)
    return found | {"verdict": verdict(found["low"], found["high"])}


def people_votes(path: str) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """The votes that count of a CSV file (of an empty `path` none), and a row per participant as by `passed_checks`."""
    if not path:
        return None, None
    everyone = read_votes(Path(path).expanduser())
    for system in pd.unique(everyone.loc[everyone["kind"] == "test", ["system_a", "system_b"]].to_numpy().ravel()):
        check_choice(f"{path}: system", system, SYSTEMS)
    kept, participants = passed_checks(everyone)
    if kept.empty:
        raise ParameterError(f"{path}: none of {everyone['participant'].nunique()} participants passed the checks")
    return kept, participants


def votes(
    setup: Settings, rows: pd.DataFrame, task: str, measure: str, people: int, by: Sequence[str] = BY, **scales: float
) -> pd.DataFrame:
    """Each contender (A) against l1 (B): each of so many people hears the same items in each group of `by`.

    Each training seed has participants of its own. `rows` are the capacity or the configuration study's, `scales`
    `model_votes`'; `ParameterError` where nothing can be compared or judged.
    """
    reference = study.rows(setup, separation.REFERENCE)
    unit, parts = difference(reference[reference["task"] == task], measure), []
    usable, items = rows["status"].isin(USABLE), separation.listening_items(setup, rows, task)
    scored = rows[usable & (rows["task"] == task) & rows["item"].isin(items)].dropna(subset=["seed", measure])
    scored = scored.rename(columns={measure: "score"})[[*by, "seed", "item", "score"]]
    one, other = scored[scored["contender"] != BASELINE], scored[scored["contender"] == BASELINE]
    keys = [name for name in (*by, "seed", "item") if name != "contender" and other[name].notna().all()]
    pairs = one.merge(other[[*keys, "score"]], on=keys, suffixes=("_a", "_b"))
    if pairs.empty:
        bad = rows[~usable].drop_duplicates("run").itertuples()
        named = ", ".join(f"{run.contender} seed {run.seed}: {run.status}" for run in bad)
        raise ParameterError(f"{task}: no usable network of l1 and another loss ({named}); lower the learning rate")
    pairs = pairs.assign(system_a=pairs["contender"], system_b=BASELINE)
    # Each group by itself: what is chosen in it must not hang on which others there are, or which of them failed.
    for labels, own in pairs.groupby([*by, "seed"], sort=False):
        group = "-".join(str(label) for label in labels)
        chosen = model_votes(own, unit, people, derive_seed(setup.seed, "votes", group), **scales)
        parts.append(chosen.assign(participant=f"{group}-" + chosen["participant"], judge=judge(measure)))
    chosen = pd.concat(parts, ignore_index=True).assign(measure=measure, noticeable_difference=unit)
    return chosen.assign(**{f"{name}_scale": scale for name, scale in (SCALES[0] | scales).items()})


def rates(chosen: pd.DataFrame, seed: int, by: Sequence[str] = BY) -> pd.DataFrame:
    """How often each contender was preferred to l1, per group and seed; without a seed, means with their interval."""
    each, pooled = (
        preference_rates(chosen, own, seed).query("system == contender").drop(columns="system")
        for own in ([*by, "seed"], list(by))
    )
    for kind in KINDS:
        found = pd.DataFrame([seed_interval(own, 0, 1) for _, own in each.groupby(list(by))[f"{kind}_rate"]])
        pooled[[f"{kind}_rate", f"{kind}_low", f"{kind}_high"]] = found[["mean", "low", "high"]].to_numpy()
    return pd.concat([pooled, each], ignore_index=True)


def preferences(setup: Settings, rows: pd.DataFrame) -> pd.DataFrame:
    """`rates` of the capacity study's `rows` per judge; the main judges' also with constants halved and doubled."""
    if setup.source == "record":
        return study.read(setup, TABLE)
    chosen = []
    for task, (main, second) in separation.JUDGES.items():
        chosen += [votes(setup, rows, task, main, setup.participants, BY, **scales) for scales in SCALES]
        if rows.loc[rows["task"] == task, second].notna().any():  # PESQ may not be installed
            try:
                chosen.append(votes(setup, rows, task, second, setup.participants))
            except ParameterError as error:  # this measure cannot judge here
                warnings.warn(f"{task}: no {judge(second)}: {error}", stacklevel=2)
    table = rates(pd.concat(chosen), setup.seed, [name for name in COLUMNS[:9] if name != "seed"])
    study.save(setup, TABLE, table[COLUMNS].sort_values(COLUMNS[:7]))
    return study.read(setup, TABLE)
