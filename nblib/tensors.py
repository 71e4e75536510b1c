"""Named tensors with a JSON header in one safetensors file."""

import errno
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nblib.errors import StorageError
from nblib.paths import whole


def save(path: Path, tensors: dict[str, Tensor], header: Any) -> None:
    """Write `tensors` and the JSON value `header`; whole, with the errors of `whole`."""
    plain = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    with whole(path) as temporary:
        try:
            save_file(plain, temporary, {"json": json.dumps(header)})
        except SafetensorError as error:  # its text ends with the system's number, which decides on the remedy
            raise OSError(int(str(error).partition("os error ")[2][:-1] or errno.EIO), str(error)) from error


def load(path: Path) -> tuple[dict[str, Tensor], Any]:
    """The tensors and the header that `save` wrote; `StorageError` where the file is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["json"])  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{path}: damaged ({error}); remove it and run again: it is made anew") from error
