"""Takes a picture of everything that people look at. `python -m tests.gallery OUT [--only WORD]`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.browser import chromium
from tests.gallery import papers, sheets, subjects
from tests.gallery.camera import Camera

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Fills a folder with PNG files and an index.html. Exit 1: no browser, or the site does not pass its checks."""
    asked = _asked()
    path = chromium.find()
    if path is None:
        print("no Chromium on this machine (Debian: apt install chromium fonts-liberation)", file=sys.stderr)
        return 1
    started = time.monotonic()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as here:
        try:
            taken = _take(path, Path(here), asked)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
    print(f"{taken} pictures in {time.monotonic() - started:.0f} s in {asked.out}")
    return 0


def _take(path: str, here: Path, asked: argparse.Namespace) -> int:
    with subjects.lived(asked.site, here) as live, chromium.launched(path) as browser:
        if asked.papers:
            return len(papers.make(live, browser, asked.out, here))
        camera = Camera(browser, live.url, asked.out)
        camera.letters(one for one in subjects.letters(live) if asked.only in f"letter-{one.name}")
        camera.pages(one for one in subjects.pages(live) if asked.only in f"page-{one.name}")
        if asked.only in "guide":
            camera.pages(subjects.guide(live), "guide")
            if not camera.paper(subjects.guide(live)[0]):
                print("the guide has no PDF", file=sys.stderr)
        sheets.index(camera.taken, asked.out)
        sheets.by_look(camera.taken, browser, asked.out)
        return len(camera.taken)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=__doc__)
    parser.add_argument(
        "out", type=Path, help="a folder for the pictures; what is there with the same name is replaced"
    )
    parser.add_argument(
        "--only", default="", help="letters and pages with this in their name: 10-guide, letter, page-02"
    )
    parser.add_argument(
        "--papers", action="store_true", help="only the pictures of README and docs: OUT is docs/images"
    )
    parser.add_argument("--site", type=Path, default=ROOT, help="the folder of a site; the example if left out")
    return parser.parse_args()


sys.exit(main())
