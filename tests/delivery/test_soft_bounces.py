"""An address that fails softly is forgiven, until it has failed for too long."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from leadmagnet.store.models import Suppression
from tests.mail.clients import connect
from tests.mail.servers import ScriptedServer
from tests.world import GUIDE, World

ADA = "ada@example.com"


def blocked(world: World) -> list[tuple[str, str]]:
    with world.database.read() as session:
        return [(row.scope, row.reason) for row in session.scalars(select(Suppression))]


@pytest.mark.parametrize(
    ("answer", "days", "block"),
    [
        ("552 5.2.2 full", [0, 3, 7], "mailbox full or disabled for a week, three mails failed"),
        ("550 5.2.1 disabled", [0, 8], None),
        ("552 5.2.2 full", [0, 1, 2, 6], None),
        ("550 no such user here", [0, 1], "refused twice without a reason, a day apart"),
        ("550 no such user here", [0, 0, 0], None),
        ("550 5.5.0 mailbox unavailable", [0, 3, 7, 20], None),
    ],
)
def test_patience_ends_after_so_many_failures_over_so_long(
    world: World, answer: str, days: list[int], block: str | None
) -> None:
    world.joins(ADA)
    with ScriptedServer({"RCPT": answer}) as server:
        world.connect = lambda: connect(server)
        start = world.now
        for day in days:
            world.now = max(world.now + timedelta(minutes=20), start + timedelta(days=day, hours=1))
            world.asks(ADA, limits=False)  # the guide, once more
            guides = [letter.kind for letter, _outcome in world.deliver() if letter.kind == "guide"]
            assert guides == ["guide"]
    assert blocked(world) == ([("all", block)] if block else [])
    assert world.subscriber(ADA).status == ("unsubscribed" if block else "active")
    assert (world.enrollment(ADA, GUIDE).exit_reason == "bounced") == bool(block)


def test_a_mail_that_arrives_shows_that_the_mailbox_works(world: World) -> None:
    world.joins(ADA)
    with ScriptedServer({"RCPT": "552 5.2.2 full"}) as server:
        world.connect = lambda: connect(server)
        start = world.now
        for day in (1, 4, 5, 9, 10):
            world.now = start + timedelta(days=day)
            if day == 5:
                server.script.clear()
            else:
                server.script["RCPT"] = "552 5.2.2 full"
            world.asks(ADA, limits=False)
            world.deliver()
    assert blocked(world) == []
