"""Reports that come back about the mails of a world, and what they leave in its tables."""

from sqlalchemy import select

from leadmagnet.delivery import feedback
from leadmagnet.delivery.feedback import Heard, Stranger
from leadmagnet.links import return_path
from leadmagnet.mail import bounces
from leadmagnet.mail.bounces import NotFeedback
from leadmagnet.store.models import Delivery, Model, Suppression, Tally
from tests.mail.returned import ADA, raw
from tests.world import World


def newest(world: World, address: str = ADA, state: str = "sent") -> Delivery:
    return world.deliveries(subscriber_id=world.subscriber(address).id, state=state)[-1]


def hears(world: World, report: bytes) -> Heard | Stranger:
    said = bounces.read(report)
    assert not isinstance(said, NotFeedback)
    with world.database.write() as session:
        return feedback.take(session, said, world.links.keys, now=world.now)


def about(world: World, mail: Delivery, name: str, recipient: str = ADA) -> bytes:
    path = return_path(mail.id, "bounce.example.com", world.links.keys)
    return raw(name, return_path=path, message_id=mail.message_id, recipient=recipient)


def comes_back(world: World, name: str, mail: Delivery | None = None) -> Heard:
    heard = hears(world, about(world, mail or newest(world), name))
    assert isinstance(heard, Heard)
    return heard


def rows(world: World, model: type[Model]) -> list[Model]:
    with world.database.read() as session:
        return list(session.scalars(select(model)))


def blocks(world: World) -> list[tuple[str, str]]:
    return [(row.scope, row.reason) for row in rows(world, Suppression)]  # type: ignore[attr-defined]


def tallies(world: World) -> dict[tuple[str, str], int]:
    found = {(row.letter, row.outcome): row.count for row in rows(world, Tally)}  # type: ignore[attr-defined]
    return {key: count for key, count in found.items() if key[1] not in ("accepted", "judged")}
