"""Named tensors with a JSON header in one safetensors file, written whole and then renamed."""

import errno
import json
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nblib import paths
from nblib.errors import StorageError


def save(path: Path, tensors: dict[str, Tensor], header: Any) -> None:
    """Write `tensors` and the JSON value `header` to `path`; errors as for `nblib.paths.whole`."""
    plain = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    with paths.whole(path) as temporary:
        try:
            save_file(plain, temporary, {"json": json.dumps(header)})
        except SafetensorError as error:
            # The library reports the system's error as text alone; its number decides what remedy `whole` names.
            (number,) = re.findall(r"os error (\d+)", str(error)) or [errno.EIO]
            raise OSError(int(number), str(error)) from error


def load(path: Path) -> tuple[dict[str, Tensor], Any]:
    """The tensors and the header of a file written by `save`; `StorageError` where it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["json"])  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{path}: damaged ({error}); remove it and run again: it is made anew") from error
