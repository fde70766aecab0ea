"""The guides that one person has, with their editions."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from leadmagnet.content.published import Published
from leadmagnet.publishing import releases
from leadmagnet.publishing.releases import NothingPublished
from leadmagnet.reports.why.answer import HeldGuide
from leadmagnet.reports.why.record import Record
from leadmagnet.store.models import Enrollment


class Editions:
    """Which edition of a guide a release has; a release is large, and read once however often it is asked for."""

    def __init__(self, session: Session, published: Published) -> None:
        self._session = session
        self._loaded: dict[int, Published | None] = {published.number: published}

    def of(self, guide: str | None, release: int | None) -> str | None:
        """The edition, or None if the release is unknown or has no such guide."""
        if guide is None or release is None:
            return None
        if release not in self._loaded:
            try:
                self._loaded[release] = releases.load(self._session, release)
            except NothingPublished:
                self._loaded[release] = None
        published = self._loaded[release]
        found = published.guide(guide) if published is not None else None
        return found.edition if found is not None else None


def held(record: Record, published: Published, editions: Editions) -> Iterator[HeldGuide]:
    """Each as she last got it: by her tap, or by a guide mail after it."""
    for one in record.series.values():
        live = published.guide(one.guide or "")
        edition, since = _last(one, record, editions)
        if edition is not None and since is not None:
            yield HeldGuide(one.guide or "", edition, since, live.edition if live is not None else None)


def _last(one: Enrollment, record: Record, editions: Editions) -> tuple[str | None, datetime | None]:
    opened, edition = one.guide_opened_at, one.guide_edition
    sent = [mail for mail in record.mails if mail.kind == "guide" and mail.enrollment_id == one.id and mail.sent_at]
    last = max(sent, key=lambda mail: mail.sent_at or mail.due_at, default=None)
    if last is None or last.sent_at is None or last.release_id is None or (opened and last.sent_at <= opened):
        return edition, opened
    return editions.of(one.guide, last.release_id) or edition, last.sent_at
