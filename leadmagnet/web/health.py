"""Health for load balancers: alive, ready."""

from flask import Blueprint, Response

from leadmagnet.errors import LeadmagnetError
from leadmagnet.web.answers import answer_json
from leadmagnet.web.house import house

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return answer_json({"ok": True})


@bp.get("/readyz")
def ready() -> Response:
    """The database is there, up to date, and something is published."""
    try:
        house().database.require_head()
        with house().database.read() as session:
            house().published(session)
    except LeadmagnetError as error:
        return answer_json({"ok": False, "reason": str(error)}, 503)
    return answer_json({"ok": True})
