"""The voice: in tune, in time, with vibrato and consonants, without clicks, and the same anywhere."""

from itertools import pairwise, product

import numpy as np
import parselmouth
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.embedded import espeak, words
from nblib.embedded.espeak import SAMPLE_RATE, Phoneme
from nblib.embedded.melodies import RANGES, Range, into_range, phrases, regrouped, split_melody, syllables, top_line
from nblib.embedded.singing import VOWELS, align, sing
from nblib.embedded.soundfont import Note
from nblib.embedded.words import Words
from nblib.evaluation import click_times
from nblib.provenance import random_generator

STEPS = (0, 2, 4, 5, 7, 9, 11, 12, 7, 4, 0, 0)
LENGTHS = (0.5, 0.4, 0.3, 0.8, 0.5, 0.25, 0.25, 1.2, 0.5, 0.5, 0.9, 1.5)
VOICES = {voice.name: voice for voice in espeak.voices(0)}


def tune(singer: Range, steps: tuple[int, ...] = STEPS, lengths: tuple[float, ...] = LENGTHS) -> list[Note]:
    ends = 0.3 + np.cumsum(lengths)
    timed = zip(ends.tolist(), lengths, steps, strict=True)
    return [Note(end - length, end, 0, singer.low + 3 + step, 80) for end, length, step in timed]


def sung_cents(samples: np.ndarray, notes: list[Note]) -> tuple[np.ndarray, np.ndarray]:
    """Times and pitch, in cents from the written note, of all frames well inside a note where Praat hears a pitch."""
    highest = 440 * 2 ** ((max(note.key for note in notes) - 69 + 5) / 12)
    heard = parselmouth.Sound(samples, SAMPLE_RATE).to_pitch_ac(0.005, 60, pitch_ceiling=max(500.0, highest))
    hertz, times = heard.selected_array["frequency"], heard.xs()
    keys = np.full(len(times), np.nan)
    for note in notes:
        keys[(times > note.start + 0.08) & (times < note.end - 0.08)] = note.key
    with np.errstate(divide="ignore"):
        cents = 1200 * np.log2(hertz / (440 * 2 ** ((keys - 69) / 12)))
    voiced = np.isfinite(cents)
    assert voiced.sum() > 0.6 * np.isfinite(keys).sum()
    return times[voiced], cents[voiced]


VOICED = list(zip(RANGES, ("f2-en-us", "linda-en-gb-x-gbclan", "m7-en-us-nyc", "ian-en-gb-scotland"), strict=True))


