"""A training step against the plain loop and an earlier commit: ``python benchmarks/training_step.py``.

Said are milliseconds per patch of a whole step (patch to magnitudes, forward, backward, update) on one thread, per
separation network and loss, the least of some rounds in which the sides take turns, each in a process of its own:

- plain, as most published code has it: eager float32, a DataLoader that computes the STFT of each patch on the CPU, the
  whole loss network, batch norm and all, run on estimate and target;
- earlier: this project as of a commit (``--earlier``), by its own training loop, in a worktree; it kept magnitudes, so
  the STFT is not in its time;
- now: this checkout, by its training loop, of which one epoch and its STFT are measured.

Beside them stand the floating-point operations of a step now (counted by torch), the rate that this is, and its share
of the rate of a matrix product on the same thread. ``--json FILE`` keeps all that with machine, commit and date.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import l1_loss
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = {"speech P1": (1, 1), "speech P3": (1, 4), "speech P5": (2, 4), "vocals P5": (5, 4)}  # layers, filters
LOSSES = {
    "l1": 0,
    "codec, F=8": 8,
    "codec, F=16": 16,
    "codec, F=28": 28,
}  # filters of the loss network, configuration F
EARLIER = "589bd38"
LAYERS = ("down1", "down2", "down3")  # what configuration F compares
SIDES = ("plain", "earlier", "now")


def sounds(count: int) -> list[torch.Tensor]:
    """Inputs and targets of so many patches: noise [shape=(count, 1, 66048)]."""
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(count, 1, 66_048, generator=generator) - 0.5 for _ in range(2)]


def magnitudes(samples: torch.Tensor) -> torch.Tensor:
    """Linear magnitudes [shape=(..., 512, 128)] over a full-scale sine's."""
    window = torch.hann_window(1024)
    spectrum = torch.stft(samples.flatten(0, -2), 1024, 512, window=window, center=False, return_complex=True)
    return (spectrum[:, :512].abs() / (window.sum() / 2)).unflatten(0, samples.shape[:-1]).clamp(max=1)


def plain(size: tuple[int, int], filters: int, count: int, batch: int) -> Callable[[], Any]:
    """An epoch of the plain loop."""
    from nblib.networks import MaskUNet

    network, teacher = MaskUNet(*size), MaskUNet(6, filters or 1).eval().requires_grad_(False)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    pairs = torch.utils.data.TensorDataset(*sounds(count))

    def collate(items: list[tuple[torch.Tensor, ...]]) -> list[torch.Tensor]:
        return [torch.stack([magnitudes(each).sqrt() for each in side]) for side in zip(*items, strict=True)]

    loader = torch.utils.data.DataLoader(pairs, batch, shuffle=True, collate_fn=collate)

    def epoch() -> None:
        network.train()
        for inputs, targets in loader:
            estimate = network(inputs)
            if filters:
                heard, meant = (teacher.activations(each, teacher.layer_names) for each in (estimate, targets))
                value = torch.stack([l1_loss(heard[name], meant[name]) for name in LAYERS]).sum()
            else:
                value = l1_loss(estimate, targets)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()

    return epoch


def project(side: str, size: tuple[int, int], filters: int, count: int, batch: int) -> Callable[[], Any]:
    """An epoch of the project's own loop, and the validation of one patch."""
    import nblib.training as own
    from nblib.losses import CodecLoss, L1Loss
    from nblib.networks import MaskUNet

    network = MaskUNet(*size)
    loss = CodecLoss(MaskUNet(6, filters), "F") if filters else L1Loss()
    config = own.Training(batch_size=batch, max_epochs=1, checkpoint_seconds=1e9)
    inputs, targets = sounds(count)
    names = tuple(map(str, range(count)))
    nowhere = Path(tempfile.gettempdir()) / "no checkpoint is written"
    if side == "earlier":
        from nblib.patches import PatchPairs  # type: ignore[import-not-found]

        seen = PatchPairs(magnitudes(inputs), magnitudes(targets), names)
        one = PatchPairs(seen.inputs[:1], seen.targets[:1], names[:1])
        further = {"domain": "sqrt", "seed": 0, "checkpoint": nowhere, "log": lambda text: None}
        return lambda: own.train(network, loss, seen, one, config, **further)
    from nblib.audio import Geometry

    pairs = own.PatchPairs(inputs, targets, names)
    one = own.PatchPairs(inputs[:1], targets[:1], names[:1])
    view = own.View(Geometry(), "sqrt")
    return lambda: own.train(network, loss, (pairs, one), config, view, 0, nowhere)


