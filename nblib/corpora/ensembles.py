"""Who plays: General MIDI ensembles as data, with the rhythms of their accompaniment and drums.

A rhythm is a string of sixteenth steps, four to the beat: ``x`` struck, ``o`` struck softly, ``.`` not struck.
"""

from __future__ import annotations

from dataclasses import dataclass

PROGRAMS = {
    **{"piano": 0, "bright piano": 1, "honky-tonk": 3, "electric piano": 4, "dx piano": 5, "harpsichord": 6},
    **{"clavinet": 7, "glockenspiel": 9, "music box": 10, "vibraphone": 11, "marimba": 12, "xylophone": 13},
    **{"tubular bells": 14, "dulcimer": 15, "organ": 16, "rock organ": 18, "church organ": 19, "accordion": 21},
    **{"harmonica": 22, "nylon guitar": 24, "steel guitar": 25, "jazz guitar": 26, "clean guitar": 27},
    **{"muted guitar": 28, "overdriven guitar": 29, "distorted guitar": 30, "double bass": 32, "finger bass": 33},
    **{"picked bass": 34, "fretless bass": 35, "slap bass": 36, "synth bass": 38, "violin": 40, "viola": 41},
    **{"cello": 42, "contrabass": 43, "pizzicato": 45, "harp": 46, "timpani": 47, "strings": 48, "slow strings": 49},
    **{"synth strings": 50, "choir": 52, "voices": 53, "trumpet": 56, "trombone": 57, "tuba": 58, "muted trumpet": 59},
    **{"horns": 60, "brass": 61, "synth brass": 62, "alto sax": 65, "tenor sax": 66, "baritone sax": 67, "oboe": 68},
    **{"english horn": 69, "bassoon": 70, "clarinet": 71, "piccolo": 72, "flute": 73, "recorder": 74, "square": 80},
    **{"saw": 81, "charang": 84, "fifth saw": 86, "fantasia": 88, "warm pad": 89, "poly synth": 90, "metal pad": 93},
    **{"sweep pad": 95, "ice rain": 96, "crystal": 98, "atmosphere": 99, "brightness": 100, "banjo": 105, "koto": 107},
    **{"kalimba": 108, "fiddle": 110, "steel drum": 114},
}

KITS = {"standard": 0, "room": 8, "power": 16, "electronic": 24, "808": 25, "jazz": 32, "brush": 40, "orchestra": 48}

DRUMS: dict[str, dict[int, str]] = {
    # General MIDI keys: 36 kick, 38 snare, 37 stick, 39 clap, 42 closed hat, 44 pedal hat, 46 open hat, 51 ride
    "rock": {36: "x.....x.x.x.....", 38: "....x..o....x..o", 42: "x.o.x.o.x.o.x.o.", 46: "..............x."},
    "hard rock": {36: "x.x...x.x.x..x..", 38: "....x.......x...", 57: "x...x...x...x...", 46: "x.x.x.x.x.x.x.x."},
    "funk": {36: "x..x..x...x..x..", 38: "....x..o.o..x..o", 42: "xoxoxoxoxoxoxoxo", 46: "......x.......x."},
    "disco": {
        36: "x...x...x...x...",
        38: "....x.......x...",
        46: "..x...x...x...x.",
        42: "xo.oxo.oxo.oxo.o",
        54: "..o...o...o...o.",
    },
    "machine": {
        36: "x...x...x...x..o",
        39: "....x.......x...",
        42: "xoxoxoxoxoxoxoxo",
        46: "..x...x...x...x.",
        70: "o.oo.oo.o.oo.oo.",
    },
    "swing": {51: "x...x.x.x...x.x.", 44: "....x.......x...", 36: "x...o...x...o...", 38: "..o...o..o.....o"},
    "brushes": {51: "x...x.o.x...x.o.", 38: "o.oox.o.o.oox.o.", 44: "....x.......x..."},
    "bossa": {36: "x..xx..xx..xx..x", 37: "x..x..x...x..x..", 70: "xoxoxoxoxoxoxoxo", 51: "x.x.x.x.x.x.x.x."},
    "latin": {
        64: "x...x.xxx...x.xx",
        63: "..x...x...x...x.",
        75: "x..x..x...x.x...",
        70: "xoxoxoxoxoxoxoxo",
        56: "x...x...x...x...",
        36: "x.......x.......",
    },
    "march": {36: "x.......x.......", 38: "x.oox.o.x.oox.oo", 49: "x...............", 42: "....x.......x..."},
    "folk": {36: "x.......x.......", 54: "..x.x.x...x.x.xo", 69: "xoxoxoxoxoxoxoxo", 37: "....x.......x..."},
    "one drop": {36: "........x.......", 37: "........x.....o.", 42: "x.o.x.o.x.o.x.o.", 46: "......x........."},
}


@dataclass(frozen=True)
class Comp:
    """An accompanist on the harmony: `style` is one of ``pad``, ``chord``, ``strum``, ``arpeggio``, ``bass``, ``walk``."""

    program: str
    style: str
    rhythm: str = "x.......x......."
    low: int = 48


