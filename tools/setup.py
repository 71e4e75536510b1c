"""Make the project's virtual environment in .venv; `make setup` calls this with any Python from 3.11 to 3.13.

The environment is made from nothing unless its stamp, written last, says that it is whole and made from the present
pyproject.toml, requirements.lock and Python: an interrupted set-up is simply run again. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "whole"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

IMPORT_NAMES = {"pyyaml": "yaml", "praat-parselmouth": "parselmouth"}  # where it is not the package's own
CHECK_IMPORTS = """
import importlib, sys, warnings
warnings.simplefilter("ignore")
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"{name} ({type(error).__name__}: {error})")
"""


def main() -> None:
    """Make the environment, or return at once where it is whole."""
    stamp = wanted_stamp()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == stamp:
        return
    say(f"making .venv with Python {sys.version.split()[0]}")
    STAMP.unlink(missing_ok=True)  # first, so that nothing takes for whole what is half removed
    shutil.rmtree(VENV, ignore_errors=True)
    # This script may run by the very environment that it replaces: the Python beneath it makes the new one.
    run([sys._base_executable, "-m", "venv", "--clear", str(VENV)], "make a virtual environment")
    say("installing requirements.lock (a build of torch with CUDA is a download of some gigabytes)")
    run(pip("-r", str(LOCK)), "install requirements.lock")
    run(pip("--no-deps", "--no-build-isolation", *EXTRAS["scores"], "-e", str(ROOT)), "install nblib")
    pesq = start_pesq()
    compile_all()
    prune_torchaudio()
    missing = failed_imports()
    finish_pesq(pesq)
    if missing:
        raise SystemExit("set-up: these packages are installed but do not import:\n  " + "\n  ".join(missing))
    STAMP.write_text(stamp, encoding="utf-8")
    say(".venv is whole")


def wanted_stamp() -> str:
    """What the environment is made from: another lock, dependency list, script, folder or Python gives another."""
    parts = [LOCK.read_text(encoding="utf-8"), json.dumps(PROJECT), Path(__file__).read_text(encoding="utf-8")]
    parts += [str(ROOT), str(sys.version_info[:2])]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def pip(*arguments: str) -> list[str]:
    """A pip command that installs and prints errors only; compiling is left to `compile_all`, which uses all cores."""
    flags = ["-qq", "--no-input", "--disable-pip-version-check", "--no-compile"]
    return [str(PYTHON), "-m", "pip", "install", *flags, *arguments]


def run(command: list[str], purpose: str) -> None:
    """Run `command` from the project's folder; end the set-up with a remedy if it fails."""
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SystemExit(f"set-up: could not {purpose}; the reason stands above. Mend it (network, disk) and run again")


def compile_all() -> None:
    """Compile what was installed but its tests: each process would do it anew where Python writes no bytecode."""
    command = [str(PYTHON), "-m", "compileall", "-qq", "-j", "0", "-x", r"[\\/]tests[\\/]", str(VENV / "lib")]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_pesq() -> subprocess.Popen[str] | None:
    """Start to build PESQ in the background where a C compiler is found."""
    if not any(shutil.which(name) for name in (os.environ.get("CC", "cc"), "gcc", "clang")):
        say("no C compiler is found, so PESQ is left out: its column stays empty")
        return None
    command = pip("--no-deps", *EXTRAS["pesq"])
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finish_pesq(build: subprocess.Popen[str] | None) -> None:
    """Wait for PESQ and say how it went; it may fail, since only one column needs it."""
    if build is None:
        return
    if build.wait() == 0 and not failing(["pesq"]):
        say("PESQ was built with the C compiler found")
    else:
        say("PESQ could not be built, so its column stays empty; try .venv/bin/pip install pesq to see the reason")


def prune_torchaudio() -> None:
    """Remove torchaudio's compiled parts where they need CUDA and torch has none; it falls back to Python."""
    probe = "import torch; print(torch.version.cuda or torch.version.hip or 'cpu'); import torchaudio"
    result = subprocess.run([str(PYTHON), "-c", probe], cwd=ROOT, capture_output=True, text=True)
    if result.returncode == 0 or result.stdout.strip() != "cpu":
        return
    libraries = sorted(VENV.glob("lib/python*/site-packages/torchaudio/lib/*.so"))
    for library in libraries:
        library.unlink()
    names = ", ".join(library.name for library in libraries)
    say(f"torchaudio's build needs CUDA and torch's has none: removed {names}; torchaudio works without them")


def failed_imports() -> list[str]:
    """The direct dependencies that do not import, each with the reason."""
    required = [re.split(r"[<>=!~]", line)[0] for line in PROJECT["dependencies"] + EXTRAS["scores"]]
    return failing([IMPORT_NAMES.get(name, name.replace("-", "_")) for name in required] + ["nblib"])


def failing(modules: list[str]) -> list[str]:
    """Those of `modules` that the environment cannot import, each with the reason."""
    command = [str(PYTHON), "-c", CHECK_IMPORTS, *modules]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return result.stdout.splitlines() + ([result.stderr.strip()] if result.returncode else [])


def say(words: str) -> None:
    """Print one line of progress."""
    print(f"set-up: {words}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("set-up: interrupted; the next make starts it anew") from None
