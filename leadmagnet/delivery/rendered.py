"""Makes a mail that was sent once more, from its record: the very bytes, or what about them differs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.content.compiled import Letter
from leadmagnet.content.published import Published
from leadmagnet.delivery import letters, making, message, notices
from leadmagnet.delivery.letters import SYSTEM_LETTERS, Claimed
from leadmagnet.delivery.making import Making
from leadmagnet.delivery.queue import TRANSACTIONAL
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Links
from leadmagnet.mail.facts import MailFacts
from leadmagnet.mail.render import Rendered
from leadmagnet.mail.sign import Signer
from leadmagnet.publishing import releases
from leadmagnet.sequences import moving
from leadmagnet.store.models import Delivery, Subscriber

#: Of links that act for one reader: what tells them from any other's.
_TOKEN = re.compile(r"/([cgul])/[A-Za-z0-9_-]{30,32}(?![A-Za-z0-9_-])")


class NotShown(LeadmagnetError):
    """A mail that cannot be shown, and why."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail as it is recorded; `making` is None where the way it was made was not."""

    letter: Claimed
    state: str
    handed_at: datetime
    sent_at: datetime | None
    making: Making | None

    @property
    def date(self) -> datetime:
        """What its Date header says, or nearly."""
        return self.making.at if self.making is not None else self.handed_at


@dataclass(frozen=True, slots=True)
class Remade:
    """The mail once more. With nothing in `differs`, these are the bytes that were sent."""

    raw: bytes
    differs: tuple[str, ...]


def find(session: Session, number: int) -> Sent:
    """The record of mail `number`. Raises NotShown for one that does not exist, was not sent, or is not kept."""
    row = session.get(Delivery, number)
    if row is None:
        raise NotShown(
            f"there is no mail {number}. `leadmagnet why ADDRESS` tells the numbers of somebody's mails; "
            "those of a person who was forgotten are gone with her."
        )
    if row.handed_at is None:
        raise NotShown(_never_sent(row))
    if row.facts is None:
        raise NotShown(
            f"what mail {number} was filled in with is not kept any more. "
            f"{_letter_of(row)} of version {row.release_id or '?'} is what it was made from."
        )
    return Sent(_in_hand(session, row, row.facts), row.state, row.handed_at, row.sent_at, Making.of(row.facts))


def remade(sent: Sent, links: Links, signer: Signer | None) -> Remade:
    """The mail, with what it needs of this machine today. Raises RenderError, HeaderError."""
    made = sent.making
    if made is None:
        raw = message.build(sent.letter, links, now=sent.date, signer=signer)
        return Remade(raw, ("How it was put together was not recorded: the date is approximate.",))
    signs = signer if made.signed == making.key_of(signer) else None
    raw = message.build(sent.letter, _links_then(made, links), now=sent.date, signer=signs)
    differs = () if making.checksum(raw) == made.check else tuple(_differences(made, links, signer))
    return Remade(made.header.encode() + raw, differs)


def words(sent: Sent, links: Links) -> Rendered:
    """The subject and both bodies that were sent."""
    return message.words(sent.letter, _links_then(sent.making, links) if sent.making is not None else links)


def words_today(sent: Sent, published: Published, links: Links) -> Rendered | None:
    """What this letter of the live version says to the same reader, filled in with the same; None if it is no more."""
    letter = sent.letter
    folder, _, slug = _key(letter.letter).partition("/")
    series = published.sequence(folder)
    step = series.step(slug) if series is not None else None
    found = published.compiled.letters.get(f"{folder}/{step.slug if step is not None else slug}")
    if found is None:
        return None
    return message.words(replace(letter, published=published, letter=found), links)


def sample(published: Published, letter: Letter, facts: MailFacts) -> Claimed:
    """A letter as a sender would have it in hand for a reader who does not exist, and whose clicks nobody counts."""
    return Claimed(
        id=1,
        token=0,
        kind="step",
        lane=TRANSACTIONAL,
        domain_group="example.com",
        message_id=f"sample@{published.sender_domain}",
        recipient="reader@example.com",
        attempts=0,
        first_attempt_at=None,
        subscriber_id=None,
        enrollment_id=None,
        published=published,
        letter=letter,
        facts=facts,
        course=None,
    )


def masked(text: str) -> str:
    """`text` with links that act for one reader made worthless."""
    return _TOKEN.sub(r"/\1/…", text)


def _links_then(made: Making, links: Links) -> Links:
    keys = links.keys
    return replace(links, keys=replace(keys, signing=made.key)) if made.key in keys.by_number else links


def _differences(made: Making, links: Links, signer: Signer | None) -> list[str]:
    """What of this machine is not any more as it was."""
    found = []
    if made.base != making.base_of(links.base_url):
        found.append(f"base_url was changed since: here its links and pictures begin with {links.base_url}.")
    if made.key not in links.keys.by_number:
        found.append(
            "The secret key that signed its links is not in LEADMAGNET_SECRET_KEYS any more: here they differ."
        )
    if made.signed not in (making.UNSIGNED, making.key_of(signer)):
        whose = "another DKIM key than today's" if signer is not None else "a DKIM key that is not here"
        found.append(f"It was signed with {whose}: here it stands without its DKIM-Signature.")
    return found or ["Something in it differs: most likely leadmagnet was upgraded since, and makes other bytes of it."]


def _never_sent(row: Delivery) -> str:
    if row.state in ("pending", "claimed"):
        return f"mail {row.id} has not been sent yet. `leadmagnet show {_letter_of(row)}` shows the letter."
    why = f": {row.reason}" if row.reason else ""
    return f"mail {row.id} was never sent, it is {row.state}{why}."


def _letter_of(row: Delivery) -> str:
    return f"{row.sequence}/{row.step}" if row.step is not None else f"system/{SYSTEM_LETTERS.get(row.kind, row.kind)}"


def _in_hand(session: Session, row: Delivery, facts: Mapping[str, Any]) -> Claimed:
    """The row as the letter that a sender had in hand."""
    if row.release_id is None:
        raise NotShown(f"mail {row.id} was a test of files that were never published: its text is not kept.")
    published = releases.load(session, row.release_id)
    recipient = session.scalar(select(Subscriber.address).where(Subscriber.id == row.subscriber_id))
    change_id = int((row.dedupe_key or ":0").rpartition(":")[2]) if row.kind == "address" else None
    if change_id is not None and (change := moving.asked_about(session, row.id)) is not None:
        recipient = change.address
    return letters.of_row(
        row,
        recipient=recipient or facts["recipient"],
        subscriber_id=row.subscriber_id,
        enrollment_id=row.enrollment_id,
        published=published,
        letter=_letter(row, published, facts),
        facts=MailFacts.from_json({"asked_on": row.due_at.date().isoformat(), **facts}),  # a notice has no such day
        change_id=change_id,
    )


def _letter(row: Delivery, published: Published, facts: Mapping[str, Any]) -> Letter:
    if row.kind == "notice":
        return notices.letter_of(published, facts)
    folder, slug = (facts["folder"], facts["slug"]) if row.kind == "test" else _letter_of(row).split("/")
    return published.letter(folder, slug)


def _key(letter: Letter) -> str:
    return f"{letter.path.split('/')[1]}/{letter.slug}"
