"""Everything that a study needs to know: the papers' configuration, changed by a profile and by what a user sets.

Both are paths with values, such as ``separation_training.max_epochs`` 3. Where the papers are silent, docs/decisions.md
lists the choices.
"""

import ast
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any

from nblib import entries, paths
from nblib.audio import Codec, Geometry
from nblib.audio.spectral import DOMAINS
from nblib.entries import BASELINE, CODEC, Autoencoding, LossNetwork, Size, Teacher
from nblib.errors import ParameterError, check_choice, check_whole
from nblib.listening import PUBLISHED_TESTS
from nblib.losses import ALL, LOSSES
from nblib.networks import CONFIGURATIONS
from nblib.provenance import config_hash
from nblib.training import NetworkSpec, Training

PROFILES: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "profiles.toml").read_text("utf-8"))
OWN_OPTIONS = ("profile", "corpus", "data_root", "seed", "source", "device")


@dataclass(frozen=True)
class Settings:
    """One profile on one corpus with its changes; the defaults are IJCNN'20's (Table I, Section IV) or say why not."""

    profile: str = "paper"
    corpus: str = "embedded"
    data_root: str = ""
    seed: int = 0
    source: str = "run"
    device: str = "cpu"
    domain: str = "sqrt"  # not given; docs/decisions.md says why
    geometry: Geometry = Geometry()
    music: Size = Size(1680, 480, 240, seconds=30.0)  # 20 hours; the paper's own 10,000 tracks are not public
    speech: Size = Size(4000, 1200, 600)  # "approximately 4000, 1200, and 600"
    songs: Size = Size(100, 25, 25)  # "100, 25, and 25 tracks respectively, ... several minutes in length"
    loss_networks: Mapping[str, LossNetwork] = field(default_factory=entries.LOSS_NETWORKS.copy)
    teachers: Mapping[str, Teacher] = field(default_factory=entries.TEACHERS.copy)
    capacities: Mapping[str, Mapping[str, NetworkSpec]] = field(default_factory=entries.CAPACITIES.copy)
    only_capacities: tuple[str, ...] = ()  # those trained; all without
    separation_training: Training = Training()
    loss_layers: str = "F"
    unit_epochs: int = 10
    replicates: int = 3  # networks trained per cell, from different seeds; the paper trains one
    configuration_network: NetworkSpec = NetworkSpec(2, 1)
    configuration_participants: int = PUBLISHED_TESTS["IJCNN'20 Figure 3"].participants
    cost_network: NetworkSpec = NetworkSpec(6, 28)  # whose configurations' time and memory are measured
    cost_batch: int = 16
    participants: int = PUBLISHED_TESTS["IJCNN'20 Figure 5"].participants
    listening_items: int = PUBLISHED_TESTS["IJCNN'20 Figure 5"].items
    mm19: Autoencoding = Autoencoding()

    def __post_init__(self) -> None:
        check_choice("domain", self.domain, DOMAINS)
        check_choice("loss_layers", self.loss_layers, (*CONFIGURATIONS, ALL))
        for teacher in self.teachers.values():
            check_choice("loss_network", teacher.loss_network, self.loss_networks)
        for name in self.only_capacities:
            check_choice("only_capacities", name, {each for own in self.capacities.values() for each in own})

    @property
    def codec(self) -> Codec:
        """The papers' codec, that of the first teacher."""
        return next(iter(self.teachers.values())).codec

    @property
    def trained_capacities(self) -> dict[str, dict[str, NetworkSpec]]:
        """The networks of each task that this profile trains."""
        chosen, known = self.only_capacities, self.capacities.items()
        return {task: {name: own[name] for name in own if name in (chosen or own)} for task, own in known}

    @property
    def contenders(self) -> dict[str, str]:
        """Title of every loss that competes in the capacity study, the baseline and the codec loss first."""
        learnt = {each.contender: f"codec loss, {each.title}" for each in self.teachers.values() if each.contender}
        plain = {name: kind.title for name, kind in LOSSES.items() if kind.title}
        return {BASELINE: plain.pop(BASELINE)} | learnt | ({CODEC: "codec loss"} if CODEC in learnt else {}) | plain

    def seeds(self, replicates: int | None = None) -> range:
        """One seed per replicate, from the settings' own on."""
        return range(self.seed, self.seed + (replicates or self.replicates))

    @property
    def changed(self) -> dict[str, Any]:
        """Path and value of what departs from the profile."""
        base = values(settings(self.profile))
        return {path: value for path, value in values(self).items() if value != base.get(path)}

    @property
    def record_name(self) -> str:
        """The folder of the committed results that these are compared with."""
        return self.profile if self.corpus == "embedded" else f"{self.profile}-{self.corpus}"

    @property
    def name(self) -> str:
        """The folder of own results: from everything that changes them, so that none overwrite others."""
        root = config_hash(self.data_root)[:6] if self.corpus == "real" else ""
        changes = ",".join(f"{path}={value}" for path, value in self.changed.items())
        changes = changes if re.fullmatch(r"[\w.,=-]{0,60}", changes) else config_hash(self.changed)[:6]
        return "-".join(filter(None, (self.record_name, root, f"seed{self.seed}" * bool(self.seed), changes)))

    @property
    def results(self) -> Path:
        """The folder of result tables: own ones, or the committed ones that are redrawn."""
        return paths.record(self.record_name) if self.source == "record" else paths.results(self.name)

    @property
    def figures(self) -> Path:
        """The folder of figures: own ones, or those of the record where it is being made (``NBLIB_RECORD`` is set)."""
        if self.source == "record" and os.environ.get("NBLIB_RECORD"):
            return paths.home("figures", self.record_name)
        own = Path(os.environ.get("NBLIB_FIGURES") or paths.home("figures", "own"))
        return own / (f"record-{self.record_name}" if self.source == "record" else self.name)


