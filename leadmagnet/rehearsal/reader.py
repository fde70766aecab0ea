"""What a made-up person does, each time through the door that is open to everybody."""

import re
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from leadmagnet.audience import subscribers
from leadmagnet.audience.consent import Origin
from leadmagnet.content.guides import Guide
from leadmagnet.delivery import clicks
from leadmagnet.delivery.single_file import SingleFile
from leadmagnet.errors import LeadmagnetError
from leadmagnet.links import Purpose, read
from leadmagnet.rehearsal.script import Event, Part
from leadmagnet.sequences import enrollments, preferences, signup
from leadmagnet.sequences.signup import Confirmed, Request, Requested
from leadmagnet.store.database import Session

_SECRET = b"a rehearsal"


class Reader:
    """The person on the road of her mails; whatever she does happens at the road's time."""

    def __init__(self, part: Part, road: SingleFile) -> None:
        self._part = part
        self._road = road

    @property
    def guide(self) -> Guide | None:
        """The guide that brings her the sequence; None: a tag or the operator starts it."""
        sequence = self._part.sequence
        asked_for = sequence.starts == "confirmed" and sequence.guide is not None
        return self._road.published.guide(sequence.guide or "") if asked_for else None

    def begins(self) -> Event:
        """Asks for the guide, or is put into a sequence that has none. Raises LeadmagnetError for a refused address."""
        guide = self.guide
        return self._asks(guide) if guide is not None else self._is_put_in()

    def _asks(self, guide: Guide) -> Event:
        part, now = self._part, self._road.now
        key = part.address.key(_SECRET)
        asked = Request(guide, part.address, key, part.first_name, part.zone.key, Origin())
        with self._road.database.write() as session:
            answer = signup.request(session, self._road.published, asked, limits=False, now=now)
            if answer is not Requested.CONFIRMATION:
                raise LeadmagnetError(f"{part.address.text} gets nothing: {answer}. Name another one with --as.")
            self._carries_tags(session)
        return Event(now, "asks", why=f"she asks for the guide {guide.slug}")

    def _is_put_in(self) -> Event:
        part, now, published = self._part, self._road.now, self._road.published
        with self._road.database.write() as session:
            person = subscribers.find_or_add(
                session, part.address, part.address.key(_SECRET), first_name=part.first_name, timezone=part.zone.key,
                now=now,
            )  # fmt: skip
            subscribers.activate(session, person.id, now=now)
            self._carries_tags(session)
            enrollment = enrollments.find_or_add(session, person.id, part.sequence, now=now)
            enrollments.start(session, published, person, enrollment, now=now)
        return Event(now, "starts", why=f"the series starts for her ({part.sequence.starts})")

    def _carries_tags(self, session: Session) -> None:
        if self._part.tags:
            given = [(1, tag) for tag in sorted(self._part.tags)]  # hers is the first row of an empty table
            enrollments.give_tags(session, self._road.published, given, now=self._road.now)

    def confirms(self, mail: bytes) -> Event:
        """Opens the confirmation's link, and taps its button."""
        row = self._required(mail, r"/c/([\w-]{30})()", Purpose.CONFIRM)
        with self._road.database.write() as session:
            done = signup.confirm(session, self._road.published, row, Origin(), now=self._road.now)
        why = "she confirms" if done is Confirmed.NOW else f"she taps the button of the confirmation: {done}"
        return Event(self._road.now, "confirms", why=why)

    def clicks(self, mail: bytes, slug: str) -> Event:
        """Follows the first counted link of a letter, or else the one to her guide, which nobody counts."""
        now, links = self._road.now, self._road.links
        counted = self._link(mail, r"/l/([\w-]{30})(\d\d)", Purpose.CLICK)
        if counted is None:
            guide = self._link(mail, r"/g/([\w-]{30})()", Purpose.GUIDE)
            why = "she opens her guide, by a link that is not counted" if guide else "she finds no link to follow"
            return Event(now, "clicks", slug, why=why)
        with self._road.database.write() as session:
            url = clicks.target(session, links, *counted)
            clicks.count(session, counted[0], now=now)
        own = url is None or url.startswith(links.base_url)
        return Event(now, "clicks", slug, why="she opens her guide" if own else f"she opens {url}")

    def leaves(self, mail: bytes) -> Event:
        """Follows a letter's way out, and taps its button."""
        row = self._required(mail, r"/u/([\w-]{30})()", Purpose.LEAVE)
        with self._road.database.write() as session:
            preferences.leave(session, row, Origin(), now=self._road.now)
        return Event(self._road.now, "leaves", why="she leaves")

    def is_reminded(self, after: timedelta) -> None:
        """The chore that repeats an unanswered confirmation comes by; the mail tells the rest."""
        with self._road.database.write() as session:
            signup.remind(session, self._road.published, after=after, limit=1, now=self._road.now)

    def is_forgotten(self) -> Event | None:
        """The chore that forgets who never confirmed comes by."""
        with self._road.database.write() as session:
            gone = signup.forget_unconfirmed(session, limit=1, now=self._road.now)
        return Event(self._road.now, "forgotten", why="she never confirmed: her address is forgotten") if gone else None

    def _required(self, mail: bytes, path: str, purpose: Purpose) -> int:
        found = self._link(mail, path, purpose)
        if found is None:
            raise LeadmagnetError("a mail lacks the link that every mail of its kind has.")
        return found[0]

    def _link(self, mail: bytes, path: str, purpose: Purpose) -> tuple[int, int] | None:
        """The row and the number that a link in this mail names, read as the door behind it reads them."""
        parsed: EmailMessage = message_from_bytes(mail, policy=policy.default)
        body = parsed.get_body(("plain",))
        text = str(cast(EmailMessage, body).get_content()) if body is not None else ""
        found = re.search(re.escape(self._road.links.base_url) + path, text)
        row = read(found[1], purpose, self._road.links.keys) if found is not None else None
        return (row, int(found[2] or 0)) if found is not None and row is not None else None
