"""The numbers of this site for Prometheus, in this machine and its private network alone."""

from functools import partial

from flask import Blueprint, Response, abort, request

from leadmagnet.publishing.releases import NothingPublished
from leadmagnet.reports.metrics import CONTENT_TYPE
from leadmagnet.store.database import trouble
from leadmagnet.web.house import House, house
from leadmagnet.web.origin import is_neighbour

bp = Blueprint("metrics", __name__)

#: Prometheus gives up after ten.
_SECONDS = 5.0


@bp.get("/metrics")
def numbers() -> Response:
    """Gauges and counters in the text format."""
    parts = house()
    settings = parts.settings
    # A proxy that says nothing of itself looks like a neighbour. A site that is open to the world has one, and its
    # proxies are known to speak of themselves only once they are named.
    if not is_neighbour(request) or not (settings.is_local or settings.trusted_proxies):
        abort(404)
    try:
        text = parts.patience.ask(partial(_text, parts), name="metrics", seconds=_SECONDS)
    except Exception as error:
        if not isinstance(error, TimeoutError) and trouble(error) is None:
            raise
        return Response("the database does not answer\n", 503, mimetype="text/plain")
    return Response(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _text(parts: House) -> bytes:
    with parts.database.read() as session:
        try:
            published = parts.published(session)
        except NothingPublished:
            published = None
        return parts.numbers.text(session, published, now=parts.clock())
