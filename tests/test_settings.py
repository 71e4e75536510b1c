"""The papers' configuration, and profiles that are differences from it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from nblib.audio import Codec, Geometry
from nblib.errors import ParameterError
from nblib.experiments import PROFILES, Settings, settings
from nblib.experiments.settings import PAPER, SPEECH_CAPACITIES, VOCAL_CAPACITIES, SongSize, SpeechSize
from nblib.networks import count_parameters
from nblib.training import NetworkSpec


def test_the_paper_profile_is_the_papers_tables():
    paper = settings("paper")
    assert paper == PAPER == Settings()
    assert (paper.geometry, paper.codec) == (Geometry(22_050, 1024, 512, 128), Codec("mp3", 16_000))
    assert paper.speech == SpeechSize(4000, 1200, 600)
    assert paper.songs == SongSize(100, 25, 25, None)
    assert (paper.configuration_network, paper.configuration_participants) == (NetworkSpec(2, 1), 15)
    assert (paper.cost_network, paper.cost_batch) == (paper.loss_network, 16)
    assert paper.loss_network == NetworkSpec(6, 28)
    assert (paper.separation_training.decay, paper.loss_training.decay) == (5e-6, 5e-6)
    assert (paper.unit_epochs, paper.loss_layers, paper.participants, paper.listening_items) == (10, "F", 20, 5)
    assert paper.capacities == {"speech": SPEECH_CAPACITIES, "vocals": VOCAL_CAPACITIES}
    assert paper.domain == "sqrt"
    assert paper.loss_training.gain_db == (-20.0, 0.0)
    assert len(paper.seeds()) >= 3


def test_table_1_gives_layers_and_filters_of_each_capacity():
    speech, vocals = (
        {name: (spec.num_layers, spec.base_filters) for name, spec in capacities.items()}
        for capacities in (SPEECH_CAPACITIES, VOCAL_CAPACITIES)
    )
    assert speech == {"P1": (1, 1), "P2": (1, 2), "P3": (1, 4), "P4": (2, 2), "P5": (2, 4)}
    assert vocals == {"P1": (2, 1), "P2": (2, 4), "P3": (3, 2), "P4": (4, 2), "P5": (5, 4)}


@pytest.mark.parametrize("profile", ["paper", "quick", "smoke"])
def test_a_profile_is_the_paper_with_its_overrides_and_nothing_else(profile):
    made = settings(profile)
    differing = {
        field.name for field in dataclasses.fields(Settings) if getattr(made, field.name) != getattr(PAPER, field.name)
    }
    assert differing - {"profile"} == set(PROFILES[profile]), "an override that repeats the paper is none"
    for name, value in PROFILES[profile].items():
        assert getattr(made, name) == value


def test_the_default_keeps_the_published_networks_as_they_are():
    assert settings() == settings("quick", "embedded")
    assert settings().capacities == {"speech": SPEECH_CAPACITIES, "vocals": VOCAL_CAPACITIES}
    assert settings().cost_network == PAPER.loss_network


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        (("quik",), {}, "profile='quik' is not known: choose one of paper, quick, smoke; did you mean 'quick'"),
        (("quick", "reel"), {}, "corpus='reel' is not known: choose one of embedded, real; did you mean 'real'"),
        (("quick",), {"sed": 3}, "parameter='sed' is not known: .*; did you mean 'seed'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(arguments: tuple[str, ...], changes: dict[str, Any], message):
    with pytest.raises(ParameterError, match=message):
        settings(*arguments, **changes)


def test_single_changes_go_over_the_profile():
    changed = settings("smoke", seed=7, replicates=2, domain="linear")
    assert (changed.seed, changed.domain, changed.seeds()) == (7, "linear", (7, 8))
    assert changed.loss_network == settings("smoke").loss_network


def test_settings_can_neither_be_changed_nor_share_their_capacities():
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings().seed = 3  # type: ignore[misc]
    assert Settings().capacities["speech"] is not SPEECH_CAPACITIES


def test_the_corpora_follow_the_settings():
    setup = settings("smoke", speech=SpeechSize(4, 3, 2), geometry=Geometry(sample_rate=16_000))
    corpus = setup.mixture_corpus("speech")
    assert corpus.sample_rate == setup.music_corpus().sample_rate == 16_000
    assert [len(corpus.items(split)) for split in ("train", "validation", "test")] == [4, 3, 2]
    other = settings("smoke", speech=SpeechSize(4, 3, 2))
    assert corpus.fingerprint != other.mixture_corpus("speech").fingerprint
    assert corpus.fingerprint != dataclasses.replace(setup, seed=1).mixture_corpus("speech").fingerprint
    songs = settings("smoke", songs=SongSize(4, 3, 2, seconds=3.0)).mixture_corpus("vocals")
    assert [len(songs.items(split)) for split in ("train", "validation", "test")] == [4, 3, 2]
    assert len(songs.load(songs.items("test")[0]).target) == 3 * 22_050
    with pytest.raises(ParameterError, match="task='vocal' is not known: choose one of speech, vocals"):
        setup.mixture_corpus("vocal")


def test_every_network_of_every_profile_fits_its_patches():
    for profile in PROFILES:
        setup = settings(profile)
        capacities = [spec for own in setup.capacities.values() for spec in own.values()]
        for spec in (setup.loss_network, setup.cost_network, setup.configuration_network, *capacities):
            assert setup.geometry.bins % 2**spec.num_layers == setup.geometry.frames % 2**spec.num_layers == 0
            if profile != "paper":
                assert count_parameters(spec.build()) > 0
