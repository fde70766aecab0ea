"""The days of a sending domain: how many mails each has seen, how many more it may see."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, Integer, bindparam, case, func, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.delivery import warm_up
from leadmagnet.delivery.queue import SEQUENCE
from leadmagnet.store.dialect import insert_or_update, table
from leadmagnet.store.models import DailyQuota
from leadmagnet.store.statements import Statement

_day = table(DailyQuota)


@Statement
def _taking(for_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    more: BindParameter[int] = bindparam("more")
    letters: BindParameter[int] = bindparam("more_letters")
    step: BindParameter[int | None] = bindparam("step", type_=Integer)
    values = {
        "domain": bindparam("domain"),
        "day": bindparam("day"),
        "taken": more,
        "letters": letters,
        "warm_up_step": step,
    }
    changes = {
        "taken": _day.c.taken + more,
        "letters": _day.c.letters + letters,
        "warm_up_step": func.coalesce(_day.c.warm_up_step, step),
    }
    return insert_or_update(_day, for_sqlite, values, changes).returning(_day.c.taken, _day.c.letters)  # type: ignore[return-value]


def _less(column: ColumnElement[int], by: str) -> ColumnElement[int]:
    return case((column > bindparam(by), column - bindparam(by)), else_=0)


_GIVING_BACK = (
    update(_day)
    .where(_day.c.domain == bindparam("of"), _day.c.day == bindparam("on"))
    .values(taken=_less(_day.c.taken, "fewer"), letters=_less(_day.c.letters, "fewer_letters"))
)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one sending domain so far; `cap` None: no cap, `step` None: not warming up."""

    domain: str
    date: str
    taken: int
    letters: int
    cap: int | None
    step: int | None

    def left(self, lane: str) -> int | None:
        """How many more mails of a lane the day may see, below nought when there were too many; None: no limit.

        Letters stop at four fifths of the cap, whoever used them: the rest is for what somebody waits for.
        """
        limits = []
        if self.cap is not None:
            limits.append((self.cap * 4 // 5 if lane == SEQUENCE else self.cap) - self.taken)
        if self.step is not None and lane == SEQUENCE:
            limits.append(warm_up.letters(self.step) - self.letters)
        return min(limits, default=None)

    def to_json(self) -> dict[str, object]:
        """The documented form in `status --json`."""
        return {
            "day": self.date,
            "taken": self.taken,
            "cap": self.cap,
            "letters_left": max(0, self.left(SEQUENCE) or 0),
            "warm_up_day": self.step + 1 if self.step is not None else None,
        }

    def take(self, session: Session, count: int, *, lane: str) -> int:
        """Counts `count` mails; returns how many of them are too many: others have been faster."""
        counts = {"more": count, "more_letters": count if lane == SEQUENCE else 0, "step": self.step}
        ((taken, letters),) = _taking.run(session, domain=self.domain, day=self.date, **counts)
        left = replace(self, taken=taken, letters=letters).left(lane)
        return min(count, max(0, -left)) if left is not None else 0


def date_of(published: Published, now: datetime) -> str:
    """The date that the operator's calendar shows, in ISO form."""
    return now.astimezone(published.zone).date().isoformat()


def give_back(session: Session, mails: Iterable[tuple[str, str | None, str]]) -> None:
    """Uncounts mails that were not accepted: (domain, the day they were counted in, lane) of each.

    A mail that was counted in no day is passed over.
    """
    fewer, letters = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for domain, day, lane in mails:
        if day is not None:
            fewer[domain, day] += 1
            letters[domain, day] += lane == SEQUENCE
    for (domain, day), count in sorted(fewer.items()):
        session.connection().execute(
            _GIVING_BACK, {"of": domain, "on": day, "fewer": count, "fewer_letters": letters[domain, day]}
        )