@dataclass(frozen=True)
class Ensemble:
    """An ensemble and its manner of playing.

    Parameters
    ----------
    layers : tuple of tuples of (program, octaves)
        Each layer plays all voices of the score, its instruments from the high voice to the low, so many octaves up.
    onsets : (low, high)
        Note onsets a second, all voices of the score together: the tempo is drawn to meet it.
    drums : tuple of (kit, pattern)
        One is drawn; empty: none.
    swing : float
        Where the off-beat falls within a beat: 0.5 straight, 0.66 triplets.
    looseness : float
        Standard deviation of a note's start, seconds.
    room : (low, high)
        Reverberation time RT60, seconds.
    drive : float
        0: clean; 1: the loudest passages are compressed to about half, as a produced record is.
    """

    name: str
    character: str
    layers: tuple[tuple[tuple[str, int], ...], ...]
    comps: tuple[Comp, ...] = ()
    drums: tuple[tuple[str, str], ...] = ()
    onsets: tuple[float, float] = (3.0, 6.0)
    swing: float = 0.5
    looseness: float = 0.008
    room: tuple[float, float] = (0.3, 0.9)
    drive: float = 0.0
    pedal: bool = False


ENSEMBLES = (
    Ensemble(
        "string quartet",
        "chamber",
        ((("violin", 0), ("violin", 0), ("viola", 0), ("cello", 0)),),
        looseness=0.014,
        room=(0.6, 1.6),
    ),
    Ensemble(
        "wind quintet",
        "chamber",
        ((("flute", 0), ("oboe", 0), ("clarinet", 0), ("horns", 0), ("bassoon", 0)),),
        looseness=0.012,
        room=(0.6, 1.4),
    ),
    Ensemble(
        "baroque band",
        "chamber",
        ((("recorder", 0), ("violin", 0), ("viola", 0), ("cello", 0)), (("oboe", 0), ("bassoon", 0))),
        (Comp("harpsichord", "arpeggio", "x.x.x.x.x.x.x.x.", 52),),
        onsets=(3.5, 7.0),
        looseness=0.012,
        room=(0.5, 1.2),
    ),
    Ensemble(
        "piano",
        "piano solo",
        ((("piano", 0), ("piano", 0)),),
        onsets=(3.5, 8.0),
        looseness=0.012,
        room=(0.3, 0.9),
        pedal=True,
    ),
    Ensemble(
        "piano with octaves",
        "piano solo",
        ((("bright piano", 0),), (("bright piano", 1),)),
        (Comp("bright piano", "bass", "x...x...x...x...", 28), Comp("bright piano", "chord", "..x...x...x...x.", 52)),
        onsets=(3.0, 6.0),
        looseness=0.008,
    ),
    Ensemble(
        "choir and organ",
        "choral",
        ((("choir", 0), ("choir", 0)), (("church organ", 0), ("church organ", 0)), (("voices", 0),)),
        onsets=(2.0, 4.0),
        looseness=0.02,
        room=(1.2, 2.4),
    ),
    Ensemble(
        "orchestra",
        "orchestral",
        (
            (("strings", 0), ("strings", 0), ("cello", 0)),
            (("flute", 1), ("horns", 0), ("bassoon", 0)),
            (("trumpet", 0), ("trombone", 0), ("tuba", 0)),
        ),
        (Comp("timpani", "bass", "x.......x...x.x.", 36), Comp("violin", "arpeggio", "xxxxxxxxxxxxxxxx", 67)),
        (("orchestra", "march"),),
        (2.5, 5.0),
        looseness=0.014,
        room=(0.9, 2.0),
    ),
    Ensemble(
        "big band",
        "jazz",
        ((("trumpet", 0), ("alto sax", 0), ("tenor sax", 0), ("baritone sax", 0)), (("brass", 0), ("trombone", 0))),
        (Comp("piano", "chord", "..x...xx..x...x.", 52), Comp("double bass", "walk", "x...x...x...x...", 28)),
        (("jazz", "swing"), ("room", "swing")),
        (3.0, 5.5),
        0.63,
        0.012,
        (0.4, 1.0),
        0.3,
    ),
    Ensemble(
        "jazz trio",
        "jazz",
        ((("vibraphone", 0), ("jazz guitar", 0)),),
        (Comp("piano", "chord", "x.....x...x.....", 50), Comp("double bass", "walk", "x...x...x...x...", 28)),
        (("brush", "brushes"), ("jazz", "swing")),
        (2.5, 5.0),
        0.62,
        0.012,
        (0.3, 0.8),
    ),
    Ensemble(
        "pop band",
        "pop",
        ((("electric piano", 0), ("electric piano", 0)), (("clean guitar", 0), ("alto sax", 0))),
        (
            Comp("steel guitar", "strum", "x..ox.oxx..ox.ox", 52),
            Comp("picked bass", "bass", "x..x..x.x..x..x.", 28),
            Comp("synth strings", "pad", low=55),
        ),
        (("standard", "rock"), ("room", "disco")),
        (2.5, 5.0),
        drive=0.7,
    ),
    Ensemble(
        "rock band",
        "rock",
        ((("overdriven guitar", 0), ("distorted guitar", 0)), (("rock organ", 0),)),
        (
            Comp("distorted guitar", "strum", "x.x.x.xxx.x.x.xx", 40),
            Comp("picked bass", "bass", "x.x.x.x.x.x.x.x.", 28),
        ),
        (("power", "hard rock"), ("power", "rock")),
        (2.5, 5.0),
        drive=1.0,
    ),
    Ensemble(
        "funk band",
        "pop",
        ((("synth brass", 0), ("brass", 0), ("tenor sax", 0)),),
        (
            Comp("clavinet", "chord", "x.ox.oxo..ox.oxo", 52),
            Comp("slap bass", "bass", "x..x..x...x.x..x", 28),
            Comp("muted guitar", "strum", "xoxoxoxoxoxoxoxo", 55),
        ),
        (("standard", "funk"), ("power", "funk")),
        (2.5, 5.0),
        0.54,
        drive=0.6,
    ),
    Ensemble(
        "house",
        "electronic",
        ((("saw", 0), ("poly synth", 0)), (("crystal", 1),)),
        (
            Comp("brightness", "arpeggio", "xxxxxxxxxxxxxxxx", 60),
            Comp("synth bass", "bass", "..x...x...x...x.", 28),
            Comp("synth strings", "pad", low=52),
        ),
        (("808", "machine"), ("electronic", "machine")),
        (2.5, 5.0),
        looseness=0.0,
        drive=0.9,
    ),
    Ensemble(
        "synth pop",
        "electronic",
        ((("square", 0), ("saw", 0), ("synth brass", 0)), (("fifth saw", 0),)),
        (
            Comp("charang", "arpeggio", "x.xxx.xxx.xxx.xx", 55),
            Comp("synth bass", "bass", "x.x.x.x.x.x.x.x.", 28),
            Comp("warm pad", "pad", low=52),
        ),
        (("electronic", "disco"), ("electronic", "rock")),
        (2.5, 5.5),
        looseness=0.002,
        drive=0.8,
    ),
    Ensemble(
        "ambient",
        "electronic",
        ((("fantasia", 0), ("metal pad", 0)), (("atmosphere", 0),)),
        (Comp("sweep pad", "pad", low=48), Comp("ice rain", "arpeggio", "x..x..x.x..x..x.", 67)),
        ((("808", "brushes")),),
        (1.8, 3.5),
        looseness=0.01,
        room=(1.5, 3.0),
        drive=0.3,
    ),
    Ensemble(
        "folk band",
        "folk",
        ((("fiddle", 0), ("accordion", 0)), (("flute", 0), ("banjo", 0))),
        (Comp("steel guitar", "strum", "x.o.x.oxx.o.x.ox", 50), Comp("double bass", "bass", "x.......x.......", 28)),
        (("room", "folk"),),
        (3.0, 6.0),
        looseness=0.012,
    ),
    Ensemble(
        "latin band",
        "latin",
        ((("trumpet", 0), ("flute", 0), ("marimba", 0)), (("nylon guitar", 0),)),
        (Comp("piano", "chord", "x.xx.xx.x.xx.xx.", 55), Comp("fretless bass", "bass", "x.....x.....x...", 28)),
        (("room", "latin"), ("standard", "bossa")),
        (3.0, 5.5),
        looseness=0.01,
        drive=0.3,
    ),
    Ensemble(
        "reggae band",
        "pop",
        ((("harmonica", 0), ("trombone", 0)), (("clean guitar", 0),)),
        (
            Comp("organ", "chord", "..x...x...x...x.", 55),
            Comp("muted guitar", "strum", "..x...x...x...x.", 52),
            Comp("finger bass", "bass", "x..x..x...x.x...", 28),
        ),
        (("standard", "one drop"),),
        (2.5, 4.5),
        0.55,
        drive=0.4,
    ),
    Ensemble(
        "mallets and harp",
        "percussion",
        ((("xylophone", 0), ("marimba", 0)), (("glockenspiel", 1), ("vibraphone", 0))),
        (Comp("harp", "arpeggio", "x.x.x.x.x.x.x.x.", 48), Comp("pizzicato", "bass", "x...x...x...x...", 40)),
        (("orchestra", "folk"),),
        (3.5, 7.0),
    ),
    Ensemble(
        "plucked strings",
        "folk",
        ((("koto", 0), ("nylon guitar", 0), ("nylon guitar", 0)), (("dulcimer", 0),)),
        (Comp("harp", "arpeggio", "x..x..x.x..x..x.", 48),),
        (("brush", "folk"),),
        (3.5, 7.0),
        looseness=0.014,
    ),
)
