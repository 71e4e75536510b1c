"""Who plays: ensembles of General MIDI instruments as data, with drums and the rhythms of their accompaniment.

A rhythm is a string of sixteenth steps, four to the beat: ``x`` struck, ``o`` struck softly, ``.`` not struck.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Comp:
    """An accompanist on the harmony."""

    program: str
    style: str  # pad (held), chord, strum (one string after the other), arpeggio, bass (roots) or walk (chord tones)
    rhythm: str = "x.......x......."
    low: int = 48  # the lowest MIDI key of its chords


@dataclass(frozen=True)
class Ensemble:
    """An ensemble and its manner of playing."""

    name: str
    character: str
    layers: tuple[str, ...]  # each plays all voices of the score, its instruments from high to low; +1: an octave up
    comps: tuple[Comp, ...] = ()
    drums: tuple[tuple[str, str], ...] = ()  # kit and pattern, of which one is drawn
    onsets: tuple[float, float] = (3.0, 6.0)  # notes a second, all voices together: the tempo is drawn to meet it
    swing: float = 0.5  # where the off-beat falls within a beat: 0.5 straight, 0.66 triplets
    looseness: float = 0.008  # standard deviation of a note's start, seconds
    room: tuple[float, float] = (0.3, 0.9)  # reverberation time RT60, seconds
    drive: float = 0.0  # 1: the loudest passages are compressed to about half, as a produced record is
    pedal: bool = False  # notes are held until the harmony changes


# Tables read best in rows.
# fmt: off
ENSEMBLES = (
    Ensemble("string quartet", "chamber", ("violin, violin, viola, cello",), looseness=0.014, room=(0.6, 1.6)),
    Ensemble("wind quintet", "chamber", ("flute, oboe, clarinet, horns, bassoon",), looseness=0.012, room=(0.6, 1.4)),
    Ensemble("baroque band", "chamber", ("recorder, violin, viola, cello", "oboe, bassoon"),
        comps=(Comp("harpsichord", "arpeggio", "x.x.x.x.x.x.x.x.", 52),),
        onsets=(3.5, 7.0), looseness=0.012, room=(0.5, 1.2)),
    Ensemble("piano", "piano solo", ("piano, piano",), onsets=(3.5, 8.0), looseness=0.012, pedal=True),
    Ensemble("piano with octaves", "piano solo", ("bright piano", "bright piano +1"),
        comps=(Comp("bright piano", "bass", "x...x...x...x...", 28),
               Comp("bright piano", "chord", "..x...x...x...x.", 52))),
    Ensemble("choir and organ", "choral", ("choir, choir", "church organ, church organ", "voices"),
        onsets=(2.0, 4.0), looseness=0.02, room=(1.2, 2.4)),
    Ensemble("orchestra", "orchestral",
        ("strings, strings, cello", "flute +1, horns, bassoon", "trumpet, trombone, tuba"),
        comps=(Comp("timpani", "bass", "x.......x...x.x.", 36), Comp("violin", "arpeggio", "xxxxxxxxxxxxxxxx", 67)),
        drums=(("orchestra", "march"),), onsets=(2.5, 5.0), looseness=0.014, room=(0.9, 2.0)),
    Ensemble("big band", "jazz", ("trumpet, alto sax, tenor sax, baritone sax", "brass, trombone"),
        comps=(Comp("piano", "chord", "..x...xx..x...x.", 52), Comp("double bass", "walk", "x...x...x...x...", 28)),
        drums=(("jazz", "swing"), ("room", "swing")), onsets=(3.0, 5.5),
        swing=0.63, looseness=0.012, room=(0.4, 1.0), drive=0.3),
    Ensemble("jazz trio", "jazz", ("vibraphone, jazz guitar",),
        comps=(Comp("piano", "chord", "x.....x...x.....", 50), Comp("double bass", "walk", "x...x...x...x...", 28)),
        drums=(("brush", "brushes"), ("jazz", "swing")), onsets=(2.5, 5.0),
        swing=0.62, looseness=0.012, room=(0.3, 0.8)),
    Ensemble("pop band", "pop", ("electric piano, electric piano", "clean guitar, alto sax"),
        comps=(Comp("steel guitar", "strum", "x..ox.oxx..ox.ox", 52),
               Comp("picked bass", "bass", "x..x..x.x..x..x.", 28),
               Comp("synth strings", "pad", low=55)),
        drums=(("standard", "rock"), ("room", "disco")), onsets=(2.5, 5.0), drive=0.7),
    Ensemble("rock band", "rock", ("overdriven guitar, distorted guitar", "rock organ"),
        comps=(Comp("distorted guitar", "strum", "x.x.x.xxx.x.x.xx", 40),
               Comp("picked bass", "bass", "x.x.x.x.x.x.x.x.", 28)),
        drums=(("power", "hard rock"), ("power", "rock")), onsets=(2.5, 5.0), drive=1.0),
    Ensemble("funk band", "pop", ("synth brass, brass, tenor sax",),
        comps=(Comp("clavinet", "chord", "x.ox.oxo..ox.oxo", 52),
               Comp("slap bass", "bass", "x..x..x...x.x..x", 28),
               Comp("muted guitar", "strum", "xoxoxoxoxoxoxoxo", 55)),
        drums=(("standard", "funk"), ("power", "funk")), onsets=(2.5, 5.0), swing=0.54, drive=0.6),
    Ensemble("house", "electronic", ("saw, poly synth", "crystal"),
        comps=(Comp("brightness", "arpeggio", "xxxxxxxxxxxxxxxx", 60),
               Comp("synth bass", "bass", "..x...x...x...x.", 28),
               Comp("synth strings", "pad", low=52)),
        drums=(("808", "machine"), ("electronic", "machine")), onsets=(2.5, 5.0), looseness=0.0, drive=0.9),
    Ensemble("synth pop", "electronic", ("square, saw, synth brass", "fifth saw"),
        comps=(Comp("charang", "arpeggio", "x.xxx.xxx.xxx.xx", 55),
               Comp("synth bass", "bass", "x.x.x.x.x.x.x.x.", 28),
               Comp("warm pad", "pad", low=52)),
        drums=(("electronic", "disco"), ("electronic", "rock")), onsets=(2.5, 5.5), looseness=0.002, drive=0.8),
    Ensemble("ambient", "electronic", ("fantasia, metal pad", "atmosphere"),
        comps=(Comp("sweep pad", "pad"), Comp("ice rain", "arpeggio", "x..x..x.x..x..x.", 67)),
        drums=(("808", "brushes"),), onsets=(1.8, 3.5), looseness=0.01, room=(1.5, 3.0), drive=0.3),
    Ensemble("folk band", "folk", ("fiddle, accordion", "flute, banjo"),
        comps=(Comp("steel guitar", "strum", "x.o.x.oxx.o.x.ox", 50),
               Comp("double bass", "bass", "x.......x.......", 28)),
        drums=(("room", "folk"),), looseness=0.012),
    Ensemble("latin band", "latin", ("trumpet, flute, marimba", "nylon guitar"),
        comps=(Comp("piano", "chord", "x.xx.xx.x.xx.xx.", 55), Comp("fretless bass", "bass", "x.....x.....x...", 28)),
        drums=(("room", "latin"), ("standard", "bossa")), onsets=(3.0, 5.5), looseness=0.01, drive=0.3),
    Ensemble("reggae band", "pop", ("harmonica, trombone", "clean guitar"),
        comps=(Comp("organ", "chord", "..x...x...x...x.", 55),
               Comp("muted guitar", "strum", "..x...x...x...x.", 52),
               Comp("finger bass", "bass", "x..x..x...x.x...", 28)),
        drums=(("standard", "one drop"),), onsets=(2.5, 4.5), swing=0.55, drive=0.4),
    Ensemble("mallets and harp", "percussion", ("xylophone, marimba", "glockenspiel, vibraphone"),
        comps=(Comp("harp", "arpeggio", "x.x.x.x.x.x.x.x."), Comp("pizzicato", "bass", "x...x...x...x...", 40)),
        drums=(("orchestra", "folk"),), onsets=(3.5, 7.0)),
    Ensemble("plucked strings", "folk", ("koto, nylon guitar, nylon guitar", "dulcimer"),
        comps=(Comp("harp", "arpeggio", "x..x..x.x..x..x."),),
        drums=(("brush", "folk"),), onsets=(3.5, 7.0), looseness=0.014),
)

PROGRAMS = {
    "piano": 0, "bright piano": 1, "electric piano": 4, "harpsichord": 6, "clavinet": 7, "glockenspiel": 9,
    "vibraphone": 11, "marimba": 12, "xylophone": 13, "dulcimer": 15, "organ": 16, "rock organ": 18,
    "church organ": 19, "accordion": 21, "harmonica": 22, "nylon guitar": 24, "steel guitar": 25, "jazz guitar": 26,
    "clean guitar": 27, "muted guitar": 28, "overdriven guitar": 29, "distorted guitar": 30, "double bass": 32,
    "finger bass": 33, "picked bass": 34, "fretless bass": 35, "slap bass": 36, "synth bass": 38, "violin": 40,
    "viola": 41, "cello": 42, "pizzicato": 45, "harp": 46, "timpani": 47, "strings": 48, "synth strings": 50,
    "choir": 52, "voices": 53, "trumpet": 56, "trombone": 57, "tuba": 58, "horns": 60, "brass": 61, "synth brass": 62,
    "alto sax": 65, "tenor sax": 66, "baritone sax": 67, "oboe": 68, "bassoon": 70, "clarinet": 71, "flute": 73,
    "recorder": 74, "square": 80, "saw": 81, "charang": 84, "fifth saw": 86, "fantasia": 88, "warm pad": 89,
    "poly synth": 90, "metal pad": 93, "sweep pad": 95, "ice rain": 96, "crystal": 98, "atmosphere": 99,
    "brightness": 100, "banjo": 105, "koto": 107, "fiddle": 110,
}

KITS = {"standard": 0, "room": 8, "power": 16, "electronic": 24, "808": 25, "jazz": 32, "brush": 40, "orchestra": 48}

DRUMS: dict[str, dict[int, str]] = {
    # General MIDI keys: 36 kick, 38 snare, 37 stick, 39 clap, 42 closed hat, 44 pedal hat, 46 open hat, 51 ride
    "rock": {36: "x.....x.x.x.....", 38: "....x..o....x..o", 42: "x.o.x.o.x.o.x.o.", 46: "..............x."},
    "hard rock": {36: "x.x...x.x.x..x..", 38: "....x.......x...", 57: "x...x...x...x...", 46: "x.x.x.x.x.x.x.x."},
    "funk": {36: "x..x..x...x..x..", 38: "....x..o.o..x..o", 42: "xoxoxoxoxoxoxoxo", 46: "......x.......x."},
    "disco": {36: "x...x...x...x...", 38: "....x.......x...", 46: "..x...x...x...x.", 42: "xo.oxo.oxo.oxo.o",
        54: "..o...o...o...o."},
    "machine": {36: "x...x...x...x..o", 39: "....x.......x...", 42: "xoxoxoxoxoxoxoxo", 46: "..x...x...x...x.",
        70: "o.oo.oo.o.oo.oo."},
    "swing": {51: "x...x.x.x...x.x.", 44: "....x.......x...", 36: "x...o...x...o...", 38: "..o...o..o.....o"},
    "brushes": {51: "x...x.o.x...x.o.", 38: "o.oox.o.o.oox.o.", 44: "....x.......x..."},
    "bossa": {36: "x..xx..xx..xx..x", 37: "x..x..x...x..x..", 70: "xoxoxoxoxoxoxoxo", 51: "x.x.x.x.x.x.x.x."},
    "latin": {64: "x...x.xxx...x.xx", 63: "..x...x...x...x.", 75: "x..x..x...x.x...", 70: "xoxoxoxoxoxoxoxo",
        56: "x...x...x...x...", 36: "x.......x......."},
    "march": {36: "x.......x.......", 38: "x.oox.o.x.oox.oo", 49: "x...............", 42: "....x.......x..."},
    "folk": {36: "x.......x.......", 54: "....o.......o..o", 69: "o...o.o.o...o.oo", 37: "....x.......x..."},
    "one drop": {36: "........x.......", 37: "........x.....o.", 42: "x.o.x.o.x.o.x.o.", 46: "......x........."},
}
# fmt: on
