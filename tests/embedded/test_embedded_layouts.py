"""What is written: the published layouts, the same bits for any number of items, processes and interruptions."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import soundfile

import nblib
from nblib.embedded import LICENCES, layouts, recipe, write_music, write_songs, write_speech
from nblib.errors import CorpusError, ParameterError

SMALL = {
    "lossless_music": (write_music, {"pieces": 4, "seconds": 5.0}),
    "voicebank_demand": (write_speech, {"train": 2, "validation": 0, "test": 4}),
    "musdb18hq": (write_songs, {"train": 1, "validation": 1, "test": 1, "seconds": 12.0}),
}
BESIDE = {"items.csv", "LICENCE.txt", "CITATION.bib"}


def digests(folder: Path) -> dict[str, str]:
    """Every file below `folder` by its path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def sounds(folder: Path) -> dict[str, str]:
    return {path: digest for path, digest in digests(folder).items() if path.endswith(".wav")}


def write(layout: str, folder: Path, **changes: Any) -> None:
    writer, settings = SMALL[layout]
    writer(folder, **({"sample_rate": 22_050, "seed": 0} | settings | changes))  # type: ignore[operator]


def test_files_lie_as_the_data_sets_are_published(written: Path) -> None:
    music = sounds(written / "lossless_music")
    assert len(music) == 22 and not any("/" in path for path in music)
    folder = written / "voicebank_demand"
    for kind, count in (("trainset_56spk", 12), ("testset", 6)):
        clean, noisy = (
            {path.name for path in (folder / f"{side}_{kind}_wav").iterdir()} for side in ("clean", "noisy")
        )
        assert clean == noisy and len(clean) == count
        log = [line.split(" ") for line in (folder / f"log_{kind}.txt").read_text().splitlines()]
        assert {f"{name}.wav" for name, _, _ in log} == clean and {snr for *_, snr in log} == {"0"}
    songs = sounds(written / "musdb18hq")
    tracks = {path.rpartition("/")[0] for path in songs}
    assert sorted(track.split("/")[0] for track in tracks) == ["test"] * 2 + ["train"] * 6
    assert set(songs) == {f"{track}/{stem}.wav" for track in tracks for stem in ("mixture", "vocals", "other")}
    for folder in written.iterdir():
        for path in folder.rglob("*.wav"):
            facts = soundfile.info(path)
            assert (facts.channels, facts.samplerate, facts.subtype) == (1, 22_050, "PCM_16")


def test_each_folder_has_its_table_licence_and_citation(written: Path) -> None:
    for layout, (licence, citation) in LICENCES.items():
        folder = written / layout
        assert (folder / "LICENCE.txt").read_text().strip() == licence
        assert (folder / "CITATION.bib").read_text() == citation and citation.count("{") == citation.count("}")
        rows = pd.read_csv(folder / "items.csv")
        assert list(rows.columns[:4]) == ["file", "split", "group", "title"] and rows["file"].is_unique
        assert set(rows["split"]) == {"train", "validation", "test"} and not rows.isna().any(axis=None)
        newest = max(path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file())
        assert (folder / "items.csv").stat().st_mtime_ns == newest


@pytest.mark.parametrize("layout", SMALL)
def test_another_process_and_another_size_make_the_same_bits(layout: str, written: Path, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from nblib.embedded import *\n"
        f"{SMALL[layout][0].__name__}(Path({str(tmp_path / layout)!r}), sample_rate=22_050, seed=0, **{SMALL[layout][1]})"
    )
    (tmp_path / "home").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "home"), "HOME": str(tmp_path / "home"), "NBLIB_CORES": "2"}
    root = Path(nblib.__file__).parents[1]
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=root, check=True)
    found, expected = sounds(tmp_path / layout), sounds(written / layout)
    assert len(found) == {"lossless_music": 4, "voicebank_demand": 12, "musdb18hq": 9}[layout]
    assert found == {path: expected[path] for path in found}
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()], "files were left behind"


