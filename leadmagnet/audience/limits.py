"""Limits on sign-ups that all processes share: how many one network may make, how many everybody together.

Each limit is a bucket, kept as one number: the moment up to which it is used up. What has passed since then makes
room again, never more than an hour's worth; a sign-up moves it on by `an hour / per_hour` (the generic cell rate
algorithm, ITU-T I.371). One guarded statement looks and takes, so two processes never take the same place.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Float, Select, bindparam, case, delete, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from leadmagnet.store import batches
from leadmagnet.store.dialect import table
from leadmagnet.store.models import SignupBucket
from leadmagnet.store.statements import Statement

#: What a bucket holds: an hour's sign-ups may come at once.
_HOLDS = 3600.0
#: A bucket used up until later than this, in seconds, was written by a clock that was wrong: it counts as full.
_ASTRAY = 300.0
#: What the rounding of seconds since 1970 may cost.
_ROUNDING = 1e-3

_bucket = table(SignupBucket)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `per_hour` sign-ups at once, and as many more in each hour after it."""

    scope: str
    per_hour: int
    is_spent: bool = True  # False: whether there would be room, and no place is taken


@dataclass(frozen=True, slots=True)
class Taken:
    """There was room, and it is counted."""


@dataclass(frozen=True, slots=True)
class Full:
    """There is no room before `wait` seconds have passed; nothing was written."""

    wait: float


TAKEN = Taken()


def of_network(address: str, secret: bytes, per_hour: int) -> Limit:
    """The limit of the network that an IP address belongs to.

    IPv4: the address alone, since providers let hundreds of homes share one; a wider net would only join strangers.
    IPv6: its /64, which is one home, one phone or one server, whoever holds it choosing the rest (RFC 4291 §2.5.1,
    RFC 6177). Only a keyed hash is kept.
    """
    found = ipaddress.ip_address(address)
    network = found.packed[:8] if isinstance(found, ipaddress.IPv6Address) else found.packed
    digest = hashlib.blake2b(network, key=secret[:64], digest_size=16, person=b"lm-network").hexdigest()
    return Limit(f"network:{digest}", per_hour)


@Statement
def _taking(for_sqlite: bool) -> ReturningInsert[*tuple[Any, ...]]:
    """Takes the places of `given`, a row for each bucket; those that have no room stay as they are."""
    given = batches.given(for_sqlite=for_sqlite, scope=_bucket.c.scope.type, cost=Float())
    full, astray, until = (bindparam(name, type_=Float) for name in ("full", "astray", "until"))
    insert_into = sqlite.insert if for_sqlite else postgresql.insert
    # In one order everywhere: two processes that locked the same two rows crosswise would wait for each other.
    new = select(given.c.scope, full + given.c.cost).where(true()).order_by(given.c.scope)
    taking = insert_into(_bucket).from_select(["scope", "used_until"], new)
    used = _bucket.c.used_until
    after = case((used < full, full), (used > astray, full), else_=used) + (taking.excluded.used_until - full)
    changed = {"used_until": after}
    return taking.on_conflict_do_update(index_elements=["scope"], set_=changed, where=after <= until).returning(
        _bucket.c.scope
    )


@Statement
def _using(for_sqlite: bool) -> Select[tuple[str, float]]:
    given = batches.given(for_sqlite=for_sqlite, scope=_bucket.c.scope.type)
    return select(_bucket.c.scope, _bucket.c.used_until).join(given, _bucket.c.scope == given.c.scope)


def take(session: Session, limit: Limit, count: int = 1, *, now: datetime) -> Taken | Full:
    """Takes `count` places, at most `per_hour` of them, or none; of a limit that is not spent, only looks for them."""
    return take_each(session, [limit], count, now=now)[0]


def take_each(session: Session, limits: Sequence[Limit], count: int = 1, *, now: datetime) -> list[Taken | Full]:
    """What `take` says of each of these, in their order and in as many statements as of one, unless a scope repeats."""
    at = now.timestamp()
    times = {"full": at - _HOLDS, "astray": at + _ASTRAY, "until": at + _ROUNDING}
    taken: set[int] = set()
    for turn in batches.turns((one.scope, place) for place, one in enumerate(limits) if one.is_spent):
        rows = [(scope, _cost(limits[place], count)) for scope, place in turn.items()]
        found = _taking.run(session, given=batches.rows(rows), **times)
        taken.update(turn[row.scope] for row in found)
    left = {one.scope for place, one in enumerate(limits) if place not in taken}
    used: dict[str, float] = {}
    if left:
        used = {row.scope: row.used_until for row in _using.run(session, given=batches.rows([(one,) for one in left]))}
    return [
        TAKEN if place in taken else _look(one, used.get(one.scope), at, _cost(one, count))
        for place, one in enumerate(limits)
    ]


def _cost(limit: Limit, count: int) -> float:
    return _HOLDS / limit.per_hour * count


def _look(limit: Limit, used_until: float | None, at: float, cost: float) -> Taken | Full:
    """Whether a place could be had in a bucket that is used up so far; of one that is spent, how long it is full."""
    if used_until is None:
        return Full(0.0) if limit.is_spent else TAKEN
    if not limit.is_spent and (used_until > at + _ASTRAY or used_until + cost <= at + _ROUNDING):
        return TAKEN
    return Full(max(0.0, used_until + cost - at))


def forget_unused(session: Session, *, limit: int, now: datetime) -> None:
    """Deletes buckets that are full again: no row says the same."""
    full = now.timestamp() - _HOLDS
    unused = select(_bucket.c.scope).where(_bucket.c.used_until <= full).limit(limit)
    # The guard stands in the DELETE as well: somebody may be signing up from there this moment.
    session.connection().execute(delete(_bucket).where(_bucket.c.scope.in_(unused), _bucket.c.used_until <= full))
