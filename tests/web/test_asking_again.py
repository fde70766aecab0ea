"""The form with an address that is known: what comes by mail, and what the guide's page offers then."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from leadmagnet.content.compiled import Build
from leadmagnet.sequences import preferences
from leadmagnet.sequences.preferences import BlockedBy
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.mails import path_of
from tests.web.page import page_of
from tests.web.tables import dump
from tests.world import World

ADA = "ada@example.com"
FEET = "strong-feet"


def asks(world: World, client: FlaskClient, guide: str = "hip-openers") -> list[str]:
    """Sends the form; returns the subjects of the mails that come of it. The answer is the same for everybody."""
    before = len(world.inbox(ADA))
    answer = client.post(f"/f/{guide}", data={"email": ADA})
    assert (answer.status_code, answer.location) == (303, f"/f/{guide}/sent")
    world.deliver()
    return [str(mail["Subject"]) for mail in world.inbox(ADA)[before:]]


def guide_path(world: World, guide: str = "hip-openers") -> str:
    return world.links.guide_path(world.enrollment(ADA, guide).id)


def confirm_path(world: World, guide: str) -> str:
    return world.links.confirm(world.enrollment(ADA, guide).id).removeprefix(world.links.base_url)


def blocked(world: World, ended: BlockedBy) -> None:
    with world.database.write() as session:
        person = world.subscriber(ADA).id
        preferences.block(session, person, ended, ended, message_id="<a@example.com>", now=world.now)


@only_sqlite
def test_a_lost_guide_comes_again_within_limits(world: World, open_door: OpenDoor) -> None:
    client = open_door(signup_limits="on")
    world.joins(ADA)
    world.wait(minutes=20)
    came = []
    for _ in range(8):
        came += [asks(world, client), asks(world, client)]
        world.wait(minutes=15)
    assert [mail for mails in came for mail in mails] == ["Your guide again"] * 4  # with the first of all five a day
    world.wait(days=1)
    assert asks(world, client) == ["Your guide again"]
    assert path_of(world.inbox(ADA)[-1], "/g/") == guide_path(world)


def test_who_has_had_all_letters_gets_the_guide_and_no_series_again(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    world.skip(until=world.now + timedelta(days=40))
    assert asks(world, client) == ["Your guide again"]
    assert page_of(client.get(guide_path(world))).every("form") == []
    before = dump(world.database)
    assert client.post(guide_path(world), data={"letters": "start"}).status_code == 303
    assert dump(world.database) == before
    assert world.enrollment(ADA).status == "completed"
    world.leaves(ADA)  # nothing is left that she could come back to
    assert page_of(client.get(guide_path(world))).every("form") == []


@pytest.mark.parametrize("left_before", [False, True])
@pytest.mark.parametrize("ended", ["complained", "bounced"])
@only_sqlite
def test_who_complained_or_bounced_gets_nothing_and_is_offered_nothing(
    world: World, client: FlaskClient, two_guides: Build, ended: BlockedBy, left_before: bool
) -> None:
    world.publish(two_guides)
    world.joins(ADA)
    if left_before:
        world.leaves(ADA)
    blocked(world, ended)
    world.wait(days=1)
    before = dump(world.database) | {"signup_bucket": []}  # what limits sign-ups counts this one, too
    assert asks(world, client) == asks(world, client, FEET) == []
    page = page_of(client.get(guide_path(world)))
    assert page.one("h1").words == "Hip Openers for Runners" and page.every("form") == []
    assert client.post(guide_path(world), data={"letters": "start"}).status_code == 303
    assert dump(world.database) | {"signup_bucket": []} == before


def test_who_asks_for_two_guides_confirms_once_for_both(world: World, client: FlaskClient, two_guides: Build) -> None:
    world.publish(two_guides)
    confirmation = asks(world, client)
    world.wait(minutes=15)
    assert len(confirmation) == 1 and len(asks(world, client, FEET)) == 1
    opened = client.post(confirm_path(world, FEET))
    assert opened.location == guide_path(world, FEET)
    assert "It's open." in page_of(client.get(opened.location)).words
    world.deliver()
    again = world.inbox(ADA)[-2:]
    assert {path_of(mail, "/g/") for mail in again} == {guide_path(world), guide_path(world, FEET)}
    assert (world.enrollment(ADA).status, world.enrollment(ADA, FEET).status) == ("pending", "active")
    assert "Would you like the letters as well?" in page_of(client.get(guide_path(world))).words
    assert client.post(guide_path(world), data={"letters": "start"}).status_code == 303
    assert world.enrollment(ADA).status == "active"
    assert [(proof.event, proof.guide) for proof in world.consents(ADA)] == [
        ("requested", "hip-openers"), ("requested", FEET), ("confirmed", FEET), ("confirmed", "hip-openers")
    ]  # fmt: skip


def test_who_left_starts_a_second_guide_by_a_tick_with_its_own_words(
    world: World, client: FlaskClient, two_guides: Build
) -> None:
    world.publish(two_guides)
    world.joins(ADA)
    world.leaves(ADA)
    world.wait(days=1)
    assert "They would go on where they stopped." in page_of(client.get(guide_path(world))).words
    assert asks(world, client, FEET) == ["Your guide again"]
    page = page_of(client.get(guide_path(world, FEET)))
    assert not page.one("input", type="checkbox", name="letters").has("checked")
    consent = world.published.compiled.guides[FEET].consent
    assert f"{consent} Those that you stopped go on, too." in page.words and "where they stopped" not in page.words
    world.live(until=world.now + timedelta(days=3))
    assert world.subscriber(ADA).status == "unsubscribed" and len(world.inbox(ADA)) == 3
    assert client.post(guide_path(world, FEET), data={"letters": "start"}).status_code == 303
    assert (world.enrollment(ADA).status, world.enrollment(ADA, FEET).status) == ("active", "active")
    assert [(proof.event, proof.wording) for proof in world.consents(ADA)][-2:] == [
        ("renewed", None), ("confirmed", consent)
    ]  # fmt: skip
