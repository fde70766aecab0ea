"""What can be said of an address that belongs to nobody here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Literal

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from leadmagnet.audience.addresses import Address
from leadmagnet.content.published import Published
from leadmagnet.reports.why import record
from leadmagnet.store.models import Subscriber

#: Letters in which a mistyped address must agree with a real one, before or behind the @.
_ALIKE = 2
_LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Absent:
    """Nobody has this address. `close` are the nearest that somebody has."""

    address: str
    blocked: str | None  # why it is blocked, as stored; None: it is not
    scope: str | None  # letters, all; None with it
    since: datetime | None  # None with it
    never: Literal["role", "disposable", "ours"] | None  # why the form never takes it; None: it would
    close: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """As the answer about somebody, with nothing in it."""
        since = self.since.isoformat() if self.since is not None else None
        return {
            "subscriber": self.address, "state": "unknown", "guides": [], "mails": [], "not_sent": [], "next": None,
            "timeline": [], "coming": [], "ends": [], "blocked": self.blocked, "blocked_since": since,
            "did_you_mean": list(self.close),
        }  # fmt: skip


def absent(session: Session, published: Published, address: Address, address_key: str) -> Absent:
    """`address_key` is that of `address`, and no subscriber has it."""
    blocks = record.blocks(session, address_key)
    block = next((one for one in blocks if one.scope == "all"), blocks[0] if blocks else None)
    return Absent(
        address=address.text,
        blocked=block.reason if block is not None else None,
        scope=block.scope if block is not None else None,
        since=block.at if block is not None else None,
        never=_never(published, address),
        close=() if block is not None else tuple(_close(session, address)),
    )


def _never(published: Published, address: Address) -> Literal["role", "disposable", "ours"] | None:
    if address.text.casefold() == published.sender_address.casefold():
        return "ours"
    return "role" if address.is_role else "disposable" if address.is_disposable else None


def _close(session: Session, address: Address) -> Sequence[str]:
    """Addresses with the same name before the @, or one that begins alike at the same domain: one pass over all."""
    local, _, domain = address.normal.rpartition("@")
    lower = func.lower(Subscriber.address)
    same_name = lower.startswith(f"{local}@", autoescape=True)
    same_domain = lower.startswith(local[:_ALIKE], autoescape=True) & lower.endswith(f"@{domain}", autoescape=True)
    found = session.scalars(select(Subscriber.address).where(or_(same_name, same_domain)).limit(_LOOKED_AT)).all()
    return get_close_matches(address.text, found, n=3, cutoff=0.75)
