"""Leaving over HTTP: one tap or the bare POST of a mail program, at once, for ever."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete

from leadmagnet.audience import suppressions
from leadmagnet.links import Purpose, mint
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


def test_the_page_has_one_button_that_does_the_same(world: World, client: FlaskClient) -> None:
    link = joined(world)
    page = page_of(client.get(link))
    assert page.one("h1").words == "Stop these emails?"
    assert ADA in page.words
    form = page.one("form")
    assert (form["action"], form["method"], body_of(form)) == (link, "post", ONE_CLICK)
    assert page_of(client.post(form["action"], data=body_of(form))).one("h1").words == "Done."
    assert world.subscriber(ADA).status == "unsubscribed"
    assert page_of(client.get(link)).one("h1").words == "Done."


def test_ada_presses_undo_and_her_letters_go_on(world: World, client: FlaskClient) -> None:
    link = joined(world)
    form = page_of(client.post(link, data=ONE_CLICK)).one("form")
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
@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"data": {}},
        {"data": {"List-Unsubscribe": "one-click"}},
        {"data": {"List-Unsubscribe": ""}},
        {"data": {"List-Unsubscribe-Post": "One-Click"}},
        {"data": {"undo": "0"}},
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
