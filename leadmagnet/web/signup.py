"""The sign-up form: its page, its POST, and "check your inbox"."""

from dataclasses import dataclass, field

from flask import Blueprint, Response, abort, render_template, request

from leadmagnet.audience import addresses, names, subscribers, typos
from leadmagnet.content.guides import Guide
from leadmagnet.content.published import Published
from leadmagnet.errors import InvalidInput
from leadmagnet.sequences.signup import Request
from leadmagnet.sequences.signup import request as request_guide
from leadmagnet.store.signals import something_is_due
from leadmagnet.web import remembered, sent
from leadmagnet.web.answers import answer_json, private_page, see, wants_json
from leadmagnet.web.house import house
from leadmagnet.web.origin import origin_of
from leadmagnet.web.remembered import Asked

bp = Blueprint("signup", __name__)

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
    typed = {name: request.form.get(name, "") for name in ("email", "first_name", "timezone", "website")}
    asks_name = published.compiled.settings.form.first_name
    try:
        address = addresses.parse(_single(request.form.getlist("email")))
        first_name = names.parse(typed["first_name"]) if asks_name else None
    except InvalidInput as error:
        return _refuse(published, guide, typed, error)
    # Only a bot fills the field that nobody sees; and what we send to the domain of our bounces is read by ourselves.
    if not typed["website"].strip() and address.domain != house().settings.bounce_domain:
        _ask(published, guide, address, first_name, typed["timezone"])
    if wants_json(request):
        return _told(published, guide, address.text)
    zone = subscribers.zone_name(typed["timezone"]) or ""
    return _sent(guide, Asked(address.text, first_name or "", zone, 1, house().clock()))


@bp.get("/f/<slug>/sent")
def check_inbox(slug: str) -> Response:
    """Check your inbox: shows the address from a short-lived cookie, and works without it."""
    published, guide = _find(slug)
    return _inbox_page(published, guide, remembered.kept())


@bp.post("/f/<slug>/sent")
def send_again(slug: str) -> Response:
    """Sends it once more to the address of the cookie; too early says how long to wait, and sends nothing.

    How often and when is judged by what this browser did, never by what is known of the address.
    """
    published, guide = _find(slug)
    asked = remembered.kept()
    if asked is None:
        return see(f"/f/{slug}")
    now = house().clock()
    if asked.enough:
        return _inbox_page(published, guide, asked)
    if wait := asked.wait(now):
        page = _inbox_page(published, guide, asked, wait=wait, status=429)
        page.headers["Retry-After"] = str(wait)
        return page
    address = addresses.parse(asked.email)
    if address.domain != house().settings.bounce_domain:
        _ask(published, guide, address, asked.first_name or None, asked.timezone)
    return _sent(guide, asked.again(now))


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


def _ask(published: Published, guide: Guide, address: addresses.Address, first_name: str | None, timezone: str) -> None:
    parts = house()
    asked = Request(
        guide=guide,
        address=address,
        address_key=address.key(parts.address_secret),
        first_name=first_name,
        timezone=subscribers.zone_name(timezone),
        origin=origin_of(request, parts.settings.trusted_proxies),
    )
    with parts.database.write() as session:
        limits = parts.settings.signup_limits == "on"
        request_guide(session, published, asked, limits=limits, now=parts.clock())
        something_is_due(session)


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


def _told(published: Published, guide: Guide, address: str) -> Response:
    """The answer for the script, which counts by itself how often it asked again."""
    again = request.form.get("again", "")
    times = 1 + int(again) if again in ("1", "2") else 1
    found = sent.answer(published, guide, address, times=times)
    return answer_json({"ok": True, "next": f"{house().links.base_url}/f/{guide.slug}/sent", **found})


def _sent(guide: Guide, asked: Asked) -> Response:
    response = see(f"/f/{guide.slug}/sent")
    remembered.keep(response, guide.slug, asked)
    return response


def _inbox_page(
    published: Published, guide: Guide, asked: Asked | None, *, wait: int = 0, status: int = 200
) -> Response:
    inbox = sent.inbox_of(published, asked.email) if asked is not None else None
    sender_name, sender = sent.sender_of(published)
    return private_page(
        "sent.html",
        status,
        guide=guide,
        asked=asked,
        suggestion=typos.suggestion(asked.email) if asked is not None else None,
        inbox=inbox,
        words=sent.words(published, guide, inbox),
        told_to_wait=sent.spoken(wait) if wait else None,
        seconds_left=asked.wait(house().clock()) if asked is not None else 0,
        sender=sender,
        sender_name=sender_name,
        mailbox_url=sent.mailbox_url(),
        site=published.site,
    )
