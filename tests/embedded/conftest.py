"""The embedded corpus at the least size, made once, in this process."""

from pathlib import Path

import pytest
from helpers.embedded import RATE, SOUNDS, Made, made

from nblib.embedded import write_music, write_songs, write_speech


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with all three layouts."""
    root = tmp_path_factory.mktemp("embedded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBLIB_CORES", "1")
        write_music(root / "lossless_music", pieces=22, seconds=5.0, sample_rate=RATE, seed=0)
        write_speech(root / "voicebank_demand", train=6, validation=6, test=6, sample_rate=RATE, seed=0)
        write_songs(root / "musdb18hq", train=4, validation=2, test=2, seconds=12.0, sample_rate=RATE, seed=0)
    return root


@pytest.fixture(scope="session")
def recordings(written: Path) -> dict[str, dict[str, Made]]:
    """Layout: its recordings by file."""
    return {layout: made(written / layout, layout) for layout in SOUNDS}
