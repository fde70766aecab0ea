"""The sign-up form: its page, its POST, and "check your inbox"."""

from dataclasses import dataclass, field

from flask import Blueprint, Response, abort, render_template, request

from leadmagnet.audience import addresses, names, subscribers, typos
from leadmagnet.audience.limits import Full
from leadmagnet.content.guides import Guide
from leadmagnet.content.published import Published
from leadmagnet.errors import InvalidInput
from leadmagnet.sequences.requests import Request, Requested
from leadmagnet.web import remembered, sent, sources
from leadmagnet.web.answers import answer_json, private_page, see, wants_json
from leadmagnet.web.blogs import is_framed, within
from leadmagnet.web.doorkeeper import TurnedAway, is_caught, limit_there, too_many_from_there
from leadmagnet.web.doorkeeper import started as stamp
from leadmagnet.web.house import House, house
from leadmagnet.web.origin import origin_of
from leadmagnet.web.remembered import Asked

bp = Blueprint("signup", __name__)

#: What the form asks for; nobody sees the last three.
_TYPED = ("email", "first_name", "timezone", "website", "started")
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


#: How often a script says that it has asked before.
_AGAIN = {"1": 1, "2": 2}


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
    typed = dict.fromkeys(_TYPED, "") | request.form.to_dict()
    asks_name = published.compiled.settings.form.first_name
    try:
        address = addresses.parse(_single(request.form.getlist("email")))
        first_name = names.parse(typed["first_name"]) if asks_name else None
    except InvalidInput as error:
        return _refuse(published, guide, typed, error)
    caught = is_caught(typed["website"], typed["started"], house().links.keys, now=house().clock())
    by_script = wants_json(request)
    again = by_script and typed.get("again") in _AGAIN
    if away := _ask(guide, address, first_name, typed["timezone"], by_a_person=not caught, once_more=again):
        return _turn_away(published, guide, typed, away)
    if by_script:
        return _told(published, guide, address.text)
    told = {"first_name": first_name, "timezone": subscribers.zone_name(typed["timezone"])}
    told |= sources.carried_on(typed, request.headers.get("Referer", ""))
    known = {name: word for name, word in told.items() if word}
    return _sent(published, guide, Asked(address.text, known, 1, house().clock()))


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
        return see(within(f"/f/{slug}"))
    now = house().clock()
    if asked.enough:
        return _inbox_page(published, guide, asked)
    if wait := asked.wait(now):
        page = _inbox_page(published, guide, asked, wait=wait, status=429)
        page.headers["Retry-After"] = str(wait)
        return page
    address, told = addresses.parse(asked.email), asked.told
    # Nobody is taken for a bot here: programs do not wait a minute, a person whose browser filled in too much does.
    if away := _ask(guide, address, told.get("first_name"), told.get("timezone", ""), once_more=True):
        return _turn_away(published, guide, {"email": asked.email, "first_name": "", **asked.told}, away)
    return _sent(published, guide, asked.again(now))


def _find(slug: str, *, lately: bool = False) -> tuple[Published, Guide]:
    """The guide, in the live release; `lately`: in the one last seen, where that has it."""
    published = house().live.last_seen if lately else None
    if published is None or published.guide(slug) is None:
        published = house().published_now()
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
    by_a_person: bool = True,
    once_more: bool = False,
) -> TurnedAway | None:
    """Why the request has to wait; None: it is taken in, or looks so to whoever sent it."""
    parts = house()
    # What we send to the domain of our bounces comes back to ourselves.
    by_a_person = by_a_person and address.domain != parts.settings.bounce_domain
    origin = origin_of(request, parts.settings.trusted_proxies)
    there = limit_there(origin.ip, parts.settings, parts.address_secret)
    welcome = parts.doorkeeper.let_in(
        parts.database, parts.settings, there, by_a_person=by_a_person, once_more=once_more, now=parts.clock()
    )
    if isinstance(welcome, TurnedAway):
        return welcome
    asked = Request(
        guide=guide,
        address=address,
        address_key=address.key(parts.address_secret),
        first_name=first_name,
        timezone=subscribers.zone_name(timezone),
        origin=origin,
        by_a_person=by_a_person,
        apart=welcome.apart,
    )
    outcome = parts.intake.ask(asked, welcome.there)
    if isinstance(outcome, Full):
        parts.doorkeeper.give_back(welcome)
        return too_many_from_there(outcome)
    if outcome is Requested.NO_SUCH_GUIDE:
        abort(404)
    _count(parts, f"let in:{outcome.name.lower()}" if by_a_person else "caught")
    return None


def _count(parts: House, outcome: str) -> None:
    parts.turnstile.count(parts.database, outcome, now=parts.clock())


def _refuse(published: Published, guide: Guide, typed: dict[str, str], error: InvalidInput) -> Response:
    if wants_json(request):
        return answer_json({"error": {"field": error.field, "message": error.message}}, 422)
    return Response(_again(published, guide, typed, errors={error.field: error.message}), 422)


def _turn_away(published: Published, guide: Guide, typed: dict[str, str], away: TurnedAway) -> Response:
    _count(house(), f"turned away:{away.why}")
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


def _told(published: Published, guide: Guide, address: str) -> Response:
    """The answer for the script, which counts by itself how often it asked again."""
    times = 1 + _AGAIN.get(request.form.get("again", ""), 0)
    found = sent.answer(published, guide, address, times=times)
    return answer_json({"ok": True, "next": f"{house().links.base_url}/f/{guide.slug}/sent", **found})


def _sent(published: Published, guide: Guide, asked: Asked) -> Response:
    if is_framed():
        return _inbox_page(published, guide, asked)
    response = see(within(f"/f/{guide.slug}/sent"))
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
        carried=remembered.signed(asked) if asked is not None and is_framed() else None,
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
