"""The papers' configuration, profiles as differences from it, and any setting by its path."""

import dataclasses

import pandas as pd
import pytest

from nblib import paths
from nblib.audio import Codec
from nblib.entries import CODEC, Size, Teacher
from nblib.errors import ParameterError
from nblib.losses import LOSSES, L1Loss
from nblib.settings import OWN_OPTIONS, PROFILES, Settings, settings, values
from nblib.training import NetworkSpec


def test_the_paper_profile_is_the_defaults() -> None:
    paper = settings("paper")
    assert paper == Settings() and paper.changed == {} and len(paper.seeds()) >= 3
    assert (paper.configuration_participants, paper.participants, paper.listening_items) == (15, 20, 5)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_the_paper_with_its_overrides_and_nothing_else(profile):
    paper, made = values(settings("paper")), values(settings(profile))
    differing = {path: value for path, value in made.items() if value != paper[path]}
    (said,) = pd.json_normalize(PROFILES[profile]).to_dict("records") or [{}]
    said = {path: tuple(each) if isinstance(each, list) else each for path, each in said.items()}
    assert differing == said, "an override that repeats the paper is none"
    assert made.keys() == paper.keys() and not set(OWN_OPTIONS) & set(made)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("separation_training.max_epochs=3", lambda setup: setup.separation_training.max_epochs == 3),
        ("capacities.speech.P1.base_filters=3", lambda setup: setup.capacities["speech"]["P1"] == NetworkSpec(1, 3)),
        ("teachers.ijcnn20.codec.bitrate=24000", lambda setup: setup.codec == Codec("mp3", 24_000)),
        ("loss_networks.mm19_spectral.training.decay=1", lambda setup: True),  # a whole number is a number
        ("separation_training.gain_db=(-6.0,0.0)", lambda setup: setup.separation_training.gain_db == (-6.0, 0.0)),
        ("domain=linear", lambda setup: setup.domain == "linear"),
        ("songs.seconds=2.5", lambda setup: setup.songs == Size(6, 3, 3, 2.5)),
    ],
)
def test_any_setting_is_reached_by_its_path_and_is_told_as_changed(change, found):
    setup = settings("smoke", changes=[change])
    assert found(setup)
    assert list(setup.changed) == [change.split("=")[0]]
    assert settings("smoke", changes=change) == setup


def test_every_setting_takes_its_own_value_as_text():
    given = {path: value for path, value in values(settings("smoke")).items() if value is not None}
    assert settings("smoke", changes=[f"{path}={value}" for path, value in given.items()]) == settings("smoke")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("separation_trainig.max_epochs=3", "setting='separation_trainig.max_epochs' is not .*mean 'separation_tr"),
        ("profile=paper", "setting='profile' is not known"),
        ("replicates", r"setting replicates: write it as PATH=VALUE, e.g. replicates=3"),
        ("replicates=two", "setting replicates=two: must be of type int, like 1, not str"),
        ("only_capacities=P1", r"must be of type tuple, like \('P1', 'P5'\), not str"),
        ("replicates=0", "setting replicates=0: must be at least 1 and finite"),
        ("separation_training.learning_rate=1e999", "must be at least 0 and finite"),
        ("separation_training.gain_db=(1,)", "must be of type tuple, like .*, not tuple"),
        ("only_capacities=('P9',)", "setting only_capacities=.*only_capacities='P9' is not known"),
        ("loss_layers=G", "loss_layers='G' is not known: choose one of A, B, C, D, E, F, all"),
        ("teachers.ijcnn20.loss_network=ijcnn", "loss_network='ijcnn' is not known.*did you mean 'ijcnn20'"),
        ("teachers.ijcnn20.codec.name=mp4", "teachers.ijcnn20.codec.name=mp4: name='mp4' is not known.*'mp3'"),
    ],
)
def test_wrong_paths_types_and_values_are_refused_with_the_near_miss(changes, message):
    with pytest.raises(ParameterError, match=message) as caught:
        settings("smoke", changes=changes)
    assert len(str(caught.value)) < 1500


def test_whatever_changes_results_has_a_folder_of_its_own(tmp_path):
    changes = ["", "replicates=2", "replicates=2 unit_epochs=3", "only_capacities=('P1',)"]
    setups = [settings("smoke", changes=change, seed=seed) for change in changes for seed in (0, 1)]
    setups += [settings("smoke", "real", data_root=root, seed=seed) for root in ("/", tmp_path) for seed in (0, 1)]
    names = [setup.name for setup in setups]
    assert names[:4] == ["smoke", "smoke-seed1", "smoke-replicates=2", "smoke-seed1-replicates=2"]
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-._=,") for name in names), "safe as file names"
    assert len({setup.results for setup in setups}) == len({setup.figures for setup in setups}) == len(setups)


def test_what_changes_nothing_shares_the_folder(monkeypatch):
    plain = settings("smoke")
    assert settings("smoke", changes=["replicates=1", "domain=sqrt"]).name == plain.name
    changes = ("replicates=2 unit_epochs=3", "unit_epochs=3 replicates=2")
    assert len({settings("smoke", changes=each).name for each in changes}) == 1
    assert settings("smoke", device="cuda").name == plain.name
    monkeypatch.chdir("/")
    assert settings("smoke", "real", data_root="/tmp/../tmp").name == settings("smoke", "real", data_root="tmp").name


def test_the_record_is_never_written_over_by_own_results(monkeypatch, tmp_path):
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    monkeypatch.delenv("NBLIB_FIGURES", raising=False)
    monkeypatch.delenv("NBLIB_RECORD", raising=False)
    own, record = (settings("smoke", "real", data_root="/", seed=3, source=source) for source in ("run", "record"))
    assert record.results == paths.home() / "data" / "record" / "smoke-real"
    assert own.results.parent == tmp_path / "results" and own.results.name.startswith("smoke-real-")
    committed = paths.home() / "figures" / "smoke-real"
    assert own.figures != record.figures and committed not in (own.figures, record.figures)
    monkeypatch.setenv("NBLIB_FIGURES", str(tmp_path / "pictures"))
    assert own.figures == tmp_path / "pictures" / own.name
    assert record.figures == tmp_path / "pictures" / "record-smoke-real"
    monkeypatch.setenv("NBLIB_RECORD", "1")
    assert record.figures == committed and own.figures == tmp_path / "pictures" / own.name


def test_contenders_are_the_baseline_the_codec_losses_and_whatever_else_is_entered(monkeypatch):
    assert list(settings().contenders) == ["l1", "codec"]

    class Third(L1Loss):
        title = "third loss"

    monkeypatch.setitem(LOSSES, "third", Third)
    opus = Teacher("Opus, spectral", "ijcnn20", Codec("opus", 24_000), contender="codec_opus")
    setup = dataclasses.replace(settings(), teachers=settings().teachers | {"opus": opus})
    rivals = {"codec_opus": "codec loss, Opus, spectral", "third": "third loss"}
    assert setup.contenders == {"l1": "l1", CODEC: "codec loss"} | rivals


def test_every_network_of_every_profile_fits_its_patches():
    for profile in PROFILES:
        setup = settings(profile)
        pairs = [(spec, setup.geometry) for own in setup.trained_capacities.values() for spec in own.values()]
        pairs += [(spec, setup.geometry) for spec in (setup.cost_network, setup.configuration_network)]
        pairs += [(each.network, each.geometry) for each in setup.loss_networks.values()]
        for spec, geometry in pairs:
            sizes = (geometry.patch_samples,) if spec.on_samples else (geometry.bins, geometry.frames)
            assert all(size % 2**spec.num_layers == 0 for size in sizes), (profile, spec)
