"""What every notebook calls first, right after its parameters cell."""

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nblib import __version__, paths
from nblib.errors import ParameterError

if TYPE_CHECKING:
    from nblib.settings import Settings

STANDARD = ("profile", "corpus", "data_root", "seed", "source", "changes")


def start(profile: str, corpus: str, data_root: str, seed: int, source: str, changes: str) -> "Settings":
    """Check a notebook's parameters, set the figure style, and say in one line, which nbval sanitises, what runs."""
    import torch

    from nblib.parallel import cores, start_server

    if source == "run" and cores() > 1 and not ended(profile, corpus, data_root, seed, source, changes).exists():
        start_server()  # it imports while this process does
    from nblib.figures import use_style
    from nblib.settings import settings

    for name, value in (("data_root", data_root), ("changes", changes)):  # those that `settings` takes as they are
        if not isinstance(value, str):
            raise ParameterError(f"parameter {name}={value!r} must be a text, not of type {type(value).__name__}")
    use_style()
    own: dict[str, Any] = {"data_root": data_root, "seed": seed, "changes": changes, "source": source}
    setup = settings(profile, corpus, **own, device=choose_device())
    what = f"profile {profile}, corpus {corpus}, seed {seed}" + (changes and f", {changes}")
    where = "read from" if source == "record" else "written to"
    print(
        f"Environment: nblib {__version__}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"{setup.device}; {what}; results {where} {str(setup.results).removeprefix(f'{paths.home()}/')}"
    )
    return setup


def ended(*parameters: object) -> Path:
    """The file that says that a whole run of these `STANDARD` parameters and this code ended: no work is left."""
    from nblib.provenance import code_digest, config_hash

    return paths.cache(f"ended-{config_hash([str(parameters), code_digest()])}")


def choose_device() -> str:
    """``NBLIB_DEVICE`` (``cpu``, ``cuda``, ``cuda:N``; `ParameterError` if it is not there), or ``cuda`` if it is."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    known = [*(["cuda"] if count else []), "cpu", *(f"cuda:{index}" for index in range(count))]
    wanted = os.environ.get("NBLIB_DEVICE") or known[0]
    if wanted not in known:
        raise ParameterError(f"NBLIB_DEVICE={wanted!r}: this machine has {', '.join(known)}; choose one, or unset it")
    return wanted
