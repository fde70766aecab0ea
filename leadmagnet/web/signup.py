"""The sign-up form: its page, its POST, and "check your inbox"."""

from dataclasses import dataclass, field
from email.utils import parseaddr

from flask import Blueprint, Response, abort, render_template, request
from itsdangerous import BadData, URLSafeTimedSerializer

from leadmagnet.audience import addresses, names, subscribers
from leadmagnet.content.guides import Guide
from leadmagnet.content.published import Published
from leadmagnet.errors import InvalidInput
from leadmagnet.sequences.signup import Request
from leadmagnet.sequences.signup import request as request_guide
from leadmagnet.store.signals import something_is_due
from leadmagnet.web.answers import answer_json, private_page, see, wants_json
from leadmagnet.web.doorkeeper import TurnedAway, is_caught
from leadmagnet.web.doorkeeper import started as stamp
from leadmagnet.web.house import house
from leadmagnet.web.origin import origin_of

bp = Blueprint("signup", __name__)

_COOKIE = "lm_sent"
_COOKIE_SECONDS = 15 * 60
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True, slots=True)
class Form:
    """The box as a visitor sees it again: what was typed, and what is wrong with it."""

    asks_name: bool
    email: str = ""
    first_name: str = ""
    errors: dict[str, str] = field(default_factory=dict)


@bp.get("/f/<slug>")
def form(slug: str) -> str:
    """The form on a page of its own."""
    published, guide = _find(slug)
    empty = Form(published.compiled.settings.form.first_name)
    return render_template("form.html", guide=guide, form=empty, notice=None, site=published.site)


@bp.post("/f/<slug>")
def submit(slug: str) -> Response:
    """Takes a request for a guide; the answer is the same whoever asks."""
    published, guide = _find(slug)
    if request.mimetype not in _FORM_TYPES:
        abort(415)
    typed = {name: request.form.get(name, "") for name in ("email", "first_name", "timezone", "website", "started")}
    asks_name = published.compiled.settings.form.first_name
    try:
        address = addresses.parse(_single(request.form.getlist("email")))
        first_name = names.parse(typed["first_name"]) if asks_name else None
    except InvalidInput as error:
        return _refuse(published, guide, typed, error)
    if is_caught(typed["website"], typed["started"], house().links.keys, now=house().clock()):
        _count("caught")
        return _sent(slug, address.text)
    # What we send to the domain of our bounces is read by ourselves.
    if address.domain != house().settings.bounce_domain:
        away = _ask(published, guide, address, first_name, typed["timezone"])
        if away is not None:
            return _turn_away(published, guide, typed, away)
    return _sent(slug, address.text)


@bp.get("/f/<slug>/started")
def since(slug: str) -> Response:
    """A stamp of this moment, which the script on another site's page sends back with the form."""
    _find(slug)
    response = answer_json({"started": started()})
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.app_template_global()
def started() -> str:
    """The same stamp, for the form on pages of our own."""
    return stamp(house().links.keys, now=house().clock())


@bp.get("/f/<slug>/sent")
def sent(slug: str) -> Response:
    """Check your inbox: shows the address from a short-lived cookie, and works without it."""
    published, guide = _find(slug)
    name, sender = parseaddr(published.site.sender)
    return private_page(
        "sent.html",
        guide=guide,
        address=_remembered(),
        sender=sender,
        sender_name=name or sender,
        mailbox_url="/mailbox" if house().mailbox is not None else None,
        site=published.site,
    )


def _find(slug: str) -> tuple[Published, Guide]:
    with house().database.read() as session:
        published = house().published(session)
    guide = published.guide(slug)
    if guide is None:
        abort(404)
    return published, guide


def _single(values: list[str]) -> str:
    if len(values) > 1:
        raise InvalidInput("email", "Please type one address only. Example: sam@gmail.com")
    return values[0] if values else ""


def _ask(
    published: Published, guide: Guide, address: addresses.Address, first_name: str | None, timezone: str
) -> TurnedAway | None:
    parts, now = house(), house().clock()
    welcome = parts.doorkeeper.let_in(parts.database, parts.settings, now=now)
    if isinstance(welcome, TurnedAway):
        return welcome
    asked = Request(
        guide=guide,
        address=address,
        address_key=address.key(parts.address_secret),
        first_name=first_name,
        timezone=subscribers.zone_name(timezone),
        origin=origin_of(request, parts.settings.trusted_proxies),
    )
    with parts.database.write() as session:
        away = parts.doorkeeper.let_in_from(session, request, parts.settings, parts.address_secret, now=now)
        if away is None:
            limits = parts.settings.signup_limits == "on"
            outcome = request_guide(session, published, asked, limits=limits, apart=welcome.apart, now=now)
            something_is_due(session)
    if away is None:
        _count(f"let in:{outcome.name.lower()}")
    else:
        parts.doorkeeper.give_back(welcome)
    return away


def _count(outcome: str) -> None:
    house().turnstile.count(house().database, outcome, now=house().clock())


def _refuse(published: Published, guide: Guide, typed: dict[str, str], error: InvalidInput) -> Response:
    if wants_json(request):
        return answer_json({"error": {"field": error.field, "message": error.message}}, 422)
    return Response(_again(published, guide, typed, errors={error.field: error.message}), 422)


def _turn_away(published: Published, guide: Guide, typed: dict[str, str], away: TurnedAway) -> Response:
    _count(f"turned away:{away.why}")
    if wants_json(request):
        answer = answer_json({"error": {"field": None, "message": away.message}}, away.status)
    else:
        answer = Response(_again(published, guide, typed, errors={}, notice=away.message), away.status)
    answer.headers["Retry-After"] = str(away.wait)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _again(
    published: Published, guide: Guide, typed: dict[str, str], *, errors: dict[str, str], notice: str | None = None
) -> str:
    """The form with what was typed."""
    shown = Form(
        published.compiled.settings.form.first_name,
        email=typed["email"][:320],
        first_name=typed["first_name"][:320],
        errors=errors,
    )
    return render_template("form.html", guide=guide, form=shown, notice=notice, site=published.site)


def _sent(slug: str, address: str) -> Response:
    path = f"/f/{slug}/sent"
    if wants_json(request):
        return answer_json({"ok": True, "next": f"{house().links.base_url}{path}"})
    response = see(path)
    secure = house().links.base_url.startswith("https:")
    response.set_cookie(
        _COOKIE,
        _serializer().dumps(address),
        max_age=_COOKIE_SECONDS,
        path=path,
        httponly=True,
        samesite="Lax",
        secure=secure,
    )
    return response


def _remembered() -> str | None:
    try:
        return str(_serializer().loads(request.cookies.get(_COOKIE, ""), max_age=_COOKIE_SECONDS))
    except BadData:
        return None


def _serializer() -> URLSafeTimedSerializer:
    keys = house().links.keys
    return URLSafeTimedSerializer(keys.by_number[keys.signing], salt="sent-page")
