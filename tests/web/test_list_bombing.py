"""List bombing: somebody types ten thousand strangers' addresses into the form, and what leaves is counted."""

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from werkzeug.test import EnvironBuilder

from leadmagnet.audience import list_bombing
from leadmagnet.settings import Settings
from leadmagnet.store.models import Delivery, Subscriber
from leadmagnet.web.doorkeeper import Doorkeeper, Welcome
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
    assert attacker.statuses == {200: sum(left), 503: 120 * 84 - sum(left)}
    assert sum(left[:15]) in range(600, 660)  # 500, the 117 places of fourteen minutes, then the trickle
    assert sum(left[15:]) in range(20, 40)  # twenty an hour
    assert set(mails_each(world)) == {1}


def test_through_the_form_of_two_processes_it_is_the_same(world: World, open_door: OpenDoor) -> None:
    """Four hundred addresses within forty minutes, at a site that takes in 120 an hour."""
    doors, left = [Attacker(open_door(signups_per_hour=120).application) for _ in range(2)], []
    for minute in range(40):
        for number in range(10):
            doors[number % 2].sends(f"stranger{minute}.{number}@example.com", minute * 10 + number)
        left.append(mails_leave(world))
        world.wait(minutes=1)
    statuses = doors[0].statuses + doors[1].statuses
    assert statuses == {200: sum(left), 503: 400 - sum(left)}
    assert sum(left[:25]) in range(170, 190)
    assert sum(left[25:]) in range(4, 8)
    assert set(mails_each(world)) == {1}


@only_sqlite
def test_three_strangers_bombed_forty_times_each_get_three_mails_ever(world: World, open_door: OpenDoor) -> None:
    """From networks that change, over three days; their addresses are no reason to slow down for anybody else."""
    attacker = Attacker(open_door().application)
    for turn in range(40):
        for number in range(3):
            attacker.sends(f"stranger{number}@example.com", turn)
        mails_leave(world)
        world.wait(minutes=108)
    assert mails_each(world) == [3] * 3
    assert attacker.sends("reader@example.com", 1) == 200


@only_sqlite
def test_the_launch_of_a_popular_guide_is_no_attack(world: World, open_door: OpenDoor) -> None:
    """Three hundred people within an hour, sixty of a hundred confirm, most of them soon: everybody is let in."""
    keeper, settings = Doorkeeper(), Settings()
    for minute in range(120):
        now = world.now + timedelta(minutes=minute)
        with world.database.write() as session:
            if minute < 60:
                list_bombing.sent(session, 5, now=now)
            for waited, people in ((2, 2), (12, 1)):
                if 0 <= minute - waited < 60:
                    for _ in range(people):
                        list_bombing.answered(session, now - timedelta(minutes=waited))
            assert list_bombing.suspected(session, now=now) is None
        if minute < 60:
            assert [type(keeper.let_in(world.database, settings, now=now)) for _ in range(5)] == [Welcome] * 5


def test_a_hundred_tabs_that_ask_for_one_address_at_once_bring_one_mail(world: World, open_door: OpenDoor) -> None:
    spellings = ["ada@example.com", "ADA@example.com", "Ada@EXAMPLE.com", " ada@example.com"]
    attacker = Attacker(open_door().application)
    with ThreadPoolExecutor(16) as threads:
        tabs = [threads.submit(attacker.sends, spellings[number % 4], number) for number in range(100)]
        assert {tab.result() for tab in tabs} == {200}
    with world.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 1
    assert [row.kind for row in world.deliveries()] == ["confirm"]
