"""What all kinds share: items.csv, licences, fingerprints, names, pickling, layouts, splits, sounds as they are."""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.corpora import RATE, groups, loud, opened, put, put_pair, put_song, sizes_of
from hypothesis import given
from hypothesis import strategies as st

from nblib.audio.signals import labelled_snr_db
from nblib.corpora import LAYOUTS, PEAK, SPLITS, Item, layout, measured_snr_db, mix, split_groups
from nblib.corpora.layouts import sound_files
from nblib.errors import CorpusError, ParameterError

KINDS = {  # how one small recording is put there, the layout's folder, and a key of items.csv
    "music": (lambda root, n: put(root, f"lossless_music/piece{n}x.wav"), "lossless_music", "piece{}x"),
    "speech": (lambda root, n: put_pair(root, f"p{n}_001"), "voicebank_demand", "p{}_001"),
    "vocals": (lambda root, n: put_song(root / f"musdb18hq/train/song {n}"), "musdb18hq", "train/song {}"),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def put_kind(kind: str, root: Path) -> Path:
    """Four small groups of a kind; its layout's folder."""
    for number in range(4):
        KINDS[kind][0](root, number)
    return root / KINDS[kind][1]


def write_table(folder: Path, text: str) -> None:
    (folder / "items.csv").write_text(text, encoding="utf-8")


@kinds
def test_a_table_decides_and_adds(kind: str, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    folder, key = put_kind(kind, tmp_path), KINDS[kind][2].format
    header = "\ufefffile,split,group,title,snr_db,voice,range\n"  # as a spreadsheet saves it
    splits = ("test", "train", "validation")
    lines = [f'{key(n)},{split},g{n},"{1999 + n}",0,alto,{n}' for n, split in enumerate(splits)]
    write_table(folder, header + "\n".join([*lines, f"{key(3)},train,g1,,0,,"]))
    (folder / "LICENCE.txt").write_text("CC0\n")
    (folder / "CITATION.bib").write_text("@misc{own}\n")
    corpus = loud(kind, tmp_path)
    assert groups(corpus) == {"train": {"g1"}, "validation": {"g2"}, "test": {"g0"}} and sizes_of(corpus) == [2, 1, 1]
    info = corpus.items("test")[0].info
    assert (info["title"], info["voice"], info["range"], info["snr_db"]) == ("1999", "alto", 0, 0.0)
    assert (corpus.licence, corpus.citation) == ("CC0", "@misc{own}")
    bare = next(item for item in corpus.items("train") if key(3) in str(item.info["file"]))
    assert "voice" not in bare.info and "range" not in bare.info
    assert not [each for each in recwarn.list if "MUSDB18's 150" in str(each.message)]


def test_rows_without_a_split_follow_their_group_and_lines_without_a_recording_are_named(tmp_path: Path) -> None:
    folder = put_kind("music", tmp_path)
    put(folder, "piece9_1.wav", "piece9_2.wav")
    write_table(folder, "file,split\npiece9_1,test\npeice0x,train\n")
    with pytest.warns(UserWarning, match="items.csv, peice0x: no such recording; did you mean 'piece0x'"):
        found = groups(loud("music", tmp_path))
    assert "piece9" in found["test"] and len(set.union(*found.values())) == 5 and all(found.values())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name,split\npiece0x,train\n", "file"),
        ("file,split\npiece0x,trian\n", "piece0x='trian' is not known.*did you mean 'train'"),
        ("file,snr_db\npiece0x,loud\n", "numbers as snr_db"),
        ("file,split\npiece0x,train\npiece0x,test\n", "unique"),
        ("file,split,group\npiece0x,train,g\npiece1x,test,g\n", "shares its group 'g'"),
    ],
)
def test_a_faulty_table_is_refused(tmp_path: Path, table: str, message: str) -> None:
    write_table(put_kind("music", tmp_path), table)
    with pytest.raises(CorpusError, match=message):
        opened("music", tmp_path)


@kinds
def test_the_fingerprint_follows_content_and_settings_not_the_place(kind: str, tmp_path: Path) -> None:
    for place in ("here", "there"):
        put_kind(kind, tmp_path / place)
    here, there = opened(kind, tmp_path / "here"), opened(kind, tmp_path / "there")
    assert [item.info for item in here.items()] == [item.info for item in there.items()]
    assert here.fingerprint == there.fingerprint and re.fullmatch("[0-9a-f]{12}", here.fingerprint)
    changes: tuple[dict[str, Any], ...] = ({"sample_rate": 22_050}, {"seed": 1}, {"sizes": {"train": 1}})
    assert len({opened(kind, tmp_path / "here", **each).fingerprint for each in changes} | {here.fingerprint}) == 4
    path = sorted((tmp_path / "there").rglob("*.wav"))[-1]
    samples, rate = soundfile.read(path, dtype="int16")
    samples[1000] += 1
    soundfile.write(path, samples, rate)
    assert opened(kind, tmp_path / "there").fingerprint != here.fingerprint


@kinds
def test_a_pickled_corpus_loads_the_same_without_another_survey(kind: str, tmp_path: Path) -> None:
    put_kind(kind, tmp_path)
    corpus = opened(kind, tmp_path)
    copy = pickle.loads(pickle.dumps(corpus))
    assert copy.items() == corpus.items() and copy.fingerprint == corpus.fingerprint
    for first, again in ((corpus.load(item), copy.load(item)) for item in corpus.items()):
        pairs = [(first, again)] if kind == "music" else zip(first, again, strict=True)
        assert all(np.array_equal(*pair) and pair[0].dtype == np.float32 for pair in pairs)


