"""Counted links of letters: lead on to a stored target, never to a URL from the request."""

from flask import Blueprint, Response, abort, request

from leadmagnet.delivery import clicks
from leadmagnet.links import Purpose
from leadmagnet.web.answers import row_of, see
from leadmagnet.web.house import house

bp = Blueprint("clicks", __name__)

#: A token, and the two digits that choose among the links of its letter.
_TOKEN, _NUMBER = 30, 2


@bp.get("/l/<link>")
def follow(link: str) -> Response:
    """Leads on. Counting is the one thing a GET may do here: it only counts, and a HEAD does not even that."""
    token, number = link[:_TOKEN], link[_TOKEN:]
    delivery_id = row_of(token, Purpose.CLICK)
    if len(number) != _NUMBER or not (number.isascii() and number.isdigit()):
        abort(404)
    parts = house()
    with parts.database.read() as session:
        live = parts.published(session)
        url = clicks.target(session, parts.links, delivery_id, int(number))
        if url is None and not clicks.is_kept(session, delivery_id):
            url = live.site.url  # its reader was forgotten, and which letter it was with her
    if url is None:
        abort(404)
    if request.method == "GET" and live.compiled.settings.tracking.clicks:
        with parts.database.write() as session:
            clicks.count(session, delivery_id, now=parts.clock())
    response = see(live.compiled.settings.link_fixes.get(url, url), 302)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
