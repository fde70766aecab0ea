"""What a reply makes of a delivery: pure decisions, and the retry table they follow."""

import hashlib
from datetime import datetime, timedelta

from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.queue import TRANSACTIONAL
from leadmagnet.mail.smtp_replies import ReplyClass
from leadmagnet.records import record

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
#: Waits after the first, second … reply that said "later"; the last repeats. Given up after `_GIVE_UP`.
_BACK_OFF = {
    True: (timedelta(seconds=30), 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR),
    False: (5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR),
}
_GIVE_UP = {True: timedelta(hours=24), False: timedelta(hours=72)}
#: Why a letter failed that was deferred for too long.
GIVEN_UP = "deferred_out"
#: After trouble on the way: no attempt, and soon again.
OUTAGE_WAIT = timedelta(seconds=30)
#: A problem of ours as a sender is mended by a person, not by trying quickly.
_REPUTATION_WAIT = _HOUR


@record
class Accepted:
    """250: the server has taken responsibility."""

    at: datetime


@record
class Deferred:
    """An explicit "later", tried again at `ready_at`: an attempt, unless the trouble is ours as a sender."""

    code: int
    reply_class: str
    ready_at: datetime
    is_attempt: bool = True


@record
class Failed:
    """Over for this letter; `suppress` when the address itself is at fault. `code` is None without a reply."""

    reason: str
    code: int | None = None
    reply_class: str | None = None
    suppress: bool = False


@record
class Returned:
    """Certainly not accepted and no fault of the letter (an outage): not an attempt."""

    ready_at: datetime | None  # None: it keeps its place in the queue


@record
class Lost:
    """The last word was lost after the dot: only evidence decides."""

    at: datetime


Outcome = Accepted | Deferred | Failed | Returned | Lost


def of_refusal(letter: Claimed, code: int, reply_class: ReplyClass, *, now: datetime) -> Deferred | Failed | Returned:
    """The outcome of an explicit 4xx or 5xx reply."""
    if reply_class is ReplyClass.CREDENTIALS:
        return Returned(now + OUTAGE_WAIT)  # our login, not her letter
    if reply_class is ReplyClass.REPUTATION:
        return Deferred(code, reply_class, now + _REPUTATION_WAIT, is_attempt=False)
    if reply_class is ReplyClass.THROTTLE or code // 100 == 4:
        again = back_off(letter, now=now)
        return Deferred(code, reply_class, again) if again else Failed(GIVEN_UP, code, reply_class)
    return Failed(reply_class, code, reply_class, suppress=reply_class is ReplyClass.BAD_ADDRESS)


def back_off(letter: Claimed, *, now: datetime) -> datetime | None:
    """When to try again after one more "later", or None to give up."""
    transactional = letter.lane == TRANSACTIONAL
    if letter.first_attempt_at is not None and now - letter.first_attempt_at > _GIVE_UP[transactional]:
        return None
    waits = _BACK_OFF[transactional]
    wait = waits[min(letter.attempts, len(waits) - 1)]
    return now + wait * _jitter(letter)


def _jitter(letter: Claimed) -> float:
    """0.8 to 1.2, the same for the same row and attempt: spread, and still reproducible."""
    digest = hashlib.blake2b(f"{letter.id}:{letter.attempts}".encode(), digest_size=2).digest()
    return 0.8 + 0.4 * int.from_bytes(digest, "big") / 0xFFFF
