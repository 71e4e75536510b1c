"""Six kinds of noise: repeatable, of unit power, different from source to source, over the range of speech."""

import numpy as np
import pytest

from nblib.corpora.items import SPLITS
from nblib.embedded import noise

RATE = 22_050


def talkers(count: int) -> list[np.ndarray]:
    """Stand-ins for utterances: noise bursts of about 4 Hz."""
    beat = 0.1 * np.abs(np.sin(2 * np.pi * 2 * np.arange(2 * RATE) / RATE))
    return [np.random.default_rng(seed).standard_normal(2 * RATE) * beat for seed in range(count)]


def band_share(samples: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(power[(frequency >= low) & (frequency < high)].sum() / power.sum())


@pytest.mark.parametrize("kind", noise.MAKERS)
def test_repeats_itself_has_unit_power_and_overlaps_speech(kind: str) -> None:
    shares = []
    for source in noise.sources(kind, 0)[::5]:
        given = talkers(source.talkers)
        first = noise.render(source, 2 * RATE, 7, given)
        assert first.dtype == np.float32 and first.shape == (2 * RATE,)
        assert np.sqrt(np.mean(first.astype(float) ** 2)) == pytest.approx(1, abs=1e-4)
        assert abs(first.mean()) < 1e-4
        assert np.array_equal(first, noise.render(source, 2 * RATE, 7, given))
        assert not np.array_equal(first, noise.render(source, 2 * RATE, 8, given))
        shares.append(band_share(first, 100, 4000))
    assert np.mean(shares) > 0.35


@pytest.mark.parametrize("kind", noise.MAKERS)
@pytest.mark.parametrize("samples", [2, 3, 331, 22_051])
def test_any_length(kind: str, samples: int) -> None:
    source = noise.sources(kind, 1)[3]
    made = noise.render(source, samples, 0, talkers(source.talkers))
    assert made.shape == (samples,) and np.isfinite(made).all() and made.std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", noise.MAKERS)
def test_sources_lie_in_strata_of_their_own(kind: str) -> None:
    _, low, high = noise.MAKERS[kind]
    found = noise.sources(kind, 4)
    mains = [source.main for source in found]
    assert mains == sorted(mains) and len(set(mains)) == len({source.name for source in found}) == 16
    assert low <= mains[0] and mains[-1] <= high and {source.split for source in found} == set(SPLITS)
    assert [source.main for source in noise.sources(kind, 5)] != mains


def test_the_main_parameter_is_heard() -> None:
    white, brown = (noise.render(noise.sources("coloured", 0)[place], 2 * RATE, 0) for place in (0, -1))
    assert band_share(brown, 0, 1000) > 0.8 > 0.4 > band_share(white, 0, 1000)
    low = noise.sources("hum", 0)[8]
    spectrum = np.abs(np.fft.rfft(noise.render(low, 4 * RATE, 0)))
    peak = np.argmax(spectrum) / 4
    assert abs(peak / low.main - round(peak / low.main)) < 0.05