@pytest.mark.parametrize(("singer", "voice"), VOICED)
def test_a_voice_sings_words_in_tune_without_clicks(singer: Range, voice: str) -> None:
    verse = words.verse(40, random_generator("verse"))
    samples = sing(VOICES[voice], singer, tune(singer), verse, 8.5, 4)
    _, cents = sung_cents(samples, tune(singer))
    assert np.median(np.abs(cents)) < 25 and np.percentile(np.abs(cents), 90) < 80 and abs(np.median(cents)) < 12
    assert len(click_times(samples.astype(np.float32), SAMPLE_RATE, 8000)) < 0.3 * len(samples) / SAMPLE_RATE
    frames = samples[: len(samples) // 1024 * 1024].reshape(-1, 1024) * np.hanning(1024)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    loud = power.sum(1) > 1e-3 * power.sum(1).max()
    high_db = 10 * np.log10(power[loud, 186:].sum(1) / power[loud].sum(1))  # over 4 kHz
    assert np.percentile(high_db, 97) > -12 and np.percentile(high_db, 50) < -10, "vowels, and consonants that hiss"
    highest = 5500 if singer.name in ("soprano", "alto") else 5000
    formants = parselmouth.Sound(samples, SAMPLE_RATE).to_formant_burg(0.02, 5, highest)
    first = [formants.get_value_at_time(1, time) for time in np.arange(0.5, 7, 0.05)]
    assert 300 < np.nanmedian(first) < 1000 and np.nanpercentile(first, 90) / np.nanpercentile(first, 10) > 1.3


def test_a_held_note_vibrates_after_its_beginning() -> None:
    notes = tune(RANGES[2], (4, 9), (0.6, 4.0))
    samples = sing(VOICES["m8-en-gb-x-gbcwmd"], RANGES[2], notes, [Words("la", 1)] * 2, 5.2, 1)
    times, cents = sung_cents(samples, notes)
    wave = np.interp(np.arange(1.7, 4.2, 0.01), times, cents)
    spectrum = np.abs(np.fft.rfft((wave - wave.mean()) * np.hanning(len(wave)), 4096))
    assert 4.8 < np.fft.rfftfreq(4096, 0.01)[spectrum.argmax()] < 6.6 and 20 < np.sqrt(2) * wave.std() < 110
    early = np.interp(np.linspace(0.98, 1.08, 20), times, cents)
    assert np.std(early - np.polyval(np.polyfit(range(20), early, 1), range(20))) < 0.5 * wave.std()


def test_consonants_keep_their_length_and_knots_ascend() -> None:
    names = [("s", 0.0), ("i:", 0.1), ("s", 0.25), ("t", 0.33), ("aI", 0.4), ("n", 0.6), ("_", 0.7)]
    phonemes = [Phoneme(name, round(start * SAMPLE_RATE)) for name, start in names]
    groups = [[Note(1.0, 2.0, 0, 60, 80)], [Note(2.0, 3.5, 0, 62, 80)]]
    placed, knots = align(phonemes, groups, 0.0)
    assert [(sung[0], note) for sung, note in placed] == [(1.0, groups[0][0]), (2.0, groups[1][0])]
    assert placed[0][0][1] == pytest.approx(2.0 - 0.9 * 0.15, abs=1e-3)
    assert knots[0] == pytest.approx([0.0, 0.91], abs=1e-3) and knots[-1] == pytest.approx([0.7, 3.5], abs=1e-3)
    assert (np.diff(knots, axis=0) > 0).all()


def test_words_have_the_syllables_that_are_stated() -> None:
    stated = [(count, text) for table in words.VERSES for count, texts in table.items() for text in texts]
    for name, (count, text) in product(("f1-en", "f2-en-us"), stated):
        _, phonemes = espeak.intone(VOICES[name], text, 1, 60, 95)
        assert sum(phoneme.name[0] in VOWELS for phoneme in phonemes) == count, text


@given(st.integers(1, 60), st.integers(0, 99))
def test_a_verse_is_taken_word_by_word(count: int, seed: int) -> None:
    random = random_generator(seed)
    verse = words.verse(count, random)
    assert sum(each.syllables for each in verse) >= count
    rest, taken = list(verse), ""
    while rest:
        taken += " " + words.take(rest, int(random.integers(1, 12)))
    assert taken.split() == " ".join(each.text for each in verse).split()


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0.03, 3)), min_size=1, max_size=40), st.integers(0, 99))
def test_phrases_follow_one_another_with_room_to_breathe(drawn: list[tuple[float, float]], seed: int) -> None:
    times = np.cumsum(drawn).reshape(-1, 2).tolist()
    notes = [Note(start, end + 0.1 * (end - start), 0, 60, 80) for start, end in times]
    made = phrases(notes, 12.0)
    flat = [note for phrase in made for note in phrase]
    assert all(note.start < note.end <= 12.0 for note in flat)
    assert all(after.start >= note.end for note, after in pairwise(flat))
    assert all(later[0].start - earlier[-1].end > 0.019 for earlier, later in pairwise(made))
    for phrase in made:
        groups = syllables(phrase, random_generator(seed))
        assert [note for group in groups for note in group] == phrase
        assert len(groups) == 1 or min(group[-1].end - group[0].start for group in groups) > 0.2
        for count in (1, 3, len(groups) + 2):
            fitted = regrouped(groups, count)
            starts, ends = [group[0].start for group in fitted], [group[-1].end for group in fitted]
            assert len(fitted) == count and starts[1:] == ends[:-1]
            assert starts[0] == phrase[0].start and ends[-1] == phrase[-1].end


def test_the_melody_leaves_the_band() -> None:
    line, under = top_line(np.array([[0.0, 4, 60], [0, 4, 67], [1, 1, 64], [2, 1, 72], [3, 1, 71]]))
    assert line.tolist() == [[0, 2, 67], [2, 1, 72], [3, 1, 71]] and under.tolist() == [[0, 4, 60], [1, 1, 64]]
    melody, chord = np.array([[0.0, 1, 72], [1, 1, 74], [2, 2, 76]]), np.array([[0.0, 1, 64], [2, 2, 67]])
    bass, doubling = np.array([[0.0, 2, 48], [2, 2, 43]]), melody - [0, 0, 12]
    found, others = split_melody([np.concatenate([melody, chord]), doubling, bass])
    assert [part.tolist() for part in (found, *others)] == [part.tolist() for part in (melody, chord, bass)]


@settings(deadline=None)
@given(st.lists(st.integers(30, 100), min_size=1, max_size=30), st.integers(-3, 3), st.sampled_from(RANGES))
def test_everyone_sings_in_range_and_in_the_bands_key(pitches: list[int], wanted: int, singer: Range) -> None:
    melody = np.array([[place, 1.0, pitch] for place, pitch in enumerate(pitches)])
    sung, key = into_range(melody, singer, wanted)
    assert sung[:, 2].min() >= singer.low and sung[:, 2].max() <= singer.high
    assert np.all((sung[:, 2] - melody[:, 2] - key) % 12 == 0) and abs(key - wanted) <= 3
