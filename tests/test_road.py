"""The road as a whole: from the form to the last letter."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from tests.world import TUESDAY_EVENING, World

ADA = "ada@example.com"


def test_ada_confirms_and_gets_every_letter_on_its_day(world: World) -> None:
    world.asks(ADA)
    world.deliver()
    assert [mail["Subject"] for mail in world.inbox(ADA)] == ["Please confirm: Hip Openers for Runners"]
    world.confirms(ADA)
    world.live(until=TUESDAY_EVENING + timedelta(days=40))
    sent = world.deliveries(state="sent", sequence="hip-openers")
    zone = ZoneInfo("America/New_York")
    assert [(row.step, f"{row.due_at.astimezone(zone):%a %d %b %H:%M %Z}") for row in sent] == [
        ("guide", "Tue 03 Mar 21:12 EST"),
        ("tight-hips", "Thu 05 Mar 07:30 EST"),
        ("yoga-for-runners", "Sun 08 Mar 07:30 EDT"),
        ("what-is-barre", "Thu 12 Mar 07:30 EDT"),
        ("strong-hips", "Sun 15 Mar 07:30 EDT"),
        ("embrace-the-shake", "Thu 19 Mar 07:30 EDT"),
        ("never-tried-barre", "Mon 23 Mar 07:30 EDT"),
        ("your-week", "Fri 27 Mar 07:30 EDT"),
        ("come-move-with-me", "Tue 31 Mar 07:30 EDT"),
    ]
    assert len(world.inbox(ADA)) == 10
    assert world.enrollment(ADA).status == "completed"


def test_bob_never_confirms_and_gets_nothing_more(world: World) -> None:
    world.asks("bob@example.com")
    world.live(until=TUESDAY_EVENING + timedelta(days=6))
    assert len(world.inbox()) == 1
