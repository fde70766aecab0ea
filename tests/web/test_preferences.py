"""Leaving over HTTP: one tap or the bare POST of a mail program, at once, for ever."""

from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete

from leadmagnet.audience import suppressions
from leadmagnet.links import Purpose, mint
from leadmagnet.reports import weekly
from leadmagnet.sequences import preferences
from leadmagnet.store.models import Consent, Subscriber
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.mails import leave_path_of
from tests.web.page import body_of, page_of
from tests.web.tables import dump
from tests.world import World

ADA = "ada@example.com"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def joined(world: World) -> str:
    """The address that a mail program takes from the mail Ada got."""
    world.joins(ADA)
    return leave_path_of(world.inbox(ADA)[-1])


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_the_post_of_a_mail_program_stops_everything_at_once(world: World, client: FlaskClient, kind: str) -> None:
    link = joined(world)
    answer = client.post(link, data=ONE_CLICK, content_type=kind)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers and "Location" not in answer.headers
    assert world.subscriber(ADA).status == "unsubscribed"
    assert {row.state for row in world.deliveries(kind="step")} == {"cancelled"}
    before = dump(world.database)
    again = client.post(link, data=ONE_CLICK, content_type=kind)
    assert (again.status_code, again.text) == (200, answer.text)
    assert dump(world.database) == before
    world.wait(days=60)
    assert world.deliver() == []


def test_the_first_button_of_the_page_does_the_same(world: World, client: FlaskClient) -> None:
    link = joined(world)
    page = page_of(client.get(link))
    assert page.one("h1").words == "Stop these emails?"
    assert ADA in page.words
    form = page.every("form")[0]
    assert (form["action"], form["method"], body_of(form)) == (link, "post", ONE_CLICK)
    assert page_of(client.post(form["action"], data=body_of(form))).one("h1").words == "Done."
    assert world.subscriber(ADA).status == "unsubscribed"
    assert page_of(client.get(link)).one("h1").words == "Done."


def test_ada_presses_undo_and_her_letters_go_on(world: World, client: FlaskClient) -> None:
    link = joined(world)
    form = page_of(client.post(link, data=ONE_CLICK)).every("form")[0]
    assert form.one("button").words == "Undo"
    assert page_of(client.post(form["action"], data=body_of(form))).one("h1").words == "Stop these emails?"
    assert world.subscriber(ADA).status == "active"
    world.wait(days=2)
    world.deliver()
    assert world.inbox(ADA)[-1]["Subject"] == "Tight isn't always short"
    with world.database.read() as session:
        events = [row.event for row in session.query(Consent).order_by(Consent.id)]
    assert events == ["requested", "confirmed", "withdrawn", "renewed"]


def test_undo_brings_nobody_back_who_complained(world: World, client: FlaskClient) -> None:
    link = joined(world)
    client.post(link, data=ONE_CLICK)
    with world.database.write() as session:
        suppressions.add(session, world.subscriber(ADA).address_key, "all", "complained", now=world.now)
    before = dump(world.database)
    assert page_of(client.post(link, data={"undo": "1"})).one("h1").words == "Done."
    assert dump(world.database) == before


def test_bob_leaves_before_he_confirmed_and_cannot_undo_it_without_confirming(
    world: World, client: FlaskClient
) -> None:
    world.asks("bob@example.com")
    link = f"/u/{mint(Purpose.LEAVE, world.subscriber('bob@example.com').id, world.links.keys)}"
    page = page_of(client.post(link, data=ONE_CLICK))
    assert page.every("form") == []
    assert world.deliver() == []
    client.post(link, data={"undo": "1"})
    assert world.subscriber("bob@example.com").status == "unsubscribed"


@only_sqlite
def test_each_button_says_what_came_of_it_and_has_one_that_takes_it_back(world: World, client: FlaskClient) -> None:
    link = joined(world)
    world.wait(hours=1)
    labels = ["Unsubscribe", "Pause for 30 days", "Just finish this series, then stop", "Slower, please",
              "Send me the next letter now"]  # fmt: skip
    assert [one.words for one in page_of(client.get(link)).every("button")] == labels
    title = "“Tight isn't always short”"

    def press(label: str) -> str:
        form = next(one for one in page_of(client.get(link)).every("form") if one.one("button").words == label)
        answer = client.post(form["action"], data=body_of(form))
        assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
        return page_of(answer).one("p", role="status").words

    assert press("Pause for 30 days") == "Paused. Your letters are back on 2 April."
    assert page_of(client.get(link)).one("h1").words == "Paused until 2 April"
    assert "Send me the next letter now" not in client.get(link).text
    comes = f"Your next letter, {title}, comes on"
    assert press("Let my letters go on now") == f"Your letters go on. {comes} Thursday 5 March."
    weekly = f"From now on, one letter a week at most. {comes} Wednesday 11 March."
    assert press("Slower, please") == weekly
    assert press("As usual again") == f"Your letters come as usual again. {comes} Thursday 5 March."
    rest = "All right. You get the rest of this series, and then nothing more from us."
    assert press("Just finish this series, then stop") == f"{rest} {comes} Thursday 5 March."
    assert page_of(client.get(link)).one("h1").words == "This series, then no more"
    assert press("Keep me on after all") == f"All right. Your letters go on as before. {comes} Thursday 5 March."
    assert press("Send me the next letter now") == f"{title} is on its way."
    again = client.post(link, data={"wish": "next"})
    assert page_of(again).one("p", role="status").words == f"{title} is on its way."
    world.deliver()
    assert [mail["Subject"] for mail in world.inbox(ADA)][2:] == ["Tight isn't always short"]
    world.wait(hours=1)
    before = dump(world.database)
    assert client.get(link).status_code == 200
    assert dump(world.database) == before


