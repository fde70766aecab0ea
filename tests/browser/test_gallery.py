"""The gallery shows everything: no letter and no look is left out."""

from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.site import Site
from tests.gallery import sheets, subjects
from tests.gallery.camera import LETTER_LOOKS, Camera

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_every_letter_of_the_site_is_shown_and_every_look_is_taken(
    browser: "Browser", live: Site, tmp_path: Path
) -> None:
    subjects.live_through(live.world)
    letters = subjects.letters(live)
    files = {Path(letter.path).stem for letter in live.world.published.compiled.letters.values()}
    assert {letter.name.partition("-")[2] for letter in letters} == {name.lstrip("0123456789-") for name in files}
    out = tmp_path / "gallery"
    out.mkdir()
    camera = Camera(browser, live.url, out)
    camera.letters(letters[:1])
    sheets.index(camera.taken, out)
    sheets.by_look(camera.taken[:1], browser, out)
    wanted = {f"letter-01-confirm--{look}.png" for look in LETTER_LOOKS}
    assert {path.name for path in out.iterdir()} == wanted | {"index.html", "all-letters--phone.png"}
    assert all(name in (out / "index.html").read_text() for name in wanted)
