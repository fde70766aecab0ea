"""The web application: its doors, its headers, its answers to what goes wrong."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, render_template, request
from flask.sessions import SessionInterface
from werkzeug.exceptions import HTTPException

from leadmagnet.clock import Clock
from leadmagnet.content.site import Site
from leadmagnet.links import Links
from leadmagnet.mail.mailbox import Mailbox
from leadmagnet.publishing.releases import Live, NothingPublished
from leadmagnet.settings import Settings
from leadmagnet.store.absence import is_away
from leadmagnet.store.database import Database
from leadmagnet.web import (
    clicks,
    confirm,
    embed,
    guide,
    health,
    mailbox,
    media,
    metrics,
    pages,
    personal,
    preferences,
    signup,
)
from leadmagnet.web.answers import answer_json, wants_json
from leadmagnet.web.house import House, house, move_in
from leadmagnet.web.intake import Intake
from leadmagnet.web.origin import is_bare
from leadmagnet.web.preview import doors
from leadmagnet.web.preview import house as house_of_preview
from leadmagnet.web.preview.house import Preview

#: A sign-up is a few hundred bytes; nothing a visitor sends is ever larger than this.
_LARGEST_BODY = 64 * 1024

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'; frame-src 'self'"
)

#: What no page of ours asks a browser for. The guide keeps the screen awake, the page for other sites copies text.
_NOT_ASKED_FOR = (
    "accelerometer", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope", "hid",
    "idle-detection", "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get", "serial", "usb",
    "xr-spatial-tracking",
)  # fmt: skip
#: Said by every answer that does not say otherwise.
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _NOT_ASKED_FOR),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A form holds when it was shown, and what led this one visitor to it.
    "Cache-Control": "private, no-cache",
}
_LIMITS = {
    "MAX_CONTENT_LENGTH": _LARGEST_BODY,
    "MAX_FORM_MEMORY_SIZE": _LARGEST_BODY,
    "MAX_FORM_PARTS": 50,
    # Files of ours may be kept for so many seconds; an upgrade that changes them shows after that.
    "SEND_FILE_MAX_AGE_DEFAULT": 60 * 60,
}

_WORDS = {
    400: ("That did not work", "Something about this request is not as it should be. Please go back and try again."),
    404: ("There is nothing here", "The link may be incomplete: in some mail programs long links break in two."),
    405: ("That did not work", "This page is only for reading."),
    413: ("That was too much", "The form takes an email address, not more."),
    415: ("That did not work", "Please send this as a form."),
}


class _NoSessions(SessionInterface):
    """Keeps nothing about a visitor between two pages; the one cookie there is has a room of its own, `remembered`."""

    def open_session(self, app: Flask, request: Any) -> None:
        return None


class _App(Flask):
    session_interface = _NoSessions()

    def ensure_sync(self, func: Any) -> Any:
        return func  # no door is a coroutine; Flask would look at each of them, for every request

    def log_exception(self, exc_info: Any) -> None:
        if house().database.absence.met(exc_info[1]):
            return
        # Not Flask's own words: the path may be somebody's personal link.
        door = request.url_rule.rule if request.url_rule is not None else "an unknown page"
        self.logger.error("a defect at %s %s", request.method, door, exc_info=exc_info)


def create_app(
    settings: Settings,
    database: Database,
    *,
    clock: Clock,
    worker: str | None = None,
    preview: Preview | None = None,
) -> Flask:
    """The application, for any WSGI server; `worker` is the id of the worker in the same process, if there is one.

    `preview` shows the operator the folder that the site is made from, where that is at hand.
    Raises SettingsError if a secret is missing.
    """
    app = _App(__name__)
    keys = settings.keys()
    app.config.update(_LIMITS)
    live = Live()
    parts = House(
        settings=settings,
        database=database,
        live=live,
        links=Links(settings.site_url, keys),
        intake=Intake(database, live, clock, limits=settings.signup_limits == "on"),
        address_secret=settings.address_secret(),
        clock=clock,
        mailbox=Mailbox(settings.mailbox_path) if settings.uses_test_mailbox else None,
        worker=worker,
    )
    move_in(app, parts)
    rooms = (pages, signup, embed, confirm, guide, preferences, personal, clicks, media, mailbox, health, metrics)
    for room in rooms:
        app.register_blueprint(room.bp)
    if preview is not None:
        house_of_preview.move_in(app, preview)
        app.register_blueprint(doors.bp)
    app.before_request(_refuse_other_hosts)
    app.after_request(_protect)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(NothingPublished, _nothing_published)
    return app


@lru_cache(maxsize=64)
def _name_of(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


@lru_cache(maxsize=4)
def _own_hosts(site_url: str, host: str) -> frozenset[str]:
    """The names this server answers to; a request for another is refused, because links never follow it anyway."""
    return frozenset({urlsplit(site_url).hostname or "", host.lower(), "localhost", "127.0.0.1", "::1"})


def _refuse_other_hosts() -> None:
    # Not Flask's TRUSTED_HOSTS, which knows no IPv6 address and no name in capitals (RFC 9110 §4.2.3).
    # A load balancer asks by IP address; the answer repeats nothing of it.
    if request.path in ("/healthz", "/readyz"):
        return
    host = _name_of(request.host)
    if request.path == "/metrics" and is_bare(host):  # Prometheus asks by address, or by a name in its own network
        return
    settings = house().settings
    if host not in _own_hosts(settings.site_url, settings.host):
        abort(400)


def _protect(response: Response) -> Response:
    # Not `setdefault`: for each name that is not there it makes an exception of a whole page.
    said = {name.lower() for name, _value in response.headers}
    response.headers.extend((name, value) for name, value in _HEADERS.items() if name.lower() not in said)
    if house().links.base_url.startswith("https:"):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _http_error(error: HTTPException) -> Response:
    status = 503 if _is_away(error) else error.code or 500
    if error.response is not None or status in (301, 302, 303, 308):
        return Response(error.get_body(), status, error.get_headers())
    title, message = _WORDS.get(status, ("Something went wrong", "Please try again in a minute."))
    page = error_page(status, title, message, description=error.description)
    for name, value in error.get_headers():  # Allow, which a 405 must carry (RFC 9110 §15.5.6)
        if name != "Content-Type":
            page.headers[name] = value
    return page


def _is_away(error: HTTPException) -> bool:
    """Whether what went wrong is that the database does not answer: nothing was lost, and it may soon be back."""
    cause = getattr(error, "original_exception", None)
    return cause is not None and is_away(cause)


def _nothing_published(_error: NothingPublished) -> Response:
    return error_page(503, "Not open yet", "This site is still being set up. Please come back a little later.")


def error_page(status: int, title: str, message: str, *, description: str | None = None) -> Response:
    """An error as a page, or as JSON for a program that asked for it."""
    if wants_json(request):
        return answer_json({"error": {"field": None, "message": description or message}}, status)
    page = render_template("error.html", status=status, title=title, message=message, home=status != 503, site=_site())
    return Response(page, status)


def _site() -> Site:
    """The site's words, or neutral ones while nothing is published: an error page must always be possible."""
    try:
        return house().published_now().site
    except Exception:  # the database itself may be what is wrong
        words = {"name": "leadmagnet", "url": "/", "timezone": "UTC", "from": "-", "postal_address": "-"}
        return Site.model_validate(words)