@pytest.mark.parametrize("layout", SMALL)
def test_a_killed_run_goes_on_where_it_stopped(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBLIB_CORES", "1")
    folder = tmp_path / layout
    settings = {"seconds": 3.0} if layout != "voicebank_demand" else {}
    real, left = layouts.write, 5

    def until_killed(*arguments: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        real(*arguments)

    with monkeypatch.context() as patch:
        left = 2 if layout == "lossless_music" else 4
        patch.setattr(layouts, "write", until_killed)
        with pytest.raises(KeyboardInterrupt):
            write(layout, folder, **settings)
    kept = digests(folder)
    assert kept and not BESIDE & set(kept)
    times = {path: (folder / path).stat().st_mtime_ns for path in kept}
    write(layout, folder, **settings)
    whole = digests(folder)
    assert set(whole) > BESIDE and kept.items() <= whole.items()
    untouched = [path for path in kept if (folder / path).stat().st_mtime_ns == times[path]]
    assert len(untouched) >= len(kept) - 1  # of a pair that was cut in two the first half is made again

    lost = sorted(sounds(folder))[-1]
    for path in ("items.csv", lost):
        (folder / path).unlink()
    write(layout, folder, **settings)
    assert digests(folder) == whole
    (folder / lost).unlink()
    write(layout, folder, **settings)
    assert not (folder / lost).exists(), "a folder with items.csv is complete"


@pytest.mark.parametrize("layout", SMALL)
@pytest.mark.parametrize("change", [{"seed": 1}, {"sample_rate": 16_000}])
def test_settings_change_every_sample(layout: str, change: dict[str, int], written: Path, tmp_path: Path) -> None:
    sizes = {"lossless_music": {"pieces": 3, "seconds": 1.01}, "musdb18hq": {"train": 1, "validation": 0, "test": 0}}
    write(layout, tmp_path, **sizes.get(layout, {"train": 1, "test": 0}), **change)
    for path, digest in sounds(tmp_path).items():
        assert digest != sounds(written / layout).get(path)
        facts = soundfile.info(tmp_path / path)
        assert facts.samplerate == change.get("sample_rate", 22_050)
        if layout != "voicebank_demand":
            assert facts.frames == round((1.01 if layout == "lossless_music" else 12.0) * facts.samplerate)


@pytest.mark.parametrize(
    ("writer", "wrong", "message"),
    [
        (write_music, {"pieces": 2}, "pieces=2"),
        (write_music, {"seconds": 0.0}, "seconds=0.0"),
        (write_music, {"seconds": float("inf")}, "seconds=inf"),
        (write_music, {"sample_rate": 4_000}, "sample_rate=4000"),
        (write_speech, {"train": -1}, "train=-1"),
        (write_speech, {"test": 1.5}, "test=1.5"),
        (write_speech, {"validation": True}, "validation=True"),
        (write_speech, {"train": 0, "validation": 0, "test": 0}, "nothing to make"),
        (write_speech, {"snr_db": float("nan")}, "snr_db=nan"),
        (write_songs, {"seconds": 2.0}, "seconds=2.0"),
        (write_songs, {"seconds": float("nan")}, "seconds=nan"),
    ],
)
def test_settings_out_of_range_are_refused(
    writer: Callable[..., None], wrong: dict[str, Any], message: str, tmp_path: Path
) -> None:
    settings = next(settings for each, settings in SMALL.values() if each is writer)
    with pytest.raises(ParameterError, match=message):
        writer(tmp_path, **({"sample_rate": 22_050, "seed": 0} | settings | wrong))
    assert not list(tmp_path.iterdir())


def test_the_recipe_names_all_that_makes_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe()
    assert set(made["recipes"]) == {"music", "speech", "songs"}
    assert {"music21", "pretty_midi", "tinysoundfont", "espeakng-loader", "praat-parselmouth"} <= set(made["packages"])
    monkeypatch.setattr("nblib.embedded.PACKAGES", ("no-such-package",))
    with pytest.raises(CorpusError, match="no-such-package is not installed"):
        recipe()


def test_a_missing_part_of_a_package_names_the_remedy() -> None:
    for package in ("music21", "no_such_package"):
        with pytest.raises(CorpusError, match=f"pip install --force-reinstall {package}"):
            layouts.package_path(package, "nothing")


def test_turns_hear_everything_once() -> None:
    drawn = [layouts.turn(6, index, "seed") for index in range(18)]
    assert all(sorted(drawn[start : start + 6]) == list(range(6)) for start in (0, 6, 12))
    assert drawn[:6] != drawn[6:12]
