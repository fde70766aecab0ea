"""The operator's weekly mail: once for each week that is over, with true numbers and nobody's address."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from leadmagnet.content.compiled import Build
from leadmagnet.publishing.releases import Live
from leadmagnet.reports import weekly_mail
from leadmagnet.store.models import Delivery
from tests.delivery.crowd import THURSDAY_MORNING, gather
from tests.world import GUIDE, World

ADA, BOB, CAROL = "ada@example.com", "bob@example.com", "carol@example.com"
OPERATOR = "maya@example.com"
#: Eight o'clock in New York.
MONDAY = datetime(2026, 3, 9, 12, tzinfo=UTC)


def _tell(world: World) -> bool:
    return weekly_mail.send(world.database, Live(), now=world.now)


def _text(world: World) -> str:
    world.deliver()
    mail = world.inbox(OPERATOR)[-1]
    return str(mail.get_body(("plain",)).get_content()).replace("\r\n", "\n")  # type: ignore[union-attr]


def test_the_week_is_told_in_true_numbers_and_names_nobody(world: World) -> None:
    for address in (ADA, BOB, CAROL):
        world.joins(address)
    world.asks("dora@example.com")
    world.skip(until=THURSDAY_MORNING)
    world.leaves(CAROL)
    clicked, held, _hers = world.deliveries(step="tight-hips", state="sent")
    world.changes(Delivery, clicked.id, clicked_at=world.now)
    world.changes(Delivery, held.id, state="uncertain", sent_at=None, ended_at=world.now)
    world.skip(until=MONDAY)
    assert _tell(world)
    told = _text(world)
    assert (
        world.inbox(OPERATOR)[-1]["Subject"] == "Your week: 3 new readers, 7 letters sent, 1 left; something needs you"
    )
    assert "From Monday 2 March to Sunday 8 March. 2 people read your letters now." in told
    for row in (
        "Signed up 4",
        "Confirmed 3",
        "Left 1",
        f"… after {GUIDE}/tight-hips 1",
        f"{GUIDE}/guide 0 of 3 clicked",
        f"{GUIDE}/tight-hips 1 of 2 clicked",
        f"{GUIDE}/what-is-barre 2 readers, from Thu 07:30",
        f"leadmagnet resend {held.id}",
    ):
        assert row in " ".join(told.split()), (row, told)
    assert "@" not in told


def test_one_mail_a_week_by_whichever_worker_comes_first(world: World) -> None:
    world.now = MONDAY - timedelta(seconds=1)
    assert not _tell(world), "not before eight"
    world.now = MONDAY + timedelta(days=3)
    assert _tell(world), "who was off on Monday tells it when he is back"
    assert not _tell(world)
    world.now = MONDAY + timedelta(days=7)
    assert _tell(world)
    assert [row.dedupe_key for row in world.deliveries()] == ["weekly:2026-W10", "weekly:2026-W11"]


def test_a_week_in_which_nothing_was_live_is_not_told(world: World) -> None:
    world.wait(hours=1)
    assert not _tell(world), "the week before the first version"
    assert world.deliveries() == []


def test_a_quiet_week_is_two_lines(world: World) -> None:
    world.now = MONDAY
    _tell(world)
    assert _text(world).split("\n-- \n")[0].split("\n\n") == [
        "From Monday 2 March to Sunday 8 March nothing happened: nobody new,\nnobody left, and no letter went out.",
        "In the next seven days no letter is due.\n",
    ]


def test_it_can_be_switched_off(world: World, example: Build) -> None:
    assert example.compiled is not None
    settings = example.compiled.settings
    off = settings.model_copy(update={"site": settings.site.model_copy(update={"weekly_mail": False})})
    world.publish(replace(example, compiled=example.compiled.model_copy(update={"settings": off}), digest="e" * 64))
    world.now = MONDAY
    assert not _tell(world)


def test_percentages_stand_only_where_they_mean_something(world: World) -> None:
    gather(world, 60)
    with world.database.write() as session:
        for row in world.deliveries(step="tight-hips")[:60]:
            session.merge(Delivery(id=row.id, state="sent", sent_at=THURSDAY_MORNING))
    for row in world.deliveries(step="tight-hips")[:15]:
        world.changes(Delivery, row.id, clicked_at=THURSDAY_MORNING)
    world.now = MONDAY
    _tell(world)
    assert "60 sent, 25 % clicked" in _text(world)
