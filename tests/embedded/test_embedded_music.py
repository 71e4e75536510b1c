"""Music: whole pieces of every character, filled bands, splits by work."""

import numpy as np
import pytest
from helpers.embedded import Made, apart

from nblib.corpora.items import SPLITS
from nblib.embedded.arranging import ENSEMBLES
from nblib.embedded.layouts import reverberated
from nblib.embedded.music import plan_music
from nblib.embedded.scores import SHELVES
from nblib.provenance import random_generator


def test_pieces_are_planned_by_work_without_opening_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("nblib.embedded.music.read_score")
    pieces = plan_music(1500, seed=5)
    assert len({piece.file for piece in pieces}) == 1500
    assert {piece.info["kind"] for piece in pieces} == set(SHELVES)
    assert {piece.info["ensemble"] for piece in pieces[: len(ENSEMBLES)]} == {each.name for each in ENSEMBLES}
    works = apart(pieces, "group")
    for split, fraction in zip(SPLITS, (0.7, 0.2, 0.1), strict=True):
        found = {piece.group for piece in pieces if piece.split == split}
        assert len(found) / len(works) == pytest.approx(fraction, abs=0.01)


def test_pieces_are_whole_music_and_fill_the_band(music: dict[str, Made]) -> None:
    shares = []
    for file, (_, sounds) in music.items():
        samples = sounds["piece"]
        assert samples.shape == (5 * 22_050,)
        peak = 20 * np.log10(np.abs(samples).max())
        assert -12.01 < peak < -0.99
        assert max(np.abs(samples[:5]).max(), np.abs(samples[-5:]).max()) < 0.03, "a click at a cut end"
        loudness = np.sqrt(np.mean(samples.reshape(10, -1) ** 2, axis=1))
        assert loudness.min() > 1e-3, f"{file}: half a second of silence"
        assert 8 < peak - 20 * np.log10(np.sqrt(np.mean(samples**2))) < 30
        power = np.abs(np.fft.rfft(samples)) ** 2
        shares.append(10 * np.log10(power[5 * 5_500 :].sum() / power.sum()))
    assert np.median(shares) > -30, "less above 5.5 kHz than recordings have"
    assert max(shares) - min(shares) > 15, "every piece has the same tone"


@pytest.mark.parametrize("sample_rate", [8_000, 44_100])
def test_a_room_decays_by_60_db_in_its_time_and_is_as_loud_as_said(sample_rate: int) -> None:
    dry = np.zeros(sample_rate)
    dry[0] = 1.0
    heard = reverberated(dry, sample_rate, random_generator(1), (0.5, 0.5), (6.0, 6.0), (3000, 3000))
    assert heard[0] == pytest.approx(1) and not np.any(np.abs(heard[1 : round(0.002 * sample_rate)]) > 1e-9)
    tail = heard[1:]
    assert 10 * np.log10(np.sum(tail**2)) == pytest.approx(-6, abs=0.1)
    early, late = (np.mean(tail[round(t * sample_rate) : round((t + 0.05) * sample_rate)] ** 2) for t in (0.05, 0.4))
    assert 10 * np.log10(late / early) == pytest.approx(-60 * 0.35 / 0.5, abs=3)
    assert not np.any(np.abs(tail[round(0.52 * sample_rate) :]) > 1e-9)
