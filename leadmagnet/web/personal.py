"""What a reader may do with her own data: send it elsewhere, look at it, delete it."""

import ipaddress
import json
from email.utils import parseaddr
from typing import Any

from flask import Blueprint, Response, abort, request

from leadmagnet.audience import addresses, privacy
from leadmagnet.audience.privacy import Forgotten
from leadmagnet.content.site import Site
from leadmagnet.errors import InvalidInput
from leadmagnet.links import Purpose
from leadmagnet.sequences import moving
from leadmagnet.sequences.moving import Asked, Moved
from leadmagnet.store.models import AddressChange, Subscriber
from leadmagnet.store.signals import something_is_due
from leadmagnet.web.answers import kept_private, private_page, row_of
from leadmagnet.web.house import house
from leadmagnet.web.origin import origin_of

bp = Blueprint("personal", __name__)

#: Of an address, what tells a country and a provider, and not whose home it is: the bits that are told, by version.
_TOLD_OF_IP = {4: 24, 6: 48}

_TOO_OFTEN = "You have asked for that three times today. Please try again tomorrow."


@bp.get("/u/<token>/address")
def other_address(token: str) -> Response:
    """Asks for the new address; changes nothing."""
    subscriber = _reader(token)
    return nothing_left() if subscriber is None else _address_page(token, subscriber)


@bp.post("/u/<token>/address")
def ask_there(token: str) -> Response:
    """Queues a mail to the new address; the answer is the same whatever we know of it."""
    subscriber = _reader(token)
    if subscriber is None:
        return nothing_left()
    typed = request.form.get("email", "")
    try:
        address = addresses.parse(typed)
    except InvalidInput as error:
        return _address_page(token, subscriber, typed=typed, error=error.message, status=422)
    parts = house()
    if address.domain != parts.settings.bounce_domain:  # what we send there is read by ourselves
        key = address.key(parts.address_secret)
        with parts.database.write() as session:
            asked = moving.ask(session, parts.published(session), subscriber.id, address, key, now=parts.clock())
            something_is_due(session)
        if asked is Asked.TOO_OFTEN:
            return _address_page(token, subscriber, typed=typed, error=_TOO_OFTEN, status=429)
    return _address_page(token, subscriber, asked=address.text)


def _address_page(
    token: str,
    subscriber: Subscriber,
    *,
    typed: str = "",
    error: str | None = None,
    asked: str | None = None,
    status: int = 200,
) -> Response:
    return private_page(
        "address.html",
        status,
        action=f"/u/{token}",
        address=subscriber.address,
        typed=typed[:320],
        error=error,
        asked=asked,
        site=house().published_now().site,
    )


@bp.get("/u/<token>/data")
def data(token: str) -> Response:
    """What is kept about her, as a file; changes nothing."""
    subscriber_id = row_of(token, Purpose.LEAVE)
    parts = house()
    with parts.database.read() as session:
        subscriber = session.get(Subscriber, subscriber_id)
        if subscriber is None:
            return nothing_left()
        found = _for_whoever_has_the_link(
            privacy.export(session, subscriber, now=parts.clock()), parts.published(session).site
        )
    answer = Response(json.dumps(found, indent=2, ensure_ascii=False), mimetype="application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return kept_private(answer)


def _for_whoever_has_the_link(found: dict[str, Any], site: Site) -> dict[str, Any]:
    """The same without what would hurt her if she had passed a letter on: its foot leads whoever gets it here."""
    for proof in found["consents"]:
        if proof["ip"] is not None:
            bits = _TOLD_OF_IP[ipaddress.ip_address(proof["ip"]).version]
            proof["ip"] = str(ipaddress.ip_network((proof["ip"], bits), strict=False))
    if found["new_address"] is not None:
        del found["new_address"]["address"]
    note = (
        "A letter that was passed on carries the link to this file, too. So IP addresses are shortened here, and a new "
        f"address that waits for its yes is left out. For those write to {parseaddr(site.reply_to or site.sender)[1]}."
    )
    return {"format": found.pop("format"), "note": note, **found}


@bp.get("/u/<token>/forget")
def ask_whether_to_forget(token: str) -> Response:
    """Says what will be gone, and what stays; changes nothing."""
    subscriber = _reader(token)
    if subscriber is None:
        return nothing_left()
    return private_page(
        "forget.html", action=f"/u/{token}", address=subscriber.address, busy=False, site=house().published_now().site
    )


@bp.post("/u/<token>/forget")
def forget(token: str) -> Response:
    """Deletes her with everything; the same answer the second time, and for ever after."""
    subscriber_id = row_of(token, Purpose.LEAVE)
    if request.form.get("forget") != "everything":
        abort(400)
    parts = house()
    if privacy.forget_at_once(parts.database, subscriber_id, now=parts.clock()) is Forgotten.BUSY:
        subscriber = _reader(token)
        address = subscriber.address if subscriber is not None else ""
        return private_page(
            "forget.html", 503, action=f"/u/{token}", address=address, busy=True, site=house().published_now().site
        )
    return nothing_left()


def nothing_left() -> Response:
    """The page behind every link of somebody who was forgotten."""
    return private_page("forgotten.html", site=house().published_now().site)


@bp.get("/a/<token>")
def ask_whether_hers(token: str) -> Response:
    """Shows the button that the mail to the new address leads to; changes nothing."""
    change_id = row_of(token, Purpose.ADDRESS)
    parts = house()
    with parts.database.read() as session:
        verdict = moving.standing(session, change_id, now=parts.clock())
        change = session.get(AddressChange, change_id)
    return _moved_page(token, "asked" if verdict is Moved.NOW else _STANDING[verdict], change)


@bp.post("/a/<token>")
def move(token: str) -> Response:
    """Sends her mails there from now on; a second tap changes nothing."""
    change_id = row_of(token, Purpose.ADDRESS)
    parts = house()
    origin = origin_of(request, parts.settings.trusted_proxies)
    with parts.database.write() as session:
        change = session.get(AddressChange, change_id)
        verdict = moving.move(session, change_id, origin, now=parts.clock())
        something_is_due(session)
    return _moved_page(token, _STANDING[verdict], change)


_STANDING = {Moved.NOW: "moved", Moved.BEFORE: "before", Moved.TAKEN: "taken", Moved.GONE: "gone"}


def _moved_page(token: str, standing: str, change: AddressChange | None) -> Response:
    return private_page(
        "moved.html",
        410 if standing == "gone" else 200,
        standing=standing,
        address=change.address if change is not None else None,
        action=f"/a/{token}",
        wording=moving.WORDING,
        site=house().published_now().site,
    )


def _reader(token: str) -> Subscriber | None:
    """Who a link of hers names; None: she was forgotten."""
    subscriber_id = row_of(token, Purpose.LEAVE)
    with house().database.read() as session:
        return session.get(Subscriber, subscriber_id)
