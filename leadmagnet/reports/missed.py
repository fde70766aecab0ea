"""Who did not get one letter, and why: groups with their counts, counted by the database, then people."""

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, String, and_, case, cast, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from leadmagnet.content.sequences import Sequence, Step
from leadmagnet.reports.reasons import plain
from leadmagnet.store.dialect import table
from leadmagnet.store.models import Delivery, Enrollment, Subscriber

#: What became of the letter for somebody; the groups of `missed` are told in this order.
GROUPS = (
    "before_it_existed", "not_for_them", "draft", "waits", "paused", "not_yet", "maybe_sent", "held", "failed",
    "expired", "finished", "left", "ended", "not_started", "unconfirmed",
)  # fmt: skip
_GOT = "got"
_IN_HAND = ("pending", "claimed", "handing_off")
_LEFT = ("unsubscribed", "bounced", "complained")
_NO_REASON = literal(None, String)
#: Reasons that the group itself tells.
_TOLD = ("added after her turn", "draft")
_delivery, _enrollment, _subscriber = table(Delivery), table(Enrollment), table(Subscriber)


@dataclass(frozen=True, slots=True)
class Group:
    """People with one reason. `said` is the reason in words, None where the group itself says it."""

    name: str  # one of GROUPS
    reason: str | None  # as stored
    count: int
    people: tuple[str, ...]  # addresses; perhaps not all of them

    @property
    def said(self) -> str | None:
        if self.reason is None:
            return None
        state = {"not_for_them": "skipped", "left": "cancelled", "ended": "cancelled"}.get(self.name, self.name)
        return plain(state, self.reason, several=self.count != 1)


@dataclass(frozen=True, slots=True)
class Missed:
    """What became of one letter for everybody in its sequence."""

    sequence: Sequence
    step: Step
    everybody: int
    got: int
    groups: tuple[Group, ...]

    def to_json(self) -> dict[str, object]:
        """The documented form of `why --step --json`."""
        return {
            "letter": f"{self.sequence.slug}/{self.step.slug}",
            "everybody": self.everybody,
            "got": self.got,
            "groups": [
                {"group": one.name, "reason": one.reason, "says": one.said, "count": one.count,
                 "people": list(one.people)}
                for one in self.groups
            ],
        }  # fmt: skip


def missed(session: Session, sequence: Sequence, step: Step, *, limit: int | None, now: datetime) -> Missed:
    """Two passes over the enrollments, one index look-up each. `limit`: so many people a group; None: all of them."""
    standing = _standing(sequence, step, now).subquery()
    each = select(standing.c.name, standing.c.reason, func.count()).group_by(standing.c.name, standing.c.reason)
    counts = {(name, reason): count for name, reason, count in session.execute(each)}
    got = sum(count for (name, _reason), count in counts.items() if name == _GOT)
    people = _people(session, standing, limit) if len(counts) > 1 or got == 0 else {}
    groups = [
        Group(name, reason, count, tuple(people.get((name, reason), ())))
        for (name, reason), count in counts.items()
        if name != _GOT
    ]
    groups.sort(key=lambda one: (GROUPS.index(one.name), -one.count, one.reason or ""))
    return Missed(sequence, step, sum(counts.values()), got, tuple(groups))


def _people(session: Session, standing: Any, limit: int | None) -> dict[tuple[str, str | None], list[str]]:
    place = func.row_number().over(partition_by=(standing.c.name, standing.c.reason), order_by=standing.c.enrollment_id)
    ranked = select(standing, place.label("place")).where(standing.c.name != _GOT).subquery()
    query = select(ranked.c.name, ranked.c.reason, _subscriber.c.address).join(
        _subscriber, _subscriber.c.id == ranked.c.subscriber_id
    )
    if limit is not None:
        query = query.where(ranked.c.place <= limit)
    found: dict[tuple[str, str | None], list[str]] = {}
    for name, reason, address in session.execute(query.order_by(ranked.c.place)):
        found.setdefault((name, reason), []).append(address)
    return found


