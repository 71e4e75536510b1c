"""The loss networks: what is scored, worked out anew; and a further teacher that is one entry."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from nblib import audio, study, tables
from nblib.audio import Codec
from nblib.corpora import Item
from nblib.entries import Teacher
from nblib.errors import ParameterError, TrainingDiverged
from nblib.evaluation import hole_scores
from nblib.experiments import LOSS_NETWORKS, teachers
from nblib.experiments.overview import different, excerpts, short_title
from nblib.settings import Settings, settings
from nblib.study import recordings
from nblib.training import load

TEACHERS, SYSTEMS = ["ijcnn20", "mm19_spectral", "mm19_time_domain"], ["identity", "low_pass", "emulation"]


def held_out(setup: Settings, teacher: str) -> list[Item]:
    return [item for _, name, item in teachers.pieces(setup) if name == teacher]


def test_every_held_out_piece_has_a_row_for_identity_low_pass_and_emulation(tiny_mm19: Settings) -> None:
    for teacher, own in study.rows(tiny_mm19, LOSS_NETWORKS).groupby("teacher"):
        items = {item.name: item.split for item in held_out(tiny_mm19, str(teacher))}
        assert own.groupby("item")["system"].agg(list).to_dict() == dict.fromkeys(items, SYSTEMS)
        assert dict(zip(own["item"], own["split"], strict=True)) == items
        assert set(own["run"]) == {teachers.cell(tiny_mm19, str(teacher)).hash}
        assert not own.drop(columns="hole_precision").isna().any(axis=None)
    table = study.rows(tiny_mm19, LOSS_NETWORKS)
    assert (table.loc[table["system"].isin(teachers.BASELINES), "hole_recall"] == 0).all(), "they earn nothing by holes"
    errors = table["cutoff_error_hz"].abs().groupby([table["teacher"], table["system"]]).mean().unstack()
    assert (errors["low_pass"] < 200).all() and (errors["identity"] > 200).all()


@pytest.mark.parametrize("teacher", TEACHERS)
def test_errors_are_those_of_the_systems_worked_out_anew(tiny_mm19: Settings, teacher: str) -> None:
    item, cell = held_out(tiny_mm19, teacher)[-1], teachers.cell(tiny_mm19, teacher)
    table = study.rows(tiny_mm19, LOSS_NETWORKS).set_index(["teacher", "item", "system"]).loc[teacher, item.name]
    lossless = cell.data.corpus.load(item)
    on_samples, rate = teacher == "mm19_time_domain", cell.data.geometry.sample_rate
    geometry = tiny_mm19.mm19.geometry if on_samples else cell.data.geometry
    coded, network = tiny_mm19.codec.roundtrip(lossless, rate), load(cell.hash).network()
    before, after = (audio.analyse(samples, geometry).abs().clamp(max=1) for samples in (lossless, coded))
    with torch.no_grad():
        if on_samples:
            padded = torch.from_numpy(np.pad(lossless, (0, -len(lossless) % 8)))
            sound = network(padded[None, None])[0, 0, : len(lossless)].numpy()
            assert table.loc["emulation", "l1_samples"] == pytest.approx(np.abs(sound - coded).mean(), rel=1e-3)
            emulated = audio.scale(audio.analyse(sound, geometry).abs().clamp(max=1))
        else:
            emulated = network(audio.scale(before).unsqueeze(1)).squeeze(1)
    for system, seen in (("identity", audio.scale(before)), ("emulation", emulated)):
        assert table.loc[system, "l1"] == pytest.approx(float((seen - audio.scale(after)).abs().mean()), rel=1e-3)
    assert table.loc["identity", "l1_samples"] == pytest.approx(np.abs(lossless - coded).mean(), rel=1e-3)
    cutoff_hz = table.loc["identity", "codec_cutoff_hz"]
    assert cutoff_hz == pytest.approx(5500, abs=300), "16 kbps MP3 cuts off at 5.5 kHz"
    holes = hole_scores(before.numpy(), after.numpy(), before.numpy(), round(cutoff_hz / rate * 1024) + 1)
    assert table.loc["identity", "hole_share"] == pytest.approx(holes["hole_share"], rel=1e-4)


def test_each_network_is_compared_in_the_error_it_was_trained_with() -> None:
    systems = pd.DataFrame({"system": SYSTEMS, "l1": [0.4, 0.1, 0.2]})
    items = [systems.assign(item=item, l1=systems["l1"] + shift) for item, shift in (("one", 0.0), ("two", 0.1))]
    rows = pd.concat(items).assign(l1_samples=2 * pd.concat([systems["l1"]] * 2), seed=0, status="plateau")
    rows = pd.concat([rows.assign(teacher=teacher) for teacher in TEACHERS])
    table = teachers.against_baselines(Settings(), rows).set_index(["teacher", "baseline"])
    assert table.loc[("mm19_spectral", "identity"), ["ratio", "mean"]].tolist() == pytest.approx([0.25 / 0.45, -0.2])
    assert table.loc[("mm19_time_domain", "low_pass"), ["measure", "ratio"]].tolist() == ["l1_samples", 2]
    assert table["low"].isna().all(), "one training says nothing of another"


def test_the_history_is_the_runs_and_an_unknown_teacher_is_refused(tiny_mm19: Settings) -> None:
    record, history = teachers.run(tiny_mm19, "ijcnn20").record, study.read(tiny_mm19, teachers.HISTORY)
    own = history.query("teacher == 'ijcnn20'")
    assert own["epoch"].tolist() == list(range(1, record["epochs"] + 1))
    np.testing.assert_allclose(own["validation_l1"], [row["validation_l1"] for row in record["history"]], rtol=1e-5)
    with pytest.raises(ParameterError, match="did you mean 'mm19_spectral'"):
        teachers.run(tiny_mm19, "mm19_spectrl")


@pytest.mark.parametrize("status", ["collapsed", "diverged"])
def test_a_loss_network_that_came_to_nothing_is_not_built_upon(
    monkeypatch: pytest.MonkeyPatch, tiny_mm19: Settings, status: str
) -> None:
    cell = teachers.cell(tiny_mm19, "ijcnn20")
    run = load(cell.hash, **cell.labels)
    broken = replace(run, record=run.record | {"status": status})
    monkeypatch.setattr(teachers, "train_all", lambda *arguments: [broken])
    with pytest.raises(TrainingDiverged, match=rf"loss network ijcnn20 \({run.hash}\): {status}; lower its learning"):
        teachers.run(tiny_mm19, "ijcnn20")
    assert teachers.score(tiny_mm19, [broken], teachers.pieces(tiny_mm19)[0]) == []


def test_a_further_teacher_is_one_entry(tiny_mm19: Settings) -> None:
    opus = {"opus": Teacher("Opus, 24 kbps", "ijcnn20", Codec("opus", 24_000))}
    setup = replace(tiny_mm19, teachers=dict(tiny_mm19.teachers) | opus)
    assert setup.results != tiny_mm19.results
    table = study.rows(setup, LOSS_NETWORKS)
    assert table["teacher"].unique().tolist() == [*TEACHERS, "opus"]
    assert table.groupby("teacher")["codec_cutoff_hz"].max()["opus"] > 7000
    assert set(teachers.against_baselines(setup, table)["teacher"]) == {*TEACHERS, "opus"}
    names = teachers.figure2_names(setup)
    pieces, history = study.read(setup, "figure2_pieces.csv"), study.read(setup, teachers.HISTORY)
    assert pieces["system"].unique().tolist() == list(names)
    assert history["teacher"].unique().tolist() == [*TEACHERS, "opus"]
    assert list(names.values())[:3] == ["lossless", "MP3, 16 kbps", "OPUS, 24 kbps"]
    assert names["opus"] == "Opus, 24 kbps"
    assert tables.loss_network_table(setup)["here (smoke): Opus, 24 kbps"]["Codec"] == "OPUS, 24 kbps"
    assert len(tables.loss_network_table(setup).columns) == 7


def test_figure_2_keeps_what_each_system_sounds_like(tiny_mm19: Settings) -> None:
    names, item = teachers.figure2_names(tiny_mm19), held_out(tiny_mm19, "mm19_spectral")[-1]
    sounds = excerpts(tiny_mm19, teachers.FIGURE2, names)
    assert list(sounds) == list(names.values())
    lossless, coded = (sounds[name][short_title(item)] for name in ("lossless", "MP3, 16 kbps"))
    assert len(lossless) == len(coded) == tiny_mm19.mm19.geometry.patch_samples
    whole = recordings(tiny_mm19, "music", 16_000).load(item)
    start = int(np.correlate(whole, lossless, "valid").argmax())
    made = tiny_mm19.codec.roundtrip(whole, 16_000)[start : start + len(coded)]
    np.testing.assert_allclose(coded, made / max(1, np.abs(made).max() / 0.999), atol=1e-4)


@pytest.mark.parametrize(
    ("kinds", "chosen"), [("solo solo band choir", "023"), ("solo solo band", "021"), ("solo", "0")]
)
def test_pieces_to_look_at_are_of_different_character_as_far_as_there_are(kinds: str, chosen: str) -> None:
    items = [Item(f"{n}", "", "test", {"character": kind}) for n, kind in enumerate(kinds.split())]
    assert "".join(item.name for item in different(items)) == chosen


def test_table_1_is_the_papers_and_has_both_domains() -> None:
    table = tables.loss_network_table(settings("quick"))
    for row, expected in {
        "Trainable parameters": "30,076,397 9,786,017 5,164,065",
        "Learning rate": "0.0001 0.001 0.0001",
        "Batch size": "32 32 16",
        "Number of layers": "6 5 8",
        "Sample rate (Hz)": "22050 16000 16000",
    }.items():
        assert table.loc[row].tolist()[:3] == expected.split()
    assert {"16384", "15, stride 1, decimation by 2"} <= set(table["MM'19, time domain"])