def measure(side: str, count: int, batch: int) -> dict[str, float]:
    """Seconds per patch of every network and loss; of "now" also the operations of a step."""
    torch.set_num_threads(1)
    found = {}
    for (network, size), (loss, filters) in ((own, each) for own in NETWORKS.items() for each in LOSSES.items()):
        made = plain if side == "plain" else lambda *about: project(side, *about)
        made(size, filters, batch, batch)()  # what is done once is done
        epoch = made(size, filters, count, batch)
        began = time.perf_counter()
        epoch()
        found[f"{network}, {loss}"] = (time.perf_counter() - began) / count
        if side == "now":
            with FlopCounterMode(display=False) as counted:
                project(side, size, filters, batch, batch)()
            found[f"{network}, {loss}, operations"] = counted.get_total_flops() / (batch + 1)
    if side == "now":
        one, other = torch.rand(2, 2048, 2048)
        rounds = []
        for _ in range(5):
            began = time.perf_counter()
            one @ other
            rounds.append(time.perf_counter() - began)
        found["peak"] = 2 * 2048**3 / min(rounds)
    return found


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """The project as of a commit, in a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "earlier"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(place), commit], cwd=ROOT, check=True)
        try:
            yield place
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(place)], cwd=ROOT, check=True)


def main() -> None:
    """Measure every side some times in turn, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patches", type=int, default=64, help="of an epoch (default: 64)")
    parser.add_argument("--batch", type=int, default=8, help="patches of a step (default: 8)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the least counts (default: 3)")
    parser.add_argument("--earlier", default=EARLIER, metavar="COMMIT", help=f"(default: {EARLIER})")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(measure(options.side, options.patches, options.batch)))
        return
    least: dict[str, dict[str, float]] = {side: {} for side in SIDES}
    about = ["--patches", str(options.patches), "--batch", str(options.batch)]
    with worktree(options.earlier) as place:
        for _ in range(options.rounds):
            for side in SIDES:
                home = place if side == "earlier" else ROOT
                command = [sys.executable, __file__, "--side", side, *about]
                own = os.environ | {"PYTHONPATH": str(home), "OMP_NUM_THREADS": "1"}
                done = subprocess.run(command, cwd=home, env=own, check=True, capture_output=True, text=True)
                for name, value in json.loads(done.stdout).items():
                    better = max if name == "peak" else min
                    least[side][name] = better(value, least[side].get(name, value))
    peak = least["now"].pop("peak")
    rows = []
    for name in least["plain"]:
        now, operations = least["now"][name], least["now"][f"{name}, operations"]
        row = {"case": name} | {f"{side}_ms": 1e3 * least[side][name] for side in SIDES}
        row |= {"plain_over_now": least["plain"][name] / now, "earlier_over_now": least["earlier"][name] / now}
        rows.append(
            row | {"gflop": operations / 1e9, "gflop_s": operations / now / 1e9, "of_peak": operations / now / peak}
        )
    print(f"ms per patch, batches of {options.batch}, one thread; a matrix product reaches {peak / 1e9:.0f} GFLOP/s")
    print(f"{'':24}{'plain':>8}{options.earlier:>9}{'now':>8}{'ratios':>14}{'GFLOP':>8}{'/s':>6}{'of peak':>9}")
    for row in rows:
        times = f"{row['plain_ms']:8.2f}{row['earlier_ms']:9.2f}{row['now_ms']:8.2f}"
        ratios = f"{row['plain_over_now']:8.2f}{row['earlier_over_now']:6.2f}"
        print(f"{row['case']:24}{times}{ratios}{row['gflop']:8.3f}{row['gflop_s']:6.0f}{row['of_peak']:9.0%}")
    if options.json:
        commit = subprocess.check_output(["git", "describe", "--always", "--dirty=+"], cwd=ROOT, text=True).strip()
        stamp = {"commit": commit, "earlier": options.earlier, "date": datetime.date.today().isoformat()}
        stamp |= {
            "machine": platform.processor() or platform.machine(),
            "torch": torch.__version__,
            "batch": options.batch,
        }
        options.json.write_text(json.dumps(stamp | {"peak_flop_s": peak, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
