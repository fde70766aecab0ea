"""Many readers at once, each with the second letter of her series to come."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import insert

from leadmagnet.store.models import Delivery, Enrollment, Subscriber
from tests.world import GUIDE, TUESDAY_EVENING, World

#: When the second letter is due: Thursday, 7:30 in New York.
THURSDAY_MORNING = datetime(2026, 3, 5, 12, 30, tzinfo=UTC)


def gather(
    world: World,
    count: int,
    *,
    ready: Callable[[int], datetime] = lambda _number: THURSDAY_MORNING,
    group: Callable[[int], str] = lambda _number: "example.com",
) -> list[int]:
    """Adds `count` readers who were given the guide on Tuesday evening; returns the ids of their due letters.

    `ready` and `group` give, by a reader's number, when her letter is ready, and the domain group that it goes to.
    """
    people = [f"reader{number}@example.com" for number in range(count)]
    with world.database.write() as session:
        subscribers = _added(session, Subscriber, [_subscriber(address) for address in people])
        enrollments = _added(session, Enrollment, [_enrollment(subscriber) for subscriber in subscribers])
        pairs = list(zip(subscribers, enrollments, strict=True))
        session.execute(insert(Delivery), [_guide(world, *pair) for pair in pairs])
        return _added(session, Delivery, [
            _letter(world, *pair) | {"ready_at": ready(number), "domain_group": group(number)}
            for number, pair in enumerate(pairs)
        ])  # fmt: skip


def _added(session, model, rows: list[dict[str, object]]) -> list[int]:
    return list(session.scalars(insert(model).returning(model.id, sort_by_parameter_order=True), rows))


def _subscriber(address: str) -> dict[str, object]:
    return {
        "address": address,
        "address_key": address.partition("@")[0],
        "domain_group": "example.com",
        "status": "active",
        "timezone": "America/New_York",
        "created_at": TUESDAY_EVENING,
        "asked_at": TUESDAY_EVENING,
        "confirmed_at": TUESDAY_EVENING,
    }


def _enrollment(subscriber: int) -> dict[str, object]:
    return {
        "subscriber_id": subscriber,
        "sequence": GUIDE,
        "guide": GUIDE,
        "status": "active",
        "created_at": TUESDAY_EVENING,
        "start_at": TUESDAY_EVENING,
    }


def _guide(world: World, subscriber: int, enrollment: int) -> dict[str, object]:
    by_hand = {"state": "skipped", "reason": "given by hand", "ended_at": TUESDAY_EVENING}
    return _row(world, subscriber, enrollment, "guide", "guide", "transactional", TUESDAY_EVENING) | by_hand


def _letter(world: World, subscriber: int, enrollment: int) -> dict[str, object]:
    return _row(world, subscriber, enrollment, "step", "tight-hips", "sequence", THURSDAY_MORNING)


def _row(
    world: World, subscriber: int, enrollment: int, kind: str, step: str, lane: str, due: datetime
) -> dict[str, object]:
    return {
        "kind": kind,
        "subscriber_id": subscriber,
        "enrollment_id": enrollment,
        "sequence": GUIDE,
        "step": step,
        "lane": lane,
        "due_at": due,
        "ready_at": due,
        "release_id": world.published.number,
        "message_id": f"{step}-{enrollment}@example.com",
        "domain_group": "example.com",
        "dedupe_key": f"step:{enrollment}:{step}",
    }
