"""A mail that was sent is made again from its record: the very bytes, or plain words about what differs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from leadmagnet.content.compiled import Build
from leadmagnet.delivery import rendered
from leadmagnet.delivery.rendered import NotShown, Remade
from leadmagnet.links import Keys
from leadmagnet.mail.sign import Signer
from leadmagnet.mail.smtp import Connection, Server
from leadmagnet.store.models import Delivery, Enrollment, Subscriber
from tests.delivery.crowd import THURSDAY_MORNING
from tests.delivery.editing import relettered, retitled
from tests.mail.clients import PATIENT, connect
from tests.mail.servers import ScriptedServer
from tests.mail.verify import is_signed, signer
from tests.world import World

ADA = "ada@example.com"
SOME_SECONDS = timedelta(seconds=41, microseconds=999_999)


def remade(world: World, number: int) -> Remade:
    with world.database.read() as session:
        sent = rendered.find(session, number)
    return rendered.remade(sent, world.links, world.signer)


def reads_three_mails(world: World, server: ScriptedServer) -> list[bytes]:
    """Ada's confirmation, guide and first letter, as a real mail server got them."""
    world.connect = lambda: connect(server)
    world.now += SOME_SECONDS
    world.joins(ADA, first_name="Zoë =?utf-8?q?x?= {{ 7 }}")
    world.now = THURSDAY_MORNING + SOME_SECONDS
    world.deliver()
    return [mail.raw for mail in server.arrived]


@pytest.mark.parametrize("signs", [signer(), None])
def test_every_mail_is_made_again_byte_for_byte(world: World, example: Build, signs: Signer | None) -> None:
    world.signer = signs
    with ScriptedServer() as server:
        arrived = reads_three_mails(world, server)
    assert len(arrived) == 3
    assert b"/l/" in arrived[2], "its links are counted"
    assert [is_signed(raw) for raw in arrived] == [signs is not None] * 3
    # Whatever changes later is no part of it: the words, her name, what she opened, the keys, the clock.
    world.publish(relettered(example, "hip-openers/tight-hips", html="<p>Anew</p>", text="Anew", links=()))
    world.changes(Subscriber, world.subscriber(ADA).id, first_name="Another")
    world.changes(Enrollment, world.enrollment(ADA).id, guide_opened_at=None)
    world.wait(days=100)
    world.links = replace(world.links, keys=Keys.of(("a new key", "first key")))
    for row, raw in zip(world.deliveries(state="sent"), arrived, strict=True):
        assert remade(world, row.id) == Remade(raw, ())


def test_what_a_provider_wants_on_top_is_a_part_of_it(world: World) -> None:
    postmark = Server.from_provider("postmark", username="maya", password="geheim")
    with ScriptedServer() as server:
        there = Server("127.0.0.1", server.port, "off", letters_header=postmark.letters_header)
        world.connect = lambda: Connection.open(there, local_hostname="client.example", timeouts=PATIENT)
        world.joins(ADA)
        world.now = THURSDAY_MORNING
        world.deliver()
    assert server.arrived[2].raw.startswith(b"X-PM-Message-Stream")
    for row, mail in zip(world.deliveries(state="sent"), server.arrived, strict=True):
        assert remade(world, row.id) == Remade(mail.raw, ())


def test_a_second_try_is_what_is_shown(world: World) -> None:
    with ScriptedServer({"DOT": "451 4.3.0 later"}) as server:
        world.connect = lambda: connect(server)
        world.asks(ADA)
        world.deliver()
        server.script.clear()
        (row,) = world.deliveries(state="pending")
        world.now = row.ready_at
        world.deliver()
        (mail,) = server.arrived
    assert remade(world, row.id) == Remade(mail.raw, ())


