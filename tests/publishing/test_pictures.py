"""Pictures of letters: drawn when they are published, once, and kept for ever."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from leadmagnet.content.compiled import Build
from leadmagnet.content.painting import draw_png
from leadmagnet.content.pictures import Picture
from leadmagnet.publishing import pictures, releases
from leadmagnet.store.database import Database
from leadmagnet.store.models import Media
from tests.world import TUESDAY_EVENING

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


def publish(database: Database, build: Build, *, weeks: int = 0) -> None:
    with database.write() as session:
        releases.publish(session, build, author="maya", now=TUESDAY_EVENING + timedelta(weeks=weeks))


def test_a_publish_keeps_the_pictures_that_its_letters_show(database: Database, example: Build, frog: Picture) -> None:
    publish(database, showing(example, frog, CAT))
    found = kept(database)
    assert set(found) == {"frog.png", "cat.jpg"}
    assert frog.figure is not None
    assert found["frog.png"].content == draw_png(frog.figure)
    assert (found["frog.png"].digest, found["frog.png"].media_type) == (frog.digest, "image/png")
    assert (found["cat.jpg"].content, found["cat.jpg"].made_at) == (b"\xff\xd8\xffa cat", TUESDAY_EVENING)


def test_what_is_there_is_never_drawn_again_or_removed(
    database: Database, example: Build, frog: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(database, showing(example, frog))
    drawn: list[object] = []
    monkeypatch.setattr(pictures, "draw_png", lambda *one, **_: drawn.append(one))
    publish(database, showing(example, frog, CAT), weeks=1)
    publish(database, showing(example), weeks=2)
    found = kept(database)
    assert drawn == []
    assert found["frog.png"].made_at == TUESDAY_EVENING
    assert found["cat.jpg"].made_at == TUESDAY_EVENING + timedelta(weeks=1)


def test_what_is_drawn_beforehand_is_not_drawn_while_writers_wait(
    database: Database, example: Build, frog: Picture
) -> None:
    draw_png.cache_clear()
    build = showing(example, frog)
    with database.read() as session:
        pictures.prepare(session, build)
    publish(database, build)
    assert (draw_png.cache_info().misses, draw_png.cache_info().hits) == (1, 1)


def test_a_release_says_which_pictures_it_shows(database: Database, example: Build, frog: Picture) -> None:
    publish(database, showing(example, frog, CAT))
    with database.read() as session:
        assert releases.Live().get(session).letter("hip-openers", "guide").pictures == (frog, CAT)
