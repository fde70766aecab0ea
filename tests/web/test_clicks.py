"""Counted links: they lead where the letter said, count one person once, and believe nothing in the request."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, null, update

from leadmagnet.content.compiled import Build
from leadmagnet.links import Keys, Purpose, mint
from leadmagnet.publishing import drafts
from leadmagnet.store.models import Delivery, Subscriber
from tests.web.conftest import copy_of_example, only_sqlite
from tests.web.mails import path_of
from tests.web.page import page_of
from tests.web.tables import dump
from tests.world import World

ADA = "ada@example.com"


def read_later(world: World) -> str:
    """The path of the counted link in Ada's first letter, an hour after it came."""
    world.joins(ADA)
    world.live(until=world.now + timedelta(days=2))
    world.wait(hours=1)
    return path_of(world.inbox(ADA)[-1], "/l/")


def clicked_at(world: World) -> datetime | None:
    (letter,) = world.deliveries(step="tight-hips")
    return letter.clicked_at


def changed(folder: Path, old: str, new: str) -> Build:
    """The example site with other words in its settings."""
    site = copy_of_example(folder)
    text = (site / "leadmagnet.toml").read_text()
    assert old in text
    (site / "leadmagnet.toml").write_text(text.replace(old, new))
    build = drafts.check(site)
    assert build.compiled is not None, [str(found) for found in build.findings]
    return build


def test_a_click_leads_to_the_page_and_counts_once(world: World, client: FlaskClient) -> None:
    link = read_later(world)
    answer = client.get(link)
    assert answer.status_code == 302
    assert answer.location == world.links.guide(world.enrollment(ADA).id) + "#flow"
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    first = world.now
    assert clicked_at(world) == first
    before = dump(world.database)
    world.wait(hours=1)
    assert client.get(link).location == answer.location
    assert dump(world.database) == before


def test_a_click_counts_and_does_nothing_else(world: World, client: FlaskClient) -> None:
    link = read_later(world)
    before = dump(world.database)
    client.get(link)
    after = dump(world.database)
    assert {table for table in before if before[table] != after[table]} == {"delivery"}
    (row,) = [number for number, old in enumerate(before["delivery"]) if old != after["delivery"][number]]
    pairs = zip(before["delivery"][row], after["delivery"][row], strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]] == [(None, world.now)]


def test_head_and_options_do_not_even_count(world: World, client: FlaskClient) -> None:
    link = read_later(world)
    before = dump(world.database)
    assert client.head(link).status_code == 302
    assert client.options(link).status_code == 200
    assert client.post(link).status_code == 405
    assert dump(world.database) == before


def test_a_scanner_within_seconds_of_the_sending_does_not_count(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    world.live(until=world.now + timedelta(days=2))
    (letter,) = world.deliveries(step="tight-hips")
    assert letter.sent_at is not None
    world.now = letter.sent_at + timedelta(seconds=9)
    link = path_of(world.inbox(ADA)[-1], "/l/")
    assert client.get(link).status_code == 302
    assert clicked_at(world) is None
    world.wait(seconds=2)
    client.get(link)
    assert clicked_at(world) == world.now


@only_sqlite
def test_what_stands_in_the_request_leads_nowhere(world: World, client: FlaskClient) -> None:
    link = read_later(world)
    expected = client.get(link).location
    for added in ("?url=https://evil.example", "?next=//evil.example", "?u=javascript:alert(1)"):
        assert client.get(link + added).location == expected
    answer = client.get(link, headers={"X-Forwarded-Host": "evil.example", "Referer": "https://evil.example"})
    assert answer.location == expected


@only_sqlite
def test_every_other_link_gets_the_page_of_a_wrong_link(world: World, client: FlaskClient) -> None:
    link = read_later(world)
    token, number = link[-32:-2], link[-2:]
    (letter,) = world.deliveries(step="tight-hips")
    (guide, *_) = world.deliveries(kind="confirm")
    keys = world.links.keys
    before = dump(world.database)
    for forged in (
        token, token + "99", token + "0", token + "000", token + "٠٠", token + "-1", token + "+1", token + "xx",
        token[:-1] + ("A" if token[-1] != "A" else "E") + number, token.swapcase() + number,
        mint(Purpose.LEAVE, letter.id, keys) + number,
        mint(Purpose.CLICK, letter.id, Keys.of(("another key",))) + number,
        mint(Purpose.CLICK, guide.id, keys) + "00",
    ):  # fmt: skip
        page_of(client.get(f"/l/{forged}"), 404)
    assert dump(world.database) == before


@only_sqlite
def test_the_link_of_a_forgotten_person_leads_on_to_the_site_and_counts_nothing(
    world: World, client: FlaskClient
) -> None:
    link = read_later(world)
    with world.database.write() as session:
        session.execute(delete(Subscriber))
    before = dump(world.database)
    answer = client.get(link)
    assert (answer.status_code, answer.location) == (302, world.published.site.url)
    assert dump(world.database) == before


@only_sqlite
def test_a_link_works_for_longer_than_what_its_letter_was_filled_in_with_is_kept(
    world: World, client: FlaskClient
) -> None:
    link = read_later(world)
    expected = client.get(link).location
    with world.database.write() as session:
        session.execute(update(Delivery).values(facts=null()))
    answer = client.get(link)
    assert (answer.status_code, answer.location) == (302, expected)


@only_sqlite
def test_a_wrong_link_in_letters_already_sent_is_mended_by_a_publish(
    world: World, client: FlaskClient, tmp_path: Path
) -> None:
    old = changed(tmp_path / "old", 'flow    = "#flow"', 'flow    = "https://example.com/flwo"')
    world.publish(old)
    link = read_later(world)
    assert client.get(link).location == "https://example.com/flwo"
    fixes = '[link_fixes]\n"https://example.com/flwo" = "https://example.com/flow"\n\n[tracking]'
    world.publish(changed(tmp_path / "new", "[tracking]", fixes))
    assert client.get(link).location == "https://example.com/flow"


@only_sqlite
def test_a_letter_leads_where_its_own_version_said(world: World, client: FlaskClient, tmp_path: Path) -> None:
    link = read_later(world)
    expected = client.get(link).location
    world.publish(changed(tmp_path, 'flow    = "#flow"', 'flow    = "https://example.com/video"'))
    assert client.get(link).location == expected


@only_sqlite
@pytest.mark.parametrize("counted", [True, False])
def test_switched_off_counting_stops_for_letters_already_sent(
    world: World, client: FlaskClient, tmp_path: Path, counted: bool
) -> None:
    link = read_later(world)
    if not counted:
        world.publish(changed(tmp_path, "clicks = true", "clicks = false"))
    assert client.get(link).status_code == 302
    assert (clicked_at(world) is not None) is counted
