"""Who plays: ensembles of General MIDI instruments as data, with the rhythms of their accompaniment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Comp:
    """An accompanist on the harmony; `low` is the lowest MIDI key of its chords.

    `style`: ``pad`` (held chords), ``chord``, ``strum`` (one string after the other), ``arpeggio``, ``bass`` (roots) or
    ``walk`` (chord tones as a bass).
    """

    program: str
    style: str
    rhythm: str = "x.......x......."
    low: int = 48


@dataclass(frozen=True)
class Ensemble:
    """An ensemble and its manner of playing.

    Parameters
    ----------
    layers : tuple of str
        Each layer plays all voices of the score, its instruments from the high voice to the low, ``+1`` an octave up.
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
    layers: tuple[str, ...]
    comps: tuple[Comp, ...] = ()
    drums: tuple[tuple[str, str], ...] = ()
    onsets: tuple[float, float] = (3.0, 6.0)
    swing: float = 0.5
    looseness: float = 0.008
    room: tuple[float, float] = (0.3, 0.9)
    drive: float = 0.0
    pedal: bool = False


ENSEMBLES = (
    Ensemble("string quartet", "chamber", ("violin, violin, viola, cello",), looseness=0.014, room=(0.6, 1.6)),
    Ensemble("wind quintet", "chamber", ("flute, oboe, clarinet, horns, bassoon",), looseness=0.012, room=(0.6, 1.4)),
    Ensemble(
        "baroque band",
        "chamber",
        ("recorder, violin, viola, cello", "oboe, bassoon"),
        comps=(Comp("harpsichord", "arpeggio", "x.x.x.x.x.x.x.x.", low=52),),
        onsets=(3.5, 7.0),
        looseness=0.012,
        room=(0.5, 1.2),
    ),
    Ensemble("piano", "piano solo", ("piano, piano",), onsets=(3.5, 8.0), looseness=0.012, pedal=True),
    Ensemble(
        "piano with octaves",
        "piano solo",
        ("bright piano", "bright piano +1"),
        comps=(
            Comp("bright piano", "bass", "x...x...x...x...", low=28),
            Comp("bright piano", "chord", "..x...x...x...x.", low=52),
        ),
    ),
    Ensemble(
        "choir and organ",
        "choral",
        ("choir, choir", "church organ, church organ", "voices"),
        onsets=(2.0, 4.0),
        looseness=0.02,
        room=(1.2, 2.4),
    ),
    Ensemble(
        "orchestra",
        "orchestral",
        ("strings, strings, cello", "flute +1, horns, bassoon", "trumpet, trombone, tuba"),
        comps=(
            Comp("timpani", "bass", "x.......x...x.x.", low=36),
            Comp("violin", "arpeggio", "xxxxxxxxxxxxxxxx", low=67),
        ),
        drums=(("orchestra", "march"),),
        onsets=(2.5, 5.0),
        looseness=0.014,
        room=(0.9, 2.0),
    ),
    Ensemble(
        "big band",
        "jazz",
        ("trumpet, alto sax, tenor sax, baritone sax", "brass, trombone"),
        comps=(
            Comp("piano", "chord", "..x...xx..x...x.", low=52),
            Comp("double bass", "walk", "x...x...x...x...", low=28),
        ),
        drums=(("jazz", "swing"), ("room", "swing")),
        onsets=(3.0, 5.5),
        swing=0.63,
        looseness=0.012,
        room=(0.4, 1.0),
        drive=0.3,
    ),
    Ensemble(
        "jazz trio",
        "jazz",
        ("vibraphone, jazz guitar",),
        comps=(
            Comp("piano", "chord", "x.....x...x.....", low=50),
            Comp("double bass", "walk", "x...x...x...x...", low=28),
        ),
        drums=(("brush", "brushes"), ("jazz", "swing")),
        onsets=(2.5, 5.0),
        swing=0.62,
        looseness=0.012,
        room=(0.3, 0.8),
    ),
    Ensemble(
        "pop band",
        "pop",
        ("electric piano, electric piano", "clean guitar, alto sax"),
        comps=(
            Comp("steel guitar", "strum", "x..ox.oxx..ox.ox", low=52),
            Comp("picked bass", "bass", "x..x..x.x..x..x.", low=28),
            Comp("synth strings", "pad", low=55),
        ),
        drums=(("standard", "rock"), ("room", "disco")),
        onsets=(2.5, 5.0),
        drive=0.7,
    ),
    Ensemble(
        "rock band",
        "rock",
        ("overdriven guitar, distorted guitar", "rock organ"),
        comps=(
            Comp("distorted guitar", "strum", "x.x.x.xxx.x.x.xx", low=40),
            Comp("picked bass", "bass", "x.x.x.x.x.x.x.x.", low=28),
        ),
        drums=(("power", "hard rock"), ("power", "rock")),
        onsets=(2.5, 5.0),
        drive=1.0,
    ),
    Ensemble(
        "funk band",
        "pop",
        ("synth brass, brass, tenor sax",),
        comps=(
            Comp("clavinet", "chord", "x.ox.oxo..ox.oxo", low=52),
            Comp("slap bass", "bass", "x..x..x...x.x..x", low=28),
            Comp("muted guitar", "strum", "xoxoxoxoxoxoxoxo", low=55),
        ),
        drums=(("standard", "funk"), ("power", "funk")),
        onsets=(2.5, 5.0),
        swing=0.54,
        drive=0.6,
    ),
    Ensemble(
        "house",
        "electronic",
        ("saw, poly synth", "crystal"),
        comps=(
            Comp("brightness", "arpeggio", "xxxxxxxxxxxxxxxx", low=60),
            Comp("synth bass", "bass", "..x...x...x...x.", low=28),
            Comp("synth strings", "pad", low=52),
        ),
        drums=(("808", "machine"), ("electronic", "machine")),
        onsets=(2.5, 5.0),
        looseness=0.0,
        drive=0.9,
    ),
    Ensemble(
        "synth pop",
        "electronic",
        ("square, saw, synth brass", "fifth saw"),
        comps=(
            Comp("charang", "arpeggio", "x.xxx.xxx.xxx.xx", low=55),
            Comp("synth bass", "bass", "x.x.x.x.x.x.x.x.", low=28),
            Comp("warm pad", "pad", low=52),
        ),
        drums=(("electronic", "disco"), ("electronic", "rock")),
        onsets=(2.5, 5.5),
        looseness=0.002,
        drive=0.8,
    ),
    Ensemble(
        "ambient",
        "electronic",
        ("fantasia, metal pad", "atmosphere"),
        comps=(Comp("sweep pad", "pad"), Comp("ice rain", "arpeggio", "x..x..x.x..x..x.", low=67)),
        drums=(("808", "brushes"),),
        onsets=(1.8, 3.5),
        looseness=0.01,
        room=(1.5, 3.0),
        drive=0.3,
    ),
    Ensemble(
        "folk band",
        "folk",
        ("fiddle, accordion", "flute, banjo"),
        comps=(
            Comp("steel guitar", "strum", "x.o.x.oxx.o.x.ox", low=50),
            Comp("double bass", "bass", "x.......x.......", low=28),
        ),
        drums=(("room", "folk"),),
        looseness=0.012,
    ),
    Ensemble(
        "latin band",
        "latin",
        ("trumpet, flute, marimba", "nylon guitar"),
        comps=(
            Comp("piano", "chord", "x.xx.xx.x.xx.xx.", low=55),
            Comp("fretless bass", "bass", "x.....x.....x...", low=28),
        ),
        drums=(("room", "latin"), ("standard", "bossa")),
        onsets=(3.0, 5.5),
        looseness=0.01,
        drive=0.3,
    ),
    Ensemble(
        "reggae band",
        "pop",
        ("harmonica, trombone", "clean guitar"),
        comps=(
            Comp("organ", "chord", "..x...x...x...x.", low=55),
            Comp("muted guitar", "strum", "..x...x...x...x.", low=52),
            Comp("finger bass", "bass", "x..x..x...x.x...", low=28),
        ),
        drums=(("standard", "one drop"),),
        onsets=(2.5, 4.5),
        swing=0.55,
        drive=0.4,
    ),
    Ensemble(
        "mallets and harp",
        "percussion",
        ("xylophone, marimba", "glockenspiel, vibraphone"),
        comps=(Comp("harp", "arpeggio", "x.x.x.x.x.x.x.x."), Comp("pizzicato", "bass", "x...x...x...x...", low=40)),
        drums=(("orchestra", "folk"),),
        onsets=(3.5, 7.0),
    ),
    Ensemble(
        "plucked strings",
        "folk",
        ("koto, nylon guitar, nylon guitar", "dulcimer"),
        comps=(Comp("harp", "arpeggio", "x..x..x.x..x..x."),),
        drums=(("brush", "folk"),),
        onsets=(3.5, 7.0),
        looseness=0.014,
    ),
)
