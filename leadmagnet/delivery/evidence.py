"""Settles maybe-sent mails by the log of this machine's mail server."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from leadmagnet.delivery import mail_log, record, recovery
from leadmagnet.delivery.complaint import Complaint
from leadmagnet.delivery.gate import HOST
from leadmagnet.delivery.mail_log import Handed, Taken, Verdict
from leadmagnet.store.database import Database
from leadmagnet.store.models import AuditEvent, Delivery

log = logging.getLogger(__name__)

#: Logs are kept for days, not for months: what is older is the operator's.
_OLDEST = timedelta(days=7)
_AT_ONCE = 200
#: Nobody waits for an answer to these: the operator saw at once that it was lost.
_NOT_REPEATED = ("test", "notice")


class MailLog:
    """Postfix's log on this machine. What it leaves open is looked up again, each time after twice the wait."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._later: dict[int, datetime] = {}  # by delivery id: not to be looked up before
        self._complaint = Complaint(log, f"the mail log {path} can be read again")

    def settle(self, database: Database, *, now: datetime) -> int:
        """Settles what the log proves; returns how many rows. No transaction is open while the log is read."""
        rows = [row for row in self._maybe_sent(database, now) if self._later.get(row.id, now) <= now]
        if not rows:
            return 0
        handed = [Handed(row.message_id, row.handed_at, row.ended_at) for row in rows if row.handed_at and row.ended_at]
        try:
            found = mail_log.verdicts(self._path, handed, now=now)
        except OSError as error:
            self._complaint.say(
                f"the mail log {self._path} cannot be read ({error.strerror}): mails whose answer was lost stay "
                "uncertain. Let this user read it (often: make it a member of group adm), or correct mail_log."
            )
            return 0
        self._complaint.over()
        self._later = {
            row.id: now + max(mail_log.QUIET, now - row.ended_at)
            for row in rows
            if row.message_id not in found and row.ended_at
        } | {key: value for key, value in self._later.items() if value > now}
        with database.write() as session:
            return sum(_settled(session, row, found, now=now) for row in rows)

    def _maybe_sent(self, database: Database, now: datetime) -> list[Delivery]:
        with database.read() as session:
            rows = session.scalars(
                select(Delivery)
                .where(
                    Delivery.state == "uncertain",
                    Delivery.gate_host == HOST,
                    Delivery.handed_at > now - _OLDEST,
                    Delivery.ended_at <= now - mail_log.QUIET,
                )
                .order_by(Delivery.handed_at.desc())
                .limit(_AT_ONCE)
            )
            return list(rows)


def _settled(session: Session, row: Delivery, found: Mapping[str, Verdict], *, now: datetime) -> bool:
    verdict = found.get(row.message_id)
    if isinstance(verdict, Taken):
        # What follows was planned when it became uncertain.
        if record.by_identity(session, row.id, row.message_id, at=verdict.at) is None:
            return False
        _audit(session, "sent by mail log", row, now)
        return True
    if verdict is None or row.kind in _NOT_REPEATED or not _put_back(session, row, now):
        return False
    _audit(session, "not accepted by mail log", row, now)
    return True


def _put_back(session: Session, row: Delivery, now: datetime) -> bool:
    """Once: a second lost answer needs a person."""
    this = (Delivery.id == row.id, Delivery.lease_token == row.lease_token, Delivery.resends < 1)
    return bool(recovery.send_again(session, *this, now=now))


def _audit(session: Session, event: str, row: Delivery, now: datetime) -> None:
    log.warning("delivery %s: %s", row.id, event)
    session.add(AuditEvent(at=now, event=event, delivery_id=row.id, subscriber_id=row.subscriber_id))
