"""Mixtures of a target and noise at a chosen signal-to-noise ratio, and the embedded corpus of noisy speech."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nblib.audio import resample
from nblib.corpora import noise, speech
from nblib.corpora.base import SPLITS, Item, Mixture, split_groups
from nblib.corpora.noise import NoiseSource
from nblib.corpora.sentences import sentence
from nblib.errors import CorpusError, ParameterError, check_choice
from nblib.provenance import config_hash, derive_seed, random_generator

RECIPE = 1
"""Counts the changes to how embedded mixtures are made; part of the fingerprint."""

PEAK = 0.99
SPLIT_FRACTIONS = speech.SPLIT_FRACTIONS


def measured_snr_db(target: np.ndarray, noise: np.ndarray) -> float:
    """Energy of `target` over energy of `noise`, both [shape=(n,)], over the whole utterance, in dB.

    This is the one definition of SNR in the project. VoiceBank-DEMAND's labels use the active level of speech (ITU-T
    P.56), which leaves pauses out: there a pair labelled 0 dB measures lower here, by the share of its pauses.
    """
    signal, rest = (float(np.sum(np.square(part, dtype=np.float64))) for part in (target, noise))
    if rest == 0:
        return float("inf")
    return 10 * float(np.log10(signal / rest)) if signal > 0 else float("-inf")


def mix(target: np.ndarray, noise: np.ndarray, snr_db: float) -> Mixture:
    """`target` plus `noise` scaled to `snr_db` (see `measured_snr_db`), peak at most 0.99.

    Parameters
    ----------
    target, noise : float [shape=(n,)]
        Equal lengths; neither silent.
    snr_db : float
        In dB.

    Returns
    -------
    Mixture
        float32; ``mixture`` is the float32 sum of the other two, sample by sample. Where it would pass 0.99 all three
        are made quieter alike.

    Raises
    ------
    ParameterError
        Lengths differ, a part is silent or not finite, or `snr_db` is not finite.
    """
    if target.shape != noise.shape or target.ndim != 1:
        raise ParameterError(f"target {target.shape} and noise {noise.shape} must have one equal dimension: cut one")
    measured = measured_snr_db(target, noise)
    if not np.isfinite(measured) or not np.isfinite(snr_db):
        raise ParameterError(
            f"snr_db={snr_db} cannot be reached (now {measured} dB): target and noise must be finite and not silent"
        )
    return limited(target.astype(np.float64), noise.astype(np.float64) * 10 ** ((measured - snr_db) / 20))


def limited(target: np.ndarray, noise: np.ndarray) -> Mixture:
    """`target` and `noise` [shape=(n,)] with their sum, all quieter alike where one would pass a peak of 0.99."""
    loudest = max(float(np.max(np.abs(part))) for part in (target, noise, target + noise))
    gain = min(1.0, PEAK / loudest)
    clean, added = (target * gain).astype(np.float32), (noise * gain).astype(np.float32)
    return Mixture(clean, added, clean + added)


def check_sizes(corpus: object) -> None:
    """Refuse a corpus whose `train`, `validation` or `test` is not a whole number, 0 or more."""
    for split in SPLITS:
        size = getattr(corpus, split)
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ParameterError(f"{split}={size!r}: the number of mixtures must be a whole number, 0 or more")


@dataclass(frozen=True)
class EmbeddedMixtures:
    """Clean synthetic speech mixed with synthetic noise, made on the spot: no download, no file.

    Utterances of about 2.5 to 4 s in 48 voices (`speech`), with pauses and a little of a room's sound, at a speech
    level drawn from -30 to -18 dB of full scale (root mean square), mixed at `snr_db` with noise of six kinds
    (`noise`). Splits share no voice (not inside babble either), no noise source and no sentence. Kinds and voices
    take turns, so a split of six items hears every kind; an item does not depend on how many others there are.

    Parameters
    ----------
    train, validation, test : int >= 0
        Mixtures in each split.
    sample_rate : int
        In Hz; made at 22,050 and resampled where it differs.
    seed : int
    snr_db : float
        Energy of speech over energy of noise over the whole utterance (IJCNN'20 Section IV: 0 dB).
    """

    train: int
    validation: int
    test: int
    sample_rate: int = speech.SAMPLE_RATE
    seed: int = 0
    snr_db: float = 0.0
    name = "embedded_mixtures"
    licence = speech.LICENCE
    citation = speech.CITATION

    def __post_init__(self) -> None:
        check_sizes(self)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits; changes with the settings, the recipe and espeak-ng."""
        return config_hash([self.name, RECIPE, self, importlib.metadata.version("espeakng-loader")])

    def items(self, split: str | None = None) -> list[Item]:
        """The items of one split, or all; nothing is spoken yet."""
        if split is not None:
            check_choice("split", split, SPLITS)
        return [
            self._describe(each, number)
            for each in SPLITS
            if split in (None, each)
            for number in range(getattr(self, each))
        ]

    def load(self, item: Item) -> Mixture:
        """Target, noise and mixture of `item`, float32 [shape=(n,)]; a pure function of settings and name."""
        split, _, number = item.name.rpartition("-")
        if split not in SPLITS or not number.isdecimal():
            raise CorpusError(f"{item.name!r} is no item of {self.name}: take one from items()")
        index = int(number)
        seed = derive_seed(self.seed, "mixture", split, index)
        voice, source = self._voice(split, index), self._source(split, index)
        target = self._utterance(voice.name, seed, sentence(split, self.seed, split, index))
        talkers = self._talkers(split, voice.name, noise.talkers_needed(source), seed)
        added = noise.render(source, len(target), index, talkers)
        if self.sample_rate != speech.SAMPLE_RATE:
            target, added = (resample(part, speech.SAMPLE_RATE, self.sample_rate) for part in (target, added))
        return mix(target, added, self.snr_db)

    def _describe(self, split: str, index: int) -> Item:
        voice, source = self._voice(split, index), self._source(split, index)
        info: dict[str, str | float | int] = {
            "snr_db": self.snr_db,
            "voice": voice.name,
            "noise_kind": source.kind,
            "noise_source": source.name,
            "text": sentence(split, self.seed, split, index),
        }
        return Item(f"{split}-{index:05d}", voice.name, split, info)

    @cached_property
    def _voices(self) -> dict[str, list[speech.Voice]]:
        """Voices of each split in an order drawn from the seed."""
        table, dealt = speech.voices(self.seed), speech.split_voices(self.seed)
        ordered = random_generator(self.seed, "order of voices").permutation(list(table))
        return {split: [table[str(name)] for name in ordered if dealt[str(name)] == split] for split in SPLITS}

    @cached_property
    def _sources(self) -> dict[tuple[str, str], list[NoiseSource]]:
        """Sources of each split and kind."""
        table: dict[tuple[str, str], list[NoiseSource]] = {}
        for kind in noise.KINDS:
            found = noise.sources(kind, self.seed)
            dealt = split_groups([source.name for source in found], SPLIT_FRACTIONS, self.seed, f"{kind} noise")
            for split in SPLITS:
                table[split, kind] = [source for source in found if dealt[source.name] == split]
        return table

    def _voice(self, split: str, index: int) -> speech.Voice:
        return self._voices[split][index % len(self._voices[split])]

    def _source(self, split: str, index: int) -> NoiseSource:
        turn, place = divmod(index, len(noise.KINDS))
        kinds = random_generator(self.seed, "kinds", split, turn).permutation(noise.KINDS)
        choices = self._sources[split, str(kinds[place])]
        return choices[int(random_generator(self.seed, "source", split, index).integers(len(choices)))]

    def _utterance(self, voice: str, seed: int, text: str) -> np.ndarray:
        """Speech at its drawn level, with silence around it and a little of a room's sound, at 22,050 Hz."""
        random = random_generator(seed, "utterance")
        said = self._spoken(voice, text, seed)
        before, after = (int(random.uniform(0.08, 0.25) * speech.SAMPLE_RATE) for _ in range(2))
        heard = noise.reverberated(np.pad(said, (before, after)), random, (0.12, 0.3), (10.0, 20.0))
        level = 10 ** (random.uniform(-30, -18) / 20)
        return (heard * level / np.sqrt(np.mean(heard**2))).astype(np.float32)

    def _spoken(self, voice: str, text: str, seed: int) -> np.ndarray:
        """`text`, said again faster or slower where it lasts less than 2.2 or more than 3.6 s."""
        speaker = speech.voices(self.seed)[voice]
        said = speech.speak(speaker, text, seed)
        seconds = len(said) / speech.SAMPLE_RATE
        wanted = min(max(seconds, 2.2), 3.6)
        return said if wanted == seconds else speech.speak(speaker, text, seed, pace=seconds / wanted)

    def _talkers(self, split: str, target: str, count: int, seed: int) -> list[np.ndarray]:
        """Utterances of `count` other voices of the same split, saying other sentences of that split."""
        random = random_generator(seed, "talkers")
        others = [voice for voice in self._voices[split] if voice.name != target]
        chosen = [others[int(place)] for place in random.permutation(max(count, len(others)))[:count] % len(others)]
        texts = [sentence(split, self.seed, "talker", seed, place) for place in range(count)]
        return [
            speech.speak(voice, text, seed + place)
            for place, (voice, text) in enumerate(zip(chosen, texts, strict=True))
        ]
