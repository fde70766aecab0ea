"""Limits on sign-ups that all processes share: how many one network may make, how many everybody together.

Each limit is a bucket, kept as one number: the moment up to which it is used up. What has passed since then makes
room again, never more than an hour's worth; a sign-up moves it on by `an hour / per_hour` (the generic cell rate
algorithm, ITU-T I.371). One guarded statement looks and takes, so two processes never take the same place.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Float, bindparam, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from leadmagnet.store.dialect import insert_or_update, is_sqlite, table
from leadmagnet.store.models import SignupBucket

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


@cache
def _taking(for_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    full, astray, cost, until = (bindparam(name, type_=Float) for name in ("full", "astray", "cost", "until"))
    used = _bucket.c.used_until
    after = case((used < full, full), (used > astray, full), else_=used) + cost
    values = {"scope": bindparam("scope"), "used_until": full + cost}
    return insert_or_update(_bucket, for_sqlite, values, {"used_until": after}, after <= until).returning(used)  # type: ignore[return-value]


_USED = select(_bucket.c.used_until).where(_bucket.c.scope == bindparam("scope"))


def take(session: Session, limit: Limit, count: int = 1, *, now: datetime) -> Taken | Full:
    """Takes `count` places, at most `per_hour` of them, or none; of a limit that is not spent, only looks for them."""
    at, cost = now.timestamp(), _HOLDS / limit.per_hour * count
    places = {
        "scope": limit.scope, "full": at - _HOLDS, "astray": at + _ASTRAY, "cost": cost, "until": at + _ROUNDING
    }  # fmt: skip
    connection = session.connection()
    if limit.is_spent and connection.execute(_taking(is_sqlite(session)), places).first() is not None:
        return TAKEN
    used_until = connection.scalar(_USED, {"scope": limit.scope})
    if not limit.is_spent and (used_until is None or used_until > at + _ASTRAY or used_until + cost <= places["until"]):
        return TAKEN
    return Full(max(0.0, used_until + cost - at) if used_until is not None else 0.0)


def forget_unused(session: Session, *, limit: int, now: datetime) -> None:
    """Deletes buckets that are full again: no row says the same."""
    full = now.timestamp() - _HOLDS
    unused = select(_bucket.c.scope).where(_bucket.c.used_until <= full).limit(limit)
    # The guard stands in the DELETE as well: somebody may be signing up from there this moment.
    session.connection().execute(delete(_bucket).where(_bucket.c.scope.in_(unused), _bucket.c.used_until <= full))
