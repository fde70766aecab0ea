"""Holds a letter that keeps failing, so that it does not go on to fail for everybody."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from leadmagnet.delivery import brakes, notices, tally
from leadmagnet.delivery.letters import Claimed

#: Failures that are the letter's own: it cannot be put together, or servers do not take what it says.
OWN_FAULT = ("content", "render")
#: So many of its own failures hold a letter, whatever else went well.
_OWN_FAILURES = 3
#: So many failures of any kind hold it, if they are this share of what became of it, among so many mails at least.
_FAILURES, _SHARE, _SAMPLE = 10, 0.25, 20


@dataclass(frozen=True, slots=True)
class Hold:
    """The letter is to be held; `reason` is for the operator."""

    reason: str
    failures: int


def judge(counts: Mapping[str, int]) -> Hold | None:
    """What the outcomes of one letter, of today and yesterday, say about it.

    What was deferred has no outcome yet, and counts neither way.
    """
    failed = {name.removeprefix(tally.FAILED): n for name, n in counts.items() if name.startswith(tally.FAILED)}
    own = sum(failed.get(reason, 0) for reason in OWN_FAULT)
    if own >= _OWN_FAILURES:
        return Hold(f"{own} mails of it could not be put together, or were refused for what they say", own)
    failures = sum(failed.values())
    settled = failures + counts.get(tally.ACCEPTED, 0) + counts.get(tally.LOST, 0)
    if failures >= _FAILURES and settled >= _SAMPLE and failures >= _SHARE * settled:
        return Hold(f"{failures} of {settled} mails of it failed", failures)
    return None


def watch(session: Session, failed: Iterable[Claimed], *, now: datetime) -> frozenset[str]:
    """Judges the letters that just failed, once their failures are tallied; returns the names of those held.

    Only a letter of a series is held. What somebody waits for goes on, and the operator is told.
    """
    letters = {tally.letter_of(letter): letter for letter in failed}
    for name, fresh in _fresh(session, letters, now).items():
        by_outcome = Counter[str]()
        for (_day, outcome), count in fresh.items():
            by_outcome[outcome] += count
        hold = judge(by_outcome)
        if hold is None:
            continue
        letter = letters[name]
        if letter.kind == "step":
            brake(session, _scope(name), hold.reason, until=None, now=now)
            notices.tell(session, letter.published, notices.held(name, hold.failures, hold.reason), now=now)
        else:
            notices.tell(session, letter.published, notices.failing(name, hold.failures, hold.reason), now=now)
        # What it was held for is settled: after a resume it takes as many new failures again.
        tally.add(session, {(day, tally.MEMORY + name, outcome): n for (day, outcome), n in fresh.items()})
    scopes = braked(
        session,
        [_scope(name) for name, letter in letters.items() if letter.kind == "step"],
        now=now,
    )
    return frozenset(scopes)


def _fresh(session: Session, names: Collection[str], now: datetime) -> dict[str, Counter[tuple[str, str]]]:
    """The counts by (day, outcome) of today and yesterday that no hold has settled yet.

    Whoever judges a letter holds its memory's row until the commit: of two workers the second sees both's failures.
    """
    today, yesterday = tally.day_of(now), tally.day_of(now - timedelta(days=1))
    tally.add(session, {(today, tally.MEMORY + name, "judged"): 1 for name in names})
    found = tally.outcomes_of(session, [*names, *(tally.MEMORY + name for name in names)], since=yesterday)
    return {name: found[name] - found[tally.MEMORY + name] for name in sorted(names)}


def _scope(name: str) -> str:
    return brakes.letter_scope(*name.split("/"))


def brake(session: Session, scope: str, reason: str, *, until: datetime | None, now: datetime) -> bool:
    """Sets a brake; False if one of this scope held already."""
    held = bool(braked(session, [scope], now=now))
    brakes.set(session, scope, reason, brakes.AUTOMATIC, until, now=now)
    return not held


def braked(session: Session, scopes: Collection[str], *, now: datetime) -> set[str]:
    """Those of the scopes whose brake holds."""
    return {hold.scope for hold in brakes.active(session, now=now).standing} & set(scopes)
