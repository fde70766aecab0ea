"""Leaving: one tap on the page, or the bare POST of a mail program (RFC 8058)."""

from flask import Blueprint, Response, abort, request

from leadmagnet.links import Purpose
from leadmagnet.sequences import preferences
from leadmagnet.store.models import Subscriber
from leadmagnet.store.signals import something_is_due
from leadmagnet.web.answers import private_page, row_of
from leadmagnet.web.house import house
from leadmagnet.web.origin import origin_of
from leadmagnet.web.personal import nothing_left

bp = Blueprint("preferences", __name__)


@bp.get("/u/<token>")
def ask(token: str) -> Response:
    """Shows the button; changes nothing."""
    subscriber_id = row_of(token, Purpose.LEAVE)
    with house().database.read() as session:
        subscriber = session.get(Subscriber, subscriber_id)
    return _page(token, subscriber)


@bp.post("/u/<token>")
def leave(token: str) -> Response:
    """Stops all letters at once: no cookie, no redirect, no second question; the same answer the second time.

    RFC 8058 §3.1 fixes the body as List-Unsubscribe=One-Click, urlencoded or multipart; the page's own
    button sends the same.
    """
    subscriber_id = row_of(token, Purpose.LEAVE)
    parts = house()
    origin = origin_of(request, parts.settings.trusted_proxies)
    with parts.database.write() as session:
        if request.form.get("List-Unsubscribe") == "One-Click":
            preferences.leave(session, subscriber_id, origin, now=parts.clock())
        elif request.form.get("undo") == "1":
            preferences.come_back(session, parts.published(session), subscriber_id, origin, now=parts.clock())
            something_is_due(session)
        else:
            abort(400)
        subscriber = session.get(Subscriber, subscriber_id)
    return _page(token, subscriber)


def _page(token: str, subscriber: Subscriber | None) -> Response:
    if subscriber is None:
        return nothing_left()
    with house().database.read() as session:
        published = house().published(session)
    # Of a forgotten person nothing is left to leave: the page says what is true.
    left = subscriber is None or subscriber.status == "unsubscribed"
    return private_page(
        "leave.html",
        address=subscriber.address if subscriber is not None else None,
        left=left,
        can_undo=subscriber is not None and subscriber.confirmed_at is not None,
        action=f"/u/{token}",
        form_url="/",
        site=published.site,
    )
