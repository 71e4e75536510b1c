"""PEAQ's basic version and the 2f-model: golden values of two programs, what must hold, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from nblib.audio import Codec, band_limit, resample
from nblib.corpora import music
from nblib.errors import AudioError
from nblib.evaluation import ear_model, peaq, peaq_basic
from nblib.provenance import random_generator

GOLDEN = pd.read_csv(Path(__file__).with_name("golden_peaq.csv"))
CLIPS = Path(os.environ.get("NBLIB_GOLDEN") or Path(__file__).resolve().parents[2] / "shared" / "golden") / "peaq"
needs_clips = pytest.mark.skipif(
    not CLIPS.is_dir(), reason=f"the golden clips are not in {CLIPS}; name their folder by NBLIB_GOLDEN"
)
RATE = 48_000


@pytest.fixture(scope="module")
def golden_clips() -> tuple[np.ndarray, np.ndarray]:
    """References and estimates [shape=(16, 240000)] of the golden table."""
    names = [
        (f"{clip}__ref.flac", f"{clip}__{condition}.flac") for clip, condition in GOLDEN[["clip", "condition"]].values
    ]
    sounds = [[soundfile.read(CLIPS / name, dtype="float32")[0] for name in pair] for pair in names]
    return np.stack([pair[0] for pair in sounds]), np.stack([pair[1] for pair in sounds])


@pytest.fixture(scope="module")
def pieces() -> list[np.ndarray]:
    """Five seconds each of embedded music that is held out, at 22.05 kHz."""
    corpus = music("embedded", "", 22_050, 0, 30, 12.0)
    return [corpus.load(item)[3 * 22_050 : 8 * 22_050] for item in corpus.items("test")]


def tones(seconds: float, sample_rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Harmonics with decaying onsets and a little noise: something that has all that the model looks at."""
    instant = np.arange(round(seconds * sample_rate)) / sample_rate
    sound = sum(np.sin(2 * np.pi * 220 * harmonic * instant) / harmonic for harmonic in range(1, 30))
    noise = random_generator("tones", seed).normal(size=len(instant))
    return (0.1 * sound * np.exp(-4 * (instant % 0.25)) + 0.002 * noise).astype(np.float32)


def noisy(reference: np.ndarray, snr_db: float, seed: int = 0) -> np.ndarray:
    noise = random_generator("noisy", seed).normal(size=len(reference))
    noise *= np.sqrt(np.square(reference).mean() / np.square(noise).mean()) * 10 ** (-snr_db / 20)
    return (reference + noise).astype(np.float32)


def test_the_network_and_the_2f_model_agree_with_the_golden_table() -> None:
    values = GOLDEN[list(peaq.VARIABLES)].to_numpy()
    grades = peaq.objective_difference_grade(peaq.distortion_index(values))
    np.testing.assert_allclose(grades, GOLDEN["odg_basic"], atol=1e-4)
    scores = peaq.two_f_model(GOLDEN["AvgModDiff1B"].to_numpy(), GOLDEN["ADBB"].to_numpy())
    np.testing.assert_allclose(scores, GOLDEN["two_f_model"], atol=1e-3)


@needs_clips
def test_every_golden_pair_is_met(golden_clips: tuple[np.ndarray, np.ndarray]) -> None:
    found = peaq_basic(*golden_clips, RATE)
    assert found["reason"] == [""] * len(GOLDEN)
    np.testing.assert_array_equal(found["gain_db"], 0)
    np.testing.assert_allclose(found["odg"], GOLDEN["odg_basic"], atol=0.05)
    np.testing.assert_allclose(found["odg"], GOLDEN["gstpeaq_odg"], atol=0.08)
    np.testing.assert_allclose(found["two_f"], GOLDEN["two_f_model"], atol=1.0)
    np.testing.assert_allclose(found["TotalNMRB"], GOLDEN["TotalNMRB"], atol=0.2)
    for name in ("AvgModDiff1B", "ADBB"):
        np.testing.assert_allclose(found[name], GOLDEN[name], rtol=0.02, err_msg=name)


@needs_clips
def test_every_golden_pair_is_met_far_closer_than_the_programs_agree(
    golden_clips: tuple[np.ndarray, np.ndarray],
) -> None:
    """What was reached, so that a slip in any variable shows: a tenth of the standard's own tolerance."""
    found = peaq_basic(*golden_clips, RATE)
    np.testing.assert_allclose(found["odg"], GOLDEN["odg_basic"], atol=0.005)
    for name in peaq.VARIABLES:
        np.testing.assert_allclose(found[name], GOLDEN[name], rtol=0.01, atol=0.01, err_msg=name)


