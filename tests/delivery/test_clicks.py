"""Counted links: they lead where the letter said, for ever, and count people only."""

import re
from datetime import timedelta

from leadmagnet.delivery import clicks
from leadmagnet.links import Purpose, read
from tests.world import World

ADA = "ada@example.com"


def second_letter(world: World) -> tuple[int, str]:
    """Ada has had her second letter: its delivery id, and the counted link in its text part."""
    world.joins(ADA)
    world.live(until=world.now + timedelta(days=3))
    (row,) = world.deliveries(step="tight-hips")
    part = world.inbox(ADA)[-1].get_body(("plain",))
    assert part is not None
    found = re.search(r"http://127\.0\.0\.1:8000/l/(\S{32})\s", part.get_content())
    assert found is not None
    return row.id, found[1]


def test_a_counted_link_names_its_delivery_and_its_place(world: World) -> None:
    delivery_id, link = second_letter(world)
    assert read(link[:30], Purpose.CLICK, world.links.keys) == delivery_id
    assert link[30:] == "00"


def test_it_leads_to_the_section_of_her_own_guide(world: World) -> None:
    delivery_id, _link = second_letter(world)
    with world.database.read() as session:
        target = clicks.target(session, world.links, delivery_id, 0)
        assert target == f"{world.links.guide(world.enrollment(ADA).id)}#flow"
        assert clicks.target(session, world.links, delivery_id, 1) is None
        assert clicks.target(session, world.links, delivery_id + 99, 0) is None


def test_a_scanner_within_seconds_is_not_counted_and_a_person_is_once(world: World) -> None:
    delivery_id, _link = second_letter(world)
    (row,) = world.deliveries(step="tight-hips")
    assert row.sent_at is not None
    for seconds, counted in ((5, None), (11, 11), (500, 11)):
        with world.database.write() as session:
            clicks.count(session, delivery_id, now=row.sent_at + timedelta(seconds=seconds))
        expected = row.sent_at + timedelta(seconds=counted) if counted else None
        assert world.deliveries(step="tight-hips")[0].clicked_at == expected


def test_html_and_text_carry_the_same_counted_link(world: World) -> None:
    _delivery_id, link = second_letter(world)
    part = world.inbox(ADA)[-1].get_body(("html",))
    assert part is not None
    assert f"/l/{link}" in part.get_content()
