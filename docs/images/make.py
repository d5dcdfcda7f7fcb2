#!/usr/bin/env python
"""Takes the picture of the page that the README shows.

    python docs/images/make.py runs/quickstart

Needs hmtl[serve], Playwright's Python package and Chromium, of which nothing is downloaded.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from hmtl.page import page
from hmtl.page.examples import EXAMPLES
from hmtl.predictors import HMTLPredictor

PICTURE = Path(__file__).with_name("page.png")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the model that annotates the text")
    parser.add_argument("--text", default=EXAMPLES[0])
    parser.add_argument("--output", type=Path, default=PICTURE)
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    parser.add_argument("--width", type=int, default=1080, help="of the window, in pixels")
    arguments = parser.parse_args()
    predictor = HMTLPredictor.load(arguments.run, with_scores=True)
    html = page([predictor.predict(arguments.text)], predictor.layers, "hmtl")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=OPTIONS)
        shown = browser.new_page(
            viewport={"width": arguments.width, "height": 200}, device_scale_factor=2, color_scheme=arguments.scheme
        )
        shown.set_content(html)
        shown.wait_for_selector("article mark")
        shown.screenshot(path=arguments.output, full_page=True, animations="disabled")
        browser.close()


if __name__ == "__main__":
    main()
