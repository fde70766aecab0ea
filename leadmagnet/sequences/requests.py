"""Takes requests for guides in: many together, each as if it had come alone.

What is done for one is done for a hundred in as many statements, and in as many for somebody known, blocked or no
person at all as for somebody new: how long an answer takes must not tell a stranger whose address he typed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Float, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from leadmagnet.audience import consent, subscribers
from leadmagnet.audience.addresses import Address
from leadmagnet.audience.consent import Origin
from leadmagnet.audience.subscribers import Newcomer
from leadmagnet.content.guides import Guide
from leadmagnet.content.published import Published
from leadmagnet.sequences import deliveries, enrollments
from leadmagnet.store import batches
from leadmagnet.store.dialect import insert_or_update, table
from leadmagnet.store.models import SignupBucket
from leadmagnet.store.statements import Statement


class Requested(StrEnum):
    """What a request for a guide led to."""

    CONFIRMATION = "confirmation queued"
    GUIDE = "guide queued"
    TOO_SOON = "mailed often enough for now"
    NOT_A_PERSON = "a bot, or a role, disposable or our own address"
    BLOCKED = "complained, bounced for good, erased, or left before confirming"
    NO_SUCH_GUIDE = "the guide is not published any more"


@dataclass(frozen=True, slots=True)
class Request:
    """A visitor's request for a guide, already validated."""

    guide: Guide
    address: Address
    address_key: str
    first_name: str | None
    timezone: str | None
    origin: Origin
    by_a_person: bool = True  # a caught bot is taken in like anybody else, and nothing is written
    apart: timedelta = timedelta()  # with limits: nobody is mailed within this time of the last mail


@dataclass(frozen=True, slots=True)
class _Rules:
    published: Published
    limits: bool
    now: datetime


def take_in(
    session: Session, published: Published, asked: Sequence[Request], *, limits: bool, now: datetime
) -> list[Requested]:
    """What each of these requests led to, in their order."""
    rules = _Rules(published, limits, now)
    answers = {
        place: Requested.NO_SUCH_GUIDE for place, one in enumerate(asked) if published.guide(one.guide.slug) is None
    }
    for turn in batches.turns((one.address_key, place) for place, one in enumerate(asked) if place not in answers):
        judged = _take_turn(session, rules, {key: asked[place] for key, place in turn.items()})
        answers |= {place: judged[key] for key, place in turn.items()}
    return [answers[place] for place in range(len(asked))]


@Statement
def _marking(for_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    bucket = table(SignupBucket)
    values = {"scope": bindparam("mark"), "used_until": bindparam("at", type_=Float)}
    return insert_or_update(bucket, for_sqlite, values, {"used_until": bindparam("at", type_=Float)})


def leave_mark(session: Session, process: str, *, now: datetime) -> None:
    """Writes something, whoever asked: a commit that changes nothing does not wait for the disk, which takes its time.

    Each process has a mark of its own, so that they need not take turns.
    """
    _marking.run(session, mark=f"mark:{process}", at=now.timestamp())


def _take_turn(session: Session, rules: _Rules, asked: Mapping[str, Request]) -> dict[str, Requested]:
    """Who are they, what have they had, what do they get: each of these for all of them before the next."""
    at_the_door = [
        Newcomer(one.address, key, one.first_name, one.timezone)
        for key, one in asked.items()
        if _is_a_person(one, rules.published)
    ]
    known = subscribers.take_in(session, at_the_door, now=rules.now)
    welcome = {key: person for key, person in known.items() if not _left_unconfirmed(person)}
    wanted = [(person.id, _sequence(rules, asked[key])) for key, person in welcome.items()]
    enrollments.enroll(session, wanted, now=rules.now)
    had = deliveries.had(session, [(person, sequence.slug) for person, sequence in wanted], now=rules.now)
    judged = {one.key: Requested.BLOCKED for one in at_the_door} | {
        key: _judge(rules, asked[key], person, had[person.id]) for key, person in welcome.items()
    }
    mails, proofs = [], []
    for key, person in welcome.items():
        if judged[key] is not Requested.TOO_SOON:
            make = deliveries.confirmation if judged[key] is Requested.CONFIRMATION else deliveries.guide
            mails.append(make(rules.published, person, had[person.id], now=rules.now))
            guide = asked[key].guide
            proofs.append((person.id, guide.slug, guide.consent, asked[key].origin))
    deliveries.plan_answers(session, mails)
    consent.record_requests(session, proofs, now=rules.now)
    return {key: judged.get(key, Requested.NOT_A_PERSON) for key in asked}


def _is_a_person(asked: Request, published: Published) -> bool:
    return asked.by_a_person and asked.address.is_a_person(ours=published.sender_address)


def _left_unconfirmed(person: Any) -> bool:
    # She never said yes, only no: whoever types her address now may be any stranger.
    return person.status == "unsubscribed" and person.confirmed_at is None


def _judge(rules: _Rules, asked: Request, person: Any, had: Any) -> Requested:
    """A confirmation for somebody new, the guide itself for somebody known; neither too often."""
    if person.status == "pending":
        may_have, outcome = deliveries.may_have_confirmation, Requested.CONFIRMATION
    else:
        may_have, outcome = deliveries.may_have_guide, Requested.GUIDE
    if rules.limits and not may_have(had, apart=asked.apart, now=rules.now):
        return Requested.TOO_SOON
    return outcome


def _sequence(rules: _Rules, asked: Request) -> Any:
    return rules.published.compiled.sequence_of(asked.guide.slug)
