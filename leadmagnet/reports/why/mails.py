"""The mails of one person, each with what it still waits for."""

from datetime import datetime

from leadmagnet.content.published import Published
from leadmagnet.mail import answers
from leadmagnet.reports import forecast
from leadmagnet.reports.paused import sentence
from leadmagnet.reports.why.answer import Mail
from leadmagnet.reports.why.record import Record
from leadmagnet.reports.words import moment
from leadmagnet.sequences import schedule
from leadmagnet.sequences.schedule import Because, Planned
from leadmagnet.store.models import Delivery

#: States in which a mail is still to come.
COMING = ("pending", "claimed", "handing_off")


def mails(record: Record, published: Published, *, now: datetime) -> tuple[Mail, ...]:
    """All of them in the order of time."""
    found = (_mail(row, record, _waits(row, record, published, now)) for row in record.mails)
    return tuple(sorted(found, key=lambda mail: (mail.at, mail.id)))


def _mail(row: Delivery, record: Record, waiting: str | None) -> Mail:
    return Mail(
        id=row.id,
        kind=row.kind,
        sequence=row.sequence,
        letter=row.step,
        state=row.state,
        reason=row.reason,
        due_at=row.due_at,
        sent_at=row.sent_at,
        ended_at=row.ended_at,
        bounced_at=row.bounced_at,
        complained_at=row.complained_at,
        clicked_at=row.clicked_at,
        bounce=record.bounces.get(row.id),
        waiting=waiting,
        release=row.release_id,
        code=row.smtp_code,
    )


def _waits(row: Delivery, record: Record, published: Published, now: datetime) -> str | None:
    """What a mail that is to come still waits for; None: it is over."""
    if row.state not in COMING:
        return None
    if row.state != "pending":
        return "a worker has it in hand"
    zone = published.zone
    hold = record.brakes.holds(row.lane, row.sequence, row.step, row.domain_group)
    if hold is not None:
        return sentence(hold, zone)
    series = record.series.get(row.enrollment_id or 0)
    if row.step and series is not None and series.paused_until is not None and series.paused_until > now:
        return f"waiting for the end of her own pause, {moment(series.paused_until, zone)}"
    if record.breaker is not None and row.ready_at <= now:
        again = moment(record.breaker.until, zone)
        return f"the mail server cannot be used: {record.breaker.reason} Next try: {again}"
    if row.ready_at > max(row.due_at, now):
        return f"waiting for another try at {moment(row.ready_at, zone)}{_refused(row)}"
    if row.due_at > now:
        return _because(row, record, published)
    return "waiting for a worker"


def _refused(row: Delivery) -> str:
    if not row.attempts or row.smtp_class is None:
        return ""
    times = "once" if row.attempts == 1 else f"{row.attempts} times"
    return f': her mail server said "later" {times} ({answers.meaning(row.smtp_class)})'


def _because(row: Delivery, record: Record, published: Published) -> str:
    """Why a letter goes when it does, as the schedule says."""
    series = record.series.get(row.enrollment_id or 0)
    sequence = published.sequence(series.sequence) if series is not None else None
    if series is None or sequence is None or series.id not in record.facts:
        return "waiting for its time"
    facts, zone = record.facts[series.id], published.zone_of(record.person.timezone)
    planned = schedule.next_step(sequence, facts, zone)
    if not isinstance(planned, Planned) or planned.step.slug != row.step:
        return "waiting for its time"
    if planned.reason in (Because.DAY, Because.AT_ONCE):
        return f"waiting for {planned.reason}"
    return f"moved: {'; '.join(forecast.reasons(sequence, planned, facts, zone))}"
