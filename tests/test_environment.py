"""pyproject.toml, requirements.lock, environment.yml and CITATION.cff say the same."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import nblib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
ENVIRONMENT = (ROOT / "environment.yml").read_text()
CUDA = re.compile(r"(cuda|nvidia|triton)", re.IGNORECASE)


def read_lock(text: str) -> list[Requirement]:
    lines = [line.strip() for line in text.splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def exact_version(requirement: Requirement) -> str:
    """The one version that `requirement` allows, or an empty string."""
    pins = list(requirement.specifier)
    return pins[0].version if len(pins) == 1 and pins[0].operator == "==" and "*" not in pins[0].version else ""


def requirements_of(name: str) -> list[str]:
    """What the installed package `name` asks for; nothing where it is not installed."""
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def test_the_files_agree_on_every_direct_dependency() -> None:
    direct = [Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
    pins = {canonicalize_name(found.name): found for found in read_lock(LOCK) if not found.marker}
    pinned = {name: exact_version(pins[name]) for name in (canonicalize_name(wanted.name) for wanted in direct)}
    for wanted in direct:
        assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), f"requirements.lock: {wanted}"
    scores = [Requirement(line) for line in PROJECT["optional-dependencies"]["scores"]]
    content = yaml.safe_load(ENVIRONMENT)["dependencies"]
    (through_pip,) = (entry["pip"] for entry in content if isinstance(entry, dict))
    given = {Requirement(line) for line in through_pip if not line.startswith("-")}
    assert {canonicalize_name(found.name): exact_version(found) for found in given} == pinned | {
        canonicalize_name(found.name): exact_version(found) for found in scores
    }
    assert f"python{PROJECT['requires-python']}" in [str(entry).replace(" ", "") for entry in content]


def test_the_lock_holds_exact_versions_and_nothing_for_cuda() -> None:
    requirements = read_lock(LOCK)
    assert [str(found) for found in requirements if not exact_version(found) or found.url or found.extras] == []
    assert [found.name for found in requirements if CUDA.match(found.name)] == []
    assert "torch==2.13.0" in LOCK.splitlines()


def test_the_lock_holds_the_whole_tree() -> None:
    """What the packages here ask for on this Python is in the lock, but for CUDA's own packages."""
    pinned = {canonicalize_name(found.name): found for found in read_lock(LOCK)}
    asked = []
    for name, found in pinned.items():
        if found.marker and not found.marker.evaluate():
            continue
        for line in requirements_of(name):
            wanted = Requirement(line)
            if CUDA.match(wanted.name) or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
                continue
            asked.append((name, wanted, pinned.get(canonicalize_name(wanted.name))))
    assert len(asked) > 200
    missing = [(name, str(wanted)) for name, wanted, pin in asked if pin is None]
    outside = [
        (name, str(wanted)) for name, wanted, pin in asked if pin and not wanted.specifier.contains(exact_version(pin))
    ]
    assert missing == []
    assert outside == []


def test_pythons_3_11_to_3_13_are_wanted_and_no_other() -> None:
    wanted = SpecifierSet(PROJECT["requires-python"])
    assert [minor for minor in range(8, 20) if f"3.{minor}" in wanted] == [11, 12, 13]
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / "Makefile").read_text()


def test_the_citation_names_this_version_and_both_papers() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == nblib.__version__
    assert [(paper["type"], paper["year"]) for paper in citation["references"]] == [
        ("conference-paper", 2019),
        ("conference-paper", 2020),
    ]
    assert citation["references"][0]["doi"] == "10.1145/3343031.3351148"
