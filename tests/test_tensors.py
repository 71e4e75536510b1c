"""Tensors with a header in one file, whole or not at all, damaged or not."""

import pytest
import torch
from helpers.full_disk import files

from nblib import tensors
from nblib.errors import StorageError

SOME = {
    "turned": torch.randn(4, 3, generator=torch.Generator().manual_seed(1)).T,
    "one": torch.tensor(7),
    "double": torch.tensor([1 / 3], dtype=torch.float64),
    "weight": torch.nn.Parameter(torch.ones(2)),
}


def test_what_was_saved_is_loaded_bit_for_bit_and_equal_tensors_give_equal_files(tmp_path):
    header = {"loss": repr(float("inf")), "history": [{"l1": 0.1 + 0.2}], "none": None}
    for name in ("a", "b"):
        tensors.save(tmp_path / name, SOME, header)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() and files(tmp_path) == ["a", "b"]
    found, found_header = tensors.load(tmp_path / "a")
    assert found_header == header and found.keys() == SOME.keys()
    for name, value in SOME.items():
        assert found[name].dtype == value.dtype and torch.equal(found[name], value.detach())


@pytest.mark.parametrize("damage", ["cut", "emptied", "text", "header lost"])
def test_a_damaged_file_is_named_with_its_remedy(tmp_path, damage):
    path = tmp_path / "a.safetensors"
    tensors.save(path, SOME, {"a": 1})
    content = path.read_bytes()
    if damage == "header lost":
        content = content.replace(b'"json"', b'"jsom"')
    path.write_bytes({"cut": content[:-5], "emptied": b"", "text": b"not tensors at all"}.get(damage, content))
    with pytest.raises(StorageError, match="a.safetensors: damaged .*remove it and run again"):
        tensors.load(path)
