"""Speech out of noise, or vocals out of a song, in a sound file of one's own.

A frame of the estimate hangs on a bounded stretch of the mixture, and moves with it by ``2 ** num_layers`` frames. So
chunks on that grid that see their whole stretch give what one pass gives; training's patches would leave seams.
"""

import math
import os
import time
import warnings
from pathlib import Path

import numpy as np
import soundfile
import torch
from scipy.io import wavfile
from tqdm import tqdm

from nblib.audio import read, resample, scale, stft, synthesise, unscale
from nblib.errors import ParameterError, check_choice
from nblib.figures.base import separated_figure, use_style
from nblib.networks import MaskUNet, count_parameters
from nblib.paths import data, whole
from nblib.provenance import torch_threads
from nblib.settings import Settings

RECEPTIVE_GRIDS = 3  # an estimate hangs on fewer grids than this at either side: 4 of 6 frames for one level
TINY = 1e-20  # keeps 0 / 0 off where the mixture is silent; the square of a smaller number would vanish in float32
WAV_BYTES = 2**32 - 1024  # of samples, that a WAV can hold; more need an RF64 (EBU Tech 3306)


def separate(setup: Settings, file: Path, task: str, capacity: str, contender: str, out: Path | None) -> None:
    """Write FILE-task-capacity.wav, -rest.wav, which add up to the file, and their spectrograms, and say what was done.

    They lie in `out`, or beside the file, at its rate, length and channels. What may be refused is looked at before a
    network is trained: `ParameterError`, `AudioError` as `audio.read`.
    """
    from nblib.experiments.separation import one_run  # every study comes with it

    check_choice("task", task, setup.capacities)
    check_choice("capacity", capacity, setup.capacities[task])
    (mixture, rate), beside = read(file, mono=False), file.resolve().parent
    out = out or (beside if os.access(beside, os.W_OK) else data() / "separated")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f"out={str(out)!r}: cannot be made a folder ({error.strerror}); choose another") from error
    print(f"file: {file}: {'mono' if len(mixture) == 1 else 'stereo'}, {rate} Hz", flush=True)
    network = one_run(setup, task, capacity, contender).network().to(setup.device)
    print(f"network: {count_parameters(network)} parameters, {contender} loss, trained at {setup.name}", flush=True)
    name = f"{file.stem}-{task}-{capacity}" + ("" if contender == "codec" else f"-{contender}")
    began = time.monotonic()
    with torch_threads(1):
        estimate = separated(mixture, rate, network, setup)
    rest, seconds, taken = mixture - estimate, mixture.shape[1] / rate, time.monotonic() - began
    print(f"separated {seconds:.1f} s in {taken:.1f} s: {seconds / taken:.0f} times real time")
    sounds = {"input": mixture, "separated": estimate}
    _save(out, name, sounds, rest, rate, f"{file.name}: {task}, {capacity}, {contender} loss")
    print(f"in {out}:\n  {name}.wav: the {task}\n  {name}-rest.wav: the rest; the two add up to the file")
    print(f"  {name}.png: spectrograms")
    if rate > setup.geometry.sample_rate:
        print(f"the network hears up to {setup.geometry.sample_rate / 2000:g} kHz: what lies above is in the rest")
    if (peak := max(np.abs(estimate).max(), np.abs(rest).max())) > 1:
        print(f"the largest peak is {peak:.3g} times full scale; kept, but a player may clip it")


def _save(out: Path, name: str, sounds: dict[str, np.ndarray], rest: np.ndarray, rate: int, title: str) -> None:
    """Both parts in 32-bit floats, nothing clipped, and the picture; equal ones give equal bytes."""
    for end, samples in (("", sounds["separated"]), ("-rest", rest)):
        with whole(out / f"{name}{end}.wav") as temporary:
            if samples.nbytes < WAV_BYTES:
                wavfile.write(temporary, rate, samples.T)  # libsndfile would stamp the time
            else:
                soundfile.write(temporary, samples.T, rate, subtype="FLOAT", format="RF64")
    use_style()
    figure = separated_figure(sounds, rate, title)
    with whole(out / f"{name}.png") as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a file may be named in any script
        figure.savefig(temporary, metadata={"Software": None})


@torch.inference_mode()
def separated(mixture: np.ndarray, rate: int, network: MaskUNet, setup: Settings, chunk: int = 1024) -> np.ndarray:
    """The estimate of a float32 mixture at any rate (Hz), in line and of its shape, (channels, n); each channel alone.

    It ends at half the network's rate, with the mixture's phase (IJCNN'20 Section IV). What exceeds full scale is
    lowered as at full scale, not cut. `chunk` (frames) changes time (a quarter: a third longer) and memory alone.
    """
    geometry, grid, hop = setup.geometry, 2**network.num_layers, setup.geometry.hop
    context = grid * (RECEPTIVE_GRIDS + math.ceil(geometry.overlap / grid))
    frames = grid * math.ceil(chunk / grid)
    kept = slice(context - geometry.overlap + 1, context + frames)  # those that the chunk's samples are made of
    heard = resample(mixture, rate, geometry.sample_rate)
    size = (2 * context + frames - 1) * hop + geometry.window
    padded = torch.from_numpy(np.pad(heard, ((0, 0), (context * hop, size))))
    parts = []
    for start in tqdm(range(0, heard.shape[1], frames * hop), "separating", disable=None, leave=False):
        spectrum = stft(padded[:, start : start + size].to(setup.device), geometry)
        scaled = scale(spectrum.abs(), setup.domain)
        estimate = unscale(network(scaled.unsqueeze(1)).squeeze(1), setup.domain)
        found = (spectrum * (estimate / unscale(scaled, setup.domain).clamp(min=TINY)))[..., kept]
        parts.append(synthesise(found.unsqueeze(-3), frames * hop, geometry).cpu().numpy())
    return resample(np.concatenate(parts, axis=1), geometry.sample_rate, rate)[:, : mixture.shape[1]]
