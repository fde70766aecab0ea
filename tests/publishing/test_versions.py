"""Versions: listed, gone back to, and let go when nobody needs them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from leadmagnet.content.compiled import Build
from leadmagnet.publishing import drafts, releases, renames, versions
from leadmagnet.publishing.releases import NothingPublished, NotKept, Overtaken
from leadmagnet.publishing.versions import NoSuchVersion
from leadmagnet.store.database import Database
from leadmagnet.store.models import Release
from tests.delivery.crowd import THURSDAY_MORNING
from tests.delivery.editing import relettered
from tests.world import GUIDE, TUESDAY_EVENING, World

ADA = "ada@example.com"
FRIDAY_MORNING = THURSDAY_MORNING + timedelta(days=1)
YOGA, BENT = "30-yoga-for-runners.md", "30-bent-hips.md"


@pytest.fixture(scope="module")
def renamed(example: Build) -> Build:
    """The site with a letter renamed as it should be, and sent two days earlier."""
    folder = f"email_templates/{GUIDE}"
    files = dict(example.files)
    text = files.pop(f"{folder}/{YOGA}").replace(b"day       = 5", b'day       = 3\nwas       = ["yoga-for-runners"]')
    build = drafts.check_kept({**files, f"{folder}/{BENT}": text}, example.settings)
    assert build.compiled is not None, build.findings
    return build


def worded(build: Build, words: str) -> Build:
    return relettered(build, "hip-openers/tight-hips", text=words)


def publish(database: Database, build: Build, **more: object) -> int | None:
    with database.write() as session:
        return releases.publish(session, build, author="maya", now=TUESDAY_EVENING, **more)


def numbers(world: World) -> list[int]:
    with world.database.read() as session:
        return [one.number for one in versions.every(session) if one.kept]


def rolls_back(world: World, number: int | None = None) -> None:
    with world.database.read() as session:
        back = versions.find(session, number) if number is not None else versions.one_back(session)
        build = versions.to_roll_back(session, back.number)
    publish(world.database, build, set_aside="folder")
    with world.database.read() as session:
        world.published = releases.Live().get(session)


def test_before_the_first_publish_there_is_nothing_to_list_or_go_back_to(database: Database) -> None:
    with database.read() as session:
        assert versions.every(session) == []
        for asks in (versions.live, versions.one_back, lambda s: versions.find(s, 3)):
            with pytest.raises(NothingPublished):
                asks(session)


def test_versions_tell_what_was_sent_from_each(world: World, example: Build) -> None:
    world.joins(ADA)
    world.publish(worded(example, "Anew"))
    world.asks("bob@example.com")
    world.deliver()
    with world.database.read() as session:
        second, first = versions.counted(session)
    assert (first.number, first.sent, first.live, first.author) == (1, 2, False, "maya")
    assert (second.number, second.sent, second.live, second.kept) == (2, 1, True, True)


def test_going_back_leads_to_the_last_version_with_other_content(world: World, example: Build) -> None:
    with world.database.read() as session, pytest.raises(NoSuchVersion, match="no version before 1 to go back to"):
        versions.one_back(session)
    world.publish(worded(example, "Anew"))
    rolls_back(world)
    with world.database.read() as session:
        live = versions.live(session)
        assert (live.number, live.digest, live.set_aside) == (3, example.digest, "folder")
        assert releases.files(session, 3) == dict(example.files)
        # Once more "back" could bring back what was just taken away.
        with pytest.raises(NoSuchVersion, match="version 3, which is live, is a rollback itself.* rollback 2`"):
            versions.one_back(session)
        for number, said in ((99, "there is no version 99: the newest is 3"), (0, "there is no version 0")):
            with pytest.raises(NoSuchVersion, match=said):
                versions.find(session, number)
    with world.database.read() as session:
        assert versions.to_roll_back(session, 3).compiled is not None


def test_whoever_got_a_renamed_letter_does_not_get_it_again_after_going_back(
    world: World, renamed: Build, example: Build
) -> None:
    world.publish(renamed)
    world.joins(ADA)
    world.skip(until=FRIDAY_MORNING)
    (got,) = world.deliveries(step="bent-hips")
    assert got.state == "sent"
    # In the version before, this letter is still to come for her: only its name tells that she has had it.
    rolls_back(world, 1)
    world.replans()
    world.skip(until=FRIDAY_MORNING + timedelta(days=40))
    assert world.deliveries(step="yoga-for-runners") == []
    assert len(world.inbox(ADA)) == 1 + 9, "the confirmation, and every letter once"
    with world.database.read() as session:  # and her folder, with the new name, passes
        assert renames.find(session, renamed) == ()


def test_a_version_that_newer_checks_refuse_goes_back_as_it_was_compiled(
    world: World, example: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish(worded(example, "Anew"))
    monkeypatch.setattr(drafts, "check_kept", lambda files, settings: replace(example, compiled=None, digest="d"))
    rolls_back(world)
    assert world.published.letter(GUIDE, "tight-hips") == example.compiled.letters["hip-openers/tight-hips"]


def test_a_version_compiled_in_another_form_is_compiled_anew(world: World, example: Build) -> None:
    with world.database.write() as session:
        settings = world.published.compiled.settings.model_dump_json()
        session.execute(update(Release).values(compiled=f'{{"settings": {settings}, "letters": 7}}'))
    with world.database.read() as session:
        assert versions.published(session, 1).compiled.letters == example.compiled.letters
    with world.database.write() as session:
        session.execute(update(Release).values(compiled="{}"))
    with world.database.read() as session, pytest.raises(NoSuchVersion, match="by another leadmagnet"):
        versions.published(session, 1)


def test_only_versions_that_no_mail_refers_to_are_let_go(world: World, example: Build) -> None:
    world.joins(ADA)  # version 1 sent two mails, and planned the next
    for number in range(2, 7):
        world.publish(worded(example, f"Version {number}"))
        if number == 3:
            world.asks("bob@example.com")
            world.deliver()
    with world.database.read() as session:
        assert versions.unneeded(session, 20) == []
        unneeded = versions.unneeded(session, 2)
    assert unneeded == [2, 4]
    with world.database.write() as session:
        versions.let_go(session, unneeded)
    assert numbers(world) == [6, 5, 3, 1]
    with world.database.read() as session:
        assert len(versions.every(session)) == 6, "the history stays"
        assert versions.unneeded(session, 2) == []
        for asks in (releases.load, releases.files, versions.content, versions.published):
            with pytest.raises(NotKept, match="version 4 is not kept any more"):
                asks(session, 4)
        assert versions.one_back(session).number == 5
        assert renames.find(session, example) == ()


def test_who_was_told_of_another_version_is_asked_to_look_again(world: World, example: Build) -> None:
    assert publish(world.database, worded(example, "Anew"), over=1) == 2
    with pytest.raises(Overtaken, match="version 2 went live meanwhile"):
        publish(world.database, worded(example, "Mine"), over=1)
