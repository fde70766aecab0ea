"""Lays pictures out side by side: an index to browse, and one sheet for each look."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tests.gallery.camera import Picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: From this width on a picture is a page rather than a phone.
_WIDE = 600

_STYLE = (
    "<!doctype html><meta charset=utf-8><style>"
    "body{margin:24px;background:#8d8681;color:#fff;font:14px/1.4 Liberation Sans,Arial,sans-serif}"
    "h1{font-size:20px}h2{margin:32px 0 8px;font-size:16px}.row{display:flex;flex-wrap:wrap;gap:16px;align-items:start}"
    "figure{margin:0}img{display:block;width:100%;background:#fff}figcaption{padding:4px 0;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}.all i{display:block;max-height:640px;overflow:hidden}a{color:#fff}</style>"
)


def index(taken: list[Picture], folder: Path) -> Path:
    """`index.html`: each subject in all its looks beside each other."""
    rows: dict[str, list[str]] = {}
    for one in taken:
        link = f"<a href='{one.path.name}'><img src='{one.path.name}' alt='' loading=lazy></a>"
        rows.setdefault(one.row, []).append(_figure(link, one.look, 260))
    inside = "".join(f"<h2>{escape(name)}</h2><div class=row>{''.join(row)}</div>" for name, row in rows.items())
    path = folder / "index.html"
    path.write_text(f"{_STYLE}<title>Gallery</title><h1>Gallery</h1>{inside}")
    return path


def by_look(taken: list[Picture], browser: "Browser", folder: Path) -> None:
    """One PNG for each group of pictures, side by side; of long ones only the top."""
    groups: dict[str, list[str]] = {}
    for one in taken:
        with Image.open(one.path) as picture:
            width = 420 if picture.width > _WIDE else 250
        figure = _figure(f"<i><img src='{one.path.name}'></i>", one.path.stem, width)
        groups.setdefault(one.group, []).append(figure)
    page = browser.new_page(viewport={"width": 1660, "height": 900})
    for group, figures in groups.items():
        sheet = folder / "sheet.html"
        sheet.write_text(f"{_STYLE}<div class='row all'>{''.join(figures)}</div>")
        page.goto(sheet.as_uri())
        page.screenshot(path=folder / f"all-{group}.png", full_page=True)
        sheet.unlink()
    page.close()


def _figure(inside: str, caption: str, width: int) -> str:
    return f"<figure style='width:{width}px'><figcaption>{escape(caption)}</figcaption>{inside}</figure>"
