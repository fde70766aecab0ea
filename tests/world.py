"""A world in which time is passed in: real database, real content, real sender, a test mailbox."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from leadmagnet.audience import addresses
from leadmagnet.audience.consent import Origin
from leadmagnet.content.compiled import Build
from leadmagnet.content.published import Published
from leadmagnet.delivery import queue, recovery
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.sender import Connect
from leadmagnet.delivery.single_file import SingleFile
from leadmagnet.links import Keys, Links
from leadmagnet.mail.mailbox import Mailbox
from leadmagnet.publishing import media, releases, replan
from leadmagnet.publishing.media import Item
from leadmagnet.sequences import preferences, signup
from leadmagnet.sequences.signup import Confirmed, Request, Requested
from leadmagnet.store.columns import ServerTime
from leadmagnet.store.database import Database
from leadmagnet.store.models import Consent, Delivery, Enrollment, Model, Subscriber, SubscriberTag

#: Tuesday, 21:12 in New York; the clocks there go forward on the Sunday after.
TUESDAY_EVENING = datetime(2026, 3, 4, 2, 12, tzinfo=UTC)
SECRET = b"a secret for address hashes"
GUIDE = "hip-openers"


_SOMEWHERE = Origin(ip="192.0.2.1")
#: What was made for any world: each of them publishes the same.
_MADE: dict[Item, Item] = {}


def made(items: list[Item]) -> list[Item]:
    """As `media.make`, once for all tests."""
    fresh = [one for one in items if one not in _MADE]
    _MADE.update(zip(fresh, media.make(fresh), strict=True))
    return [_MADE[one] for one in items]


class World(SingleFile):
    """Everything between a request and the mailbox, without threads of its own but the committing one."""

    def __init__(self, database: Database, build: Build, folder: Path, connect: Connect | None = None) -> None:
        links = Links("http://127.0.0.1:8000", Keys.of(("first key",)))
        self.mailbox = Mailbox(folder / "mailbox")
        super().__init__(
            database, links, connect or self.mailbox.connect, folder / "journal",
            owner="world", relay="mail.example:587", now=TUESDAY_EVENING,
        )  # fmt: skip
        self.published = self.publish(build)

    def publish(self, build: Build) -> Published:
        """Makes a build live."""
        assert build.compiled is not None
        with self.database.read() as session:
            missing = media.missing(session, build.compiled, build.files, now=self.now)
        with self.database.write() as session:
            releases.publish(session, build, made(missing), author="maya", now=self.now)
        with self.database.read() as session:
            self.published = releases.Live().get(session)
        return self.published

    def asks(self, address: str, *, guide: str = GUIDE, timezone: str | None = "America/New_York",
             first_name: str | None = None, limits: bool = True,
             origin: Origin = _SOMEWHERE) -> Requested:  # fmt: skip
        """Somebody sends the form."""
        parsed = addresses.parse(address)
        found = self.published.guide(guide)
        assert found is not None
        asked = Request(found, parsed, parsed.key(SECRET), first_name, timezone, origin)
        with self.database.write() as session:
            return signup.request(session, self.published, asked, limits=limits, now=self.now)

    def confirms(self, address: str, sequence: str = GUIDE) -> Confirmed:
        """Somebody taps the button of the confirm page."""
        enrollment_id = self.enrollment(address, sequence).id
        with self.database.write() as session:
            return signup.confirm(session, self.published, enrollment_id, Origin(ip="192.0.2.2"), now=self.now)

    def leaves(self, address: str) -> bool:
        """Somebody taps unsubscribe."""
        with self.database.write() as session:
            return preferences.leave(session, self.subscriber(address).id, Origin(), now=self.now)

    def returns(self, address: str) -> bool:
        """Somebody who left taps undo."""
        with self.database.write() as session:
            return preferences.come_back(session, self.published, self.subscriber(address).id, Origin(), now=self.now)

    def starts_letters(self, address: str, sequence: str = GUIDE) -> bool:
        """Somebody taps the button on a guide's page that starts its letters."""
        enrollment_id = self.enrollment(address, sequence).id
        with self.database.write() as session:
            return signup.start_letters(session, self.published, enrollment_id, Origin(ip="192.0.2.3"), now=self.now)

    def replans(self, *, limit: int = 100) -> list[int]:
        """Puts people right after a publish, chunk by chunk; returns how many rows each chunk looked at."""
        looked_at, replanning = [], replan.Replan()
        while True:
            with self.database.write() as session:
                looked_at.append(replanning.chunk(session, self.published, limit=limit, now=self.now))
            if not looked_at[-1]:
                return looked_at[:-1]

    def pauses(self, address: str, until: datetime | None) -> None:
        """Somebody asks for quiet until then; None: she wants her letters again."""
        self.changes(Enrollment, self.enrollment(address).id, paused_until=until)

    def tagged(self, address: str, tag: str) -> None:
        """Somebody carries a tag from now on."""
        with self.database.write() as session:
            session.add(SubscriberTag(subscriber_id=self.subscriber(address).id, tag=tag, given_at=self.now))

    def leases_run_out(self) -> None:
        """Every process that holds a row has died, long ago."""
        with self.database.write() as session:
            session.execute(
                update(Delivery).values(lease_until=ServerTime(-1)).where(Delivery.lease_until.is_not(None))
            )

    def sweeps(self, *, limit: int = 100) -> int:
        """Takes rows from the dead, and repeats once what somebody waits for; returns how many rows that moved."""
        with self.database.write() as session:
            swept = recovery.sweep(session, self.published, limit=limit, now=self.now)
            return swept + recovery.resend_once(session, now=self.now)

    def changes(self, model: type[Model], row: int, **values: object) -> None:
        """Writes past all rules: what a test needs to find in the database."""
        with self.database.write() as session:
            session.execute(update(model).where(model.id == row).values(**values))  # type: ignore[attr-defined]

    def joins(self, address: str, **asked: Any) -> None:
        """Asks, gets the confirmation, confirms, gets the guide mail: a reader at the start of her letters."""
        self.asks(address, **asked)
        self.deliver()
        self.confirms(address)
        self.deliver()

    def settle(self) -> None:
        """Waits until every outcome told so far is committed."""
        # A gate for a letter that nobody has is answered only after what was told before it.
        nobody = replace(_NOBODY, published=self.published)
        self.commits.gate(nobody)

    def wait(self, **time: float) -> None:
        """Lets time pass: `days=1`, `hours=2`."""
        self.now += timedelta(**time)

    def live(self, *, until: datetime, step: timedelta = timedelta(hours=1)) -> None:
        """Lets time pass in steps, sending whatever becomes due."""
        while self.now < until:
            self.now = min(self.now + step, until)
            self.deliver()

    def skip(self, *, until: datetime) -> None:
        """Lets time pass from one due letter to the next, sending each at the very moment it is due."""
        while (due := self.next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            self.deliver()
        self.now = until

    def subscriber(self, address: str) -> Subscriber:
        with self.database.read() as session:
            key = addresses.parse(address).key(SECRET)
            return session.scalars(select(Subscriber).where(Subscriber.address_key == key)).one()

    def enrollment(self, address: str, sequence: str = GUIDE) -> Enrollment:
        with self.database.read() as session:
            query = select(Enrollment).where(
                Enrollment.subscriber_id == self.subscriber(address).id, Enrollment.sequence == sequence
            )
            return session.scalars(query).one()

    def deliveries(self, **equal: object) -> list[Delivery]:
        """All deliveries with these column values, in the order of their making."""
        with self.database.read() as session:
            query = select(Delivery).filter_by(**equal).order_by(Delivery.id)
            return list(session.scalars(query))

    def consents(self, address: str) -> list[Consent]:
        """The proofs of one person, oldest first."""
        with self.database.read() as session:
            query = select(Consent).where(Consent.subscriber_id == self.subscriber(address).id).order_by(Consent.id)
            return list(session.scalars(query))

    def everything(self) -> dict[str, list[str]]:
        """All rows of all tables, to compare before with after."""
        with self.database.read() as session:
            return {
                table.name: sorted(map(repr, session.execute(select(table)))) for table in Model.metadata.sorted_tables
            }

    def inbox(self, address: str | None = None) -> list[EmailMessage]:
        """The mails that arrived in the test mailbox, oldest first."""
        import email
        import email.policy

        raws = [path.read_bytes() for path in sorted(self.mailbox.path.glob("new/*"))]
        mails = [email.message_from_bytes(raw, policy=email.policy.default) for raw in raws]
        return [mail for mail in mails if address is None or mail["To"] == address]  # type: ignore[misc]


_NOBODY = Claimed(
    id=0, token=0, kind="test", lane=queue.TRANSACTIONAL, domain_group="", message_id="", recipient="", attempts=0,
    first_attempt_at=None, subscriber_id=None, enrollment_id=None, published=None, letter=None, facts=None,
    course=None,
)  # type: ignore[arg-type]  # fmt: skip
