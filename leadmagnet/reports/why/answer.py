"""What `why` answers about one address, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leadmagnet.sequences import signup

#: States in which a mail is over, and was not sent.
NOT_SENT = ("skipped", "cancelled", "expired", "failed", "held")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of one person. `waiting` says what for, and is None unless the mail is still to come."""

    id: int
    kind: str
    sequence: str | None
    letter: str | None
    state: str
    reason: str | None
    due_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    bounced_at: datetime | None
    complained_at: datetime | None
    clicked_at: datetime | None
    bounce: str | None  # what the server said that gave it up later, in words
    waiting: str | None
    release: int | None  # the version it was, or is to be, made from
    code: int | None  # the mail server's last reply

    @property
    def at(self) -> datetime:
        """When it came to its state; while it is to come, when it is due."""
        return self.sent_at or self.ended_at or self.due_at

    def to_json(self) -> dict[str, object]:
        """The documented form of a mail."""
        return _json(self)


@dataclass(frozen=True, slots=True)
class HeldGuide:
    """The guide that somebody has: which edition she opened or was mailed last, when, and what her link shows now."""

    guide: str
    edition: str
    since: datetime
    newest: str | None  # None: the guide is no more

    def to_json(self) -> dict[str, object]:
        """The documented form of a guide somebody has."""
        return _json(self)


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the timeline.

    `what` is one of: asked, confirmed, started, left, returned, moved, blocked, tagged, paused, braked, completed,
    ended, sent, clicked, bounced, complained, not_sent, maybe_sent, held, noted (somebody or something decided:
    `detail` has `event`, and `by` where it was a person).
    """

    at: datetime
    what: str
    mail: Mail | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """One entry of `timeline`."""
        of_mail: dict[str, object] = {}
        if self.mail is not None:
            mail = self.mail
            of_mail = {"mail": mail.id, "kind": mail.kind, "sequence": mail.sequence, "letter": mail.letter}
        details = {name: _plain(value) for name, value in self.detail.items()}
        return {"at": self.at.isoformat(), "what": self.what, **of_mail, **details}


@dataclass(frozen=True, slots=True)
class Coming:
    """A letter of her course that is still ahead, if everything stays as it is today."""

    sequence: str
    letter: str
    number: int
    day: int
    at: datetime | None  # None: it has no turn any more
    why: str  # why then, in words
    skipped: str | None  # why she does not get it, in words; None: she does

    def to_json(self) -> dict[str, object]:
        """One entry of `coming`."""
        return _json(self)


@dataclass(frozen=True, slots=True)
class End:
    """How a series of hers ends, if everything stays as it is today."""

    sequence: str
    at: datetime
    tag: str | None  # given then
    starts: tuple[str, ...]  # the series that this tag starts
    leaves: bool = False  # she asked to leave with it

    def to_json(self) -> dict[str, object]:
        """One entry of `ends`."""
        told = {name: _plain(getattr(self, name)) for name in ("sequence", "at", "tag", "leaves")}
        return told | {"starts": list(self.starts)}


@dataclass(frozen=True, slots=True)
class Why:
    """The answer about one subscriber; `mails` in the order of time, with what is still to come."""

    address: str
    state: str
    zone: str | None  # hers; None: not told, the site's counts
    asked_at: datetime
    confirmed_at: datetime | None
    unsubscribed_at: datetime | None
    blocked: str | None  # why nothing at all may be sent to her, as stored
    mails: tuple[Mail, ...]
    guides: tuple[HeldGuide, ...]
    timeline: tuple[Event, ...]
    coming: tuple[Coming, ...]
    ends: tuple[End, ...]

    @property
    def not_sent(self) -> list[Mail]:
        return [mail for mail in self.mails if mail.state in NOT_SENT]

    @property
    def waiting(self) -> list[Mail]:
        """What is planned, the next one first."""
        return [mail for mail in self.mails if mail.waiting is not None]

    @property
    def confirm_until(self) -> datetime | None:
        """Until when her confirm link works; None once she has answered."""
        return self.asked_at + signup.UNCONFIRMED_LIFE if self.state == "pending" and self.blocked is None else None

    @property
    def reminder_at(self) -> datetime | None:
        """When she is reminded to confirm; None: she was, or will not be."""
        confirmations = [mail.sent_at for mail in self.mails if mail.kind == "confirm" and mail.sent_at is not None]
        until = self.confirm_until
        if until is None or not confirmations or any(mail.kind == "reminder" for mail in self.mails):
            return None
        at = max(min(confirmations), self.asked_at) + signup.REMIND_AFTER
        return at if at < until else None

    def to_json(self) -> dict[str, object]:
        """The documented form of `why --json`; `next` is the first mail to come, or null."""
        following = [mail.to_json() for mail in self.waiting]
        return {
            "subscriber": self.address,
            "state": self.state,
            "guides": [guide.to_json() for guide in self.guides],
            "mails": [mail.to_json() for mail in self.mails],
            "not_sent": [mail.to_json() for mail in self.not_sent],
            "next": following[0] if following else None,
            "timeline": [event.to_json() for event in self.timeline],
            "coming": [one.to_json() for one in self.coming],
            "ends": [one.to_json() for one in self.ends],
            "blocked": self.blocked,
            "confirm_until": _plain(self.confirm_until),
            "reminder_at": _plain(self.reminder_at),
        }


def _json(value: Any) -> dict[str, object]:
    return {name: _plain(getattr(value, name)) for name in value.__slots__}


def _plain(value: Any) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