@pytest.mark.parametrize("kind", ["speech", "vocals"])
def test_a_mixture_is_loaded_as_it_is(kind: str, tmp_path: Path) -> None:
    folder = put_kind(kind, tmp_path)
    corpus, resampled = opened(kind, tmp_path), opened(kind, tmp_path, sample_rate=22_050)
    for item in corpus.items():
        mixed, file = corpus.load(item), item.info["file"]
        paths = [f"{file}/vocals.wav", f"{file}/mixture.wav"]
        if kind == "speech":
            paths = [f"{side}_trainset_56spk_wav/{file}.wav" for side in ("clean", "noisy")]
        target, mixture = (soundfile.read(folder / path, dtype="float32")[0] for path in paths)
        gain = min(1.0, PEAK / max(np.abs(part).max() for part in (target, mixture, mixture - target)))
        np.testing.assert_allclose([mixed.target, mixed.mixture], [gain * target, gain * mixture], atol=1e-6)
        np.testing.assert_array_equal(mixed.mixture, mixed.target + mixed.noise)
        snr_db = (
            labelled_snr_db(target, mixture - target, RATE)
            if kind == "speech"
            else measured_snr_db(mixed.target, mixed.noise)
        )
        assert item.info["snr_db"] == pytest.approx(snr_db, abs=0.01)
        assert len(resampled.load(item).target) == -(-len(target) * 22_050 // RATE)


def test_names_are_unique_and_fit_for_files(tmp_path: Path) -> None:
    put(tmp_path, "x y/é 音楽?.wav", "x-y/é 音楽!.wav", "b" * 150 + ".wav", "b" * 151 + ".wav", "c.wav", "c.flac")
    items = opened("music", tmp_path).items()
    assert len({item.name for item in items}) == 6 and any(item.name.startswith("x-y-é-音楽-") for item in items)
    for item in items:
        (tmp_path / f"{item.name}.npy").touch()


def test_a_layout_is_one_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, "speech", dict(LAYOUTS["speech"]))

    @layout("speech", "LibriSpeech/<set>/<speaker>/<chapter>/ with noise/")
    def librispeech(root: Path) -> list[Item] | None:
        folder, noise = root / "LibriSpeech", root / "noise"
        found = sound_files(folder).items()
        return [Item(file, file.split("/")[1], None, {}, folder, path, noise=noise) for file, path in found] or None

    speakers = {"84", "174", "251", "422"}
    put(tmp_path, *(f"LibriSpeech/dev-clean/{name}/1/{name}-1-0000.flac" for name in speakers))
    put(tmp_path, *(f"noise/{name}.wav" for name in ("fan", "street", "water")))
    corpus = opened("speech", tmp_path)
    assert corpus.name == "librispeech" and {item.group for item in corpus.items()} == speakers
    assert len(corpus.load(corpus.items()[0]).mixture) == round(1.5 * RATE)


@kinds
def test_what_is_absent_or_unknown_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder.*--data-root"):
        opened(kind, tmp_path / "none")
    with pytest.raises(CorpusError, match=f"no {kind} that can be used; looked for .*/"):
        opened(kind, tmp_path)
    put_kind(kind, tmp_path)
    with pytest.raises(ParameterError, match="did you mean 'test'"):
        opened(kind, tmp_path).items("tset")


@given(st.floats(-20, 20), st.floats(1e-3, 1.0), st.integers(2, 4000), st.integers(0, 99))
def test_mix_is_exact(snr_db: float, level: float, length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mixed = mix(level * random.uniform(-1, 1, length), random.standard_normal(length), snr_db)
    assert np.array_equal(mixed.mixture, mixed.target + mixed.noise)
    assert mixed.mixture.dtype == mixed.target.dtype == mixed.noise.dtype == np.float32
    assert max(np.abs(part).max() for part in (mixed.target, mixed.noise, mixed.mixture)) <= PEAK + 1e-6
    assert measured_snr_db(mixed.target, mixed.noise) == pytest.approx(snr_db, abs=1e-3)


def test_snr_by_hand_and_silence() -> None:
    ones, silent = np.ones(3), np.zeros(3)
    assert measured_snr_db(0.2 * ones, 0.02 * ones) == pytest.approx(20)
    assert measured_snr_db(ones, silent) == np.inf and measured_snr_db(silent, ones) == -np.inf
    for target, added in ((silent, ones), (ones, silent), (np.nan * ones, ones)):
        with pytest.raises(ParameterError, match="finite and not silent"):
            mix(target, added, 0.0)


@given(st.integers(3, 200), st.integers(0, 99))
def test_every_split_has_a_group_and_about_its_share(count: int, seed: int) -> None:
    names = [f"g{place}" for place in range(count)]
    dealt = split_groups(names * 2, (0.7, 0.2, 0.1), seed, "pieces")
    assert set(dealt) == set(names)
    shares = [sum(split == each for split in dealt.values()) / count for each in SPLITS]
    assert min(shares) > 0 and (count < 10 or np.allclose(shares, (0.7, 0.2, 0.1), atol=1 / count))


def test_a_split_is_a_golden_function_of_the_seed() -> None:
    """Values of the first run, the second letters of train, validation and test: a change deals every corpus anew."""
    dealt = [split_groups("abcdefghij", (0.7, 0.2, 0.1), seed, "pieces") for seed in (0, 1)]
    assert "".join(dealt[0][name][1] for name in "abcdefghij") == "rrraarerrr" and dealt[0] != dealt[1]
    with pytest.raises(CorpusError, match=r"pieces: 2 group\(s\) found \(a, b\), at least 3"):
        split_groups("aba", (0.7, 0.2, 0.1), 0, "pieces")
