"""The confirm link: a page with one button, which opens the guide."""

from flask import Blueprint, Response, abort, request

from leadmagnet.content.published import Published
from leadmagnet.links import Purpose
from leadmagnet.sequences import signup
from leadmagnet.sequences.signup import Confirmed
from leadmagnet.store.models import Enrollment
from leadmagnet.store.signals import something_is_due
from leadmagnet.web.answers import kept_private, private_page, row_of, see
from leadmagnet.web.house import house
from leadmagnet.web.origin import origin_of
from leadmagnet.web.pages import form_again

bp = Blueprint("confirm", __name__)

_EXPIRED = "That link is older than a week, so we have forgotten the address. Type it once more and a new one comes."
#: Of somebody whose rows are gone nothing says any more why, or which guide she wanted.
_FORGOTTEN = (
    "We have forgotten the address that this link was for, as we do after a week without a yes. "
    "Type it once more and a new link comes."
)


@bp.get("/c/<token>")
def ask(token: str) -> Response:
    """Shows the button; changes nothing, because mail scanners follow every link."""
    enrollment_id = row_of(token, Purpose.CONFIRM)
    with house().database.read() as session:
        published = house().published(session)
        enrollment = session.get(Enrollment, enrollment_id)
        if enrollment is None or signup.expired(session, enrollment_id, now=house().clock()):
            return _expired(published, enrollment)
        guide = published.guide(enrollment.guide or "")
        starts = signup.would_start(session, enrollment)
    if guide is None:
        abort(404)
    return private_page("confirm.html", guide=guide, starts=starts, action=f"/c/{token}", site=published.site)


@bp.post("/c/<token>")
def confirm(token: str) -> Response:
    """Confirms, and leads straight to the guide; a second time just leads there."""
    enrollment_id = row_of(token, Purpose.CONFIRM)
    parts = house()
    with parts.database.write() as session:
        published = parts.published(session)
        origin = origin_of(request, parts.settings.trusted_proxies)
        outcome = signup.confirm(session, published, enrollment_id, origin, now=parts.clock())
        something_is_due(session)
        if outcome is Confirmed.EXPIRED:
            return _expired(published, session.get(Enrollment, enrollment_id))
    return kept_private(see(parts.links.guide_path(enrollment_id)))


def _expired(published: Published, enrollment: Enrollment | None) -> Response:
    """The form of the guide that the link was for, as long as anything tells which."""
    guide = published.guide(enrollment.guide or "") if enrollment is not None else None
    page = form_again(published, guide, _FORGOTTEN if enrollment is None else _EXPIRED)
    return kept_private(Response(page, 410))
