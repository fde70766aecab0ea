"""List bombing: somebody types ten thousand strangers' addresses into the form, and what leaves is counted."""

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from werkzeug.test import EnvironBuilder

from leadmagnet.audience import list_bombing
from leadmagnet.settings import Settings
from leadmagnet.store.models import Delivery, Subscriber
from leadmagnet.web.doorkeeper import Doorkeeper, Welcome
from tests.databases import ON_POSTGRESQL
from tests.web.conftest import OpenDoor, only_sqlite
from tests.web.test_signup import FORM, JSON
from tests.world import World


class Attacker:
    """Sends the form over WSGI itself: thousands of times, each from another network, through nothing but the app."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._environ = EnvironBuilder(FORM, method="POST", headers=JSON).get_environ()
        self.statuses: Counter[int] = Counter()

    def sends(self, address: str, number: int) -> int:
        body = f"email={address}".encode()
        environ = self._environ | {
            "REMOTE_ADDR": f"203.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        answered: list[str] = []
        for _part in self._app(environ, lambda status, _headers, _error=None: answered.append(status)):
            pass
        status = int(answered[0].split()[0])
        self.statuses[status] += 1
        return status


def mails_leave(world: World) -> int:
    """The mail server takes everything that waits, as the worker would hand it over within seconds."""
    with world.database.write() as session:
        waiting = update(Delivery).where(Delivery.state == "pending", Delivery.kind == "confirm")
        sent = waiting.values(state="sent", sent_at=world.now, ended_at=world.now).returning(Delivery.id)
        count = len(session.scalars(sent, execution_options={"synchronize_session": False}).all())
        if count:
            list_bombing.sent(session, count, now=world.now)
    return count


def mails_each(world: World) -> list[int]:
    """How many confirmations each address was sent, the most first."""
    with world.database.read() as session:
        counted = select(func.count()).where(Delivery.kind == "confirm").group_by(Delivery.subscriber_id)
        return sorted(session.scalars(counted), reverse=True)


@only_sqlite
def test_of_ten_thousand_strangers_hardly_any_is_written_to(world: World, open_door: OpenDoor) -> None:
    """Ten thousand addresses within two hours, each from a network of its own, with the limits as they come."""
    attacker, left = Attacker(open_door().application), []
    for minute in range(120):
        for number in range(84):
            attacker.sends(f"stranger{minute}.{number}@example.com", minute * 84 + number)
        left.append(mails_leave(world))
        world.wait(minutes=1)
    assert sum(attacker.statuses.values()) == 10_080
    assert attacker.statuses == {200: sum(left), 503: 10_080 - sum(left)}
    assert sum(left[:20]) <= 500 + 500 * 20 / 60 + 1
    assert sum(left[20:]) <= 20 + 20 * 100 / 60 + 1
    assert set(mails_each(world)) == {1}


@ON_POSTGRESQL
def test_on_a_shared_database_it_is_the_same(world: World, open_door: OpenDoor) -> None:
    doors = [Attacker(open_door(signups_per_hour=120).application) for _ in range(2)]
    left = []
    for minute in range(40):
        for number in range(10):
            doors[number % 2].sends(f"stranger{minute}.{number}@example.com", minute * 10 + number)
        left.append(mails_leave(world))
        world.wait(minutes=1)
    assert sum(left) <= 120 + 120 * 30 / 60 + 20 + 20 / 6 + 1
    assert set(mails_each(world)) == {1}


@only_sqlite
def test_three_strangers_bombed_a_hundred_times_each_get_three_mails_ever(world: World, open_door: OpenDoor) -> None:
    """From networks that change, over three days; their addresses are no reason to slow down for anybody else."""
    attacker = Attacker(open_door().application)
    for turn in range(100):
        for number in range(3):
            attacker.sends(f"stranger{number}@example.com", turn)
        mails_leave(world)
        world.wait(minutes=43)
    assert mails_each(world) == [3] * 3
    assert attacker.sends("reader@example.com", 1) == 200


@only_sqlite
def test_the_launch_of_a_popular_guide_is_no_attack(world: World, open_door: OpenDoor) -> None:
    """Three hundred people within an hour, sixty of a hundred confirm, most of them soon: everybody is let in."""
    keeper, settings = Doorkeeper(), Settings()
    confirming: list[datetime] = []
    for second in range(0, 2 * 3600, 12):
        now = world.now + timedelta(seconds=second)
        with world.database.write() as session:
            if second < 3600:
                list_bombing.sent(session, 1, now=now)
                if second // 12 % 5 < 3:  # after two minutes, or twelve
                    confirming.append(now + timedelta(minutes=2 if second // 12 % 5 else 12))
            for due in [one for one in confirming if one <= now]:
                confirming.remove(due)
                list_bombing.answered(session, due - timedelta(minutes=2))
        assert isinstance(keeper.let_in(world.database, settings, now=now), Welcome) or second > 3600
        assert not keeper._bombed


def test_a_hundred_tabs_that_ask_for_one_address_at_once_bring_one_mail(world: World, open_door: OpenDoor) -> None:
    spellings = ["ada@example.com", "ADA@example.com", "Ada@EXAMPLE.com", " ada@example.com"]
    attacker = Attacker(open_door().application)
    with ThreadPoolExecutor(16) as threads:
        tabs = [threads.submit(attacker.sends, spellings[number % 4], number) for number in range(100)]
        assert {tab.result() for tab in tabs} == {200}
    with world.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 1
    assert [row.kind for row in world.deliveries()] == ["confirm"]
