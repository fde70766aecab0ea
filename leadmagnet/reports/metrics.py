"""What Prometheus is told: the state of queue, mails, brakes and people, read from the database when it asks.

Nothing is counted in memory: any web process answers for all of them, and a restart forgets nothing. Every number
comes from a partial index or a small table, and stops counting at `MOST`, so that a scrape takes milliseconds at
five million mails. Labels are lanes, states, kinds, and the letters of the live version: their number is bounded.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy import ColumnElement, ScalarSelect, Select, TextClause, bindparam, func, or_, select, text
from sqlalchemy.orm import Session

from leadmagnet import __version__
from leadmagnet.audience import list_bombing
from leadmagnet.content.published import Published
from leadmagnet.delivery import queue, tally
from leadmagnet.reports import heartbeats
from leadmagnet.store.models import Brake, Breaker, DailyQuota, Delivery, Heartbeat, Subscriber, Tally

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
#: "This many, or more".
MOST = 100_000
#: Counting people reads the whole table.
PEOPLE_AGE = timedelta(minutes=1)

#: What mails that are no letter of a sequence are tallied under.
_KINDS = ("confirm", "reminder", "guide", "address", "test", "notice")
_STATUSES = ("pending", "active", "unsubscribed")
_SCOPES = ("letters", "sequence", "letter", "domain")
# In the very words of the partial indexes: by a parameter, or in another order, SQLite would not recognise them.
_PENDING = text("delivery.state = 'pending'")
_LEASED = text("delivery.state IN ('claimed', 'handing_off') AND delivery.lease_until IS NOT NULL")
_ATTENTION = text("delivery.state IN ('uncertain', 'held')")
_OPEN = {"claimed": _LEASED, "handing_off": _LEASED, "uncertain": _ATTENTION, "held": _ATTENTION}


def _counted(*conditions: ColumnElement[bool] | TextClause) -> ScalarSelect[int]:
    found = select(Delivery.id).where(*conditions).limit(MOST).subquery()
    return select(func.count()).select_from(found).scalar_subquery()


def _mails() -> Select[Any]:
    """One statement for all that is asked about mails: `due_LANE`, `oldest_LANE`, and each state that is small."""
    now = bindparam("now", type_=Delivery.ready_at.type)
    columns: list[ColumnElement[Any]] = []
    for lane in queue.LANES:
        due = (_PENDING, Delivery.lane == lane, Delivery.ready_at <= now)
        oldest = select(Delivery.ready_at).where(*due).order_by(Delivery.ready_at).limit(1).scalar_subquery()
        columns += [_counted(*due).label(f"due_{lane}"), oldest.label(f"oldest_{lane}")]
    columns += [_counted(index, Delivery.state == state).label(state) for state, index in _OPEN.items()]
    return select(*columns)


_MAILS = _mails()


@dataclass(frozen=True, slots=True)
class _People:
    counts: dict[str, int]  # by status
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class _Families:
    """What prometheus-client calls a collector: it has looked already."""

    found: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.found


class Numbers:
    """The numbers of one site. It remembers how many people there are for a minute, and nothing else."""

    def __init__(self) -> None:
        self._people: _People | None = None

    def text(self, session: Session, published: Published | None, *, now: datetime) -> bytes:
        """Everything, in the Prometheus text format; `published` is None before the first publish."""
        # No registry: the global one would mix several sites of one process, and one of our own would hold nothing.
        return generate_latest(_Families([*self._families(session, published, now)]))

    def _families(self, session: Session, published: Published | None, now: datetime) -> Iterator[Metric]:
        yield _gauge("leadmagnet_info", "The version of the program.", [((__version__,), 1)], "version")
        number = published.number if published is not None else 0
        yield _gauge("leadmagnet_release", "The number of the live version of letters; 0: none.", [((), number)])
        yield from _queue(session, now)
        yield _outcomes(session, published)
        yield from _signups(session, now)
        yield from _obstacles(session, now)
        yield from _workers(session, now)
        yield _quota(session, published, now)
        people = [((status,), count) for status, count in self._counted_people(session, now).items()]
        yield _gauge("leadmagnet_subscribers", "People, counted at most once a minute.", people, "status")

    def _counted_people(self, session: Session, now: datetime) -> dict[str, int]:
        people = self._people
        if people is None or not timedelta() <= now - people.counted_at < PEOPLE_AGE:
            query = select(Subscriber.status, func.count()).group_by(Subscriber.status)
            counts = dict.fromkeys(_STATUSES, 0) | dict(session.execute(query).all())
            people = self._people = _People(counts, now)
        return people.counts


def _gauge(name: str, meaning: str, values: Iterable[tuple[Sequence[str], float]], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for words, value in values:
        family.add_metric(words, value)
    return family


def _queue(session: Session, now: datetime) -> Iterator[Metric]:
    """How much waits, for how long, and what needs a look."""
    row = session.execute(_MAILS, {"now": now}).mappings().one()
    oldest = {lane: row[f"oldest_{lane}"] for lane in queue.LANES}
    late = [((lane,), (now - at).total_seconds() if at is not None else 0) for lane, at in oldest.items()]
    due = [((lane,), row[f"due_{lane}"]) for lane in queue.LANES]
    yield _gauge("leadmagnet_due_mails", f"Mails due now and not yet claimed, up to {MOST}.", due, "lane")
    yield _gauge("leadmagnet_oldest_due_seconds", "How late the oldest of them is.", late, "lane")
    states = [((state,), row[state]) for state in _OPEN]
    meaning = f"Mails in a state that none should stay in, up to {MOST}: held and uncertain wait for the operator."
    yield _gauge("leadmagnet_open_mails", meaning, states, "state")


def _outcomes(session: Session, published: Published | None) -> Metric:
    """What became of mails. Letters that are no longer live are left out: their number has no bound."""
    family = CounterMetricFamily(
        "leadmagnet_mails",
        "What servers answered: accepted, lost, deferred, failed, or later bounced or complained; and why.",
        labels=["letter", "outcome", "reason"],
    )
    sequences = published.compiled.sequences.values() if published is not None else ()
    known = {f"{sequence.slug}/{step.slug}" for sequence in sequences for step in sequence.steps} | {*_KINDS}
    query = select(Tally.letter, Tally.outcome, func.sum(Tally.count)).group_by(Tally.letter, Tally.outcome)
    for letter, result, count in session.execute(query.order_by(Tally.letter, Tally.outcome)):
        if letter in known:
            outcome, _, reason = result.partition(":")
            family.add_metric([letter, outcome, reason], int(count))
    return family


def _signups(session: Session, now: datetime) -> Iterator[Metric]:
    """What became of those who sent the form."""
    family = CounterMetricFamily(
        "leadmagnet_signups",
        "Sign-ups that were let in, turned away by a limit, or caught as bots; and why. A minute late at most.",
        labels=["outcome", "reason"],
    )
    query = select(Tally.outcome, func.sum(Tally.count)).where(Tally.letter == tally.SIGNUPS)
    for result, count in session.execute(query.group_by(Tally.outcome).order_by(Tally.outcome)):
        outcome, _, reason = result.partition(":")
        family.add_metric([outcome, reason], int(count))
    yield family
    slow = list_bombing.suspected(session, now=now) is not None
    yield _gauge("leadmagnet_signups_slowed", "1 while hardly anybody who signs up confirms.", [((), int(slow))])


def _obstacles(session: Session, now: datetime) -> Iterator[Metric]:
    """What holds mail back: brakes that somebody set, servers that are away."""
    # Always there, also at nought: an alert on a series that comes and goes is easily wrong.
    brakes = {(kind, by): 0.0 for kind in _SCOPES for by in ("leadmagnet", "operator")}
    active = select(Brake.scope, Brake.set_by).where(or_(Brake.until.is_(None), Brake.until > now))
    for scope, set_by in session.execute(active):
        key = (scope.partition(":")[0], "leadmagnet" if set_by == "leadmagnet" else "operator")
        brakes[key] = brakes.get(key, 0) + 1
    yield _gauge("leadmagnet_brakes", "Brakes that hold letters back.", brakes.items(), "kind", "set_by")
    relays = [((relay,), 1) for relay in session.scalars(select(Breaker.relay).order_by(Breaker.relay))]
    yield _gauge("leadmagnet_breaker_open", "1 while a mail server cannot be used; gone when it can.", relays, "relay")


def _workers(session: Session, now: datetime) -> Iterator[Metric]:
    """Who sends."""
    lately = Heartbeat.beat_at > now - heartbeats.SILENT
    beats = session.execute(select(Heartbeat.host, Heartbeat.worker, Heartbeat.beat_at).where(lately))
    ages = [((host, worker), (now - beat).total_seconds()) for host, worker, beat in beats]
    yield _gauge("leadmagnet_workers", "Workers heard of within two minutes.", [((), len(ages))])
    meaning = "How long ago each of them was heard of."
    yield _gauge("leadmagnet_worker_heartbeat_age_seconds", meaning, ages, "host", "worker")


def _quota(session: Session, published: Published | None, now: datetime) -> Metric:
    """Today is the operator's day: without a version there is no zone, and no mail either."""
    taken: list[tuple[tuple[str], int]] = []
    if published is not None:
        today = now.astimezone(published.zone).date().isoformat()
        query = select(DailyQuota.domain, DailyQuota.taken).where(DailyQuota.day == today)
        taken = [((domain,), count) for domain, count in session.execute(query.order_by(DailyQuota.domain))]
    return _gauge("leadmagnet_daily_quota_used", "Mails taken from today's quota.", taken, "domain")
