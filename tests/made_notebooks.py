"""Small notebooks for the tests of the runner."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nblib.suite import Notebook

PARAMETERS = """\
profile = "quick"  # how much is trained
corpus = "embedded"  # what it is trained on
data_root = ""  # folder of the real datasets
seed = 0  # of everything drawn
source = "committed"  # redraw, or run
"""


def make(folder: Path, name: str, *cells: str, parameters: str = PARAMETERS) -> None:
    notebook = new_notebook(metadata={"kernelspec": {"name": "elsewhere", "display_name": "x", "language": "python"}})
    notebook.cells = [
        new_markdown_cell(f"# {name}"),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *(new_code_cell(cell) for cell in cells),
    ]
    folder.mkdir(exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")


def entry(number: int, name: str, needs: tuple[int, ...] = ()) -> Notebook:
    return Notebook(number, name, f"Title {number}", 1, 10, 100, needs)


def printed(copy: Path) -> list[str]:
    cells = nbformat.read(copy, as_version=4).cells
    return [output.text for cell in cells for output in cell.get("outputs", []) if output.output_type == "stream"]
