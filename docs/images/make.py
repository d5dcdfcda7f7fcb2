#!/usr/bin/env python
"""Takes the pictures of the page that the README and the documentation show, and the one of links to it.

    python docs/images/make.py runs/quickstart

The first example of the page in one picture, page.png; article.txt in two views, light and dark, on a phone and on a
desktop; and hmtl/page/assets/preview.png. Needs Playwright's Python package, Pillow and Chromium, of which nothing is
downloaded.
"""

import argparse
import io
import shutil
from pathlib import Path
from typing import Any, Dict, Optional

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from hmtl.page import page
from hmtl.page.examples import EXAMPLES
from hmtl.predictors import HMTLPredictor
from hmtl.server.about import ModelRecord

FOLDER = Path(__file__).parent
PREVIEW = FOLDER.parents[1] / "hmtl" / "page" / "assets" / "preview.png"
OPTIONS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
# Width, the most height, and device pixels a pixel.
DEVICES = {"desktop": (1280, 1800, 1.0), "phone": (390, 1800, 1.5)}
NUM_COLOURS = 96


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the model that annotates the texts")
    parser.add_argument("--output", type=Path, default=FOLDER, help="where the pictures go (default: beside this file)")
    parser.add_argument("--preview", type=Path, default=PREVIEW)
    arguments = parser.parse_args()
    predictor = HMTLPredictor.load(arguments.model, with_scores=True)
    about = about_model(predictor, arguments.model)
    first = next(iter(EXAMPLES.values()))
    short, article = predictor.annotate([first, (FOLDER / "article.txt").read_text(encoding="utf-8")])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=OPTIONS)
        html = page([short], predictor.layers, "hmtl", about)
        take(browser, html, arguments.output / "page.png", 1080, 2.0)
        take(browser, html, arguments.preview, 1200, 1.0, height=630, most=630)
        html = page([article], predictor.layers, "hmtl", about)
        for device, (width, height, scale) in DEVICES.items():
            for view in ("overlay", "levels"):
                for scheme in ("light", "dark"):
                    path = arguments.output / f"article_{view}_{device}_{scheme}.png"
                    take(browser, html, path, width, scale, scheme, f"#view={view}", most=height)
        browser.close()


def about_model(predictor: HMTLPredictor, model: Path) -> Dict[str, Any]:
    """What the header of the page says, as the server has it."""
    scores = ModelRecord.read(model, predictor.kinds).scores
    reads = {
        task: {*predictor.model.read_levels[task], *predictor.model.reads_labels[task]} for task in predictor.layers
    }
    tasks = {task: {"reads": sorted(reads[task]), "score": scores.get(task)} for task in predictor.layers}
    return {"model": model.resolve().name, "tasks": tasks}


def take(
    browser: Browser,
    html: str,
    path: Path,
    width: int,
    scale: float,
    scheme: str = "light",
    fragment: str = "",
    height: int = 200,
    most: Optional[int] = None,
) -> None:
    """Takes a picture of the whole page, or of the most height from its top, in few colours."""
    shown = browser.new_page(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        color_scheme=scheme,  # type: ignore
    )
    shown.set_content(html)
    if fragment:
        shown.evaluate("fragment => (location.hash = fragment)", fragment)
    shown.wait_for_selector("article mark")
    shown.wait_for_timeout(500)
    tall = shown.evaluate("document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": min(tall, most or tall)}
    content = shown.screenshot(full_page=True, clip=clip, animations="disabled")  # type: ignore
    shown.close()
    Image.open(io.BytesIO(content)).convert("RGB").quantize(NUM_COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
