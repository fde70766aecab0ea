"""Everything that happened to one person, oldest first, from rows of many kinds."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from operator import attrgetter

from leadmagnet.content.published import Published
from leadmagnet.reports import forecast
from leadmagnet.reports.reasons import plain
from leadmagnet.reports.why.answer import Event, Mail
from leadmagnet.reports.why.guides import Editions
from leadmagnet.reports.why.record import Record
from leadmagnet.sequences import moving, schedule
from leadmagnet.sequences.schedule import ADDED, Because, Facts
from leadmagnet.store.models import AuditEvent, Consent, Enrollment

#: Events in the order in which one leads to another.
_ORDER = (
    "asked", "confirmed", "started", "left", "returned", "moved", "sent", "maybe_sent", "clicked", "bounced",
    "complained", "blocked", "tagged", "held", "not_sent", "completed", "ended", "braked", "noted",
)  # fmt: skip
#: A mail that went so much after its time was late.
_LATE = timedelta(minutes=10)
#: How `schedule.passed_over` calls a letter that was added behind somebody.
#: Endings that the timeline tells by what caused them.
_TOLD = ("unsubscribed", "bounced", "complained")


def timeline(record: Record, published: Published, mails: Sequence[Mail], editions: Editions) -> tuple[Event, ...]:
    """`mails` are hers in the order of time."""
    events = [*_said(record), *_series(record), *_mails(record, published, mails, editions)]
    events += [*_blocked(record), *_tags(record, published, mails), *_brakes(record)]
    by_id = {mail.id: mail for mail in mails}
    noted = [event for row in record.noted for event in _noted(row, by_id)]
    by_hand = {(event.at, event.detail["event"], event.detail.get("tag")) for event in noted if event.mail is None}
    events = [one for one in events if (one.at, one.what, one.detail.get("tag")) not in by_hand]
    return tuple(sorted([*events, *noted], key=lambda event: (event.at, _rank(event))))


def _rank(event: Event) -> float:
    """Of things at one moment, what led to what; a mail that is answered came before the answer."""
    if event.what == "noted" and event.mail is None:
        return 0.4  # what the operator did comes before what it led to
    asks = event.what == "sent" and event.mail is not None and event.mail.kind in ("confirm", "reminder", "address")
    return 0.5 if asks else _ORDER.index(event.what)


def _said(record: Record) -> Iterator[Event]:
    """What she asked for, agreed to and took back."""
    asked: dict[str | None, Consent] = {}
    confirmed = False
    for row in record.consents:
        match row.event:
            case "requested":
                yield _asked(row, again=row.guide in asked)
                asked.setdefault(row.guide, row)
            case "confirmed" if row.guide is None:
                yield Event(row.at, "moved")
            case "confirmed":
                before = asked.get(row.guide)
                after = int((row.at - before.at).total_seconds()) if before is not None else None
                details = {"guide": row.guide, "after_seconds": after, "edition": _opened(record, row)}
                yield Event(row.at, "started" if confirmed else "confirmed", detail=details)
                confirmed = True
            case "withdrawn" if row.message_id is None:  # a complaint is told by its mail
                yield Event(row.at, "left")
            case "renewed":
                yield Event(row.at, "returned")


def _asked(row: Consent, *, again: bool) -> Event:
    source = {str(name): str(value) for name, value in (row.source or {}).items()}
    details = {"guide": row.guide, "again": again, "page": row.page, "source": source, "wording": row.wording}
    return Event(row.at, "asked", detail=details)


def _opened(record: Record, row: Consent) -> str | None:
    """The edition that this tap opened."""
    for one in record.series.values():
        if one.guide == row.guide and one.guide_opened_at == row.at:
            return one.guide_edition
    return None


def _series(record: Record) -> Iterator[Event]:
    """How her series began that no tap began, and how they ended."""
    tapped = {row.guide for row in record.consents if row.event == "confirmed"}
    for one in record.series.values():
        if one.start_at is not None and (one.guide is None or one.guide not in tapped):
            yield Event(one.created_at, "started", detail={"sequence": one.sequence})
        if one.ended_at is None:
            continue
        if one.status == "completed":
            yield Event(one.ended_at, "completed", detail={"sequence": one.sequence})
        elif one.exit_reason not in _TOLD:
            why = plain("cancelled", one.exit_reason)
            yield Event(one.ended_at, "ended", detail={"sequence": one.sequence, "reason": one.exit_reason, "why": why})


def _mails(record: Record, published: Published, mails: Sequence[Mail], editions: Editions) -> Iterator[Event]:
    """What became of each mail, now and later."""
    series = {row.id: record.series.get(row.enrollment_id or 0) for row in record.mails}
    for mail in mails:
        hers = series[mail.id]
        if mail.sent_at is not None:
            edition = editions.of(hers.guide if hers is not None else None, mail.release)
            details = {
                "release": mail.release,
                "edition": edition if mail.kind == "guide" else None,
                "late_seconds": _late(mail),
                "moved": _moved(mail, hers, record, published),
            }
            yield Event(mail.sent_at, "sent", mail, details)
        elif mail.waiting is None:
            what = {"uncertain": "maybe_sent", "held": "held"}.get(mail.state, "not_sent")
            yield Event(mail.at, what, mail, _missed(mail, hers, record, published))
        yield from _later(mail)


def _later(mail: Mail) -> Iterator[Event]:
    if mail.clicked_at is not None:
        after = int((mail.clicked_at - mail.sent_at).total_seconds()) if mail.sent_at is not None else None
        yield Event(mail.clicked_at, "clicked", mail, {"after_seconds": after})
    if mail.bounced_at is not None:
        yield Event(mail.bounced_at, "bounced", mail, {"why": mail.bounce})
    if mail.complained_at is not None:
        yield Event(mail.complained_at, "complained", mail)


def _late(mail: Mail) -> int | None:
    late = mail.at - mail.due_at
    return int(late.total_seconds()) if late >= _LATE else None


def _moved(mail: Mail, series: Enrollment | None, record: Record, published: Published) -> str | None:
    """Why a letter went on another day than its own; None: it did not, or what it hung on has changed since."""
    sequence = published.sequence(mail.sequence or "")
    step = sequence.step(mail.letter or "") if sequence is not None else None
    if sequence is None or step is None or series is None or series.start_at is None:
        return None
    before = [row.sent_at for row in record.mails if row.step and row.sent_at is not None and row.sent_at < mail.at]
    facts = Facts(series.start_at, last_letter_at=max(before, default=None))
    zone = published.zone_of(record.person.timezone)
    planned = schedule.due(sequence, step, facts, zone)
    if planned.due != mail.due_at or planned.reason in (Because.DAY, Because.AT_ONCE):
        return None
    return "; ".join(forecast.reasons(sequence, planned, facts, zone))


def _missed(mail: Mail, series: Enrollment | None, record: Record, published: Published) -> dict[str, object]:
    """Why she did not get it: as it is stored, and in words."""
    details: dict[str, object] = {"reason": mail.reason, "why": plain(mail.state, mail.reason)}
    if mail.state == "failed" and mail.code is not None:
        details["code"] = mail.code
    if mail.reason == ADDED and series is not None and series.start_at is not None:
        sequence = published.sequence(mail.sequence or "")
        step = sequence.step(mail.letter or "") if sequence is not None else None
        if sequence is not None and step is not None and step.since is not None:
            zone = published.zone_of(record.person.timezone)
            turn = schedule.due(sequence, step, Facts(series.start_at), zone).due
            details |= {"added_at": step.since, "turn": turn}
    return details


def _blocked(record: Record) -> Iterator[Event]:
    for block in record.blocks:
        if block.scope == "all":
            yield Event(block.at, "blocked", detail={"reason": block.reason, "why": plain("cancelled", block.reason)})


def _tags(record: Record, published: Published, mails: Sequence[Mail]) -> Iterator[Event]:
    """Each tag, with the letter that gave it where one did."""
    for row in record.tags:
        details: dict[str, object] = {"tag": row.tag}
        for mail in mails:
            sequence = published.sequence(mail.sequence or "")
            step = sequence.step(mail.letter or "") if sequence is not None else None
            if step is not None and step.tag == row.tag and mail.sent_at is not None:
                details["letter"] = f"{mail.sequence}/{mail.letter}"
        yield Event(row.given_at, "tagged", detail=details)


def _brakes(record: Record) -> Iterator[Event]:
    """What holds her letters at the moment, since when; a brake that was lifted leaves no row."""
    rows = [row for row in record.mails if row.state == "pending"]
    found = (record.brakes.holds(row.lane, row.sequence, row.step, row.domain_group) for row in rows)
    for hold in sorted({hold for hold in found if hold is not None}, key=attrgetter("set_at")):
        details = {"scope": hold.scope, "by": hold.set_by, "why": hold.reason, "until": hold.until}
        yield Event(hold.set_at, "braked", detail=details)


def _noted(row: AuditEvent, mails: dict[int, Mail]) -> Iterator[Event]:
    """What somebody or something decided, unless the mail itself still says so, or her own word does."""
    if row.event == moving.EVENT:
        return
    mail = mails.get(row.delivery_id or 0)
    if row.event in ("held", "uncertain") and mail is not None and mail.ended_at == row.at:
        return
    yield Event(row.at, "noted", mail, {"event": row.event, **(row.detail or {})})
