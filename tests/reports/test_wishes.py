"""What a reader wished stands in every answer about her, and what was foretold by it happens."""

from datetime import timedelta

from leadmagnet.audience import subscribers
from leadmagnet.cli.diary import diary
from leadmagnet.cli.person_words import PersonWords
from leadmagnet.cli.words import Names
from leadmagnet.reports import person as persons
from leadmagnet.reports.why import Why, why
from leadmagnet.sequences import finishing, pace
from leadmagnet.store.models import Subscriber
from tests.world import World

ADA = "ada@example.com"


def _asked(world: World) -> Why:
    with world.database.read() as session:
        found = why(session, world.published, world.subscriber(ADA).address_key, now=world.now)
    assert found is not None
    return found


def test_what_is_foretold_of_her_wishes_happens(world: World) -> None:
    world.joins(ADA)
    world.wait(hours=3)
    with world.database.write() as session:
        she = subscribers.get(session, world.subscriber(ADA).id)
        assert she is not None
        pace.at_most_one_in(session, world.published, she, 6, by="reader", now=world.now)
        finishing.finish(session, she, by="reader", now=world.now)
        pace.next_now(session, world.published, she, by="reader", now=world.now)
    found = _asked(world)
    foretold = [(one.letter, one.at) for one in found.coming if one.at is not None and one.skipped is None]
    assert [one.leaves for one in found.ends] == [True]
    assert found.coming[0].why == "she asked for it now"
    assert found.coming[1].why.startswith("she asked for fewer letters")
    with world.database.read() as session:
        her = persons.person(session, world.published, session.get_one(Subscriber, she.id), now=world.now)
    page = PersonWords(Names(world.published)).page(her)
    assert "wants at most one letter in 6 days" in page and "leaves after this series" in page
    assert "as she asked for it now" in page
    told = "\n".join(diary(found.timeline, world.published, now=world.now))
    for words in ("at most one letter in 6 days wished for by reader", "leaves after this series by reader",
                  "the next letter asked for at once by reader"):  # fmt: skip
        assert words in told
    world.skip(until=world.now + timedelta(days=90))
    sent = [(row.step, row.sent_at) for row in world.deliveries(state="sent") if row.step is not None][1:]
    assert foretold == sent
