"""The pictures of README and docs: a few looks put together, in few colours."""

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tests.browser import chromium
from tests.browser.chromium import Look
from tests.browser.site import Site
from tests.gallery.camera import sheets_of
from tests.gallery.subjects import FORM, guide, letters

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

#: What a README may weigh to somebody on a train.
LARGEST_BYTES = 150_000
#: Without motion: a page that is still scrolling to its anchor has no place to look at.
_PHONE = Look(height=780, scale=2, still=True)
_STYLE = (
    "<!doctype html><meta charset=utf-8><style>body{display:flex;gap:28px;align-items:center;justify-content:center;"
    "margin:0;padding:28px;background:#fff}img{display:block}.phone{padding:7px;border-radius:30px;background:#2B2321}"
    ".strip{border-radius:14px;overflow:hidden}.strip img{width:326px}"
    ".phone img{width:284px;border-radius:23px}.paper{border:1px solid #E3CDB8}.paper img{width:402px}</style>"
)
#: Letters that show what letters can hold.
_SHOWN = ("20-tight-hips", "40-what-is-barre", "50-strong-hips", "80-your-week")
#: The sheet of the PDF that people pin to the fridge: its words, in lower case.
_FLOW = "the ten-minute flow"


def make(live: Site, browser: "Browser", folder: Path, here: Path) -> list[Path]:
    """Writes `reader.png`, the form, the guide mail, the guide and a sheet of its PDF side by side, and `letters.png`."""
    (opened, *_) = guide(live)
    arrived = {letter.name: letter for letter in letters(live) if not letter.named}
    with chromium.visitor(browser, _PHONE, live.url) as visitor:
        phones = [_phone(visitor, path) for path in (FORM, arrived["10-guide"].path, f"{opened.path}#low-lunge")]
        sheet = _sheet(visitor, f"{opened.path}.pdf", here)
    with chromium.visitor(browser, replace(_PHONE, height=1120), live.url) as visitor:
        series = [_phone(visitor, arrived[name].path, "strip") for name in _SHOWN]
    return [
        _together(browser, [*phones, *sheet], folder / "reader.png"),
        _together(browser, series, folder / "letters.png"),
    ]


def _phone(visitor: "BrowserContext", path: str, kind: str = "phone") -> str:
    page = visitor.new_page()
    page.goto(path)
    page.wait_for_load_state("networkidle")
    return _tag(page.screenshot(), kind)


def _sheet(visitor: "BrowserContext", path: str, here: Path) -> list[str]:
    from pypdf import PdfReader

    answer = visitor.request.get(path)
    if not answer.ok:
        return []
    file = here / "guide.pdf"
    file.write_bytes(answer.body())
    # The contents name it too, but not as a line of its own.
    texts = [page.extract_text().lower().splitlines() for page in PdfReader(file).pages]
    number = next(n for n, lines in enumerate(texts, 1) if _FLOW in map(str.strip, lines))
    (png,) = sheets_of(file, ppi=130, only=(number,))
    return [_tag(png, "paper")]


def _tag(png: bytes, kind: str) -> str:
    return f"<div class={kind}><img src='data:image/png;base64,{base64.b64encode(png).decode()}'></div>"


def _together(browser: "Browser", tags: list[str], path: Path) -> Path:
    """Raises ValueError if the picture is too heavy in any number of colours that still looks right."""
    page = browser.new_page(viewport={"width": 1460, "height": 800})
    page.set_content(_STYLE + "".join(tags))
    picture = Image.open(io.BytesIO(page.locator("body").screenshot())).convert("RGB")
    page.close()
    # Not the median cut: it spends its colours on shades of ground, and the little teal there is turns grey.
    for colours in (256, 128, 64, 32):
        picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < LARGEST_BYTES:
            return path
    raise ValueError(f"{path} weighs {path.stat().st_size} bytes, which is too much for a README")
