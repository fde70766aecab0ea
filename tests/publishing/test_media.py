"""Pictures and PDFs: made when they are published, once, and kept for ever."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from leadmagnet.content.compiled import Build
from leadmagnet.content.painting import draw_png
from leadmagnet.content.pictures import Picture
from leadmagnet.publishing import editions, media, releases
from leadmagnet.publishing.media import Item
from leadmagnet.store.database import Database
from leadmagnet.store.models import Media
from tests.world import TUESDAY_EVENING, made

CAT = Picture(digest="c" * 64, name="cat.jpg", media_type="image/jpeg", file="email_templates/hip-openers/cat.jpg")


def showing(build: Build, *shown: Picture) -> Build:
    """The same site with these pictures in its guide mail, and no others."""
    assert build.compiled is not None
    letters = {key: letter.model_copy(update={"pictures": ()}) for key, letter in build.compiled.letters.items()}
    letters["hip-openers/guide"] = letters["hip-openers/guide"].model_copy(update={"pictures": shown})
    digest = "".join(one.digest[:8] for one in shown)
    files = {**build.files, str(CAT.file): b"\xff\xd8\xffa cat"}
    return replace(build, compiled=build.compiled.model_copy(update={"letters": letters}), digest=digest, files=files)


@pytest.fixture
def frog(example: Build) -> Picture:
    assert example.compiled is not None
    return Picture.of_figure(example.compiled.guides["hip-openers"].figures["frog"])


def kept(database: Database) -> dict[str, Media]:
    """The pictures by name; what guides are on paper is kept beside them."""
    with database.read() as session:
        return {row.name: row for row in session.scalars(select(Media).where(Media.media_type.like("image/%")))}


def publish(database: Database, build: Build, *, weeks: int = 0) -> list[str]:
    """Publishes a build; returns the names of what had to be made for it."""
    assert build.compiled is not None
    now = TUESDAY_EVENING + timedelta(weeks=weeks)
    with database.read() as session:
        missing = media.missing(session, build.compiled, build.files, now=now)
    with database.write() as session:
        releases.publish(session, build, made(missing), author="maya", now=now)
    return sorted(one.name for one in missing)


def test_a_publish_keeps_the_pictures_that_its_letters_show(database: Database, example: Build, frog: Picture) -> None:
    publish(database, showing(example, frog, CAT))
    found = kept(database)
    assert set(found) == {"frog.png", "cat.jpg"}
    assert frog.figure is not None
    assert found["frog.png"].content == draw_png(frog.figure)
    assert (found["frog.png"].digest, found["frog.png"].media_type) == (frog.digest, "image/png")
    assert (found["cat.jpg"].content, found["cat.jpg"].made_at) == (b"\xff\xd8\xffa cat", TUESDAY_EVENING)


def test_what_is_there_is_never_made_again_or_removed(database: Database, example: Build, frog: Picture) -> None:
    assert example.compiled is not None
    paper = f"{example.compiled.guides['hip-openers'].edition}.pdf"
    assert publish(database, showing(example, frog)) == [paper, "frog.png"]
    assert publish(database, showing(example, frog, CAT), weeks=1) == ["cat.jpg"]
    assert publish(database, showing(example), weeks=2) == []
    found = kept(database)
    assert found["frog.png"].made_at == TUESDAY_EVENING
    assert found["cat.jpg"].made_at == TUESDAY_EVENING + timedelta(weeks=1)


def test_whoever_keeps_a_file_first_is_right(database: Database) -> None:
    for content in (b"one", b"another"):
        with database.write() as session:
            media.keep(session, [Item("d" * 64, "cat.jpg", "image/jpeg", content)], now=TUESDAY_EVENING)
    assert kept(database)["cat.jpg"].content == b"one"


def test_what_the_live_content_lacks_is_kept_though_nothing_else_has_changed(
    database: Database, example: Build, frog: Picture
) -> None:
    build = showing(example, frog)
    with database.write() as session:
        releases.publish(session, build, author="maya", now=TUESDAY_EVENING)  # as a version did that made no files
    assert kept(database) == {}
    publish(database, build, weeks=1)
    assert set(kept(database)) == {"frog.png"}
    with database.read() as session:
        live = releases.Live().get(session)
        edition = editions.find(session, live, live.compiled.guides["hip-openers"])
    assert live.number == 1 and edition is not None
    assert edition.since == TUESDAY_EVENING + timedelta(weeks=1)


def test_an_edition_keeps_its_day_under_another_name_of_the_site(
    database: Database, example: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert example.compiled is not None
    settings = example.compiled.settings
    other = settings.model_copy(update={"site": settings.site.model_copy(update={"name": "Bend"})})
    publish(database, showing(example))
    build = replace(example, compiled=example.compiled.model_copy(update={"settings": other}), digest="0ther")
    publish(database, build, weeks=4)
    with database.read() as session:
        live = releases.Live().get(session)
        guide = live.compiled.guides["hip-openers"]
        edition = editions.find(session, live, guide)
        assert edition is not None and edition.since == TUESDAY_EVENING
        reader = PdfReader(io.BytesIO(media.content(session, edition.digest, editions.kept_as(guide))))
    words = reader.pages[0].extract_text()
    assert "Bend" in words and "Run Bend Barre" not in words
    assert "Edition of 3 March 2026" in words


def test_a_release_gives_back_the_files_it_was_made_from(database: Database, example: Build) -> None:
    publish(database, showing(example, CAT))
    with database.read() as session:
        assert releases.files(session, 1) == {**example.files, str(CAT.file): b"\xff\xd8\xffa cat"}
        with pytest.raises(releases.NothingPublished):
            releases.files(session, 2)


def test_a_release_says_which_pictures_it_shows(database: Database, example: Build, frog: Picture) -> None:
    publish(database, showing(example, frog, CAT))
    with database.read() as session:
        assert releases.Live().get(session).letter("hip-openers", "guide").pictures == (frog, CAT)
