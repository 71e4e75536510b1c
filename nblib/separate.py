"""Speech out of noise, or vocals out of a song, in a sound file of one's own: any length, in memory that does not grow.

The networks are convolutional: a frame of the estimate hangs on a bounded stretch of the mixture, and moving that by
``2 ** num_layers`` frames moves the estimate. So chunks that start on that grid and see their whole stretch give what
one pass over all gives, up to rounding; training's patches of 128 frames would leave seams, -12 to -18 dB from it.
"""

import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from nblib.audio import SoundFacts, facts, float_wav, read_blocks, resample_blocks, scale, stft, synthesise, unscale
from nblib.errors import ParameterError, check_choice
from nblib.figures.base import save_separated
from nblib.networks import MaskUNet, count_parameters
from nblib.paths import data, whole
from nblib.provenance import torch_threads
from nblib.settings import Settings

CHUNK_FRAMES = 1024  # 24 s: a quarter of it takes up to a third longer, for the context; more takes memory alone
RECEPTIVE_GRIDS = 3  # an estimate hangs on fewer grids than this at either side: 4 of 6 frames for one level
TINY = 1e-20  # keeps 0 / 0 off where the mixture is silent; the square of a smaller number would vanish in float32
TASKS = {"speech": "the speech", "vocals": "the vocals"}


def separate(setup: Settings, file: Path, task: str, capacity: str, contender: str, out: Path | None) -> None:
    """Write FILE-task-capacity.wav, -rest.wav, which add up to the file, and their spectrograms, and say what was done.

    They lie in `out`, or beside the file, at its rate, length and channels (32-bit float, each whole or not at all).
    What may be refused is looked at before a network is trained: `ParameterError`, `AudioError` as `audio.read`.
    """
    from nblib.experiments.separation import one_run  # every study comes with it

    check_choice("task", task, TASKS)
    check_choice("capacity", capacity, setup.capacities[task])
    sound, folder = facts(file), _folder(file, out)
    print(f"file: {file}: {'mono' if sound.channels == 1 else 'stereo'}, {sound.sample_rate} Hz", flush=True)
    network = one_run(setup, task, capacity, contender).network().to(setup.device)
    print(f"network: {count_parameters(network)} parameters, {contender} loss, trained at {setup.name}", flush=True)
    name = f"{file.stem}-{task}-{capacity}" + ("" if contender == "codec" else f"-{contender}")
    estimate, rest, picture = (folder / f"{name}{end}" for end in (".wav", "-rest.wav", ".png"))
    began = time.monotonic()
    with torch_threads(1), whole(estimate) as own_place, whole(rest) as rest_place:
        seconds, peak = _write(setup, network, file, sound, own_place, rest_place)
    taken = time.monotonic() - began
    print(f"separated {seconds:.1f} s in {taken:.1f} s: {seconds / taken:.0f} times real time")
    save_separated(picture, estimate, rest, f"{file.name}: {task}, {capacity}, {contender} loss")
    print(f"in {folder}:\n  {estimate.name}: {TASKS[task]}\n  {rest.name}: the rest; the two add up to the file")
    print(f"  {picture.name}: spectrograms")
    if sound.sample_rate > setup.geometry.sample_rate:
        print(f"the network hears up to {setup.geometry.sample_rate / 2000:g} kHz: what lies above is in the rest")
    if peak > 1:
        print(f"the largest peak is {peak:.3g} times full scale; kept, but a player may clip it")


def _folder(file: Path, out: Path | None) -> Path:
    beside = file.resolve().parent
    out = out or (beside if os.access(beside, os.W_OK) else data() / "separated")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f"out={str(out)!r}: cannot be made a folder ({error.strerror}); choose another") from error
    return out


def _write(
    setup: Settings, network: MaskUNet, file: Path, sound: SoundFacts, estimate: Path, rest: Path
) -> tuple[float, float]:
    """Separate `file` into two; gives its seconds and the largest peak of both."""
    rate, samples, peak = sound.sample_rate, 0, 0.0
    bar = tqdm(total=sound.seconds, desc="separating", unit="s", disable=None, leave=False)
    with float_wav(estimate, rate, sound.channels) as write, float_wav(rest, rate, sound.channels) as write_rest, bar:
        for mixture, found in separated((block for block, _ in read_blocks(file)), rate, network, setup):
            for writer, part in ((write, found), (write_rest, mixture - found)):
                writer(part)
                peak = max(peak, float(np.abs(part).max(initial=0)))
            samples += found.shape[1]
            bar.update(found.shape[1] / rate)
    return samples / rate, peak


def separated(
    blocks: Iterable[np.ndarray], rate: int, network: MaskUNet, setup: Settings, chunk: int = CHUNK_FRAMES
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Mixture and estimate of a stream of float32 blocks at any rate (Hz), in line, by pieces [shape=(channels, k)].

    Joined, both are as long as the stream; the estimate ends at half the network's rate, whatever `chunk` (frames) is.
    """
    waiting: list[np.ndarray] = []

    def heard() -> Iterator[np.ndarray]:
        for block in blocks:
            waiting.append(block)
            yield block

    own = _estimates(resample_blocks(heard(), rate, setup.geometry.sample_rate), network, setup, chunk)
    for estimate in resample_blocks(own, setup.geometry.sample_rate, rate):
        mixture = np.concatenate(waiting, axis=1)
        length = min(mixture.shape[1], estimate.shape[1])
        yield mixture[:, :length], estimate[:, :length]
        waiting[:] = [mixture[:, length:]]


@torch.inference_mode()
def _estimates(blocks: Iterable[np.ndarray], network: MaskUNet, setup: Settings, chunk: int) -> Iterator[np.ndarray]:
    """At the network's rate, with the mixture's phase (IJCNN'20 Section IV), each channel alone.

    Where the mixture exceeds full scale it is lowered by as much as it would be at full scale, not cut to it.
    """
    geometry, grid, hop = setup.geometry, 2**network.num_layers, setup.geometry.hop
    context = grid * (RECEPTIVE_GRIDS + math.ceil(geometry.overlap / grid))
    frames = grid * math.ceil(chunk / grid)
    kept = slice(context - geometry.overlap + 1, context + frames)  # those that the chunk's samples are made of
    as_patch = replace(geometry, frames=frames + geometry.overlap - 1)
    for window in _windows(blocks, frames * hop, context * hop, (context - 1) * hop + geometry.window):
        spectrum = stft(torch.from_numpy(window).to(next(network.parameters()).device), geometry)
        scaled = scale(spectrum.abs(), setup.domain)
        estimate = unscale(network(scaled.unsqueeze(1)).squeeze(1), setup.domain)
        found = (spectrum * (estimate / unscale(scaled, setup.domain).clamp(min=TINY)))[..., kept]
        yield synthesise(found.unsqueeze(-3), frames * hop, as_patch).cpu().numpy()


def _windows(blocks: Iterable[np.ndarray], kept: int, before: int, after: int) -> Iterator[np.ndarray]:
    """Stretches of ``before + kept + after`` samples of a stream, each `kept` on, until all of it was in the middle."""
    waiting = np.zeros((1, before), np.float32)
    for block in blocks:
        waiting = np.concatenate([np.broadcast_to(waiting, (len(block), waiting.shape[1])), block], axis=1)
        while waiting.shape[1] >= before + kept + after:
            yield waiting[:, : before + kept + after].copy()
            waiting = waiting[:, kept:]
    while waiting.shape[1] > before:
        yield np.pad(waiting, ((0, 0), (0, max(0, before + kept + after - waiting.shape[1]))))
        waiting = waiting[:, kept:]
