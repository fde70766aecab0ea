"""Which reports are believed: each proof is enough, and nothing that can be made up is one."""

import pytest

from leadmagnet.delivery.feedback import Heard, Stranger
from leadmagnet.links import Keys, Links, Purpose, mint, return_path
from tests.delivery.reported import hears, newest
from tests.mail.returned import ADA, raw
from tests.world import World

BOB = "bob@example.com"

FORGED = {
    "another key's return path": lambda w, m: raw(
        "postfix-no-such-user", return_path=return_path(m.id, "bounce.example.com", Keys.of(("theirs",)))
    ),
    "a return path with a letter changed": lambda w, m: raw(
        "postfix-no-such-user", return_path=return_path(m.id, "x.example", w.links.keys).replace("b+a", "b+b")
    ),
    "a link's token in the return path": lambda w, m: raw(
        "postfix-no-such-user", return_path=f"b+{mint(Purpose.CLICK, m.id, w.links.keys)}@bounce.example.com"
    ),
    "her address alone": lambda w, m: raw("postfix-no-such-user"),
    "her address in a complaint": lambda w, m: raw("arf-abuse"),
    "a guessed Message-ID": lambda w, m: raw("gmail-no-such-user", message_id=f"f{m.message_id[1:]}"),
    "a number without the link": lambda w, m: raw("arf-abuse", number=f"X-Delivery-Id: {m.id}"),
    "a number with another person's link": lambda w, m: raw(
        "arf-abuse",
        number=f"X-Delivery-Id: {m.id}",
        leave_url=w.links.leave(w.subscriber(BOB).id),
    ),
    "a number beyond all numbers": lambda w, m: raw(
        "arf-abuse", number="X-Delivery-Id: 999999999999999999", leave_url=w.links.leave(m.subscriber_id or 0)
    ),
    "NUL and quotes": lambda w, m: raw("postfix-no-such-user", message_id="'; drop table\0", recipient="\0'@\xff"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_report_drops_nobody(world: World, name: str) -> None:
    world.joins(ADA)
    world.asks(BOB)
    world.deliver()
    before = world.everything()
    assert hears(world, FORGED[name](world, newest(world))) == Stranger()
    assert world.everything() == before


PROOFS = {
    "the return path alone": lambda w, m: raw(
        "postfix-no-such-user", return_path=return_path(m.id, "b.example", w.links.keys).upper()
    ),
    "the Message-ID alone": lambda w, m: raw("sendmail-no-such-user", message_id=m.message_id),
    "the Message-ID in an answer without the mail": lambda w, m: raw(
        "gmail-no-such-user", message_id=m.message_id
    ).partition(b"Content-Type: message/rfc822")[0],
    "number and link": lambda w, m: raw(
        "postfix-no-such-user", number=f"X-Delivery-Id: {m.id}", leave_url=w.links.leave(m.subscriber_id or 0)
    ),
    "the key before": lambda w, m: raw(
        "postfix-no-such-user", return_path=return_path(m.id, "b.example", Keys.of(("old key",)))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROOFS)
def test_each_proof_is_enough_by_itself(world: World, name: str) -> None:
    world.joins(ADA)
    mail = newest(world)
    report = PROOFS[name](world, mail)
    if name == "the key before":
        world.links = Links(world.links.base_url, Keys.of(("first key", "old key")))
    heard = hears(world, report)
    assert isinstance(heard, Heard) and (heard.delivery_id, heard.blocked) == (mail.id, "bounced")
