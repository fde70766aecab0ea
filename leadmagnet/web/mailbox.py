"""The test mailbox as a page, for the operator at this machine."""

from flask import Blueprint, Response, abort, request

from leadmagnet.mail.mailbox import Mailbox, Message
from leadmagnet.web.answers import private_page
from leadmagnet.web.house import house
from leadmagnet.web.origin import is_this_machine

bp = Blueprint("mailbox", __name__, url_prefix="/mailbox")

_SHOWN = 200
#: A letter is somebody's HTML: no script, no form, nothing from elsewhere; its own styles and our pictures only.
_LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


@bp.get("")
def inbox() -> Response:
    """The newest mails."""
    messages = _mailbox().messages(_SHOWN)
    return private_page("mailbox.html", messages=messages, is_empty=not messages, site=house().published_now().site)


@bp.get("/<key>")
def read(key: str) -> Response:
    """One mail, as a reader sees it."""
    return private_page(
        "mailbox_message.html",
        message=_message(key),
        html_url=f"/mailbox/{key}/html",
        raw_url=f"/mailbox/{key}/source",
        site=house().published_now().site,
    )


@bp.get("/<key>/html")
def html(key: str) -> Response:
    """The HTML part, for the frame; its links open in a tab of their own."""
    page = _message(key).html.replace("<head>", '<head><base target="_blank">', 1)
    return Response(page, headers={"Content-Security-Policy": _LETTER_POLICY, "Cache-Control": "no-store"})


@bp.get("/<key>/source")
def source(key: str) -> Response:
    """The raw bytes, with all headers."""
    return Response(_message(key).raw, mimetype="text/plain", headers={"Cache-Control": "no-store"})


def _mailbox() -> Mailbox:
    mailbox = house().mailbox
    # It holds every visitor's address: whoever reaches it over a network gets the page of a wrong link. A proxy that
    # says nothing of itself looks like this machine, but has a public address to answer for.
    if mailbox is None or not is_this_machine(request) or not house().settings.is_local:
        abort(404)
    return mailbox


def _message(key: str) -> Message:
    message = _mailbox().message(key)
    if message is None:
        abort(404)
    return message
