"""The guide page behind its personal link."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

from flask import Blueprint, Response, abort, request

from leadmagnet.content.guides import Guide
from leadmagnet.content.published import Published
from leadmagnet.content.questions import Question
from leadmagnet.links import SAMPLE, Purpose
from leadmagnet.publishing import editions, media
from leadmagnet.sequences import offers, questions, schedule, signup
from leadmagnet.sequences.offers import Offer
from leadmagnet.sequences.questions import Answered, Given
from leadmagnet.sequences.schedule import Facts, Planned
from leadmagnet.store.database import Session
from leadmagnet.store.models import Enrollment, Subscriber
from leadmagnet.store.signals import something_is_due
from leadmagnet.web.answers import kept_private, private_page, row_of, see
from leadmagnet.web.house import house
from leadmagnet.web.origin import origin_of
from leadmagnet.web.pages import form_again

bp = Blueprint("guide", __name__)

_FORGOTTEN = (
    "Whoever had this link had everything deleted, so it opens nothing any more. The guide is still here to have."
)
#: For this long after a tap the page says what came of it.
_JUST_NOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Panel:
    """What the page says to this one reader above the guide."""

    opened: bool = False  # she confirmed a moment ago
    next_letter: str | None = None  # its weekday; None: none comes
    offer: Offer | None = None
    question: Question | None = None
    given: Given | None = None  # her answer of a moment ago, which she may change


@bp.get("/g/<token>.pdf")
def show_pdf(token: str) -> Response:
    """The same edition on paper; changes nothing."""
    enrollment_id = row_of(token, Purpose.GUIDE)
    with house().database.read() as session:
        published = house().published(session)
        guide = _guide(session, published, enrollment_id)
        if guide is None:
            return _no_guide(session, published, enrollment_id)
        edition = editions.find(session, published, guide)
        if edition is None:
            abort(404)
        answer = Response(media.content(session, edition.digest, editions.kept_as(guide)), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{editions.file_name(guide.slug)}"'
    return kept_private(answer)


def _guide(session: Session, published: Published, enrollment_id: int) -> Guide | None:
    """The guide that a link names, in its newest edition; a test mail says it beside the link."""
    if enrollment_id == SAMPLE:
        guides = published.compiled.guides
        return guides.get(request.args.get("guide", next(iter(guides), "")))
    enrollment = session.get(Enrollment, enrollment_id)
    return published.guide(enrollment.guide or "") if enrollment is not None else None


def _no_guide(session: Session, published: Published, enrollment_id: int) -> Response:
    """The form, for whoever comes by a link whose reader had everything deleted."""
    if enrollment_id == SAMPLE or session.get(Enrollment, enrollment_id) is not None:
        abort(404)  # a guide that is no more
    return kept_private(Response(form_again(published, None, _FORGOTTEN), 410))


@bp.get("/g/<token>")
def show(token: str) -> Response:
    """The newest edition of the guide; changes nothing."""
    enrollment_id = row_of(token, Purpose.GUIDE)
    with house().database.read() as session:
        published = house().published(session)
        guide = _guide(session, published, enrollment_id)
        if guide is None:
            return _no_guide(session, published, enrollment_id)
        edition = editions.find(session, published, guide)
        panel = _panel(session, published, enrollment_id, now=house().clock())
    named = f"?guide={guide.slug}" if enrollment_id == SAMPLE else ""
    return private_page(
        "guide.html",
        guide=guide,
        edition=edition,
        sections=guide.contents,
        opened=panel.opened,
        next_letter=panel.next_letter,
        sender=parseaddr(published.site.sender)[1],
        offer=panel.offer.name if panel.offer is not None else None,
        question=panel.question,
        given=panel.given,
        action=f"/g/{token}",
        paper=f"/g/{token}.pdf{named}",
        site=published.site,
    )


@bp.post("/g/<token>")
def tap(token: str) -> Response:
    """Takes her own tap on her own page: an answer to its question, or the start of its letters."""
    enrollment_id = row_of(token, Purpose.GUIDE)
    parts, words = house(), request.form.get("answer")
    if words is None and request.form.get("letters") != "start":
        abort(400)
    with parts.database.write() as session:
        published, now = parts.published(session), parts.clock()
        if words is None:
            origin = origin_of(request, parts.settings.trusted_proxies)
            signup.start_letters(session, published, enrollment_id, origin, now=now)
        elif questions.answer(session, published, enrollment_id, words, now=now) is Answered.UNKNOWN:
            abort(400)
        something_is_due(session)
    return kept_private(see(f"/g/{token}"))


def _panel(session: Session, published: Published, enrollment_id: int, *, now: datetime) -> _Panel:
    """What to say to the reader whose page it is; nothing to whoever follows the link of a test mail."""
    enrollment = session.get(Enrollment, enrollment_id)
    subscriber = session.get(Subscriber, enrollment.subscriber_id) if enrollment is not None else None
    if enrollment is None or subscriber is None:
        return _Panel()
    opened = enrollment.guide_opened_at is not None and now - enrollment.guide_opened_at < _JUST_NOW
    question = questions.asked(published, subscriber, enrollment)
    given = questions.given(session, enrollment, question) if question is not None else None
    if question is not None and not _is_open(session, subscriber, question, given, now):
        question = given = None
    return _Panel(
        opened=opened and enrollment.status == "active",
        next_letter=_first_letter_day(published, enrollment, subscriber),
        offer=offers.offer(session, subscriber, enrollment),
        question=question,
        given=given,
    )


def _is_open(session: Session, subscriber: Subscriber, question: Question, given: Given | None, now: datetime) -> bool:
    """Whether the question still stands: until it is answered, and a little longer, so that she can change it."""
    if given is not None:
        return now - given.at < _JUST_NOW
    return not questions.is_known(session, subscriber.id, question)


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
