"""The operator's weekly mail: on Mondays, in plain words, about the week before."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from sqlalchemy import func, select

from leadmagnet.content.published import Published
from leadmagnet.publishing.releases import Live
from leadmagnet.reports import weekly
from leadmagnet.reports.paused import lifted_by, sentence, subject
from leadmagnet.reports.weekly import LetterWeek, Undecided, Week
from leadmagnet.reports.words import count, weekday
from leadmagnet.sequences import deliveries
from leadmagnet.store import signals
from leadmagnet.store.database import Database, Session
from leadmagnet.store.models import Delivery, Release

#: When it is sent on Mondays, where the site is.
AT = time(8)
#: Below so many mails a percentage says less than the two numbers.
_ENOUGH = 50
_FOOT = (
    "Your own leadmagnet writes this on Mondays. With weekly_mail = false under [site] in leadmagnet.toml, "
    "published, it stops."
)

Part = tuple[str, object]


def send(database: Database, live: Live, *, now: datetime) -> bool:
    """Queues the mail about last week, once, from Monday morning on; False if there is none to queue.

    Any number of workers may call this at any time: the key of the week lets one mail through. The numbers
    are read outside the transaction that writes. Raises NothingPublished.
    """
    with database.read() as session:
        published = live.get(session)
        monday = _due(session, published, now)
        if monday is None:
            return False
        found = weekly.week(session, published, monday, now=now)
    recipient = published.operator_address
    with database.write() as session:
        queued = deliveries.plan_notice(
            session,
            published,
            recipient=recipient,
            words=words(found),
            dedupe_key=_key(monday),
            now=now,
        )
        if queued:
            signals.something_is_due(session)
    return queued


def _due(session: Session, published: Published, now: datetime) -> date | None:
    """The Monday of the week that is to be told, or None: not yet, told before, switched off, nothing was live."""
    local = now.astimezone(published.zone)
    this_monday = local.date() - timedelta(days=local.weekday())
    if not published.site.weekly_mail or not published.operator_address:
        return None
    if local < datetime.combine(this_monday, AT, published.zone):
        return None
    monday = this_monday - timedelta(days=7)
    if session.scalar(select(Delivery.id).where(Delivery.dedupe_key == _key(monday))) is not None:
        return None
    first = session.scalar(select(func.min(Release.published_at)))
    return monday if first is not None and first < weekly.midnight(this_monday, published.zone) else None


def _key(monday: date) -> str:
    year, number, _day = monday.isocalendar()
    return f"weekly:{year}-W{number:02}"


def words(week: Week) -> dict[str, object]:
    """The mail, for `notice_page`. It names no reader: nobody's address stands in it."""
    return {"subject": _subject(week), "parts": list(_parts(week)), "foot": _FOOT}


def _subject(week: Week) -> str:
    needs = "something needs you" if week.undecided or week.paused else ""
    if week.is_quiet:
        return f"Your week was quiet{', but ' + needs if needs else ''}"
    sent = sum(one.sent for one in week.letters)
    said = f"{count(week.confirmed, 'new reader')}, {count(sent, 'letter')} sent, {week.left} left"
    return f"Your week: {said}{'; ' + needs if needs else ''}"


def _parts(week: Week) -> Iterator[Part]:
    days = f"From {weekday(week.monday)} to {weekday(week.sunday)}"
    if week.is_quiet:
        yield "line", f"{days} nothing happened: nobody new, nobody left, and no letter went out."
    else:
        reading = "1 person reads" if week.reading == 1 else f"{week.reading:,} people read"
        yield "line", f"{days}. {reading} your letters now."
    yield from _needs_you(week)
    if not week.is_quiet:
        yield "heading", "Readers"
        yield "table", list(_readers(week))
    if week.letters:
        yield "heading", "Letters that went out"
        yield "table", [[one.name, _sent(one)] for one in week.letters]
    if week.coming:
        yield "heading", "The next seven days"
        yield (
            "table",
            [
                [one.name, f"{count(one.readers, 'reader')}, from {one.first.astimezone(week.zone):%a %H:%M}"]
                for one in week.coming
            ],
        )
    else:
        yield "line", "In the next seven days no letter is due."


def _needs_you(week: Week) -> Iterator[Part]:
    if not (week.undecided or week.paused):
        return
    yield "heading", "Needs you"
    for undecided in week.undecided:
        yield "line", _undecided(undecided)
        yield "command", " ".join(["leadmagnet resend", *map(str, undecided.ids)])
    for brake in week.paused:
        what, waiting = subject(brake.hold.scope), count(brake.waiting, "letter")
        yield "line", f"{what}: {sentence(brake.hold, week.zone)}; {waiting} waiting."
        yield "command", lifted_by(brake.hold)


def _undecided(found: Undecided) -> str:
    more = f" These are the oldest {len(found.ids)}:" if found.count > len(found.ids) else ""
    one = found.count == 1
    if found.state == "uncertain":
        went = "was maybe sent: its" if one else "were maybe sent: their"
        return f"{count(found.count, 'mail')} {went} server's answer was lost. Sending again may mean twice.{more}"
    return f"{count(found.count, 'mail')} {'is' if one else 'are'} held until you decide.{more}"


def _readers(week: Week) -> Iterator[list[str]]:
    yield ["Signed up", f"{week.signed_up:,}"]
    yield ["Confirmed", f"{week.confirmed:,}"]
    yield ["Finished a series", f"{week.finished:,}"]
    yield ["Left", f"{week.left:,}"]
    for letter, number in week.left_after:
        yield [f"… after {letter}" if letter is not None else "… before any letter", f"{number:,}"]
    for reason, number in week.said_why:
        yield [f"Said why they left: {reason}", f"{number:,}"]
    for reason, number in week.blocked:
        yield [f"Blocked: {reason}", f"{number:,}"]


def _sent(one: LetterWeek) -> str:
    if one.clicked is None:
        return f"{one.sent:,} sent"
    if one.sent < _ENOUGH:
        return f"{one.clicked} of {one.sent} clicked"
    return f"{one.sent:,} sent, {100 * one.clicked / one.sent:.0f} % clicked"
