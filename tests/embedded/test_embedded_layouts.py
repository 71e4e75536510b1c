"""What is written: the published layouts, the same bits for any number of items, processes and interruptions."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import soundfile
from helpers.embedded import digests

import nblib
from nblib import embedded
from nblib.embedded import LICENCES, layouts
from nblib.errors import CorpusError, ParameterError

SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "lossless_music": ("write_music", {"pieces": 3, "seconds": 5.0}),
    "voicebank_demand": ("write_speech", {"train": 2, "validation": 0, "test": 4}),
    "musdb18hq": ("write_songs", {"train": 1, "validation": 0, "test": 2, "seconds": 12.0}),
}


def sounds(folder: Path) -> dict[str, str]:
    return {path: digest for path, digest in digests(folder).items() if path.endswith(".wav")}


def write(layout: str, folder: Path, **changes: Any) -> None:
    writer, settings = SMALL[layout]
    getattr(embedded, writer)(folder, **({"sample_rate": 22_050, "seed": 0} | settings | changes))


def test_files_lie_as_the_data_sets_are_published(written: Path) -> None:
    music = sounds(written / "lossless_music")
    assert len(music) == 22 and not any("/" in path for path in music)
    folder = written / "voicebank_demand"
    for kind, count in (("trainset_56spk", 12), ("testset", 6)):
        clean, noisy = ({path.name for path in folder.glob(f"{side}_{kind}_wav/*")} for side in ("clean", "noisy"))
        assert clean == noisy and len(clean) == count
        log = [line.split(" ") for line in (folder / f"log_{kind}.txt").read_text().splitlines()]
        assert {f"{name}.wav" for name, _, _ in log} == clean and {snr for *_, snr in log} == {"0"}
    songs = sounds(written / "musdb18hq")
    tracks = {path.rpartition("/")[0] for path in songs}
    assert sorted(track.split("/")[0] for track in tracks) == ["test"] * 2 + ["train"] * 6
    assert set(songs) == {f"{track}/{stem}.wav" for track in tracks for stem in ("mixture", "vocals", "other")}
    for path in written.rglob("*.wav"):
        facts = soundfile.info(path)
        assert (facts.channels, facts.samplerate, facts.subtype) == (1, 22_050, "PCM_16")


def test_each_folder_has_its_table_licence_and_citation(written: Path) -> None:
    for layout, texts in LICENCES.items():
        folder = written / layout
        citation = (folder / "CITATION.bib").read_text()
        assert texts == {"licence": (folder / "LICENCE.txt").read_text().strip(), "citation": citation}
        assert citation.count("{") == citation.count("}") > 0
        rows = pd.read_csv(folder / "items.csv")
        assert list(rows.columns[:4]) == ["file", "split", "group", "title"] and rows["file"].is_unique
        assert set(rows["split"]) == {"train", "validation", "test"} and not rows.isna().any(axis=None)
        newest = max(path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file())
        assert (folder / "items.csv").stat().st_mtime_ns == newest


def test_another_process_and_another_size_make_the_same_bits(written: Path, tmp_path: Path) -> None:
    program = "from nblib.embedded import *\nif __name__ == '__main__':\n" + "".join(
        f"    {writer}({str(tmp_path / layout)!r}, sample_rate=22_050, seed=0, **{settings})\n"
        for layout, (writer, settings) in SMALL.items()
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "TMPDIR": str(home), "HOME": str(home), "NBLIB_CORES": "2"}
    root = Path(nblib.__file__).parents[1]
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=root, check=True)
    for layout, count in (("lossless_music", 3), ("voicebank_demand", 12), ("musdb18hq", 9)):
        found, expected = sounds(tmp_path / layout), sounds(written / layout)
        assert len(found) == count and found.items() <= expected.items()
    assert not [path for path in home.rglob("*") if path.is_file()], "files were left behind"


@pytest.mark.parametrize("layout", SMALL)
def test_a_killed_run_goes_on_where_it_stopped(
    layout: str, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBLIB_CORES", "1")
    settings = {"seed": 6, "sample_rate": 16_000} | ({} if layout == "voicebank_demand" else {"seconds": 3.01})
    write(layout, tmp_path, **settings)
    whole = digests(tmp_path)
    for path, digest in sounds(tmp_path).items():
        facts = soundfile.info(tmp_path / path)
        assert facts.samplerate == 16_000 and facts.frames == round(settings.get("seconds", facts.duration) * 16_000)
        assert digest != sounds(written / layout).get(path), "neither seed nor rate changed a sample"
    *kept, first, last = sounds(tmp_path)
    times = {path: (tmp_path / path).stat().st_mtime_ns for path in kept}
    for path in ("items.csv", first, last):
        (tmp_path / path).unlink()
    write(layout, tmp_path, **settings)
    assert digests(tmp_path) == whole
    assert sum((tmp_path / path).stat().st_mtime_ns == times[path] for path in kept) >= len(kept) - 2, "all made anew"
    (tmp_path / last).unlink()
    write(layout, tmp_path, **settings)
    assert not (tmp_path / last).exists(), "a folder with items.csv is complete"


@pytest.mark.parametrize(
    ("layout", "wrong", "message"),
    [
        ("lossless_music", {"pieces": 2}, "pieces=2"),
        ("lossless_music", {"sample_rate": 4_000}, "sample_rate=4000"),
        ("voicebank_demand", {"train": 0, "validation": 0, "test": 0}, "nothing to make"),
        ("voicebank_demand", {"snr_db": float("nan")}, "snr_db=nan"),
        ("musdb18hq", {"seconds": float("inf")}, "seconds=inf"),
    ],
)
def test_settings_out_of_range_are_refused(layout: str, wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=message):
        write(layout, tmp_path, **wrong)
    assert not list(tmp_path.iterdir())


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "music21" in embedded.recipe()["packages"]
    monkeypatch.setattr(embedded, "PACKAGES", ("no-such-package",))
    with pytest.raises(CorpusError, match="no-such-package is not installed"):
        embedded.recipe()
    for package in ("music21", "no_such_package"):
        with pytest.raises(CorpusError, match=f"pip install --force-reinstall {package}"):
            layouts.package_path(package, "nothing")
