"""Turns a claimed delivery into the bytes that go over the wire."""

import hashlib
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from leadmagnet.content.manuscripts import NEW_ADDRESS
from leadmagnet.delivery.letters import Claimed
from leadmagnet.links import Links
from leadmagnet.mail import compose, render
from leadmagnet.mail.compose import Headers
from leadmagnet.mail.facts import confirmation_values, counted, letter_values
from leadmagnet.mail.handover import Message
from leadmagnet.mail.render import Rendered
from leadmagnet.mail.sign import Signer


def build(letter: Claimed, links: Links, *, now: datetime, signer: Signer | None = None) -> Message:
    """The whole message, CRLF lines, signed if there is a signer; how it was made is noted on the letter.

    Raises RenderError, HeaderError or NotAnAddress for a letter that cannot be put together.
    """
    values = _values(letter, links)
    raw = compose.compose(_rendered(letter, values), _headers(letter, values.get("unsubscribe_url"), now))
    if signer is not None:
        raw = Message(signer.sign(raw, letter.published.sender_domain, now=now) + raw)
    letter.making.note(raw, links, signer, now=now)
    return raw


def words(letter: Claimed, links: Links) -> Rendered:
    """The letter's subject and both bodies, without a message around them. Raises RenderError."""
    return _rendered(letter, _values(letter, links))


def _rendered(letter: Claimed, values: dict[str, object]) -> Rendered:
    made = render.render(letter.letter, values)
    return replace(made, subject=f"[test] {made.subject}") if letter.kind == "test" else made


def _values(letter: Claimed, links: Links) -> dict[str, object]:
    subscriber, enrollment = letter.subscriber_id or 0, letter.enrollment_id or 0
    if _is_confirmation(letter):
        return confirmation_values(letter.published, links, letter.facts, confirm_url=_confirm_url(letter, links))
    values = letter_values(letter.published, links, letter.facts, subscriber_id=subscriber, enrollment_id=enrollment)
    return values if letter.subscriber_id is None else counted(values, links, letter.id)  # a test mail counts nobody


def _confirm_url(letter: Claimed, links: Links) -> str:
    if letter.letter.slug == NEW_ADDRESS:
        return links.address(letter.change_id or 0)
    return links.confirm(letter.enrollment_id or 0)


def _headers(letter: Claimed, leave: object, now: datetime) -> Headers:
    """`leave`: where the reader leaves, or None."""
    published = letter.published
    folder = letter.letter.path.split("/")[1]
    of_series = folder != "system"
    may_leave = not _is_confirmation(letter) and letter.kind != "notice"
    # RFC 2369 and RFC 8058 belong on letters; a confirmation is no list mail, and nobody is on a list yet.
    return Headers(
        sender=letter.letter.sender or published.site.sender,
        reply_to=published.site.reply_to,
        recipient=letter.recipient,
        message_id=letter.message_id,
        date=now,
        delivery_id=str(letter.id),
        list_id=f"{folder}.{published.sender_domain}" if of_series else None,
        unsubscribe_url=str(leave) if may_leave else None,
        auto_submitted=not of_series,
        feedback_id=f"{letter.letter.slug}:{folder}:leadmagnet:{_sender_id(published.sender_domain)}",
        smtputf8=True,  # the connection knows what it can carry, and refuses
    )


def _is_confirmation(letter: Claimed) -> bool:
    return letter.letter.path.startswith("email_templates/system/confirm")


@lru_cache(maxsize=16)
def _sender_id(domain: str) -> str:
    """Gmail's feedback loop wants 5 to 15 characters that stay the same for a sender."""
    return hashlib.sha256(domain.encode()).hexdigest()[:10]
