"""The notebooks as a table, and a run of them: in order, by papermill, with one exit code."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nblib import paths
from nblib.errors import ParameterError
from nblib.notebook import STANDARD, check_values
from nblib.notebook_parameters import Parameter, check, from_text, read_parameters, unknown
from nblib.suite_progress import Display, Row, RowWatcher, clock, display_for

if TYPE_CHECKING:
    from nblib.suite_kernel import Failure

OK, FAILED, INTERRUPTED = 0, 1, 130


@dataclass(frozen=True)
class Notebook:
    """One notebook of the suite.

    Attributes
    ----------
    number : int
        Its place in reading order.
    name : str
        Its file's name without ``.ipynb``.
    title : str
        What it regenerates.
    smoke, quick, paper : float
        Seconds it is expected to need in each profile, until a run has measured them.
    needs : tuple of int
        Numbers of the notebooks whose results it reads: it is skipped when one of them fails.
    """

    number: int
    name: str
    title: str
    smoke: float
    quick: float
    paper: float
    needs: tuple[int, ...] = ()


SUITE = (
    Notebook(1, "01_corpus", "What is in the corpus: players, spectrograms, durations, splits", 10, 20, 60),
    Notebook(2, "02_codec_pairs", "What 16 kbps MP3 removes: cut-off, holes, alignment; other codecs", 10, 25, 60),
    Notebook(3, "03_loss_networks", "MM'19 Table 1, Figures 1 and 2: networks that learn the codec", 25, 180, 40_000),
    Notebook(4, "04_autoencoder_models", "MM'19 Table 2, Figures 3 and 4: Models A to D", 20, 140, 80_000, needs=(3,)),
    Notebook(5, "05_snr", "MM'19 Table 3: the SNR of Models A to D, by four definitions", 8, 10, 30, needs=(4,)),
    Notebook(6, "06_listening_autoencoder", "MM'19 Tables 4 and 5: who prefers which model", 12, 20, 60, needs=(4,)),
    Notebook(7, "07_broadband", "MM'19 Figure 5: clicks, bandwidth and aliasing at 5 kHz", 18, 80, 30_000, needs=(4,)),
    Notebook(8, "08_separation_networks", "IJCNN'20 Tables I and II, Figure 1: sizes and parameters", 5, 8, 10),
    Notebook(9, "09_layer_configurations", "IJCNN'20 Figures 2 and 3: which layers, what cost", 30, 130, 50_000, (3,)),
    Notebook(10, "10_capacity_curves", "IJCNN'20 Figure 5: quality against capacity", 30, 250, 160_000, (3,)),
    Notebook(11, "11_noise_redistribution", "IJCNN'20 Figure 4: where the residual lies", 10, 25, 600, needs=(10,)),
)


@dataclass(frozen=True)
class Plan:
    """A checked run: each notebook with its path and the values to inject."""

    notebooks: tuple[Notebook, ...]
    paths: Mapping[int, Path]
    values: Mapping[int, Mapping[str, object]]
    copies: Path
    label: str


def run(
    profile: str = "quick",
    corpus: str = "embedded",
    data_root: str | Path | None = None,
    seed: int | None = None,
    only: Sequence[str] = (),
    settings: Sequence[str] = (),
    *,
    suite: Sequence[Notebook] = SUITE,
    notebooks: Path | None = None,
) -> int:
    """Run the notebooks of `suite` in order and write their executed copies; nothing runs if a parameter is wrong.

    Parameters
    ----------
    profile, corpus
        As in `nblib.notebook.Session`.
    data_root : str, Path or None
        Folder of the real datasets, needed by and only read with ``corpus="real"``.
    seed : int or None
        >= 0; None leaves each notebook its own default.
    only : sequence of str
        Numbers (``3`` or ``03``) or names of the notebooks to run; all when empty. Needed ones are not added: a
        notebook finds the results and networks of an earlier run, or makes its own.
    settings : sequence of str
        ``NAME=VALUE`` of further parameters, given to every chosen notebook that declares NAME.
    suite
        The table of notebooks.
    notebooks : Path, optional
        The notebooks' folder; by default the project's.

    Returns
    -------
    int
        0 all ended well; 1 a notebook failed (those that need it are skipped, the others run); 130 Ctrl-C.

    Raises
    ------
    ParameterError
        A name, type or value is wrong, a notebook is unknown or missing, or the data folder is not there.
    """
    folder = notebooks or paths.home() / "notebooks"
    plan = _plan(profile, corpus, data_root, seed, choose(only, suite), settings, folder)
    durations = _durations()
    known = durations.get(plan.label, {})
    rows = [Row(notebook.name, known.get(notebook.name, getattr(notebook, profile))) for notebook in plan.notebooks]
    failures: dict[int, Failure] = {}
    code = OK
    try:
        _run_all(plan, rows, failures)
    except KeyboardInterrupt:
        code = INTERRUPTED
    measured = {row.name: round(row.seconds, 1) for row in rows if row.state == "ok"}
    _keep_durations({**durations, plan.label: {**known, **measured}})
    _report(plan, rows, failures)
    return code or (FAILED if failures else OK)


def choose(only: Sequence[str], suite: Sequence[Notebook] = SUITE) -> tuple[Notebook, ...]:
    """The notebooks of `suite` that `only` names, in the suite's order; all of them when it is empty.

    Raises
    ------
    ParameterError
        A number or name is not in the suite; the near miss is named.
    """
    wanted = {_find(text, suite).number for text in only}
    return tuple(notebook for notebook in suite if notebook.number in wanted or not wanted)


def _find(text: str, suite: Sequence[Notebook]) -> Notebook:
    name = text.removesuffix(".ipynb")
    for notebook in suite:
        if name == notebook.name or (name.isdecimal() and int(name) == notebook.number):
            return notebook
    near = difflib.get_close_matches(name, [notebook.name for notebook in suite], n=1)
    known = ", ".join(f"{notebook.number:02}" for notebook in suite)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ParameterError(f"notebook {text!r} is not in the suite (it has {known}){hint}")


def _plan(
    profile: str,
    corpus: str,
    data_root: str | Path | None,
    seed: int | None,
    chosen: Sequence[Notebook],
    settings: Sequence[str],
    folder: Path,
) -> Plan:
    texts = _split(settings)
    check_values(profile, corpus, data_root, 0 if seed is None else seed, texts.get("source", "run"))
    if data_root and corpus != "real":
        raise ParameterError(f"--data-root {data_root} is only read with --corpus real: add that, or leave it out")
    files = {notebook.number: folder / f"{notebook.name}.ipynb" for notebook in chosen}
    declared = {notebook.number: read_parameters(files[notebook.number]) for notebook in chosen}
    given: dict[str, object] = {"profile": profile, "corpus": corpus, "source": "run"}
    if data_root:
        given["data_root"] = str(Path(data_root).expanduser().resolve())  # the notebooks run in another folder
    if seed is not None:
        given["seed"] = seed
    everywhere = {name for parameters in declared.values() for name in parameters}
    for name in [*texts, *({"seed", "data_root"} & given.keys())]:
        if name not in everywhere:
            raise unknown(name, everywhere, "any chosen notebook")
    label = profile if corpus == "embedded" else f"{profile}-{corpus}"
    values = {number: _values(declared[number], given, texts, str(files[number].name)) for number in declared}
    return Plan(tuple(chosen), files, values, paths.executed() / label, label)


def _split(settings: Sequence[str]) -> dict[str, str]:
    texts = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.isidentifier():
            raise ParameterError(f"--set {setting}: write it as NAME=VALUE, e.g. --set epochs=3")
        if name in STANDARD and name != "source":
            raise ParameterError(f"--set {setting}: this one has its own option, see python -m nblib run --help")
        texts[name] = text
    return texts


def _values(
    declared: Mapping[str, Parameter], given: Mapping[str, object], texts: Mapping[str, str], where: str
) -> dict[str, object]:
    checked = {name: check(declared[name], value, where) for name, value in given.items() if name in declared}
    further = {name: from_text(declared[name], text, where) for name, text in texts.items() if name in declared}
    return {**checked, **further}


def _run_all(plan: Plan, rows: Sequence[Row], failures: dict[int, Failure]) -> None:
    broken: dict[int, str] = {}
    with display_for(rows) as display:
        for notebook, row in zip(plan.notebooks, rows, strict=True):
            cause = next((number for number in notebook.needs if number in broken), None)
            if cause is None:
                failure = _run_one(plan, notebook, row, display)
                if failure:
                    failures[notebook.number] = failure
                    broken[notebook.number] = "failed"
            else:
                row.state, row.line = "skipped", f"needs {cause:02}, which {broken[cause]}"
                broken[notebook.number] = "was skipped"
            display.changed(row)


def _run_one(plan: Plan, notebook: Notebook, row: Row, display: Display) -> Failure | None:
    from nblib.suite_kernel import execute  # papermill takes a second to import: not for a wrong parameter

    row.state, row.began = "running", time.monotonic()
    display.changed(row)
    copy = plan.copies / f"{notebook.name}.ipynb"
    end = "stopped"
    try:
        failure = execute(plan.paths[notebook.number], copy, plan.values[notebook.number], RowWatcher(row, display))
        end = "failed" if failure else "ok"
        return failure
    finally:
        row.seconds = row.elapsed()
        row.state = end


def _report(plan: Plan, rows: Sequence[Row], failures: Mapping[int, Failure]) -> None:
    for notebook, row in zip(plan.notebooks, rows, strict=True):
        failure = failures.get(notebook.number)
        if failure:
            print(f"\n{row.name} failed {_where(failure.cell, failure.cells)}: {failure.first_line}")
            print("\n".join(line for line in (failure.traceback, failure.error) if line))
            print(f"  executed copy up to there: {plan.copies / notebook.name}.ipynb")
        elif row.state == "skipped":
            print(f"\n{row.name} skipped: it {row.line}")
        elif row.state == "stopped":
            print(f"\n{row.name} stopped {_where(row.cell, row.cells)}; what it made stays, run again to go on")
    ended = sum(row.state == "ok" for row in rows)
    print(f"\n{ended} of {len(rows)} notebooks ended well in {clock(sum(row.seconds for row in rows))}")
    print(f"executed copies: {plan.copies}", flush=True)


def _where(cell: int, cells: int) -> str:
    return f"in cell {cell} of {cells}" if cell else "while its kernel started"


def _durations_file() -> Path:
    return paths.cache() / "durations.json"


def _durations() -> dict[str, dict[str, float]]:
    try:
        return json.loads(_durations_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # an estimate only: the table's stands in


def _keep_durations(durations: Mapping[str, Mapping[str, float]]) -> None:
    with paths.whole(_durations_file()) as temporary:
        temporary.write_text(json.dumps(durations, indent=1, sort_keys=True), encoding="utf-8")
