"""Mails to the operator about trouble: plain words, at most once a day for the same trouble."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from leadmagnet.audience.list_bombing import Bombing
from leadmagnet.content.compiled import Letter
from leadmagnet.content.published import Published
from leadmagnet.delivery import copies, letters, notice_page, tally
from leadmagnet.delivery.letters import Claimed
from leadmagnet.mail.facts import MailFacts
from leadmagnet.sequences import deliveries
from leadmagnet.store import signals

_FOOT = "Your own leadmagnet wrote this, at most once a day for the same trouble."


@dataclass(frozen=True, slots=True)
class Notice:
    """What the operator is told. `about` names the trouble; no text holds a reader's address."""

    about: str
    subject: str
    lines: tuple[str, ...]
    commands: tuple[str, ...] = ("leadmagnet status",)


def held(name: str, failures: int, reason: str) -> Notice:
    """A letter of a series, "hip-openers/tight-hips", is held."""
    slug = name.rpartition("/")[2]
    lines = _said(
        f"The letter {name} is held: {reason}.",
        "The readers whose mail failed go on with their next letter. Everybody else waits at this one, and all other "
        "letters go out as before.",
        "The log says what each mail failed of. Mend the letter and publish it, then let it go on.",
    )
    commands = ("leadmagnet publish", f"leadmagnet resume {name}")
    return Notice(f"held:{name}", f"Held: letter {slug} failed {failures} times", lines, commands)


def failing(name: str, failures: int, reason: str) -> Notice:
    """A mail that somebody waits for keeps failing: it is not held."""
    lines = _said(
        f"The mail {name} keeps failing: {reason}.",
        "It is not held back, because people have just asked for it. Whose mail failed can ask again.",
        "The log says what each mail failed of. Mend and publish the mail if it is at fault; if addresses are, "
        "somebody may be playing with your form.",
    )
    return Notice(f"failing:{name}", f"Failing: {name} failed {failures} times", lines)


def distrusted(groups: Sequence[str]) -> Notice:
    """The mail servers of these domain groups refuse us as a sender."""
    who = ", ".join(groups)
    lines = _said(
        f"The mail servers of {who} refuse mail from this sender: its reputation or its authentication (SPF, DKIM, "
        "DMARC) is at fault, not a reader.",
        "Letters to them wait for an hour, then go on by themselves. Nobody was blocked, nothing is lost.",
        "The log holds the servers' answers. Check the DNS records of the sending domain.",
    )
    commands = ("leadmagnet doctor", "leadmagnet status")
    return Notice("reputation", f"Paused for an hour: {who[:60]} refused mail from you", lines, commands)


def distrusted_everywhere() -> Notice:
    """So many domain groups refuse us that all letters wait."""
    lines = _said(
        "Three or more mail providers refuse mail from this sender, so all letters wait until you resume them. "
        "Confirmations and guides go on. Nobody was blocked, nothing is lost.",
        "Check the DNS records of the sending domain (SPF, DKIM, DMARC), and whether it stands on a block list.",
    )
    subject = "Paused: several mail providers refused mail from you"
    return Notice("reputation-everywhere", subject, lines, ("leadmagnet doctor", "leadmagnet resume"))


def distrusted_later(group: str) -> Notice:
    """A report came back that the mail servers of this domain group refuse us as a sender."""
    lines = _said(
        f"A report came back that the mail servers of {group} refused mail from this sender: its reputation or its "
        "authentication (SPF, DKIM, DMARC) is at fault, not a reader.",
        "Whoever got a mail of yours could have made up such a report, so no letter waits because of it, and nobody "
        "was blocked. If it is true, there will be more of them: check the DNS records of the sending domain.",
    )
    return Notice("reputation-reported", f"Reported: {group[:60]} refused mail from you", lines, ("leadmagnet doctor",))


def too_many(what: str, share: str, count: int, mails: int) -> Notice:
    """Too many bounces or complaints within seven days; `what` names them."""
    lines = _said(
        f"The last seven days brought {count} {what} on {mails} mails ({share}). Mail providers shut out a sender who "
        "goes on like this, so all letters wait until you resume them. Confirmations and guides go on.",
        "Look at where your newest readers came from before you resume.",
    )
    subject = f"Paused: {share} {what} in seven days"
    return Notice(what, subject, lines, ("leadmagnet status", "leadmagnet resume"))


def bombed(found: Bombing) -> Notice:
    """Somebody seems to sign up other people."""
    lines = _said(
        f"In the last day {found.asked:,} confirmations went out that nobody should have needed: only "
        f"{found.confirmed:,} of them were answered. Somebody seems to type other people's addresses into your form.",
        "New sign-ups are slowed down to a few an hour, for everybody; whoever comes too late is told to try again. "
        "Letters go on. This ends by itself, when enough people have confirmed again, or after a day.",
        "If you know of no such thing, your confirmations may not arrive: send one to yourself, look in its spam "
        "folder, and check the DNS records of the sending domain.",
    )
    return Notice(
        "bombed", "Slowed down: too few of your new readers confirm", lines, ("leadmagnet status", "leadmagnet doctor")
    )


def given_up(kind: str, code: int | None) -> Notice:
    """A mail that somebody waited for was deferred for so long that it was given up."""
    named = {"confirm": "confirmation", "reminder": "reminder", "address": "question to a new address"}
    what = named.get(kind, "guide mail")
    answer = f" The last answer was {code}." if code is not None else ""
    lines = _said(
        f"A {what} could not be delivered for a day: the mail server kept answering that it should come later.{answer} "
        "It is not tried any more; the reader can ask again with the form.",
        "Should there be more of them today, no further mail tells you: the status counts them as failed.",
    )
    return Notice("given-up", f"Given up: a {what} was not delivered", lines)


def poisoned(name: str, count: int) -> Notice:
    """Mails whose sending ended the sender's process again and again are held."""
    lines = _said(
        f"{'1 mail is' if count == 1 else f'{count} mails are'} held: each time one of them was begun, the sending "
        "process died. All others go on.",
        "This is a defect of leadmagnet or of its machine, not of the reader. The worker's log says more.",
    )
    return Notice(f"poison:{name}", f"Held: a mail of {name} stopped the sender", lines)


def _said(*lines: str) -> tuple[str, ...]:
    return lines


def tell(session: Session, published: Published, notice: Notice, *, now: datetime) -> bool:
    """Queues the mail; False if the same trouble was told today already, or nobody could read it."""
    recipient = published.operator_address
    if not recipient:
        return False
    words = {"subject": notice.subject, "lines": list(notice.lines), "commands": list(notice.commands)}
    key = f"notice:{notice.about}:{tally.day_of(now)}"
    new = deliveries.plan_notice(session, published, recipient=recipient, words=words, dedupe_key=key, now=now)
    if new:
        signals.something_is_due(session)
    return new


def claimed(published: Published, row: Row[Any], *, now: datetime) -> Claimed:
    """A claimed notice, in hand: its recipient and words, or the letter that it copies, stand in its facts."""
    watched = copies.of(published, row.facts)
    today = now.astimezone(published.zone).date().isoformat()
    return letters.of_row(
        row,
        recipient=row.facts["recipient"],
        subscriber_id=None,
        enrollment_id=None,
        published=published,
        letter=letter_of(published, row.facts),
        facts=watched.facts if watched is not None else MailFacts(asked_on=today),
    )


def letter_of(published: Published, facts: Mapping[str, Any]) -> Letter:
    """The words of a notice, as its facts record them, or the letter that it copies."""
    watched = copies.of(published, facts)
    return watched.letter if watched is not None else notice_page.compiled(facts, _FOOT)
