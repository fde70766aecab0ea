"""Pictures of letters, as mail programs and their proxies fetch them."""

import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image
from pypdf import PdfReader

from leadmagnet.publishing import drafts
from leadmagnet.store.models import Media
from tests.web.conftest import copy_of_example, only_sqlite
from tests.web.page import read
from tests.world import World

DIGEST = "ab" * 32
PICTURE = f"/media/{DIGEST}/low-lunge.png"


@pytest.fixture
def browser(world: World, client: FlaskClient) -> FlaskClient:
    """A browser at a site that has a picture, and a file that is none."""
    with world.database.write() as session:
        for name, kind in (("low-lunge.png", "image/png"), ("guide.pdf", "application/pdf")):
            session.add(Media(digest=DIGEST, name=name, media_type=kind, content=b"\x89PNG", made_at=world.now))
    return client


def test_a_picture_may_be_kept_for_ever_and_shown_anywhere(browser: FlaskClient) -> None:
    answer = browser.get(PICTURE)
    assert (answer.status_code, answer.data, answer.content_type) == (200, b"\x89PNG", "image/png")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


@only_sqlite
def test_who_has_it_is_told_so(browser: FlaskClient) -> None:
    tag = browser.get(PICTURE).headers["ETag"]
    answer = browser.get(PICTURE, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
    assert answer.headers["Cache-Control"].endswith("immutable")
    assert browser.get(PICTURE, headers={"If-None-Match": '"another"'}).status_code == 200


@only_sqlite
def test_a_head_says_how_large_it_is(browser: FlaskClient) -> None:
    answer = browser.head(PICTURE)
    assert (answer.status_code, answer.data, answer.content_length) == (200, b"", 4)


@pytest.mark.parametrize(
    "path",
    [f"/media/{'cd' * 32}/low-lunge.png", f"/media/{DIGEST}/lizard.png", f"/media/{DIGEST}/%00.png",
     f"/media/{DIGEST}/..%2fx.png", f"/media/{DIGEST.upper()}/low-lunge.png", "/media/x/low-lunge.png",
     f"/media/{DIGEST}/", f"/media/{DIGEST}/{'a' * 200}.png", f"/media/{DIGEST}/guide.pdf"],
)  # fmt: skip
def test_anything_else_is_the_page_of_a_wrong_link(browser: FlaskClient, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "immutable" not in answer.headers.get("Cache-Control", "")


@only_sqlite
def test_a_picture_is_only_for_looking_at(browser: FlaskClient) -> None:
    assert browser.post(PICTURE).status_code == 405


@only_sqlite
def test_a_letter_brings_the_address_of_a_picture_that_is_there(
    world: World, client: FlaskClient, tmp_path: Path
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "GIF")
    site = copy_of_example(tmp_path)
    (site / "email_templates" / "hip-openers" / "cat.gif").write_bytes(file.getvalue())
    with (site / "email_templates" / "hip-openers" / "10-guide.md").open("a") as letter:
        letter.write('\n{{ pose("arabesque-pulse") }}\n\n![A cat](cat.gif)\n')
    world.publish(drafts.check(site))
    world.joins("ada@example.com")
    page = world.inbox("ada@example.com")[-1].get_body(("html",))
    assert page is not None
    addresses = [picture["src"] for picture in read(page.get_content()).every("img")]
    kinds = {}
    for address in addresses:
        root, slash, path = address.partition("/media/")
        assert root == world.links.base_url
        kinds[path.rpartition("/")[2]] = client.get(slash + path).content_type
    assert kinds.items() >= {("arabesque-pulse.png", "image/png"), ("cat.gif", "image/gif")}
    assert set(kinds.values()) <= {"image/png", "image/gif"}


@only_sqlite
def test_a_guide_shows_its_picture_on_the_page_and_on_paper(world: World, client: FlaskClient, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "#1A2B3C").save(file, "PNG")
    site = copy_of_example(tmp_path)
    (site / "guides" / "hip-openers" / "figures" / "cat.png").write_bytes(file.getvalue())
    with (site / "guides" / "hip-openers" / "guide.md").open("a") as guide:
        guide.write("\n![A cat on a mat](figures/cat.png)\n")
    world.publish(drafts.check(site))
    world.joins("ada@example.com")
    path = world.links.guide_path(world.enrollment("ada@example.com").id)
    shown = read(client.get(path).text).one("img", alt="A cat on a mat")
    answer = client.get(shown["src"])
    assert (answer.status_code, answer.data) == (200, file.getvalue())
    last = PdfReader(io.BytesIO(client.get(f"{path}.pdf").data)).pages[-1]
    (printed,) = last.images
    assert printed.image is not None and printed.image.convert("RGB").getpixel((5, 5)) == (0x1A, 0x2B, 0x3C)
    assert "A cat on a mat" not in last.extract_text()
