"""Test mails: a letter as it is on disk, to the operator, on the road that every mail takes."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert

from leadmagnet.clock import Clock
from leadmagnet.content.published import Published
from leadmagnet.delivery import message
from leadmagnet.delivery.breaker import Breaker
from leadmagnet.delivery.group_commit import GroupCommit
from leadmagnet.delivery.in_hand import InHand
from leadmagnet.delivery.journal import Journal
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Deferred, Failed, Outcome, Returned
from leadmagnet.delivery.queue import TRANSACTIONAL
from leadmagnet.delivery.quota import UNLIMITED, Quota
from leadmagnet.delivery.sender import Connect, Road, Sender
from leadmagnet.delivery.stops import Stops
from leadmagnet.links import Links
from leadmagnet.mail.facts import MailFacts
from leadmagnet.mail.sign import Signer
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery

_LEASE_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class Sample:
    """A letter to try out: `folder` and `slug` name it in `published`, which may be a draft (number 0)."""

    published: Published
    folder: str
    slug: str
    recipient: str


def send(
    database: Database,
    connect: Connect,
    links: Links,
    journal_folder: Path,
    sample: Sample,
    readers: Iterable[MailFacts],
    *,
    clock: Clock,
    signer: Signer | None = None,
    quota: Quota = UNLIMITED,
) -> Iterator[tuple[MailFacts, Outcome | None]]:
    """Sends the letter once for each sample reader, and yields what became of each.

    The rows are claimed from the start: a worker of the live release must not take them. Raises CapReached.
    """
    owner = str(uuid.uuid4())
    journal = Journal(journal_folder, owner)
    commits = GroupCommit(database, journal, clock, quota=quota)
    road = Road(connect, commits, journal, links, Breaker("", shared=False), Stops(), clock, signer)
    sender = Sender(road, InHand(), taken=lambda: None)
    commits.start()
    try:
        for facts in readers:
            letter = _claimed(database, sample, facts, owner, quota, now=clock())
            outcome = sender.deliver(letter)
            if isinstance(outcome, Returned | Deferred):
                outcome = Failed("test mail not taken")  # the operator sees it now, and tries again herself
            if outcome is not None:
                commits.tell(letter, outcome)
            yield facts, outcome
    finally:
        sender.hang_up()
        journal.close(keep=not commits.stop())


def mail(sample: Sample, facts: MailFacts, links: Links, *, now: datetime) -> bytes:
    """The bytes that `send` would hand over unsigned, as number 0: nothing is written down, and nothing leaves.

    Raises RenderError, HeaderError or NotAnAddress for a letter that cannot be put together.
    """
    return message.build(_letter(sample, facts, 0, f"sample@{sample.published.sender_domain}"), links, now=now)


def _claimed(
    database: Database, sample: Sample, facts: MailFacts, owner: str, quota: Quota, *, now: datetime
) -> Claimed:
    message_id = f"{uuid.uuid4().hex}@{sample.published.sender_domain}"
    stored = {**facts.to_json(), "recipient": sample.recipient, "folder": sample.folder, "slug": sample.slug}
    with database.write() as session:
        quota_day = quota.take_one(session, sample.published, now=now)
        number = session.execute(
            insert(Delivery)
            .values(
                kind="test",
                lane=TRANSACTIONAL,
                state="claimed",
                due_at=now,
                ready_at=now,
                lease_owner=owner,
                lease_token=1,
                lease_until=ServerTime(_LEASE_SECONDS),
                message_id=message_id,
                domain_group="test",
                facts=stored,
                dedupe_key=f"test:{message_id}",
                quota_day=quota_day,
            )
            .returning(Delivery.id)
        ).scalar_one()
    return _letter(sample, facts, number, message_id, quota_day)


def _letter(sample: Sample, facts: MailFacts, number: int, message_id: str, quota_day: str | None = None) -> Claimed:
    return Claimed(
        id=number,
        token=1,
        kind="test",
        lane=TRANSACTIONAL,
        domain_group="test",
        message_id=message_id,
        recipient=sample.recipient,
        attempts=0,
        first_attempt_at=None,
        subscriber_id=None,
        enrollment_id=None,
        published=sample.published,
        letter=sample.published.letter(sample.folder, sample.slug),
        facts=facts,
        course=None,
        quota_day=quota_day,
    )
