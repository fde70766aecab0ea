"""What must hold after every test that sends mail, whatever happened on the way."""

import re
from collections import Counter
from collections.abc import Iterable

from sqlalchemy import func, select

from leadmagnet.delivery import recovery
from leadmagnet.mail.mailbox import Mailbox
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.database import Session
from leadmagnet.store.models import AuditEvent, Delivery, Enrollment, Subscriber
from tests.mail.servers import ScriptedServer
from tests.world import World

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^>]+)>", re.IGNORECASE | re.MULTILINE)
_OPEN = ("pending", "claimed", "handing_off", "held")
_NOT_ACCEPTED = select(AuditEvent.delivery_id).where(AuditEvent.event == "not accepted by mail log")
_ENDED = ("failed", "cancelled", "expired", "skipped", "held", "uncertain")


def check_invariants(world: World, server: ScriptedServer | Mailbox) -> None:
    """Asserts them all; `server` is where this world's mail went, and what it took is the truth."""
    accepted = Counter(message_ids(server))
    for _ in range(2):
        with world.database.write() as session:
            recovery.sweep(session, world.published, limit=1000, now=world.now)
    with world.database.read() as session:
        rows = session.scalars(select(Delivery)).all()
        proved = set(session.scalars(_NOT_ACCEPTED))
        _nothing_twice_and_nothing_made_up(rows, accepted, proved)
        _nobody_falls_out(session, rows)
        _no_dead_lease(session)
        _nothing_after_leaving(session)
        _every_state_says_since_when_and_why(session, rows)


def message_ids(server: ScriptedServer | Mailbox) -> list[str]:
    """The Message-ID of every mail that was taken."""
    if isinstance(server, Mailbox):
        raws: Iterable[bytes] = [path.read_bytes() for path in server.path.glob("new/*")]
    else:
        raws = [mail.raw for mail in server.arrived]
    return [found[1].decode() for raw in raws if (found := _MESSAGE_ID.search(raw))]


def _nothing_twice_and_nothing_made_up(
    rows: Iterable[Delivery], accepted: Counter[str], proved: set[int | None]
) -> None:
    for row in rows:
        # A mail that was proved not to have gone out may be repeated, but is then the first.
        repeats = 0 if row.id in proved else row.resends
        assert accepted[row.message_id] <= 1 + repeats, f"{row.message_id} twice"
        assert row.state != "sent" or accepted[row.message_id], f"{row.message_id} is no mail that went out"
        unsent = row.state in ("skipped", "expired") or (
            row.state in ("failed", "cancelled", "pending") and row.resends == 0
        )
        assert not (unsent and accepted[row.message_id]), f"{row.message_id} went out, and is {row.state}"
    assert set(accepted) <= {row.message_id for row in rows}


def _nobody_falls_out(session: Session, rows: Iterable[Delivery]) -> None:
    """The accounting identity: whose series runs has one letter to come, and all others have none."""
    open_rows = [row for row in rows if row.step and row.state in _OPEN]
    to_come = Counter(row.enrollment_id for row in open_rows if not row.resends)
    repeated = {row.enrollment_id for row in open_rows if row.resends}
    for enrollment in session.scalars(select(Enrollment)):
        expected = 1 if enrollment.status == "active" else 0
        found = to_come[enrollment.id]
        # A letter that goes out again stands beside the one planned after it; behind the last letter there is none.
        assert found == expected or (not found and enrollment.id in repeated), (
            f"{enrollment.status} series with {found} letters to come"
        )
    letters = Counter((row.enrollment_id, row.step) for row in rows if row.step and row.state != "cancelled")
    assert max(letters.values(), default=1) == 1, "a letter was planned twice"


def _no_dead_lease(session: Session) -> None:
    held = Delivery.state.in_(["claimed", "handing_off"])
    dead = select(func.count()).select_from(Delivery).where(held, Delivery.lease_until < ServerTime(0))
    assert session.scalar(dead) == 0


def _nothing_after_leaving(session: Session) -> None:
    late = (
        select(func.count())
        .select_from(Delivery)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Subscriber.status == "unsubscribed", Delivery.step.is_not(None), Delivery.state == "sent")
        .where(Delivery.handed_at > Subscriber.unsubscribed_at)
    )
    assert session.scalar(late) == 0


def _every_state_says_since_when_and_why(session: Session, rows: Iterable[Delivery]) -> None:
    told = {(event.delivery_id, event.event) for event in session.scalars(select(AuditEvent))}
    for row in rows:
        assert (row.ended_at is not None) == (row.state in _ENDED), f"{row.state} since {row.ended_at}"
        assert row.state not in _ENDED or row.reason, f"{row.state} without a reason"
        assert row.state != "handing_off" or row.handed_at
        assert row.state != "uncertain" or (row.id, "uncertain") in told
        again = {(row.id, "resent once"), (row.id, "not accepted by mail log"), (row.id, "resent by operator")}
        assert not row.resends or told & again
