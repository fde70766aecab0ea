"""Many requests in one transaction: each as if it had come alone, and no worker in the way."""

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select, text

from leadmagnet.audience import addresses, suppressions
from leadmagnet.audience.consent import Origin
from leadmagnet.content.compiled import Build
from leadmagnet.sequences import requests
from leadmagnet.sequences.requests import Request, Requested
from leadmagnet.store.database import Session
from leadmagnet.store.models import Consent, Delivery, Enrollment, Subscriber
from tests.sequences.conftest import BARRE
from tests.world import GUIDE, SECRET, World

NEW, ADA, BOB, CAROL = "new@example.com", "ada@example.com", "bob@example.com", "carol@example.com"
LEFT, NEVER, DONE = "left@example.com", "never@example.com", "done@example.com"


def _asked(world: World, address: str, guide: str = GUIDE, *, person: bool = True, name: str | None = None) -> Request:
    found, parsed = world.published.guide(guide), addresses.parse(address)
    assert found is not None
    origin = Origin(ip="192.0.2.7", page=f"https://blog.example/{name or ''}")
    return Request(found, parsed, parsed.key(SECRET), name, "Europe/Berlin" if name else None, origin, person)


def _peopled(world: World, build: Build) -> None:
    """Ada reads, Bob has not confirmed, Carol complained; one has left, and one left before she said yes."""
    world.publish(build)
    for reader in (ADA, CAROL, LEFT):
        world.joins(reader, first_name="First")
    for asker in (BOB, NEVER):
        world.asks(asker)
    world.deliver()
    world.leaves(LEFT)
    world.leaves(NEVER)
    with world.database.write() as session:
        suppressions.add(session, world.subscriber(CAROL).address_key, "all", "complained", now=world.now)
    world.wait(hours=2)


def _told(session: Session) -> list[list[tuple[Any, ...]]]:
    """What is kept, but for what no two sign-ups share: numbers of ours, Message-IDs."""
    address = Subscriber.address
    of = (Subscriber, Enrollment, Delivery, Consent)
    ours = {"id", "subscriber_id", "enrollment_id", "message_id", "dedupe_key"}
    found = []
    for model in of:
        told = [column for column in model.__table__.columns if column.name not in ours]
        rows = select(address, *told).order_by(address, model.id)
        if model is not Subscriber:
            rows = rows.join_from(model, Subscriber, Subscriber.id == model.subscriber_id)
        found.append(sorted((tuple(row) for row in session.execute(rows)), key=repr))
    return found


class _Undo(Exception):
    """Nothing of a transaction is to stay."""


def test_together_they_get_what_each_gets_alone(world: World, two_guides: Build) -> None:
    _peopled(world, two_guides)
    asked = [
        _asked(world, NEW, name="Nora"),
        _asked(world, ADA, name="Renamed"),
        _asked(world, "ADA@example.com", BARRE),
        _asked(world, "postmaster@example.com"),
        _asked(world, BOB, BARRE),
        _asked(world, NEW, BARRE, name="Other"),
        _asked(world, CAROL),
        _asked(world, LEFT),
        _asked(world, NEVER),
        _asked(world, DONE, person=False),
        _asked(world, ADA),
        _asked(world, BOB),
    ]
    with pytest.raises(_Undo), world.database.write() as session:
        one_by_one = [requests.take_in(session, world.published, [one], limits=True, now=world.now)[0] for one in asked]
        told_one_by_one = _told(session)
        raise _Undo
    with world.database.write() as session:
        together = requests.take_in(session, world.published, asked, limits=True, now=world.now)
        told_together = _told(session)
    assert together == one_by_one
    assert told_together == told_one_by_one
    assert Counter(together) == {
        Requested.CONFIRMATION: 2, Requested.GUIDE: 3, Requested.TOO_SOON: 3, Requested.NOT_A_PERSON: 2,
        Requested.BLOCKED: 2,
    }  # fmt: skip


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_that_plans_her_letter_is_not_waited_for(world: World) -> None:
    """It holds key locks on the series that it plans for: who asks for her guide again must not stand in a circle."""
    world.joins(ADA)
    world.joins(CAROL)
    world.wait(hours=2)
    series = world.enrollment(CAROL).id
    with world.database.write() as planning:
        planning.execute(
            select(Enrollment.id).where(Enrollment.id == series).with_for_update(read=True, key_share=True)
        )
        with world.database.write() as session:
            session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            asked = [_asked(world, ADA), _asked(world, CAROL)]
            assert (
                requests.take_in(session, world.published, asked, limits=True, now=world.now) == [Requested.GUIDE] * 2
            )
