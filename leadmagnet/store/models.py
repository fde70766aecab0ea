"""The tables: columns, constraints, their reasons; no queries, no decisions."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from leadmagnet.store.columns import BigKey, RowId, Timestamp, Utc, word

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


#: Where a mail is in our machine; `sent`, `failed`, `cancelled`, `expired` and `skipped` are for ever.
DELIVERY_STATES = (
    "pending", "claimed", "handing_off", "sent", "failed", "cancelled", "expired", "skipped", "held", "uncertain",
)  # fmt: skip


class Model(DeclarativeBase):
    """Every table of the store."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: Utc, dict[str, Any]: JSON}
    # Row ids stand in signed links: a number must never be given twice, which plain SQLite would do.
    __table_args__: Any = {"sqlite_autoincrement": True}


def one_of(column: str, *values: str) -> CheckConstraint:
    """A column that holds one of a closed list of words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Subscriber(Model):
    """One person, one address."""

    __tablename__ = "subscriber"
    __table_args__ = (
        one_of("status", "pending", "active", "unsubscribed"),
        CheckConstraint("status <> 'active' OR confirmed_at IS NOT NULL", name="active_means_confirmed"),
        Index(
            "subscriber_unconfirmed",
            "asked_at",
            sqlite_where=text("status = 'pending'"),
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "subscriber_finishing",
            "finishing_at",
            sqlite_where=text("finishing_at IS NOT NULL"),
            postgresql_where=text("finishing_at IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[RowId]
    address: Mapped[str] = mapped_column(String(320))  # as typed, normalised; what goes on the wire
    address_key: Mapped[str] = mapped_column(word(32), unique=True)  # keyed hash: what makes an address unique
    domain_group: Mapped[str] = mapped_column(String(255))  # gmail, outlook, yahoo, apple, else the domain
    # pending: has not confirmed; active: has; unsubscribed: gets no letters, a guide only when asked for
    status: Mapped[str] = mapped_column(String(16), server_default="pending")
    first_name: Mapped[str | None] = mapped_column(String(64))  # null: not asked for, or not given
    timezone: Mapped[str | None] = mapped_column(String(64))  # IANA name; null: not told, the site's counts
    created_at: Mapped[Timestamp]
    asked_at: Mapped[Timestamp]  # the last sign-up: an unconfirmed address is forgotten seven days after it
    confirmed_at: Mapped[Timestamp | None]  # null: never confirmed
    unsubscribed_at: Mapped[Timestamp | None]  # null: never left, or came back
    # since then she leaves with the end of the last series that runs, and no other starts; null: she goes on
    finishing_at: Mapped[Timestamp | None]
    gap_days: Mapped[int | None]  # fewest days between two letters that she asked for; null: as the series says


class AddressChange(Model):
    """A new address that a person asked for, which a mail to it has to prove; deleted when done or too old."""

    __tablename__ = "address_change"
    __table_args__ = (UniqueConstraint("subscriber_id"), {"sqlite_autoincrement": True})

    id: Mapped[RowId]  # stands in the link of that mail: a second wish of the same person is another row
    subscriber_id: Mapped[int] = mapped_column(BigKey, ForeignKey("subscriber.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(String(320))
    address_key: Mapped[str] = mapped_column(word(32))
    domain_group: Mapped[str] = mapped_column(String(255))
    asked_at: Mapped[Timestamp]


class SubscriberTag(Model):
    """One tag of one subscriber."""

    __tablename__ = "subscriber_tag"
    __table_args__ = ()

    subscriber_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True
    )
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    given_at: Mapped[Timestamp]


class Consent(Model):
    """Proof of what was asked, with which words, when, from where: rows are added, never changed."""

    __tablename__ = "consent"
    __table_args__ = (
        one_of("event", "requested", "confirmed", "withdrawn", "renewed"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[RowId]
    subscriber_id: Mapped[int] = mapped_column(BigKey, ForeignKey("subscriber.id", ondelete="CASCADE"), index=True)
    event: Mapped[str] = mapped_column(String(16))
    at: Mapped[Timestamp]
    guide: Mapped[str | None] = mapped_column(String(64))  # null: a withdrawal is not about one guide
    wording: Mapped[str | None] = mapped_column(Text)  # the exact sentence shown; null: a withdrawal shows none
    wording_hash: Mapped[str | None] = mapped_column(String(64))  # SHA-256 of it; null with it
    ip: Mapped[str | None] = mapped_column(String(45))  # null: not by a browser (the operator's hand)
    user_agent: Mapped[str | None] = mapped_column(String(512))  # null: the browser sent none
    page: Mapped[str | None] = mapped_column(String(512))  # where the form stood; null: unknown
    source: Mapped[dict[str, Any] | None]  # referrer host and utm_*; null: none came along
    message_id: Mapped[str | None] = mapped_column(String(255))  # the mail that was answered; null: none was


class Enrollment(Model):
    """One subscriber in one sequence; its id stands in confirm and guide links."""

    __tablename__ = "enrollment"
    __table_args__ = (
        one_of("status", "pending", "active", "completed", "exited"),
        UniqueConstraint("subscriber_id", "sequence"),
        CheckConstraint("status = 'pending' OR start_at IS NOT NULL OR status = 'exited'", name="running_has_start"),
        CheckConstraint("(status = 'exited') = (exit_reason IS NOT NULL)", name="exit_has_reason"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[RowId]
    subscriber_id: Mapped[int] = mapped_column(BigKey, ForeignKey("subscriber.id", ondelete="CASCADE"))
    sequence: Mapped[str] = mapped_column(String(64))
    guide: Mapped[str | None] = mapped_column(String(64))  # null: a sequence that no guide belongs to
    # pending: not confirmed, or a second guide whose letters she has not started; active; completed; exited
    status: Mapped[str] = mapped_column(String(16), server_default="pending")
    exit_reason: Mapped[str | None] = mapped_column(String(64))  # null unless exited
    created_at: Mapped[Timestamp]
    start_at: Mapped[Timestamp | None]  # day 0; moved on by lateness; null: the letters have not started
    paused_until: Mapped[Timestamp | None]  # null: not paused
    wanted_at: Mapped[Timestamp | None]  # when she asked for her next letter at once; spent by a letter after it
    ended_at: Mapped[Timestamp | None]  # null: neither completed nor exited
    guide_opened_at: Mapped[Timestamp | None]  # null: the guide page was never reached by a tap
    # the edition of the guide that this tap opened; what a guide mail brought later is told by its release;
    # the link always shows the newest; null: no tap yet, or no guide
    guide_edition: Mapped[str | None] = mapped_column(String(16))


class Release(Model):
    """An immutable snapshot of all operator content; the newest is what workers send from.

    A rollback adds a row too: the history of what was live is the table itself.
    """

    __tablename__ = "release"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[RowId]
    digest: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[Timestamp]
    author: Mapped[str] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(Text)  # null: the operator said nothing
    # zip archive of the operator's files, exactly as read; empty once the version is not kept any more
    files: Mapped[bytes] = mapped_column(LargeBinary)
    compiled: Mapped[str] = mapped_column(Text)  # JSON of content.compile.Compiled; empty with them
    # of a rollback: digest of what the folder held then, which `run` does not publish by itself; null: no rollback
    set_aside: Mapped[str | None] = mapped_column(String(64))


class Media(Model):
    """A file that mails and pages point to for ever, so that no row is changed or removed: a picture, a PDF."""

    __tablename__ = "media"
    __table_args__ = ()

    digest: Mapped[str] = mapped_column(word(64), primary_key=True)  # of what the file is made from
    name: Mapped[str] = mapped_column(String(128), primary_key=True)  # the last part of its address
    media_type: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[Timestamp]


class Delivery(Model):
    """One letter to one person: the row that is the queue, the lock, the proof and the history."""

    __tablename__ = "delivery"
    __table_args__ = (
        one_of("kind", "confirm", "reminder", "guide", "step", "address", "test", "notice"),
        one_of("lane", "transactional", "sequence"),
        one_of("state", *DELIVERY_STATES),
        CheckConstraint("state <> 'sent' OR sent_at IS NOT NULL", name="sent_has_time"),
        CheckConstraint("state NOT IN ('claimed', 'handing_off') OR lease_until IS NOT NULL", name="claim_has_lease"),
        CheckConstraint("kind <> 'step' OR step IS NOT NULL AND enrollment_id IS NOT NULL", name="step_has_name"),
        Index(
            "delivery_ready",
            "lane",
            "ready_at",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "delivery_leases",
            "lease_until",
            # Few rows are in it, so that PostgreSQL would read it through for any statement that names these states.
            # With the lease in its condition only statements about leases can: gates look rows up by their id.
            sqlite_where=text("state IN ('claimed', 'handing_off') AND lease_until IS NOT NULL"),
            postgresql_where=text("state IN ('claimed', 'handing_off') AND lease_until IS NOT NULL"),
        ),
        Index(
            "delivery_planned",
            "sequence",
            "step",
            "release_id",
            "id",
            sqlite_where=text("state = 'pending' AND step IS NOT NULL"),
            postgresql_where=text("state = 'pending' AND step IS NOT NULL"),
        ),
        Index(
            "delivery_attention",
            "state",
            sqlite_where=text("state IN ('uncertain', 'held')"),
            postgresql_where=text("state IN ('uncertain', 'held')"),
        ),
        Index("delivery_subscriber", "subscriber_id"),
        Index(  # forgetting one mail looks for its resends
            "delivery_resend_of",
            "resend_of",
            sqlite_where=text("resend_of IS NOT NULL"),
            postgresql_where=text("resend_of IS NOT NULL"),
        ),
        Index(
            "delivery_complained",
            "complained_at",
            sqlite_where=text("complained_at IS NOT NULL"),
            postgresql_where=text("complained_at IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[RowId]
    kind: Mapped[str] = mapped_column(String(16))
    subscriber_id: Mapped[int | None] = mapped_column(  # null: test and notice; the recipient is in the facts
        BigKey, ForeignKey("subscriber.id", ondelete="CASCADE")
    )
    enrollment_id: Mapped[int | None] = mapped_column(  # null: belongs to no sequence
        BigKey, ForeignKey("enrollment.id", ondelete="CASCADE"), index=True
    )
    sequence: Mapped[str | None] = mapped_column(word(64))  # null: no letter of a sequence
    step: Mapped[str | None] = mapped_column(word(64))  # null with it
    lane: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), server_default="pending")
    reason: Mapped[str | None] = mapped_column(String(255))  # null: the state needs no explaining
    due_at: Mapped[Timestamp]  # the schedule's answer
    ready_at: Mapped[Timestamp]  # what the queue looks at: due_at, or the later end of a back-off
    attempts: Mapped[int] = mapped_column(server_default="0")  # replies that said "later"
    first_attempt_at: Mapped[Timestamp | None]  # null: no reply yet; giving up is measured from here
    begun: Mapped[int] = mapped_column(server_default="0")  # how often a sender really began it and died
    resends: Mapped[int] = mapped_column(server_default="0")  # repeats of this row after a lost reply
    lease_owner: Mapped[str | None] = mapped_column(String(36))  # null: never claimed
    lease_token: Mapped[int] = mapped_column(BigKey, server_default="0")  # the fence: every claim and sweep raises it
    lease_until: Mapped[Timestamp | None]  # by the database server's clock; null: never claimed
    gate_host: Mapped[str | None] = mapped_column(String(255))  # whose log holds evidence; null: no gate was opened
    # the day of the sending domain that it was counted in when last claimed; null: no day was limited then
    quota_day: Mapped[str | None] = mapped_column(String(10))
    # pending: the release that planned it; from the claim on: the release it is rendered from; null: no content
    release_id: Mapped[int | None] = mapped_column(BigKey, ForeignKey("release.id"))
    message_id: Mapped[str] = mapped_column(word(255), unique=True)
    domain_group: Mapped[str] = mapped_column(String(255))
    smtp_code: Mapped[int | None]  # the last reply's code; null: none yet
    smtp_class: Mapped[str | None] = mapped_column(String(32))  # what it meant; null with it
    facts: Mapped[dict[str, Any] | None]  # what the mail was rendered with; null: not rendered yet
    handed_at: Mapped[Timestamp | None]  # gate opened; null: never
    sent_at: Mapped[Timestamp | None]  # accepted; null: not
    ended_at: Mapped[Timestamp | None]  # skipped, cancelled, expired, failed, held or uncertain since; null otherwise
    bounced_at: Mapped[Timestamp | None]  # told later; null: not told
    complained_at: Mapped[Timestamp | None]  # told later; null: not told
    clicked_at: Mapped[Timestamp | None]  # first counted click; null: none
    resend_of: Mapped[int | None] = mapped_column(BigKey, ForeignKey("delivery.id"))  # null: not an operator's resend
    # step:E:slug, confirm:E:n, reminder:E, guide:S:n, resend:D:n: what makes "twice" impossible;
    # null once cancelled unsent, so that a letter which returns can be planned again
    dedupe_key: Mapped[str | None] = mapped_column(word(160), unique=True)


class Suppression(Model):
    """An address that must not be written to again; survives erasure, because only its keyed hash is here."""

    __tablename__ = "suppression"
    __table_args__ = (
        one_of("scope", "letters", "all"),
        UniqueConstraint("address_key", "scope"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[RowId]
    address_key: Mapped[str] = mapped_column(word(32))
    scope: Mapped[str] = mapped_column(String(16))  # letters: left; all: complained, bounced for good, erased
    reason: Mapped[str] = mapped_column(String(64))
    at: Mapped[Timestamp]


class Feedback(Model):
    """What the world said of a mail later: a bounce, a complaint."""

    __tablename__ = "feedback"
    __table_args__ = (
        one_of("kind", "bounce", "complaint"),
        UniqueConstraint("digest"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[RowId]
    at: Mapped[Timestamp]  # when it was read
    kind: Mapped[str] = mapped_column(String(16))
    delivery_id: Mapped[int | None] = mapped_column(  # null: which mail it is about could not be told
        BigKey, ForeignKey("delivery.id", ondelete="CASCADE"), index=True
    )
    status: Mapped[str | None] = mapped_column(String(16))  # enhanced status code (RFC 3463); null: none was given
    smtp_class: Mapped[str | None] = mapped_column(String(32))  # what it means; null: a complaint has none
    digest: Mapped[str] = mapped_column(word(64))  # SHA-256 of what it says: the same told twice counts once


class AuditEvent(Model):
    """Something exceptional that happened to a delivery or a person, and who or what decided it."""

    __tablename__ = "audit_event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[RowId]
    at: Mapped[Timestamp]
    event: Mapped[str] = mapped_column(String(64))
    delivery_id: Mapped[int | None] = mapped_column(  # null: not about one mail
        BigKey, ForeignKey("delivery.id", ondelete="CASCADE"), index=True
    )
    subscriber_id: Mapped[int | None] = mapped_column(  # null: not about one person
        BigKey, ForeignKey("subscriber.id", ondelete="CASCADE"), index=True
    )
    detail: Mapped[dict[str, Any] | None]  # null: the event says it all


class Heartbeat(Model):
    """One running worker process: shown to the operator, never used to decide who may send."""

    __tablename__ = "heartbeat"
    __table_args__ = ()

    worker: Mapped[str] = mapped_column(String(36), primary_key=True)  # new for every process start
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    started_at: Mapped[Timestamp]
    beat_at: Mapped[Timestamp]


class Brake(Model):
    """Something that holds letters back, until a date or until it is lifted; confirmations and guides go on."""

    __tablename__ = "brake"
    __table_args__ = ()

    # letters, sequence:<slug>, letter:<sequence>/<slug>, domain:<domain group>
    scope: Mapped[str] = mapped_column(String(300), primary_key=True)
    reason: Mapped[str] = mapped_column(String(255))
    set_by: Mapped[str] = mapped_column(String(64))  # the operator's name, or leadmagnet
    set_at: Mapped[Timestamp]
    until: Mapped[Timestamp | None]  # null: until somebody lifts it


class Breaker(Model):
    """One mail server that could not be used: who may try it again, and when. No row: it works."""

    __tablename__ = "breaker"
    __table_args__ = ()

    relay: Mapped[str] = mapped_column(String(255), primary_key=True)  # host:port
    reason: Mapped[str] = mapped_column(String(512))
    wait_seconds: Mapped[int]  # the wait that ends at open_until; the next one is twice as long
    opened_at: Mapped[Timestamp]
    open_until: Mapped[Timestamp]  # from then on one letter probes, and moves this on


class RateBucket(Model):
    """The token bucket of one mail server, which all workers share, kept as one number. No row: it is full."""

    __tablename__ = "rate_bucket"
    __table_args__ = ()

    relay: Mapped[str] = mapped_column(String(255), primary_key=True)  # host:port
    # The moment, in seconds since 1970, up to which the rate is used up: the time since then makes the tokens.
    used_until: Mapped[float] = mapped_column(Float)


class SignupBucket(Model):
    """How much of one sign-up limit is used up, kept as one number, like `RateBucket`. No row: nothing is."""

    __tablename__ = "signup_bucket"
    __table_args__ = (Index("signup_bucket_used", "used_until"),)

    # network:<keyed hash>, all: what is counted; mark:<process>: see `requests.leave_mark`; never a readable address
    scope: Mapped[str] = mapped_column(word(64), primary_key=True)
    # The moment, in seconds since 1970, up to which the limit is used up; before now: nothing is left of it.
    used_until: Mapped[float] = mapped_column(Float)


class SignupWindow(Model):
    """What became of the new addresses of some minutes: too few that confirm are somebody else's addresses."""

    __tablename__ = "signup_window"
    __table_args__ = ()

    begins_at: Mapped[datetime] = mapped_column(Utc, primary_key=True)
    asked: Mapped[int] = mapped_column(server_default="0")  # confirmations that were queued for new addresses
    confirmed: Mapped[int] = mapped_column(server_default="0")  # how many of those people have confirmed since


class DailyQuota(Model):
    """How many mails one sending domain has claimed on one day."""

    __tablename__ = "daily_quota"
    __table_args__ = ()

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)  # ISO date in the operator's zone
    taken: Mapped[int] = mapped_column(server_default="0")  # both lanes together; given back when not accepted
    letters: Mapped[int] = mapped_column(server_default="0")  # those of them in the sequence lane
    warm_up_step: Mapped[int | None]  # where on the warm-up curve the day stands; null: not warming up


class Tally(Model):
    """How many mails of one letter came to one outcome on one day."""

    __tablename__ = "tally"
    __table_args__ = ()

    day: Mapped[str] = mapped_column(String(10), primary_key=True)  # ISO date, UTC
    letter: Mapped[str] = mapped_column(String(160), primary_key=True)  # <sequence>/<slug>; the kind of other mails
    outcome: Mapped[str] = mapped_column(String(48), primary_key=True)  # accepted, lost, deferred:<class>, failed:<…>
    count: Mapped[int] = mapped_column(BigKey, server_default="0")
