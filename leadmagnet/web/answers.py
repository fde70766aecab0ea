"""Answers that several doors give: JSON for programs, private pages for people."""

import json

from flask import Request, Response, abort, render_template

from leadmagnet.links import Purpose, read
from leadmagnet.web.house import house


def wants_json(asked: Request) -> bool:
    """True for a client that prefers JSON to a page."""
    accepted = asked.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]


def answer_json(body: dict[str, object], status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(body), status, mimetype="application/json")


def private_page(template: str, status: int = 200, **values: object) -> Response:
    """A page that is about one person: not stored, not indexed, and its address told to nobody."""
    return kept_private(Response(render_template(template, **values), status))


def kept_private(response: Response) -> Response:
    """The same answer, with the headers of a personal page."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def see(location: str, status: int = 303) -> Response:
    """Sends the browser on, by GET (303) unless said otherwise."""
    return Response(status=status, headers={"Location": location})


def row_of(token: str, purpose: Purpose) -> int:
    """The row id a link names; aborts with the same 404 page for every token that is not ours."""
    row = read(token, purpose, house().links.keys)
    if row is None:
        abort(404)
    return row
