"""The README's numbers are those of the committed results, and its commands exist."""

from __future__ import annotations

import re
import subprocess
import sys

from nblib import claims, paths
from nblib.experiments import settings
from nblib.suite import SUITE

README = (paths.home() / "README.md").read_text()


def test_its_results_are_the_committed_ones() -> None:
    expected = claims.markdown(claims.summary(settings("quick")))
    assert expected in README, f"the README's table must read:\n{expected}"


def test_it_names_every_notebook_and_only_existing_files() -> None:
    assert all(f"`{notebook.name}`" in README for notebook in SUITE)
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", README):
        assert (paths.home() / target).exists(), target


def test_its_make_targets_exist() -> None:
    makefile = (paths.home() / "Makefile").read_text()
    for target in re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_its_options_are_the_command_lines() -> None:
    shown = subprocess.run([sys.executable, "-m", "nblib", "run", "--help"], capture_output=True, text=True, check=True)
    for option in set(re.findall(r"python -m nblib run.*?(--[a-z-]+)", README)):
        assert option in shown.stdout, option


def test_its_listening_commands_exist() -> None:
    commands = re.findall(r"^python -m nblib listen (\w+)(.*?)(?:#.*)?$", README, re.MULTILINE)
    assert [name for name, _ in commands] == ["build", "serve", "export", "import"]
    for name, rest in commands:
        command = [sys.executable, "-m", "nblib", "listen", name, "--help"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in shown.stdout, option