def settings(
    profile: str = "quick",
    corpus: str = "embedded",
    *,
    data_root: str | Path = "",
    seed: int = 0,
    changes: str | Sequence[str] = (),
    source: str = "run",
    device: str = "cpu",
) -> Settings:
    """The settings of a profile (of `PROFILES`) on a corpus ("embedded" or "real", then below `data_root`).

    `changes` are ``path=value`` each, in a text separated by spaces; paths as `values` gives them. A `source` "run"
    trains or loads, "record" redraws the committed results. `ParameterError` names what is wrong and the near miss.
    """
    check_choice("profile", profile, PROFILES)
    check_choice("corpus", corpus, ("embedded", "real"))
    check_choice("source", source, ("record", "run"))
    check_whole("seed", seed)
    root = str(Path(data_root).expanduser().resolve()) if data_root else ""
    if bool(root) != (corpus == "real") or (root and not Path(root).is_dir()):
        needed = "corpus='real' needs the folder of recordings, which is there, and any other corpus none"
        raise ParameterError(f"data_root={str(data_root)!r}: {needed}")
    made = Settings(profile, corpus, root, seed, source, device)
    for path, value in values(PROFILES[profile]).items():
        made = _replaced(made, path, tuple(value) if isinstance(value, list) else value)
    for change in changes.split() if isinstance(changes, str) else changes:
        path, equals, text = change.partition("=")
        check_choice("setting", path, known := values(made))
        try:
            if not equals:
                raise ParameterError("write it as PATH=VALUE, e.g. replicates=3")
            made = _replaced(made, path, _read(text, known[path]))
        except ParameterError as error:
            raise ParameterError(f"setting {change}: {error}") from error
    return made


def values(made: Any, path: str = "") -> dict[str, Any]:
    """Every setting but `OWN_OPTIONS` by its path, such as ``capacities.speech.P1.base_filters``."""
    below = vars(made) if is_dataclass(made) else made
    if not isinstance(below, Mapping):
        return {path: made}
    parts = (values(each, f"{path}.{name}".lstrip(".")) for name, each in below.items() if name not in OWN_OPTIONS)
    return {leaf: value for part in parts for leaf, value in part.items()}


def _replaced(value: Any, path: str, new: Any) -> Any:
    if not path:
        return new
    name, _, rest = path.partition(".")
    if isinstance(value, Mapping):
        return {**value, name: _replaced(value[name], rest, new)}
    return replace(value, **{name: _replaced(getattr(value, name), rest, new)})


def _read(text: str, default: Any) -> Any:
    """The value that `text` stands for, of the type that the setting has."""
    if isinstance(default, str):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    kind = float if default is None else type(default)
    if kind is float and type(value) is int:
        value = float(value)
    fits = type(value) is kind
    if fits and kind is tuple:  # a pair of numbers, or names
        inner, lengths = ((int, float), (2,)) if default and type(default[0]) is float else ((str,), range(99))
        fits = len(value) in lengths and all(type(each) in inner for each in value)
    if not fits:
        raise ParameterError(f"must be of type {kind.__name__}, like {default!r}, not {type(value).__name__}")
    if kind in (int, float) and not int(kind is int) <= value < float("inf"):
        raise ParameterError(f"must be at least {int(kind is int)} and finite")
    return value
