"""Takes the README's pictures of the listening test's page: ``python tools/screenshots.py TEST_DIR``, needs Chromium.

TEST_DIR is a listening test, as the run of notebook 06 leaves under ``data/listening``. It is copied and served from
there, so that no vote is added to it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))

from helpers.listening import CHROMIUM, CHROMIUM_ARGUMENTS, served
from playwright.sync_api import Browser, sync_playwright

SIZES = {
    "desktop": {"viewport": {"width": 1000, "height": 720}},
    "phone": {
        "viewport": {"width": 390, "height": 700},
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
    },
}
PAIR = 5  # the one that is shown, with the progress of those before


def take(browser: Browser, address: str, name: str, target: Path) -> None:
    """Answer some pairs, then picture one while B plays."""
    page = browser.new_context(**SIZES[name]).new_page()
    page.goto(address)
    page.fill("#name", "Ada")
    page.click("#start button")
    page.click("#volume-done")
    page.click("#no-headphones")
    for answered in range(PAIR + 1):
        for sound in ("a", "b"):
            page.click(f'#sounds [data-sound="{sound}"]')
            page.wait_for_selector(f'#sounds [data-sound="{sound}"].heard')
        if answered < PAIR:
            step = page.inner_text("#step")
            page.click('#choices [data-choice="a"]')
            page.wait_for_function("step => document.querySelector('#step').innerText !== step", arg=step)
    page.mouse.move(5, 5)
    page.wait_for_timeout(400)  # the transitions' end
    page.screenshot(path=target)


def main() -> None:
    """Serve a copy of the test and picture it in both sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test", type=Path)
    folder = parser.parse_args().test
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        copy = shutil.copytree(folder, Path(place) / "test", ignore=shutil.ignore_patterns("votes.sqlite*"))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        with served(copy) as port:
            for name in SIZES:
                take(browser, f"http://127.0.0.1:{port}/", name, ROOT / "figures" / f"listening_page_{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
