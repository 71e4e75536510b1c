"""Small notebooks for the tests of the runner and of the command line."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = """\
profile = "quick"  # smoke, quick or paper
corpus = "embedded"  # embedded or real
data_root = ""  # folder of real recordings
seed = 0  # of everything drawn
source = "record"  # redraw, or run
changes = ""  # any setting
"""


def make(home: Path, name: str, *cells: str, parameters: str = PARAMETERS) -> None:
    """A notebook of these cells in the project `home`, with a kernel's name that leads to no Python."""
    notebook = new_notebook(metadata={"kernelspec": {"name": "elsewhere", "display_name": "x", "language": "python"}})
    notebook.cells = [
        new_markdown_cell(f"# {name}"),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *(new_code_cell(cell) for cell in cells),
    ]
    (home / "notebooks").mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, home / "notebooks" / f"{name}.ipynb")


def printed(copy: Path) -> list[str]:
    """What each code cell of an executed notebook printed."""
    cells = nbformat.read(copy, as_version=4).cells
    return [output.text for cell in cells for output in cell.get("outputs", []) if output.output_type == "stream"]
