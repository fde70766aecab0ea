"""Health for load balancers: alive, ready."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response

from leadmagnet.reports import readiness
from leadmagnet.reports.readiness import OK, UNKNOWN, Check
from leadmagnet.store.database import HEAD, Database, Session
from leadmagnet.web.answers import answer_json
from leadmagnet.web.house import House, house

bp = Blueprint("health", __name__)

#: Those who ask give up after two seconds or more.
_SECONDS = 1.8
#: In the order in which one stands upon the other.
_CHECKS = ("database", "schema", "writable", "release", "worker")


@bp.get("/healthz")
def alive() -> Response:
    """The process answers, whatever became of its database: to start it anew would mend nothing."""
    return answer_json({"ok": True})


@bp.get("/readyz")
def ready() -> Response:
    """200 if this process could take a sign-up now, otherwise 503; either way with what was looked at."""
    parts = house()
    try:
        found = parts.patience.ask(partial(_look, parts), name="readiness", seconds=_SECONDS)
    except TimeoutError:
        found = {"database": Check("failed", "the database has not answered within two seconds")}
    checks = {name: found.get(name, UNKNOWN) for name in _CHECKS}
    fit = all(check.state in ("ok", "warning") for check in checks.values())
    body = {"ok": fit, "checks": {name: check.to_json() for name, check in checks.items()}}
    return answer_json(body, 200 if fit else 503)


def _look(parts: House) -> dict[str, Check]:
    """Every check that could be made."""
    database = parts.database
    try:
        revision = database.revision()
    except Exception:  # strangers read this: what exactly is wrong stands in the log of whoever needs the database
        return {"database": Check("failed", "the database is out of reach")}
    if revision != HEAD:
        state = "the database is empty" if revision is None else f"the database is at {revision}, not at {HEAD}"
        return {"database": OK, "schema": Check("failed", state)}
    found = {"database": OK, "schema": OK, "writable": _writable(database)}
    found["release"] = _read(database, readiness.release)
    found["worker"] = _read(database, partial(readiness.worker, own=parts.worker, now=parts.clock()))
    return found


def _writable(database: Database) -> Check:
    try:
        with database.write() as session:
            return readiness.writable(session, database.file)
    except Exception as error:
        return Check("failed", f"the database takes no writes ({type(error).__name__})")


def _read(database: Database, check: Callable[[Session], Check]) -> Check:
    try:
        with database.read() as session:
            return check(session)
    except Exception as error:
        return Check("failed", f"the database does not answer ({type(error).__name__})")
