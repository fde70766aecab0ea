"""What a browser has just asked for, kept for a quarter of an hour and signed: addresses stand in no URL.

It stands in a cookie. A frame on another site's page gets none back: there it stands in the forms of the page itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil

from flask import Response, request
from itsdangerous import BadData, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode

from leadmagnet.sequences import deliveries
from leadmagnet.web.house import house

_COOKIE = "lm_sent"
#: The field of a form that says the same.
_FIELD = "asked"
_KEPT_SECONDS = 15 * 60
#: Browsers drop a cookie of more than 4096 bytes with its attributes (RFC 6265 §6.1).
_LONGEST = 3800
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """One address as it was typed, how often this browser has asked to write to it, and when last."""

    email: str
    told: Mapping[str, str]  # what else the form said, by its fields' names
    times: int
    at: datetime

    @property
    def enough(self) -> bool:
        """True once no further mail would go, whoever's the address is."""
        return self.times >= deliveries.CONFIRMATIONS_EVER

    def wait(self, now: datetime) -> int:
        """The seconds until it may be sent again; 0: now."""
        left = self.at + deliveries.again_after(self.times) - now
        return max(0, -(-left // _SECOND))

    def again(self, now: datetime) -> "Asked":
        """Asked once more."""
        return replace(self, times=self.times + 1, at=now)


def keep(response: Response, slug: str, asked: Asked) -> None:
    """Lays the cookie beside an answer; it goes to the one page that shows it, and to nobody's script."""
    value = signed(asked)
    response.set_cookie(
        _COOKIE,
        value if len(value) <= _LONGEST else signed(replace(asked, told={})),
        max_age=_KEPT_SECONDS,
        path=f"/f/{slug}/sent",
        httponly=True,
        samesite="Lax",
        secure=house().links.base_url.startswith("https:"),
    )


def kept() -> Asked | None:
    """What this browser asked for lately; None: nothing, or somebody else's word for it."""
    value = request.form.get(_FIELD) or request.cookies.get(_COOKIE, "")
    try:
        payload = _signer().unsign(value, max_age=_KEPT_SECONDS)
    except BadData:
        return None
    match json.loads(base64_decode(payload)):
        case [str(email), dict(told), int(times), int(at)]:
            return Asked(email, told, times, datetime.fromtimestamp(at, UTC))
    return None  # signed by another version of ours


def signed(asked: Asked) -> str:
    """What a form carries in its field `asked`, and the cookie everywhere else."""
    told = json.dumps([asked.email, dict(asked.told), asked.times, ceil(asked.at.timestamp())])
    return _signer().sign(base64_encode(told)).decode()


def _signer() -> TimestampSigner:
    keys = house().links.keys
    return _signer_of(keys.by_number[keys.signing])


@lru_cache(maxsize=4)
def _signer_of(key: bytes) -> TimestampSigner:
    return TimestampSigner(key, salt="asked-for")
