"""The guide page behind its personal link."""

from datetime import datetime, timedelta
from email.utils import parseaddr

from flask import Blueprint, Response, abort, request

from leadmagnet.content.guides import Guide
from leadmagnet.content.published import Published
from leadmagnet.links import Purpose
from leadmagnet.publishing import editions, media
from leadmagnet.publishing.editions import Edition
from leadmagnet.sequences import schedule, signup
from leadmagnet.sequences.schedule import Facts, Planned
from leadmagnet.store.database import Session
from leadmagnet.store.models import Enrollment, Subscriber
from leadmagnet.store.signals import something_is_due
from leadmagnet.web.answers import kept_private, private_page, row_of, see
from leadmagnet.web.house import house
from leadmagnet.web.origin import origin_of
from leadmagnet.web.pages import form_again

bp = Blueprint("guide", __name__)

#: The row that the links of a test mail name: nobody's, so that the operator can follow them.
SAMPLE = 0
_FORGOTTEN = "Whoever had this link asked us to delete everything, so it opens nothing any more. The guide is still free."
#: For this long after the tap the page says what comes next.
_JUST_NOW = timedelta(minutes=10)


@bp.get("/g/<token>.pdf")
def show_pdf(token: str) -> Response:
    """The same edition on paper; changes nothing."""
    enrollment_id = row_of(token, Purpose.GUIDE)
    with house().database.read() as session:
        published = house().published(session)
        guide = _guide(session, published, enrollment_id)
        edition = editions.find(session, published, guide) if guide is not None else None
        if guide is None and session.get(Enrollment, enrollment_id) is None:
            return _forgotten(published)
        if guide is None or edition is None:
            abort(404)
        answer = Response(media.content(session, edition.digest, editions.kept_as(guide)), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{editions.file_name(guide.slug)}"'
    return kept_private(answer)


def _guide(session: Session, published: Published, enrollment_id: int) -> Guide | None:
    """The guide that a link names, in its newest edition; that of a test mail is the site's first."""
    if enrollment_id == SAMPLE:
        return next(iter(published.compiled.guides.values()), None)
    enrollment = session.get(Enrollment, enrollment_id)
    return published.guide(enrollment.guide or "") if enrollment is not None else None


@bp.get("/g/<token>")
def show(token: str) -> Response:
    """The newest edition of the guide; changes nothing."""
    enrollment_id = row_of(token, Purpose.GUIDE)
    now = house().clock()
    with house().database.read() as session:
        published = house().published(session)
        enrollment = session.get(Enrollment, enrollment_id)
        subscriber = session.get(Subscriber, enrollment.subscriber_id) if enrollment is not None else None
        guide = _guide(session, published, enrollment_id)
        edition = editions.find(session, published, guide) if guide is not None else None
    if enrollment_id == SAMPLE:
        return _page(published, guide, f"/g/{token}", edition)
    if enrollment is None or subscriber is None:
        return _forgotten(published)
    just_opened = enrollment.guide_opened_at is not None and now - enrollment.guide_opened_at < _JUST_NOW
    return _page(
        published,
        guide,
        f"/g/{token}",
        edition,
        opened=just_opened and enrollment.status == "active",
        next_letter=_first_letter_day(published, enrollment, subscriber),
        offer=_offer(enrollment, subscriber),
    )


def _forgotten(published: Published) -> Response:
    """The form, for whoever comes by a link whose reader had everything deleted."""
    return kept_private(Response(form_again(published, _FORGOTTEN), 410))


def _page(
    published: Published,
    guide: Guide | None,
    action: str,
    edition: Edition | None,
    *,
    opened: bool = False,
    next_letter: str | None = None,
    offer: str | None = None,
) -> Response:
    if guide is None:
        abort(404)
    return private_page(
        "guide.html",
        guide=guide,
        edition=edition,
        sections=guide.contents,
        opened=opened,
        next_letter=next_letter,
        sender=parseaddr(published.site.sender)[1],
        offer=offer,
        action=action,
        site=published.site,
    )


@bp.post("/g/<token>")
def start_letters(token: str) -> Response:
    """Starts the letters of a second guide, or takes them up again: only by her own tap on her own page."""
    enrollment_id = row_of(token, Purpose.GUIDE)
    if request.form.get("letters") != "start":
        abort(400)
    parts = house()
    with parts.database.write() as session:
        origin = origin_of(request, parts.settings.trusted_proxies)
        signup.start_letters(session, parts.published(session), enrollment_id, origin, now=parts.clock())
        something_is_due(session)
    return see(f"/g/{token}")


def _offer(enrollment: Enrollment, subscriber: Subscriber) -> str | None:
    """What the page offers beside the guide: to start its letters, to come back after leaving, or nothing."""
    if subscriber.status == "unsubscribed":
        return "return" if subscriber.confirmed_at is not None else None
    return "start" if subscriber.status == "active" and enrollment.status == "pending" else None


def _first_letter_day(published: Published, enrollment: Enrollment, subscriber: Subscriber) -> str | None:
    """The weekday of the first letter after the guide mail."""
    sequence = published.sequence(enrollment.sequence)
    if sequence is None or enrollment.start_at is None:
        return None
    at_once = frozenset(step.slug for step in sequence.steps if step.day == 0)
    facts = Facts(start=enrollment.start_at, last_letter_at=enrollment.start_at, handled=at_once)
    zone = published.zone_of(subscriber.timezone)
    answer = schedule.next_step(sequence, facts, zone)
    return _weekday(answer.due.astimezone(zone)) if isinstance(answer, Planned) else None


def _weekday(local: datetime) -> str:
    return f"{local:%A}"
