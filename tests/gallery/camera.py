"""Takes pictures: one browser, one visitor for each look."""

import html
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import typst

from tests.browser import chromium
from tests.browser.chromium import DARK, PHONE, Look
from tests.browser.sights import Sight
from tests.gallery.subjects import Letter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESK = Look(width=700, height=900)
LETTER_LOOKS = {
    "phone": PHONE,
    "desktop": DESK,
    "dark": DARK,
    "images-off": replace(PHONE, pictures=False),
    "large-text": PHONE,
    "text": DESK,
}
PAGE_LOOKS = {
    "phone": PHONE,
    "desktop": chromium.DESKTOP,
    "dark": DARK,
    "small": Look(width=320, height=640),
    "large-text": replace(PHONE, still=True),
}

#: Twice as large, as a reader's own setting makes it: the letters only, not the boxes around them (WCAG 1.4.4).
_LARGER = """() => {
    const sizes = [...document.querySelectorAll("body *")].map((one) => [one, getComputedStyle(one)])
        .map(([one, style]) => [one, parseFloat(style.fontSize), parseFloat(style.lineHeight)]);
    for (const [one, size, line] of sizes) {
        one.style.setProperty("font-size", `${size * 2}px`, "important");
        if (line) one.style.setProperty("line-height", `${line * 2}px`, "important");
    }
}"""
#: The same for a page, whose sizes all hang on that of its root.
_LARGER_PAGE = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("html { font-size: 225% !important; }");
    document.adoptedStyleSheets.push(sheet);
}"""
_TEXT = (
    "<!doctype html><meta charset=utf-8><body style='margin:24px;background:#fff;color:#222'>"
    "<pre style='margin:0;font:15px/1.5 Liberation Mono,Menlo,monospace;white-space:pre-wrap;overflow-wrap:anywhere'>"
)


@dataclass(frozen=True)
class Picture:
    """One PNG: `row` is what it shows, `look` how, `group` what it is best seen beside."""

    row: str
    look: str
    group: str
    path: Path


class Camera:
    """Writes PNG files into `folder`, and remembers them for an index."""

    def __init__(self, browser: "Browser", url: str, folder: Path) -> None:
        self._browser, self._url, self._folder = browser, url, folder
        self.taken: list[Picture] = []

    def letters(self, letters: Iterable[Letter]) -> None:
        """Each letter in each look; of readers with a name only on the phone."""
        letters = list(letters)
        for look in dict.fromkeys(LETTER_LOOKS.values()):  # one visitor for all that she sees with the same eyes
            names = [name for name, one in LETTER_LOOKS.items() if one == look]
            with chromium.visitor(self._browser, look, self._url) as visitor:
                page = visitor.new_page()
                for name, letter in product(names, letters):
                    if not letter.named or name == "phone":
                        self._letter(page, letter, name)

    def _letter(self, page: "Page", letter: Letter, look: str) -> None:
        if look == "text":
            page.set_content(f"{_TEXT}{html.escape(letter.text)}")
        else:
            page.goto(letter.path)
        if look == "large-text":
            page.evaluate(_LARGER)
        self._shoot(page, "letter", letter.name, "phone-named" if letter.named else look)

    def pages(self, sights: Iterable[Sight], kind: str = "page") -> None:
        """Each page in each look."""
        sights = list(sights)
        for name, look in PAGE_LOOKS.items():
            with chromium.visitor(self._browser, look, self._url) as visitor:
                page = visitor.new_page()
                for sight in sights:
                    sight.open(page)
                    if name == "large-text":
                        page.evaluate(_LARGER_PAGE)
                    self._shoot(page, kind, sight.name, name, whole=sight.whole)

    def paper(self, guide: Sight) -> bool:
        """The guide page as it is printed, and each sheet of its PDF; False if it has none."""
        with chromium.visitor(self._browser, PHONE, self._url) as visitor:
            page = visitor.new_page()
            page.goto(guide.path)
            self._sheets(page.pdf(prefer_css_page_size=True), "print")
            answer = visitor.request.get(f"{guide.path}.pdf")
            if answer.ok:
                self._sheets(answer.body(), "pdf")
            return answer.ok

    def _sheets(self, pdf: bytes, kind: str) -> None:
        path = self._folder / f"guide-{kind}.pdf"
        path.write_bytes(pdf)
        for number, png in enumerate(sheets_of(path, ppi=96), 1):
            self._keep(png, "guide", kind, f"{number:02}", group=kind)

    def _shoot(self, page: "Page", *name: str, whole: bool = True) -> None:
        self._keep(page.screenshot(full_page=whole), *name)

    def _keep(self, png: bytes, kind: str, subject: str, look: str, group: str = "") -> None:
        path = self._folder / f"{kind}-{subject}--{look}.png"
        path.write_bytes(png)
        self.taken.append(Picture(f"{kind} {subject}", look, group or f"{kind}s--{look}", path))


def sheets_of(path: Path, *, ppi: float, only: tuple[int, ...] = ()) -> list[bytes]:
    """The sheets of a PDF as PNG files, all or those with these numbers; 1 is the first."""
    from pypdf import PdfReader

    numbers = only or range(1, len(PdfReader(path).pages) + 1)
    source = "#set page(width: auto, height: auto, margin: 0pt)\n" + "#pagebreak()\n".join(
        f'#image("{path.name}", page: {number})\n' for number in numbers
    )
    made = typst.compile(source.encode(), root=str(path.parent), format="png", ppi=ppi)
    return made if isinstance(made, list) else [made]
