"""Notices when the addresses that are typed into the form are not those of the people who type them.

Of real people who ask for a guide, half confirm within minutes; of addresses out of somebody's list, nobody does. So
confirmations are counted in windows of five minutes by when they went out, with how many of them were answered since.
What still waits in the queue is not counted: while the mail server is away nobody could confirm.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, case, delete, func, select, update
from sqlalchemy.orm import Session

from leadmagnet.store.dialect import table, upserting
from leadmagnet.store.models import SignupWindow

WINDOW = timedelta(minutes=5)
#: How long somebody may take to find the mail, before it says anything that she has not answered.
SETTLES = timedelta(minutes=10)
#: The hour tells an attack from a busy day soon; the day keeps one in mind that would begin again every hour.
LOOKS = (timedelta(hours=1), timedelta(days=1))
#: Fewer confirmations than this, in one look, say nothing.
SAMPLE = 100
#: In a hundred that went out, fewer answers than this are nobody's own wish: the worst honest forms see 27 of 100.
ANSWERED_PERCENT = 10

_KEPT = timedelta(days=1) + SETTLES + WINDOW

_window = table(SignupWindow)


@dataclass(frozen=True, slots=True)
class Bombing:
    """Somebody seems to sign up other people: so many confirmations went out, so many of them were answered."""

    asked: int
    confirmed: int

    def __str__(self) -> str:
        """For the operator."""
        return (
            f"somebody seems to type other people's addresses into your form: of {self.asked:,} confirmations "
            f"{self.confirmed:,} were answered. New sign-ups are slowed down until more are."
        )


def sent(session: Session, count: int, *, now: datetime) -> None:
    """Counts confirmations that went out."""
    adding = upserting(session, SignupWindow)
    adding = adding.on_conflict_do_update(
        index_elements=["begins_at"], set_={"asked": _window.c.asked + adding.excluded.asked}
    )
    session.connection().execute(adding, {"begins_at": window_of(now), "asked": count})


def answered(session: Session, sent_at: datetime) -> None:
    """Counts that the confirmation which went out at `sent_at` was answered, for the first time.

    Last in its transaction: others count in the same row.
    """
    mine = _window.c.begins_at == window_of(sent_at)
    session.connection().execute(update(_window).where(mine).values(confirmed=_window.c.confirmed + 1))


def suspected(session: Session, *, now: datetime) -> Bombing | None:
    """What looks like an attack at `now`; None: nothing does. One small statement."""
    until = now - SETTLES - WINDOW
    columns = []
    for look in LOOKS:
        inside = _window.c.begins_at > until - look
        columns += [func.sum(case((inside, column), else_=0)) for column in (_window.c.asked, _window.c.confirmed)]
    span = and_(_window.c.begins_at > until - max(LOOKS), _window.c.begins_at <= until)
    found = session.connection().execute(select(*columns).where(span)).one()
    pairs = [(int(asked or 0), int(confirmed or 0)) for asked, confirmed in zip(found[::2], found[1::2], strict=True)]
    return next(
        (
            Bombing(asked, confirmed)
            for asked, confirmed in pairs
            if asked >= SAMPLE and 100 * confirmed < ANSWERED_PERCENT * asked
        ),
        None,
    )


def forget_passed(session: Session, *, now: datetime) -> None:
    """Deletes the windows that nobody looks at any more."""
    session.connection().execute(delete(_window).where(_window.c.begins_at < now - _KEPT))


def window_of(moment: datetime) -> datetime:
    """When the window began that `moment` lies in."""
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(WINDOW.total_seconds()), UTC)
