"""README and docs: their results are the record's, their commands, links and code exist.

``python tests/test_docs.py --write`` writes the tables of results anew from the record.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from nblib import claims, paths, suite
from nblib.__main__ import _parser
from nblib.settings import settings

README = paths.home() / "README.md"
RESULTS = paths.home() / "docs" / "results.md"
PAGES = [README, *sorted((paths.home() / "docs").glob("*.md"))]
TABLE = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", re.DOTALL)
CODE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def markdown(table: pd.DataFrame) -> str:
    """The table as GitHub shows it."""
    lines = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def expected() -> dict[Path, str]:
    """What the table of results must read on each page that has one."""
    whole = claims.claims(settings("quick", source="record"))
    short = whole[[f"\n| {claim} |" in README.read_text() for claim in whole["claim"]]]
    return {README: markdown(short) + "\n", RESULTS: markdown(whole) + "\n"}


def test_results_are_those_of_the_record() -> None:
    for page, table in expected().items():
        assert TABLE.findall(page.read_text()) == [table], f"{page.name}: write it by python {__file__} --write"


def test_the_readme_is_short_and_leads_everywhere() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= 120
    assert all(f"`{notebook.name}`" in text for notebook in suite.SUITE)
    assert all(f"(docs/{page.name})" in text for page in PAGES[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_make_targets_and_commands_are_understood(page: Path) -> None:
    text, makefile = page.read_text(), (paths.home() / "Makefile").read_text()
    for target in re.findall(r'(?:\]\(|src=")(?!https?:)([^)"#]+)', text):
        assert (page.parent / target).exists(), target
    for target in re.findall(r"(?:`|^)make (?:[A-Z]+=\S+ )?([a-z]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for command in re.findall(r"python -m nblib (\w[^`#]*?) *(?:`|#.*$|$)", text, re.MULTILINE):
        options, rest = _parser().parse_known_args(shlex.split(command))
        assert not rest, command
        if command.startswith("run") and "--data-root" not in command:
            suite.plan(options.profile, options.corpus, options.data_root, options.seed, options.only, options.set)


def test_code_runs() -> None:
    # In a process of its own: a loss or a layout that a page adds must not be met by other tests.
    code = "\n".join(block for page in PAGES for block in CODE.findall(page.read_text()))
    ended = subprocess.run([sys.executable, "-c", code], cwd=paths.home(), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


if __name__ == "__main__":
    assert sys.argv[1:] == ["--write"], __doc__
    for written, table in expected().items():
        written.write_text(TABLE.sub(lambda _, table=table: table, written.read_text()))
