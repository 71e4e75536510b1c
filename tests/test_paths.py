"""Where things lie, and writing a file whole or not at all."""

import errno
import os
import time

import pytest
from helpers.full_disk import files

from nblib import paths
from nblib.errors import ParameterError, StorageError, check_choice


def test_every_place_follows_the_environment_and_never_the_working_directory(monkeypatch, tmp_path):
    for name in ("NBLIB_HOME", "NBLIB_DATA"):
        monkeypatch.delenv(name, raising=False)
    before = (paths.data(), paths.paper(), paths.record("quick"))
    monkeypatch.chdir(tmp_path)
    assert (paths.data(), paths.paper(), paths.record("quick")) == before
    assert (paths.data().parent / "nblib" / "paths.py").exists()
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path / "elsewhere"))
    for place in (paths.cache(), paths.runs(), paths.results("quick")):
        assert place.is_relative_to(tmp_path / "elsewhere")
    assert (paths.paper(), paths.record("quick")) == before[1:], "what is committed is never moved"


def test_a_block_that_ends_well_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "deep" / "table.csv"
    for text in ("old", "new"):
        with paths.whole(path) as temporary:
            assert temporary.name == path.name  # gzip writes the name into the file
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "old"
    assert path.read_text() == "new" and files(path.parent) == ["table.csv"]


FULL = "table.csv: could not be written .*free some space"


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (RuntimeError("from the block"), RuntimeError, "from the block"),
        (KeyboardInterrupt("Ctrl-C"), KeyboardInterrupt, "Ctrl-C"),
        *((OSError(number, "words"), StorageError, FULL) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)),
    ],
)
def test_a_block_that_fails_leaves_the_old_file_and_says_why(tmp_path, error, raised, message):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(raised, match=message), paths.whole(path) as temporary:
        temporary.write_text("half")
        (temporary.parent / "more").write_text("a writer's own file")
        raise error
    assert path.read_text() == "old" and files(tmp_path) == ["table.csv"]
    with pytest.raises(StorageError, match="more: could not be .*NBLIB_DATA"), paths.whole(path / "more"):
        pass  # its folder cannot be made


def test_what_a_killed_process_left_is_removed_and_work_in_progress_is_not(tmp_path):
    path = tmp_path / "odd[1].csv"
    for pid, age in ((1, 2 * paths.ABANDONED_SECONDS), (2, 1.0)):
        folder = tmp_path / f".{path.name}.{pid}.tmp"
        folder.mkdir()
        (folder / ".tmpXYZ").write_text("half")
        for entry in (folder / ".tmpXYZ", folder):
            os.utime(entry, (time.time() - age,) * 2)
    other = tmp_path / ".table.csv.1.tmp"
    other.mkdir()
    os.utime(other, (0, 0))
    with paths.whole(path) as temporary:
        temporary.write_text("new")
    assert files(tmp_path) == [f".{path.name}.2.tmp", other.name, path.name]


def test_a_choice_names_the_nearest_and_all():
    check_choice("codec", "mp3", ("mp3", "aac"))
    with pytest.raises(ParameterError, match=r"codec='mp33' is not known: choose one of mp3, aac; did you mean 'mp3'"):
        check_choice("codec", "mp33", ("mp3", "aac"))
    with pytest.raises(ParameterError, match=r"choose one of item7, .*\.\.\.; did you mean 'item7'\?$"):
        check_choice("item", "item7x", [f"item{n}" for n in range(500)])
