"""Seeds, determinism, configuration hashes and the environment stamp of a result."""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nblib import paths


def canonical(config: object) -> Any:
    """`config` as plain JSON values, dataclasses as mappings; `TypeError` for what has none."""
    return json.loads(json.dumps(config, default=dataclasses.asdict, allow_nan=False))


def config_hash(config: object) -> str:
    """Twelve hexadecimal digits that change with any value in `config`."""
    return hashlib.sha256(json.dumps(canonical(config), sort_keys=True).encode()).hexdigest()[:12]


def derive_seed(*parts: str | int) -> int:
    """A seed in [0, 2**63) for one purpose, such as ``(seed, "speech", 17)``; the same on every machine."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def random_generator(*parts: str | int) -> np.random.Generator:
    """A numpy generator seeded by `derive_seed` of `parts`."""
    return np.random.default_rng(derive_seed(*parts))


def seed_everything(*parts: str | int) -> None:
    """Seed Python, numpy and torch (all devices) from `parts`."""
    random.seed(seed := derive_seed(*parts))
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """So many torch threads within the block: their number orders sums, so it may decide the last bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def deterministic() -> None:
    """Make torch repeat itself bit for bit, together with `torch_threads`."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it costs 5 %
    torch.backends.cudnn.benchmark = False


def code_digest() -> str:
    """Changes with any change to the package's code."""
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
    return hashlib.sha256(code).hexdigest()[:12]


def commit() -> str:
    """The commit of the project's checkout, with ``+`` where files differ from it; ``unknown`` outside git."""
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.check_output(command, cwd=paths.home(), text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def environment() -> dict[str, str]:
    """Python's, the platform's and the main packages' versions."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    for package in "torch torchaudio librosa av numpy scipy music21 tinysoundfont espeakng-loader".split():
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
