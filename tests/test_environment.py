"""pyproject.toml, requirements.lock, environment.yml and CITATION.cff say the same."""

import importlib.metadata
import re
import tomllib
from contextlib import suppress
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import nblib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [line.strip() for line in (ROOT / "requirements.lock").read_text().splitlines()]
LOCK = [Requirement(line) for line in LINES if line and not line.startswith("#")]
CUDA = re.compile(r"(cuda|nvidia|triton)", re.IGNORECASE)


def versions(requirements: list[Requirement]) -> dict[str, str]:
    """The one version that each requirement allows, by name, or an empty string."""
    found = {canonicalize_name(each.name): re.fullmatch(r"==([^*,]+)", str(each.specifier)) for each in requirements}
    return {name: match.group(1) if match else "" for name, match in found.items()}


def test_the_files_agree_on_every_direct_dependency() -> None:
    direct = [Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
    pins = versions([found for found in LOCK if not found.marker])
    pinned = {name: pins[name] for name in versions(direct)}
    for wanted in direct:
        assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), f"requirements.lock: {wanted}"
    content = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (through_pip,) = (entry["pip"] for entry in content if isinstance(entry, dict))
    given = versions([Requirement(line) for line in through_pip if not line.startswith("-")])
    assert given == pinned | versions([Requirement(line) for line in PROJECT["optional-dependencies"]["scores"]])
    assert f"python{PROJECT['requires-python']}" in [str(entry).replace(" ", "") for entry in content]


def test_the_lock_holds_exact_versions_of_the_whole_tree_and_nothing_for_cuda() -> None:
    """What the packages here ask for on this Python is in the lock, but for CUDA's own packages."""
    pins = versions(LOCK)
    assert [str(found) for found in LOCK if found.url or found.extras] == [] and all(pins.values())
    assert [name for name in pins if CUDA.match(name)] == [] and "torch==2.13.0" in LINES
    asked = []
    for found in LOCK:
        with suppress(importlib.metadata.PackageNotFoundError):
            if not found.marker or found.marker.evaluate():
                asked += [(found.name, Requirement(line)) for line in importlib.metadata.requires(found.name) or []]
    asked = [(name, each) for name, each in asked if not each.marker or each.marker.evaluate({"extra": ""})]
    asked = [(name, each, pins.get(canonicalize_name(each.name))) for name, each in asked if not CUDA.match(each.name)]
    assert len(asked) > 200
    assert [(name, str(each)) for name, each, pin in asked if not pin or not each.specifier.contains(pin)] == []


def test_the_citation_names_this_version_and_both_papers() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    papers = [(paper["type"], paper["year"], paper.get("doi")) for paper in citation["references"]]
    assert citation["version"] == nblib.__version__
    assert papers[0] == ("conference-paper", 2019, "10.1145/3343031.3351148")
    assert papers[1][:2] == ("conference-paper", 2020)