def _standing(sequence: Sequence, step: Step, now: datetime) -> Select[Any]:
    """Everybody in the sequence: enrollment, subscriber, the group (`name`) with its reason."""
    mail, series = _delivery.alias("mail"), _enrollment
    # The key of a letter is unique: one look-up a person, whatever else she had.
    keys = [literal("step:") + cast(series.c.id, String) + literal(f":{slug}") for slug in (step.slug, *step.was)]
    found = and_(mail.c.dedupe_key == keys[0]) if len(keys) == 1 else mail.c.dedupe_key.in_(keys)
    joined = series.outerjoin(mail, found)
    if not step.was:
        return _told(mail, sequence, step, now).select_from(joined).where(series.c.sequence == sequence.slug)
    # Whoever had it under an earlier name may have a row for each name: the first one counts.
    told = _told(mail, sequence, step, now).add_columns(
        func.row_number().over(partition_by=series.c.id, order_by=(mail.c.sent_at.is_(None), mail.c.id)).label("turn")
    )
    rows = told.select_from(joined).where(series.c.sequence == sequence.slug).subquery()
    return select(rows.c.enrollment_id, rows.c.subscriber_id, rows.c.name, rows.c.reason).where(rows.c.turn == 1)


def _told(mail: Any, sequence: Sequence, step: Step, now: datetime) -> Select[Any]:
    series = _enrollment
    return select(
        series.c.id.label("enrollment_id"),
        series.c.subscriber_id,
        case(*_with_mail(mail, now), *_without(sequence, step)).label("name"),
        case(
            (mail.c.state.in_(("sent", "expired", *_IN_HAND)), _NO_REASON),
            (mail.c.reason.in_(_TOLD), _NO_REASON),
            (mail.c.id.is_not(None), mail.c.reason),
            else_=series.c.exit_reason,
        ).label("reason"),
    )


def _with_mail(mail: Any, now: datetime) -> Rows[Any]:
    state, reason, pause = mail.c.state, mail.c.reason, _enrollment.c.paused_until
    return (
        (state == "sent", _GOT),
        (and_(state.in_(_IN_HAND), pause > now), "paused"),
        (state.in_(_IN_HAND), "waits"),
        (state == "uncertain", "maybe_sent"),
        (and_(state == "skipped", reason == "added after her turn"), "before_it_existed"),
        (and_(state == "skipped", reason == "draft"), "draft"),
        (state == "skipped", "not_for_them"),
        (state.in_(("held", "failed", "expired")), state),
    )


def _without(sequence: Sequence, step: Step) -> Rows[Any]:
    """Those who have no mail of this letter."""
    series = _enrollment
    unconfirmed = exists().where(_subscriber.c.id == series.c.subscriber_id, _subscriber.c.status == "pending")
    early = [one.slug for one in sequence.steps[: sequence.steps.index(step)]]
    early += [slug for one in sequence.steps[: sequence.steps.index(step)] for slug in one.was]
    # Asked last, since it reads the few mails of a person.
    comes = exists().where(
        _delivery.c.enrollment_id == series.c.id,
        _delivery.c.state.in_(_IN_HAND),
        or_(_delivery.c.step.in_(early), literal(False)),
    )
    later = series.c.ended_at >= step.since if step.since is not None else literal(True)
    return (
        (and_(series.c.status == "exited", series.c.exit_reason.in_(_LEFT)), "left"),
        (series.c.status == "exited", "ended"),
        (and_(series.c.status == "completed", later), "finished"),
        (series.c.status == "completed", "before_it_existed"),
        (and_(series.c.status == "pending", unconfirmed), "unconfirmed"),
        (series.c.status == "pending", "not_started"),
        (comes, "not_yet"),
        (literal(True), "before_it_existed" if not step.draft else "draft"),
    )
