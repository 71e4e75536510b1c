"""Seeds, configuration hashes and the environment stamp."""

import subprocess
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from nblib import provenance
from nblib.provenance import canonical, config_hash, derive_seed, random_generator


@dataclass(frozen=True)
class Outer:
    name: str = "a"
    inner: "Outer | None" = None
    values: tuple[int, ...] = (1, 2)


def test_golden_seeds_and_hashes_so_that_cached_runs_keep_their_names():
    assert derive_seed(0, "speech", 17) == 9103384112468027855
    assert config_hash({"b": [1, 2.5, None], "a": "x"}) == "b649bb117135"
    assert len({derive_seed(*parts) for parts in ((1, 23), (12, 3), ("1", 23), ("1", "23"), (123,), ("123",))}) == 6
    assert random_generator(0, "golden").integers(1000, size=4).tolist() == [875, 557, 640, 91]


def test_a_dataclass_hashes_by_its_values_and_what_has_no_plain_one_not_at_all():
    assert canonical(Outer("b", Outer())) == {"name": "b", "inner": canonical(Outer()), "values": [1, 2]}
    assert config_hash(Outer()) == config_hash({"values": (1, 2), "inner": None, "name": "a"})
    assert config_hash(Outer("b", Outer())) != config_hash(Outer("b", Outer(values=(1, 3))))
    for value in (np.float32(1), torch.zeros(1), {1, 2}, Outer, float("nan")):
        with pytest.raises((TypeError, ValueError)):
            config_hash({"a": value})


def test_a_commit_shows_changed_files_and_is_unknown_outside_git(monkeypatch, tmp_path):
    monkeypatch.setenv("NBLIB_HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit() == "unknown"

    def git(*words: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    (tmp_path / "file.py").write_text("1\n")
    git("init"), git("add", "."), git("commit", "-m", "first")
    clean = provenance.commit()
    assert len(clean) == 12 and int(clean, 16) >= 0
    (tmp_path / "file.py").write_text("2\n")
    assert provenance.commit() == clean + "+"
