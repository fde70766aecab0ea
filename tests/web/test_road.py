"""The visitor's road over HTTP: from the box on the page to the guide, and back again."""

import logging
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from leadmagnet.content.compiled import Build
from leadmagnet.sequences import signup
from tests.web.conftest import OpenDoor
from tests.web.mails import leave_path_of, links_of, path_of
from tests.web.page import body_of, page_of
from tests.web.tables import dump
from tests.world import TUESDAY_EVENING, World

ADA = "ada@example.com"
FORM = "/f/hip-openers"


def asks(client: FlaskClient, address: str, guide: str = "hip-openers") -> None:
    assert client.post(f"/f/{guide}", data={"email": address}).status_code == 303


@pytest.mark.parametrize("start", ["/", FORM])
def test_ada_gets_from_the_box_to_her_guide(
    world: World, client: FlaskClient, caplog: pytest.LogCaptureFixture, start: str
) -> None:
    caplog.set_level(logging.DEBUG)
    form = page_of(client.get(start)).one("form", method="post")
    assert form["action"] == FORM
    assert form.one("button").words == "Send me the guide"
    sent = client.post(form["action"], data=body_of(form) | {"email": ADA})
    assert (sent.status_code, sent.location) == (303, "/f/hip-openers/sent")
    assert ADA in page_of(client.get(sent.location)).one("main").words

    world.deliver()
    (mail,) = world.inbox(ADA)
    assert len(set(links_of(mail))) == 1
    tap = page_of(client.get(path_of(mail, "/c/"))).one("form")
    assert (tap["method"], tap["action"], body_of(tap)) == ("post", path_of(mail, "/c/"), {})
    opened = client.post(tap["action"])
    assert opened.status_code == 303
    guide = page_of(client.get(opened.location))
    assert guide.one("h1").words == "Hip Openers for Runners"
    assert "Your next email comes on Thursday" in guide.one("section", **{"aria-label": "Your sign-up"}).words

    world.deliver()
    (_, guide_mail) = world.inbox(ADA)
    assert path_of(guide_mail, "/g/") == opened.location
    world.live(until=TUESDAY_EVENING + timedelta(days=2))
    (_, _, letter) = world.inbox(ADA)
    assert letter["Subject"] == "Tight isn't always short"
    assert page_of(client.get(leave_path_of(letter))).one("h1").words == "Stop these emails?"
    assert "@" not in caplog.text


def test_what_comes_next_is_said_for_ten_minutes_only(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    page = world.links.guide_path(world.enrollment(ADA).id)
    assert "It's open." in page_of(client.get(page)).words
    world.wait(minutes=11)
    assert "It's open." not in page_of(client.get(page)).words


def test_the_guide_page_shows_the_newest_edition(world: World, client: FlaskClient, two_guides: Build) -> None:
    world.joins(ADA)
    page = world.links.guide_path(world.enrollment(ADA).id)
    world.publish(two_guides)
    assert page_of(client.get(page)).one("h1").words == "Hip Openers for Runners"
    (share,) = [link for link in page_of(client.get(page)).every("a") if link.words == "Send them here"]
    assert share["href"] == FORM


def test_ada_asks_for_a_second_guide_and_starts_its_letters_by_her_own_tap(
    world: World, client: FlaskClient, two_guides: Build
) -> None:
    world.publish(two_guides)
    world.joins(ADA)
    world.wait(hours=1)
    asks(client, ADA, "strong-feet")
    world.deliver()
    mail = world.inbox(ADA)[-1]
    assert mail["Subject"] == "Your guide again"
    page = path_of(mail, "/g/")
    assert world.enrollment(ADA, "strong-feet").status == "pending"
    shown = page_of(client.get(page))
    assert shown.one("h1").words == "Strong Feet for Runners"
    form = shown.one("form")
    assert form.one("button").words == "Start the letters"
    started = client.post(form["action"], data=body_of(form))
    assert (started.status_code, started.location) == (303, page)
    assert world.enrollment(ADA, "strong-feet").status == "active"
    assert "Start the letters" not in page_of(client.get(page)).words
    after = dump(world.database)
    assert client.post(form["action"], data=body_of(form)).status_code == 303
    assert dump(world.database) == after


def test_somebody_who_left_gets_the_guide_and_an_unticked_offer(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    world.leaves(ADA)
    world.wait(days=3)
    asks(client, ADA)
    world.deliver()
    assert world.subscriber(ADA).status == "unsubscribed"
    mail = world.inbox(ADA)[-1]
    assert mail["Subject"] == "Your guide again"
    page = path_of(mail, "/g/")
    form = page_of(client.get(page)).one("form")
    tick = form.one("input", type="checkbox")
    assert not tick.has("checked")
    before = dump(world.database)
    assert client.post(form["action"], data=body_of(form)).status_code == 400
    assert dump(world.database) == before
    assert client.post(form["action"], data={tick["name"]: tick["value"]}).status_code == 303
    assert world.subscriber(ADA).status == "active"
    assert "Start the letters" not in page_of(client.get(page)).words
    world.live(until=world.now + timedelta(days=2))
    assert world.inbox(ADA)[-1]["Subject"] == "Tight isn't always short"


def test_bob_comes_back_with_his_old_link_after_he_was_forgotten(world: World, client: FlaskClient) -> None:
    asks(client, "bob@example.com")
    world.deliver()
    link = path_of(world.inbox()[0], "/c/")
    world.wait(days=7, minutes=1)
    for told in ("older than a week", "after a week without a yes"):
        for answer in (client.get(link), client.post(link)):
            form = page_of(answer, 410).one("form")
            assert form["action"] == FORM
            assert form.one("h1").words.startswith("FREE")  # no page to search for it
            assert told in form.one("p", role="status").words
        with world.database.write() as session:
            signup.forget_unconfirmed(session, limit=10, now=world.now)
    assert world.deliveries() == []
    asks(client, "bob@example.com")
    world.deliver()
    assert client.post(path_of(world.inbox()[1], "/c/")).location.startswith("/g/")
    page_of(client.get(link), 410)  # the old link never becomes somebody else's


def test_every_link_stands_on_the_base_url_and_every_redirect_stays_on_the_host_at_hand(
    world: World, open_door: OpenDoor
) -> None:
    client = open_door(base_url="https://mail.example.com")
    answer = client.post(FORM, data={"email": ADA}, headers={"Accept": "application/json"})
    assert answer.json == {"ok": True, "next": "https://mail.example.com/f/hip-openers/sent"}
    assert client.post(FORM, data={"email": ADA}).location == "/f/hip-openers/sent"