def test_the_2f_model_falls_with_the_bitrate(pieces: list[np.ndarray]) -> None:
    assert len(pieces) >= 3
    scores = []
    for bitrate in (64_000, 48_000, 32_000, 24_000, 16_000):
        coded = [Codec("mp3", bitrate).roundtrip(samples, 22_050) for samples in pieces]
        scores.append(float(np.mean(peaq_basic(np.stack(pieces), np.stack(coded), 22_050)["two_f"])))
    assert scores == sorted(scores, reverse=True)
    assert min(np.diff(scores)) < max(np.diff(scores)) < -1


def test_a_codec_beats_white_noise_of_the_same_snr(pieces: list[np.ndarray]) -> None:
    for samples in pieces:
        coded = Codec("mp3", 32_000).roundtrip(samples, 22_050)
        snr_db = 10 * np.log10(np.square(samples).mean() / np.square(coded - samples).mean())
        both = np.stack([coded, noisy(samples, snr_db)])
        found = peaq_basic(np.stack([samples, samples]), both, 22_050)
        assert found["two_f"][0] > found["two_f"][1] + 5
        assert found["odg"][0] > found["odg"][1]


def test_a_pair_of_equals_is_imperceptible() -> None:
    found = peaq_basic(tones(3), tones(3), RATE)
    assert found["odg"] > 0.1
    assert found["two_f"] == 100
    assert (found["ADBB"], found["AvgModDiff1B"], found["MFPDB"], found["RelDistFramesB"]) == (0, 0, 0, 0)


