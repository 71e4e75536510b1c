"""General MIDI instruments, drum kits and drum patterns by name.

A rhythm is a string of sixteenth steps, four to the beat: ``x`` struck, ``o`` struck softly, ``.`` not struck.
"""

from __future__ import annotations

PROGRAMS: dict[str, int] = {
    **{"piano": 0, "bright piano": 1, "honky-tonk": 3, "electric piano": 4, "dx piano": 5},
    **{"harpsichord": 6, "clavinet": 7, "glockenspiel": 9, "music box": 10, "vibraphone": 11},
    **{"marimba": 12, "xylophone": 13, "tubular bells": 14, "dulcimer": 15, "organ": 16},
    **{"rock organ": 18, "church organ": 19, "accordion": 21, "harmonica": 22, "nylon guitar": 24},
    **{"steel guitar": 25, "jazz guitar": 26, "clean guitar": 27, "muted guitar": 28, "overdriven guitar": 29},
    **{"distorted guitar": 30, "double bass": 32, "finger bass": 33, "picked bass": 34, "fretless bass": 35},
    **{"slap bass": 36, "synth bass": 38, "violin": 40, "viola": 41, "cello": 42},
    **{"contrabass": 43, "pizzicato": 45, "harp": 46, "timpani": 47, "strings": 48},
    **{"slow strings": 49, "synth strings": 50, "choir": 52, "voices": 53, "trumpet": 56},
    **{"trombone": 57, "tuba": 58, "muted trumpet": 59, "horns": 60, "brass": 61},
    **{"synth brass": 62, "alto sax": 65, "tenor sax": 66, "baritone sax": 67, "oboe": 68},
    **{"english horn": 69, "bassoon": 70, "clarinet": 71, "piccolo": 72, "flute": 73},
    **{"recorder": 74, "square": 80, "saw": 81, "charang": 84, "fifth saw": 86},
    **{"fantasia": 88, "warm pad": 89, "poly synth": 90, "metal pad": 93, "sweep pad": 95},
    **{"ice rain": 96, "crystal": 98, "atmosphere": 99, "brightness": 100, "banjo": 105},
    **{"koto": 107, "kalimba": 108, "fiddle": 110, "steel drum": 114},
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
    "folk": {36: "x.......x.......", 54: "....o.......o..o", 69: "o...o.o.o...o.oo", 37: "....x.......x..."},
    "one drop": {36: "........x.......", 37: "........x.....o.", 42: "x.o.x.o.x.o.x.o.", 46: "......x........."},
}
