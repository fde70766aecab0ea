"""Releases: what is live, since when each letter can be sent, and the files as they were."""

import io
import zipfile
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from leadmagnet.content.compiled import Build
from leadmagnet.content.sequences import Step
from leadmagnet.publishing import releases
from leadmagnet.store.database import Database
from leadmagnet.store.models import Release
from tests.publishing.edits import steps_of, with_steps, without_sequence
from tests.world import GUIDE, TUESDAY_EVENING

WEEK = timedelta(days=7)
SECOND, THIRD = TUESDAY_EVENING + WEEK, TUESDAY_EVENING + 2 * WEEK


def _publish(database: Database, build: Build, now: datetime = TUESDAY_EVENING, **more: str) -> int | None:
    with database.write() as session:
        return releases.publish(session, build, author="maya", now=now, **more)


def _since(database: Database, *builds: Build) -> dict[str, datetime | None]:
    """Publishes one build a week, and tells since when each letter of the last can be sent."""
    for number, build in enumerate(builds):
        _publish(database, build, TUESDAY_EVENING + number * WEEK)
    with database.read() as session:
        live = releases.Live().get(session).sequence(GUIDE)
    assert live is not None
    return {step.slug: step.since for step in live.steps}


def _letters(build: Build) -> tuple[Step, Step, Step]:
    steps = steps_of(build)
    return steps["guide"], steps["tight-hips"], steps["yoga-for-runners"]


def test_before_the_first_publish_nothing_is_live(database: Database) -> None:
    with database.read() as session:
        assert releases.live_digest(session) is None
        with pytest.raises(releases.NothingPublished, match=r"^Nothing has been published yet: run `leadmagnet"):
            releases.Live().get(session)
        with pytest.raises(releases.NothingPublished):
            releases.load(session, 1)


def test_what_is_published_is_live_as_it_was_compiled(database: Database, example: Build) -> None:
    number = _publish(database, example, note="the first one")
    with database.read() as session:
        live = releases.Live().get(session)
        row = session.scalars(select(Release)).one()
        assert releases.live_digest(session) == live.digest == example.digest
    assert number == live.number == row.id
    assert live.compiled == example.compiled
    assert (row.author, row.note, row.published_at) == ("maya", "the first one", TUESDAY_EVENING)


def test_the_same_content_is_not_published_again(database: Database, example: Build) -> None:
    assert _publish(database, example) is not None
    assert _publish(database, example, SECOND) is None
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Release)) == 1


def test_going_back_is_a_release_of_its_own(database: Database, example: Build) -> None:
    guide, *_rest = _letters(example)
    numbers = [_publish(database, build) for build in (example, with_steps(example, guide), example)]
    assert None not in numbers
    assert numbers == sorted(set(numbers))  # type: ignore[type-var]


def test_a_build_with_errors_is_refused(database: Database, example: Build) -> None:
    broken = Build(example.findings, None, example.files, example.digest)
    with pytest.raises(ValueError, match="with errors"):
        _publish(database, broken)


def test_a_process_loads_a_release_once_and_notices_the_next(database: Database, example: Build) -> None:
    live = releases.Live()
    _publish(database, example)
    with database.read() as session:
        first = live.get(session)
        assert live.get(session) is first
    _publish(database, with_steps(example, *_letters(example)))
    with database.read() as session:
        second = live.get(session)
        assert second.number > first.number
        assert releases.load(session, first.number).compiled == first.compiled


def test_the_files_come_back_byte_by_byte(database: Database, example: Build) -> None:
    _publish(database, example)
    with database.read() as session:
        archive = session.scalars(select(Release.files)).one()
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == dict(example.files)
        assert opened.namelist() == sorted(example.files)
        assert {info.date_time for info in opened.infolist()} == {
            (1980, 1, 1, 0, 0, 0)
        }  # not today: archives are compared


def test_the_same_files_give_the_same_archive(database: Database, example: Build) -> None:
    other = with_steps(example, *_letters(example))
    backwards = Build(other.findings, other.compiled, dict(reversed(example.files.items())), other.digest)
    _publish(database, example)
    _publish(database, backwards, SECOND)
    with database.read() as session:
        first, second = session.scalars(select(Release.files))
    assert first == second


def test_letters_of_a_first_release_are_there_from_the_beginning(database: Database, example: Build) -> None:
    assert set(_since(database, example).values()) == {None}


def test_a_sequence_added_later_is_there_from_its_beginning(database: Database, example: Build) -> None:
    assert set(_since(database, without_sequence(example), example).values()) == {None}


def test_a_letter_added_later_can_be_sent_from_its_publish_on(database: Database, example: Build) -> None:
    guide, a, b = _letters(example)
    first, second = with_steps(example, guide, b), with_steps(example, guide, a, b)
    assert _since(database, first, second) == {"guide": None, a.slug: SECOND, b.slug: None}


def test_editing_a_letter_does_not_make_it_new(database: Database, example: Build) -> None:
    guide, a, b = _letters(example)
    later = a.model_copy(update={"day": 4, "number": 99})
    builds = with_steps(example, guide, b), with_steps(example, guide, a, b), with_steps(example, guide, b, later)
    assert _since(database, *builds) == {"guide": None, a.slug: SECOND, b.slug: None}


def test_a_rename_keeps_the_date_through_all_earlier_names(database: Database, example: Build) -> None:
    guide, a, b = _letters(example)
    once = a.model_copy(update={"slug": "once", "was": (a.slug,)})
    twice = a.model_copy(update={"slug": "twice", "was": (a.slug, "once")})
    first, second = with_steps(example, guide, b), with_steps(example, guide, a, b)
    third, fourth = with_steps(example, guide, once, b), with_steps(example, guide, twice, b)
    assert _since(database, first, second, third, fourth) == {"guide": None, "twice": SECOND, b.slug: None}


def test_a_rename_over_two_releases_finds_the_name_it_had_then(database: Database, example: Build) -> None:
    guide, a, b = _letters(example)
    twice = a.model_copy(update={"slug": "twice", "was": (a.slug, "once")})
    assert _since(database, with_steps(example, guide, a, b), with_steps(example, guide, twice, b))["twice"] is None


def test_a_new_name_without_the_old_one_is_a_new_letter(database: Database, example: Build) -> None:
    guide, a, b = _letters(example)
    new = a.model_copy(update={"slug": "new"})
    assert _since(database, with_steps(example, guide, a, b), with_steps(example, guide, new, b))["new"] == SECOND


@pytest.mark.parametrize(
    ("drafts", "since"),
    [
        ((False, True), None),  # taken back, and still the same letter
        ((True, False), SECOND),
        ((True, True, False), THIRD),
        ((False, True, False), THIRD),  # away for a while: her turn may have passed meanwhile
        ((True, False, False), SECOND),
    ],
)
def test_a_draft_can_be_sent_from_the_publish_that_makes_it_a_letter(
    database: Database, example: Build, drafts: tuple[bool, ...], since: datetime | None
) -> None:
    guide, a, b = _letters(example)
    # Another subject each time, so that every release differs from the one before.
    builds = [
        with_steps(example, guide, a.model_copy(update={"draft": draft}), b.model_copy(update={"day": 5 + number}))
        for number, draft in enumerate(drafts)
    ]
    assert _since(database, *builds)[a.slug] == since


def test_a_deleted_letter_that_returns_is_new_again(database: Database, example: Build) -> None:
    guide, a, b = _letters(example)
    builds = with_steps(example, guide, a, b), with_steps(example, guide, b), with_steps(example, guide, a, b)
    assert _since(database, *builds)[a.slug] == THIRD