@only_sqlite
def test_why_she_left_is_asked_once_and_never_needed(world: World, client: FlaskClient) -> None:
    link = joined(world)
    before = dump(world.database)
    client.post(link, data={"reason": "too many"})
    assert dump(world.database) == before, "who stays is not asked"
    page = page_of(client.post(link, data=ONE_CLICK))
    assert [one.words for one in page.every("button")] == [
        "Undo", "Too many", "Not what I expected", "Not running now", "Other",
    ]  # fmt: skip
    thanks = page_of(client.post(link, data={"reason": "too many"}))
    assert thanks.one("p", role="status").words.startswith("Thank you")
    assert [one.words for one in thanks.every("button")] == ["Undo"]
    before = dump(world.database)
    client.post(link, data={"reason": "other"})
    assert dump(world.database) == before
    with world.database.read() as session:
        week = weekly.week(session, world.published, date(2026, 3, 2), now=world.now)
    assert (week.left, week.said_why) == (1, (("too many", 1),))


@only_sqlite
@pytest.mark.parametrize("wish", ["pause", "resume", "finish", "go-on", "slower", "as-usual", "next"])
def test_who_has_no_letters_to_come_changes_nothing(world: World, client: FlaskClient, wish: str) -> None:
    world.asks("bob@example.com")
    bob = f"/u/{mint(Purpose.LEAVE, world.subscriber('bob@example.com').id, world.links.keys)}"
    assert [one.words for one in page_of(client.get(bob)).every("button")] == ["Unsubscribe"]
    ada = joined(world)
    client.post(ada, data=ONE_CLICK)
    never = f"/u/{mint(Purpose.LEAVE, 4711, world.links.keys)}"
    before = dump(world.database)
    for link in (bob, ada, never):
        page_of(client.post(link, data={"wish": wish}))
    assert dump(world.database) == before


@only_sqlite
def test_leaving_comes_before_anything_else_that_a_body_holds(world: World, client: FlaskClient) -> None:
    link = joined(world)
    assert client.post(link, data={"wish": "slower", "undo": "1", "other": "x", **ONE_CLICK}).status_code == 200
    assert world.subscriber(ADA).status == "unsubscribed"


@only_sqlite
def test_who_complained_is_offered_no_way_back(world: World, client: FlaskClient) -> None:
    link = joined(world)
    with world.database.write() as session:
        preferences.block(
            session, world.subscriber(ADA).id, "complained", "complained", message_id="<a@b>", now=world.now
        )
    page = page_of(client.get(link))
    assert page.one("h1").words == "Done."
    assert "Undo" not in [one.words for one in page.every("button")]


@only_sqlite
@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"data": {}},
        {"data": {"List-Unsubscribe": "one-click"}},
        {"data": {"List-Unsubscribe": ""}},
        {"data": {"List-Unsubscribe-Post": "One-Click"}},
        {"data": {"undo": "0"}},
        {"data": {"wish": "everything"}},
        {"data": {"reason": "my own words"}},
        {"data": "List-Unsubscribe=One-Click", "content_type": "text/plain"},
        {"json": ONE_CLICK},
        {"query_string": ONE_CLICK},
    ],
)
def test_any_other_body_changes_nothing(world: World, client: FlaskClient, sent: dict[str, Any]) -> None:
    link = joined(world)
    before = dump(world.database)
    page_of(client.post(link, **sent), 400)
    assert dump(world.database) == before


def test_a_forgotten_persons_link_shows_the_page_of_success(world: World, client: FlaskClient) -> None:
    link = joined(world)
    with world.database.write() as session:
        session.execute(delete(Subscriber))
    never = f"/u/{mint(Purpose.LEAVE, 4711, world.links.keys)}"
    before = dump(world.database)
    for answer in (client.get(link), client.post(link, data=ONE_CLICK), client.post(never, data=ONE_CLICK)):
        page = page_of(answer)
        assert page.one("h1").words == "Nothing is left."
        assert page.every("form") == []
    assert dump(world.database) == before


def test_the_link_works_after_years_and_after_the_keys_were_changed(
    world: World, client: FlaskClient, open_door: OpenDoor
) -> None:
    link = joined(world)
    world.wait(days=4000)
    changed = open_door(secret_keys="third key, second key, first key")
    assert changed.post(link, data=ONE_CLICK).status_code == 200
    assert world.subscriber(ADA).status == "unsubscribed"


def test_the_proof_of_leaving_says_when_and_from_where(world: World, client: FlaskClient) -> None:
    link = joined(world)
    world.wait(days=3)
    client.post(link, data=ONE_CLICK, headers={"User-Agent": ""}, environ_base={"REMOTE_ADDR": "2001:db8::7"})
    with world.database.read() as session:
        proof = session.query(Consent).filter_by(event="withdrawn").one()
    assert (proof.ip, proof.user_agent, proof.page, proof.at) == ("2001:db8::7", None, None, world.now)
