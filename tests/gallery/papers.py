"""The pictures of README and docs: a few looks put together, in few colours."""

import base64
import io
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
    ".phone img{width:284px;border-radius:23px}.paper{border:1px solid #E3CDB8}.paper img{width:402px}</style>"
)
#: The sheet of the PDF that people pin to the fridge: its words, in lower case.
_FLOW = "the ten-minute flow"


def make(live: Site, browser: "Browser", folder: Path, here: Path) -> list[Path]:
    """Writes `reader.png`, the form, the guide mail, the guide and a sheet of its PDF side by side, and `letters.png`."""
    (opened, *_) = guide(live)
    arrived = {letter.name: letter for letter in letters(live) if not letter.named}
    with chromium.visitor(browser, _PHONE, live.url) as visitor:
        phones = [_phone(visitor, path) for path in (FORM, arrived["10-guide"].path, f"{opened.path}#low-lunge")]
        sheet = _sheet(visitor, f"{opened.path}.pdf", here)
        series = [_phone(visitor, one.path) for name, one in sorted(arrived.items()) if "20" <= name < "60"]
    return [
        _together(browser, [*phones, *sheet], folder / "reader.png"),
        _together(browser, series, folder / "letters.png"),
    ]


def _phone(visitor: "BrowserContext", path: str) -> str:
    page = visitor.new_page()
    page.goto(path)
    page.wait_for_load_state("networkidle")
    return _tag(page.screenshot(), "phone")


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
    for colours in (256, 128, 64, 32):
        picture.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < LARGEST_BYTES:
            return path
    raise ValueError(f"{path} weighs {path.stat().st_size} bytes, which is too much for a README")