def test_another_key_or_address_of_this_machine_is_said(world: World) -> None:
    world.signer = signer()
    with ScriptedServer() as server:
        *_, raw = reads_three_mails(world, server)
    *_, row = world.deliveries(state="sent")

    links, signs = world.links, world.signer
    world.signer = Signer("other", signs.key)
    assert remade(world, row.id) == Remade(
        _unsigned(raw),
        ("It was signed with another DKIM key than today's: here it stands without its DKIM-Signature.",),
    )
    world.signer = None
    (said,) = remade(world, row.id).differs
    assert "a DKIM key that is not here" in said
    world.signer, world.links = signs, replace(links, keys=Keys.of(("a new key",)))
    (said,) = remade(world, row.id).differs
    assert "is not in LEADMAGNET_SECRET_KEYS any more" in said
    world.links = replace(links, base_url="https://new.example.com")
    (said,) = remade(world, row.id).differs
    assert said == "base_url was changed since: here its links and pictures begin with https://new.example.com."
    world.links = links
    world.changes(Subscriber, row.subscriber_id, address="someone-else@example.com")
    (said,) = remade(world, row.id).differs
    assert "most likely leadmagnet was upgraded since" in said


def test_a_key_that_came_later_takes_nothing_from_an_unsigned_mail(world: World) -> None:
    with ScriptedServer() as server:
        *_, raw = reads_three_mails(world, server)
    *_, row = world.deliveries(state="sent")
    world.signer = signer()
    assert remade(world, row.id) == Remade(raw, ())
    world.links = replace(world.links, base_url="https://new.example.com")
    (said,) = remade(world, row.id).differs
    assert "base_url" in said


def test_of_a_mail_from_before_this_was_recorded_only_the_date_is_a_guess(world: World) -> None:
    with ScriptedServer() as server:
        *_, raw = reads_three_mails(world, server)
    *_, row = world.deliveries(state="sent")
    world.changes(Delivery, row.id, facts={name: said for name, said in row.facts.items() if name != "made"})
    again = remade(world, row.id)
    assert again.raw == raw  # in this world no time passes between a mail's making and its gate
    (said,) = again.differs
    assert "the date is approximate" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"facts": None}, "hip-openers/tight-hips of version 1 is what it was made from"),
        (
            {"handed_at": None, "state": "skipped", "reason": "tag:student"},
            "was never sent, it is skipped: tag:student",
        ),
        ({"handed_at": None, "state": "pending"}, "has not been sent yet. `leadmagnet show hip-openers/tight-hips`"),
    ],
)
def test_what_cannot_be_shown_is_said(world: World, change: dict[str, object], said: str) -> None:
    world.joins(ADA)
    world.now = THURSDAY_MORNING
    world.deliver()
    (row,) = world.deliveries(step="tight-hips")
    world.changes(Delivery, row.id, **change)
    with pytest.raises(NotShown, match=said):
        remade(world, row.id)


def test_the_mails_of_a_forgotten_person_are_gone(world: World) -> None:
    world.joins(ADA)
    *_, row = world.deliveries(state="sent")
    with world.database.write() as session:
        session.execute(delete(Subscriber))
    with pytest.raises(NotShown, match=f"there is no mail {row.id}.* are gone with her"):
        remade(world, row.id)


def test_todays_letter_is_filled_in_for_her(world: World, example: Build) -> None:
    world.joins(ADA)
    world.now = THURSDAY_MORNING
    world.deliver()
    *_, row = world.deliveries(state="sent")
    later = world.publish(relettered(example, "hip-openers/tight-hips", text="Anew: {{ unsubscribe_url }}"))
    with world.database.read() as session:
        sent = rendered.find(session, row.id)
    now = rendered.words_today(sent, later, world.links)
    assert now is not None
    assert now.text == f"Anew: {world.links.leave(row.subscriber_id)}"
    assert rendered.masked(now.text) == "Anew: http://127.0.0.1:8000/u/…"
    assert rendered.words(sent, world.links).text != now.text
    gone = world.publish(retitled(example, steps=()))
    gone = replace(gone, compiled=gone.compiled.model_copy(update={"letters": {}}))
    assert rendered.words_today(sent, gone, world.links) is None


def _unsigned(raw: bytes) -> bytes:
    _signature, found, rest = raw.partition(b"\r\nFrom: ")
    assert found
    return b"From: " + rest