def test_a_batch_gives_what_each_pair_alone_does() -> None:
    reference = np.stack([tones(2, seed=seed) for seed in range(peaq.PAIRS_AT_ONCE + 2)])
    estimate = np.stack([noisy(samples, 5 + 3 * seed) for seed, samples in enumerate(reference)])
    together = peaq_basic(reference, estimate, RATE)
    for pair in (0, 3, peaq.PAIRS_AT_ONCE + 1):
        alone = peaq_basic(reference[pair], estimate[pair], RATE)
        for name in (*peaq.VARIABLES, "di", "odg", "two_f"):
            assert together[name][pair] == pytest.approx(alone[name], rel=1e-5, abs=1e-6), name
    assert np.all(np.diff(together["two_f"]) >= 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_gives_the_same() -> None:
    estimate = noisy(tones(2), 20)
    assert peaq_basic(tones(2), estimate, RATE, "cuda")["odg"] == pytest.approx(
        peaq_basic(tones(2), estimate, RATE)["odg"], abs=1e-3
    )


@pytest.mark.parametrize("sample_rate", [16_000, 22_050, 44_100])
def test_other_rates_are_resampled_inside(sample_rate: int) -> None:
    reference = tones(2, sample_rate)
    estimate = band_limit(reference, sample_rate, 3000)
    outside = peaq_basic(resample(reference, sample_rate, RATE), resample(estimate, sample_rate, RATE), RATE)
    inside = peaq_basic(reference, estimate, sample_rate)
    assert inside["odg"] == pytest.approx(outside["odg"])
    assert inside["two_f"] < 80


def test_a_gain_is_taken_out_before_measuring() -> None:
    reference, estimate = tones(2), noisy(tones(2), 25)
    plain, louder = peaq_basic(reference, estimate, RATE), peaq_basic(reference, 0.5 * estimate, RATE)
    assert plain["gain_db"] == 0
    assert louder["gain_db"] == pytest.approx(6.02, abs=0.05)
    assert louder["odg"] == pytest.approx(plain["odg"], abs=0.02)


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
@pytest.mark.parametrize("lag_ms", [-69.0, 1.0, 23.0])
def test_a_pair_out_of_line_is_an_error_that_names_the_lag(lag_ms: float, sample_rate: int) -> None:
    reference = noisy(tones(3, sample_rate), 3)
    estimate = np.roll(reference, round(lag_ms / 1000 * sample_rate))
    side = "later" if lag_ms > 0 else "earlier"
    with pytest.raises(AudioError, match=rf"estimate of pair 1: .*\({abs(lag_ms)} ms\) {side} than the reference"):
        peaq_basic(np.stack([reference, reference]), np.stack([reference, estimate]), sample_rate)


def test_an_unlike_pair_is_not_taken_for_one_out_of_line() -> None:
    unlike = random_generator("unlike").normal(0, 0.1, 2 * RATE).astype(np.float32)
    found = peaq_basic(tones(2), unlike, RATE)
    assert (found["reason"], found["gain_db"]) == ("", 0)
    assert found["odg"] < -3


@pytest.mark.parametrize(
    ("estimate", "seconds", "reason"),
    [
        (tones, 0.5, "too short"),
        (tones, 0.01, "too short"),
        (lambda s: np.zeros_like(tones(s)), 2.0, "estimate is silent"),
    ],
)
def test_what_cannot_be_measured_is_nan_with_a_reason(
    estimate: Callable[[float], np.ndarray], seconds: float, reason: str
) -> None:
    found = peaq_basic(tones(seconds), estimate(seconds), RATE)
    assert found.pop("reason") == reason
    assert found.pop("gain_db") == 0
    assert np.isnan(list(found.values())).all()


def test_one_bad_pair_spoils_no_other() -> None:
    reference = np.stack([tones(2)] * 3)
    reference[1, round(0.4 * RATE) :] = 0
    estimate = np.stack([noisy(samples, 20) for samples in reference])
    found = peaq_basic(reference, estimate, RATE)
    assert found["reason"] == ["", "too short", ""]
    np.testing.assert_array_equal(np.isnan(found["odg"]), [False, True, False])
    assert found["odg"][0] == pytest.approx(peaq_basic(reference[0], estimate[0], RATE)["odg"], abs=1e-6)


def test_silence_around_a_sound_changes_little() -> None:
    reference = tones(2)
    estimate = noisy(reference, 15)
    quiet = np.zeros(RATE, np.float32)
    padded = peaq_basic(*(np.concatenate([quiet, each, quiet]) for each in (reference, estimate)), RATE)
    plain = peaq_basic(reference, estimate, RATE)
    assert padded["TotalNMRB"] == pytest.approx(plain["TotalNMRB"], abs=1.0)
    assert padded["odg"] == pytest.approx(plain["odg"], abs=0.1)


def test_digital_silence_inside_is_finite() -> None:
    reference, estimate = tones(3), noisy(tones(3), 30)
    reference[RATE : 2 * RATE] = 0
    estimate[RATE : round(1.5 * RATE)] = 0
    found = peaq_basic(reference, estimate, RATE)
    assert np.isfinite([found[name] for name in (*peaq.VARIABLES, "odg", "two_f")]).all()


@pytest.mark.parametrize(
    ("reference", "estimate", "message"),
    [
        (np.zeros(RATE, np.float32), tones(1), "reference 0: silent"),
        (tones(1), tones(2), r"reference \(48000,\) and estimate \(96000,\)"),
        (np.full(RATE, np.nan, np.float32), tones(1), "reference: sample 0 is not finite"),
        (tones(1), np.full(RATE, np.inf, np.float32), "estimate: sample 0 is not finite"),
        (np.zeros(0, np.float32), np.zeros(0, np.float32), "reference: empty"),
        (np.stack([[tones(1)]]), np.stack([[tones(1)]]), "mono signals of equal shape"),
    ],
)
def test_wrong_pairs_are_refused(reference: np.ndarray, estimate: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        peaq_basic(reference, estimate, RATE)


def test_a_full_scale_sine_sounds_at_92_db() -> None:
    instant = np.arange(8 * ear_model.WINDOW) / RATE
    sine = 32767 * np.sin(2 * np.pi * ear_model.CALIBRATION_HZ * instant)
    powers = ear_model.power_spectra(ear_model.framed(torch.tensor(sine, dtype=torch.float32)[None]))
    assert 10 * np.log10(float(powers.max())) == pytest.approx(92, abs=0.01)


def test_the_bands_are_the_standards() -> None:
    bands = ear_model.bands()
    assert len(bands.centre_hz) == 109
    # Table 6 of Annex 2: first, second and last band
    np.testing.assert_allclose(bands.lower_hz[[0, 1, 108]], [80.0, 103.445, 17385.420], rtol=1e-5)
    np.testing.assert_allclose(bands.centre_hz[[0, 1, 108]], [91.708, 115.216, 17690.045], rtol=1e-5)
    assert bands.upper_hz[108] == pytest.approx(18_000)


def test_spreading_is_that_of_the_plain_formula() -> None:
    """A second route: each band's slopes written out, band by band, as in Kabal's equations 25 to 32."""
    powers = 10 ** random_generator("spreading").uniform(0, 9, 109)
    centre, slope_down = ear_model.bands().centre_hz, 10 ** (-2.7 * 0.25)

    def spread(levels: np.ndarray) -> np.ndarray:
        total = np.zeros(109)
        for band in range(109):
            slope_up = 10 ** ((-2.4 - 23 / centre[band]) * 0.25) * levels[band] ** 0.05
            shape = np.array([slope_down ** (band - k) if k <= band else slope_up ** (k - band) for k in range(109)])
            total += (levels[band] * shape / shape.sum()) ** 0.4
        return total**2.5

    found = ear_model.spread(torch.from_numpy(powers)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(found, spread(powers) / spread(np.ones(109)), rtol=1e-9)
