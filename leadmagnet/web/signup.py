"""The sign-up form: its page, its POST, and "check your inbox"."""

from dataclasses import dataclass, field
from email.utils import parseaddr

from flask import Blueprint, Response, abort, render_template, request
from itsdangerous import BadData, URLSafeTimedSerializer

from leadmagnet.audience import addresses, names, subscribers
from leadmagnet.content.guides import Guide
from leadmagnet.content.published import Published
from leadmagnet.errors import InvalidInput
from leadmagnet.sequences.requests import Request, Requested
from leadmagnet.web.answers import answer_json, private_page, see, wants_json
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
    published, guide = _find(slug, lately=True)
    if request.mimetype not in _FORM_TYPES:
        abort(415)
    typed = {name: request.form.get(name, "") for name in ("email", "first_name", "timezone", "website")}
    asks_name = published.compiled.settings.form.first_name
    try:
        address = addresses.parse(_single(request.form.getlist("email")))
        first_name = names.parse(typed["first_name"]) if asks_name else None
    except InvalidInput as error:
        return _refuse(published, guide, typed, error)
    # Only a bot fills the field that nobody sees; and what we send to the domain of our bounces is read by ourselves.
    is_caught = bool(typed["website"].strip()) or address.domain == house().settings.bounce_domain
    _ask(guide, address, first_name, typed["timezone"], by_a_person=not is_caught)
    return _sent(slug, address.text)


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


def _find(slug: str, *, lately: bool = False) -> tuple[Published, Guide]:
    """The guide, in the live release; `lately`: in the one last seen, where that has it."""
    published = house().live.last_seen if lately else None
    if published is None or published.guide(slug) is None:
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
    guide: Guide,
    address: addresses.Address,
    first_name: str | None,
    timezone: str,
    *,
    by_a_person: bool,
) -> None:
    parts = house()
    asked = Request(
        guide=guide,
        address=address,
        address_key=address.key(parts.address_secret),
        first_name=first_name,
        timezone=subscribers.zone_name(timezone),
        origin=origin_of(request, parts.settings.trusted_proxies),
        by_a_person=by_a_person,
    )
    if parts.intake.ask(asked) is Requested.NO_SUCH_GUIDE:
        abort(404)


def _refuse(published: Published, guide: Guide, typed: dict[str, str], error: InvalidInput) -> Response:
    if wants_json(request):
        return answer_json({"error": {"field": error.field, "message": error.message}}, 422)
    shown = Form(
        published.compiled.settings.form.first_name,
        email=typed["email"][:320],
        first_name=typed["first_name"][:320],
        errors={error.field: error.message},
    )
    page = render_template("form.html", guide=guide, form=shown, notice=None, site=published.site)
    return Response(page, 422)


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
