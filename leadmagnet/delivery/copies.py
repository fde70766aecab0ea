"""Copies of a watched letter's first sends, to the operator: the words a reader got, with nobody's personal links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.content.compiled import Letter
from leadmagnet.content.published import Published
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Accepted, Outcome
from leadmagnet.mail.facts import MailFacts
from leadmagnet.sequences import deliveries
from leadmagnet.store import signals
from leadmagnet.store.models import Delivery, Subscriber

#: So many sends of a letter are copied, counted from when `watch` was first set: a letter is never watched anew.
FIRST = 5


@dataclass(frozen=True, slots=True)
class Copy:
    """A letter to be shown to the operator, and what it says of its reader."""

    letter: Letter
    facts: MailFacts


def watched(recorded: Sequence[tuple[Claimed, Outcome]]) -> list[Claimed]:
    """The letters of a batch that went out, and whose head says `watch`."""
    return [
        letter
        for letter, outcome in recorded
        if letter.course is not None and letter.course.step.watch and type(outcome) is Accepted
    ]


def queue(session: Session, letters: Sequence[Claimed], done: set[str], *, now: datetime) -> None:
    """Queues the copies that are still missing; `done` remembers the letters that have had all of theirs.

    Two workers may want to copy as the same number: one of them does, and the next send takes the next number.
    """
    queued = False
    # By name: another worker that queues copies of the same letters waits for the same keys in the same order.
    for letter in sorted(letters, key=_name):
        name = _name(letter)
        if name in done:
            continue
        if session.get(Subscriber, letter.subscriber_id) is None:
            continue  # forgotten since its gate: nothing of her is kept
        number = _copied(session, name) + 1
        if number > FIRST:
            done.add(name)
        elif recipient := letter.published.operator_address:
            words = {"copy": number, "letter": name, "facts": letter.facts.to_json(), "reader": letter.subscriber_id}
            key = f"watch:{name}:{number}"
            queued |= deliveries.plan_notice(
                session, letter.published, recipient=recipient, words=words, dedupe_key=key, now=now
            )
    if queued:
        signals.something_is_due(session)


def of(published: Published, words: Mapping[str, Any]) -> Copy | None:
    """The copy that a claimed notice is, or None. It is on nobody's behalf: no link in it is a reader's own.

    Without a subscriber its links name nobody, so that the operator cannot unsubscribe her reader with it.
    """
    if "copy" not in words:
        return None
    facts = MailFacts.from_json(words["facts"])
    folder, _, slug = words["letter"].partition("/")
    head = f"[copy {words['copy']} of {FIRST}]"
    try:
        letter = published.letter(folder, slug)
    except KeyError:  # published anew since, without it
        gone = f"The letter {words['letter']} went out, and is in no version any more that is live."
        return Copy(
            Letter(path=_PATH, slug="notice", subject=f"{head} {slug}", preheader=gone, html=gone, text=gone), facts
        )
    # Not as mail of a list: without the headers that a mail program would offer an unsubscribe button for.
    return Copy(letter.model_copy(update={"subject": f"{head} {letter.subject}", "path": _PATH}), facts)


_PATH = "email_templates/system/notice.md"


def _copied(session: Session, name: str) -> int:
    keys = [f"watch:{name}:{number}" for number in range(1, FIRST + 1)]
    return len(session.scalars(select(Delivery.id).where(Delivery.dedupe_key.in_(keys))).all())


def _name(letter: Claimed) -> str:
    course = letter.course
    return f"{course.sequence.slug}/{course.step.slug}" if course is not None else ""
