"""Noisy speech in the layout of VoiceBank-DEMAND: synthetic voices mixed with synthetic noise.

Utterances of about 2.5 to 4 s, with pauses and a little of a room's sound, at a speech level drawn from -30 to -18 dB
of full scale (root mean square). Splits share no voice (not inside babble either), no noise source and no sentence.
Kinds and voices take turns, so a split of six items hears every kind; an item does not depend on how many others there
are.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from nblib.corpora import mix
from nblib.embedded.espeak import SAMPLE_RATE, Voice, speak, voices
from nblib.embedded.layouts import Recording, quantised, reverberated, turn
from nblib.embedded.noise import MAKERS, NoiseSource, render, sources
from nblib.embedded.words import sentence
from nblib.provenance import derive_seed, random_generator

SNR_DB = 0.0  # speech over noise, in the whole utterance: IJCNN'20 Section IV
SETS = {"train": "trainset_56spk", "validation": "trainset_56spk", "test": "testset"}


class Plan(NamedTuple):
    """Utterance `number` of its split, by `voice`, and the recording of `source` that has the same number."""

    number: int
    voice: Voice
    source: NoiseSource
    text: str
    seed: int


def plan_speech(sizes: Mapping[str, int], seconds: float, seed: int) -> list[Recording]:
    """The utterances of each split, validation in the training set's folders; nothing is spoken yet.

    ``p007_00012`` is number 12 of its split, by voice 7. Utterances last as long as they do.
    """
    recordings = []
    for split, index in ((split, index) for split, size in sizes.items() for index in range(size)):
        voice = _speakers(split, seed)[index % len(_speakers(split, seed))]
        kind = list(MAKERS)[turn(len(MAKERS), index, seed, "kinds", split)]
        choices = [source for source in sources(kind, seed) if source.split == split]
        source = choices[int(random_generator(seed, "source", split, index).integers(len(choices)))]
        text, own = sentence(split, seed, split, index), derive_seed(seed, "mixture", split, index)
        info = {
            "title": f"{voice.name} and {source.name}",
            "snr_db": SNR_DB,
            "voice": voice.name,
            "noise_kind": kind,
            "noise_source": source.name,
            "text": text,
        }
        name = f"p{voices(seed).index(voice) + 1:03d}_{index + 1:05d}"
        sounds = (f"clean_{SETS[split]}_wav/{name}.wav", f"noisy_{SETS[split]}_wav/{name}.wav")
        plan, log = (
            Plan(index, voice, source, text, own),
            (f"log_{SETS[split]}.txt", f"{name} {source.name} {SNR_DB:g}"),
        )
        recordings.append(Recording(name, split, voice.name, info, sounds, plan, log))
    return recordings


def _speakers(split: str, seed: int) -> list[Voice]:
    """The voices of a split in the order in which they take turns."""
    order = random_generator(seed, "order of voices").permutation(len(voices(seed)))
    return [voice for voice in (voices(seed)[place] for place in order) if voice.split == split]


def mixed(seconds: float, recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Clean and noisy speech."""
    plan: Plan = recording.plan
    target = _utterance(plan)
    # Utterances of other voices of the same split, saying other sentences of that split.
    count, split, seed = plan.source.talkers, plan.voice.split, plan.source.seed
    others = [voice for voice in _speakers(split, seed) if voice != plan.voice]
    chosen = random_generator(plan.seed, "talkers").permutation(max(count, len(others)))[:count] % len(others)
    texts = [sentence(split, seed, "talker", plan.seed, place) for place in range(count)]
    talkers = [speak(others[chosen[place]], text, plan.seed + place) for place, text in enumerate(texts)]
    noise = render(plan.source, len(target), plan.number, talkers)
    clean, _, noisy = quantised(mix(target.astype(np.float32), noise.astype(np.float32), SNR_DB))
    return clean, noisy


def _utterance(plan: Plan) -> np.ndarray:
    """Speech at its drawn level, with silence around it and a little of a room's sound, at 22,050 Hz.

    It is said again faster or slower where it lasts less than 2.2 or more than 3.6 s.
    """
    said = speak(plan.voice, plan.text, plan.seed)
    seconds = len(said) / SAMPLE_RATE
    wanted = min(max(seconds, 2.2), 3.6)
    if wanted != seconds:
        said = speak(plan.voice, plan.text, plan.seed, pace=seconds / wanted)
    random = random_generator(plan.seed, "utterance")
    before, after = (int(random.uniform(0.08, 0.25) * SAMPLE_RATE) for _ in range(2))
    heard = reverberated(np.pad(said, (before, after)), random, (0.12, 0.3), (10.0, 20.0))
    level = 10 ** (random.uniform(-30, -18) / 20)
    return heard * level / np.sqrt(np.mean(heard**2))
