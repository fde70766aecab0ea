"""The pages of the preview, for the operator at this machine alone."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, redirect, render_template, request, stream_with_context

from leadmagnet.audience import addresses
from leadmagnet.content.compiled import Letter
from leadmagnet.content.guides import Guide
from leadmagnet.errors import LeadmagnetError
from leadmagnet.publishing import drafts
from leadmagnet.web.answers import kept_private
from leadmagnet.web.preview import looks, pictures, sheet, timeline
from leadmagnet.web.preview.house import preview
from leadmagnet.web.preview.options import Options
from leadmagnet.web.preview.permits import COOKIE
from leadmagnet.web.preview.shown import Shown

bp = Blueprint("preview", __name__, url_prefix="/preview")

_STATIC = Path(__file__).parents[1] / "static"
#: What the page of a guide is styled with: see its template.
_STYLES = ("site", "reading")
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: A letter is somebody's HTML: no script, no form, nothing from elsewhere. The page around it may look into it, to
#: keep its place when it is shown anew.
_LETTER_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' https: data:; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
_LOCKED = (
    "The preview is open to the operator alone: use the address that `leadmagnet run` wrote into its terminal, "
    "or start `leadmagnet preview`."
)


@bp.before_request
def _admit() -> Response | None:
    permits = preview().permits
    if not permits.is_here(request):
        abort(404)
    if permits.key is not None and request.method == "GET" and permits.opens(request.args.get("key")):
        kept = {name: value for name, value in request.args.items() if name != "key"}
        answer = redirect(f"{request.path}?{urlencode(kept)}" if kept else request.path, 303)
        answer.set_cookie(COOKIE, permits.key, httponly=True, samesite="Strict", path="/preview")
        return kept_private(answer)  # type: ignore[arg-type]
    if not permits.opens(request.cookies.get(COOKIE)):
        return kept_private(Response(_LOCKED, 403, mimetype="text/plain"))
    return None


@bp.after_request
def _protect(answer: Response) -> Response:
    answer.headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    keeps = answer.headers.get("Cache-Control")
    kept_private(answer)
    if keeps is not None:
        answer.headers["Cache-Control"] = keeps
    return answer


@bp.get("")
def first() -> Response:
    """The first letter of the first series."""
    shown = preview().desk.shown()
    options = Options.read(request.args)
    entry = next((entry for one in _timeline(shown, "") for entry in one.entries), None)
    return _see(entry.path + options.query()) if entry is not None else _page("", options)


@bp.get("/letters/<folder>/<slug>")
def letter(folder: str, slug: str) -> Response:
    """One letter, and all that is beside it."""
    return _page(f"{folder}/{slug}", Options.read(request.args))


@bp.get("/guides/<slug>")
def guide(slug: str) -> Response:
    """One guide, likewise."""
    return _page(f"guides/{slug}", Options.read(request.args))


@bp.get("/frames/letters/<folder>/<slug>")
def letter_frame(folder: str, slug: str) -> Response:
    """The HTML part of a letter with the look that was chosen."""
    options = Options.read(request.args)
    found = _sheet(preview().desk.shown(), f"{folder}/{slug}", options)
    if found is None or found.mail is None:
        abort(404)
    html = found.mail.html.replace(f"{preview().links.base_url}/media/", "/preview/media/")
    return _frame(looks.dressed(html, options.look))


@bp.get("/frames/guides/<slug>")
def guide_frame(slug: str) -> Response:
    """A guide's page as its readers have it, without the timer."""
    published = preview().desk.shown().published
    one = published.guide(slug) if published is not None else None
    if published is None or one is None:
        abort(404)
    options = Options.read(request.args)
    page = render_template("guide.html", guide=one, sections=one.contents, site=published.site, action="#")
    for name in _STYLES:
        page = page.replace(f"/static/{name}.css", f"/preview/{name}.css?theme={options.theme}")
    page = page.replace('="/media/', '="/preview/media/')
    return _frame(looks.dressed(page, options.look))


@bp.get("/<any(site, reading):name>.css")
def style(name: str) -> Response:
    """A style of the site's pages, light or dark whatever the browser's own wish."""
    return Response(_style(name, Options.read(request.args).theme), mimetype="text/css")


@bp.get("/media/<digest>/<_name>")
def picture(digest: str, _name: str) -> Response:
    """A picture of any letter or guide, published or not."""
    shown = preview().desk.shown()
    compiled = shown.published.compiled if shown.published is not None else None
    pages: tuple[Letter | Guide, ...] = ()
    if compiled is not None:
        pages = (*compiled.letters.values(), *compiled.guides.values())
    found = pictures.find(pages, digest)
    if found is None:
        abort(404)
    answer = Response(preview().pictures.content(found, shown.build.files), mimetype=found.media_type)
    answer.headers["Cache-Control"] = "private, max-age=86400, immutable"  # its address is its content's
    return answer


@bp.get("/messages/<folder>/<slug>.eml")
def message(folder: str, slug: str) -> Response:
    """The whole message, for a mail program to open."""
    found = _sheet(preview().desk.shown(), f"{folder}/{slug}", Options.read(request.args))
    if found is None or found.mail is None:
        abort(404)
    answer = Response(found.mail.raw, mimetype="message/rfc822")
    answer.headers["Content-Disposition"] = f'attachment; filename="{slug}.eml"'
    return answer


@bp.get("/events")
def events() -> Response:
    """Says when something was saved, for as long as the page is open."""
    parts = preview()
    parts.desk.shown()
    last = request.headers.get("Last-Event-ID") or request.args.get("version", "0")
    version = int(last) if last.isdecimal() and len(last) < 12 else 0
    stream = stream_with_context(parts.streams.events(parts.boot, version))
    return Response(stream, mimetype="text/event-stream")


@bp.get("/version")
def version() -> Response:
    """The same as one answer, for pages that have no stream."""
    return Response(f"{preview().boot} {preview().desk.shown().version}", mimetype="text/plain")


@bp.post("/send")
def send() -> Response:
    """Sends the letter on the page to the operator."""
    parts = preview()
    options, key = Options.read(request.form), request.form.get("key", "")
    shown = parts.desk.shown()
    if key not in shown.paths:
        abort(404)
    if not parts.permits.is_own_page(request):
        return _page(
            key, options, refused="This page is from before a restart. Nothing was sent: load it again.", status=403
        )
    compiled = shown.build.compiled
    if compiled is None:
        return _page(
            key, options, refused="Not sent: mend the errors first. Nothing with an error can leave.", status=409
        )
    one = compiled.letters[key]
    readers = drafts.readers_of(one)
    try:
        to = addresses.parse(request.form.get("to", "")).text
        parts.send(shown.build, one, to, readers[options.person if options.person < len(readers) else 0])
    except LeadmagnetError as error:
        return _page(key, options, refused=f"Not sent: {error}", status=422)
    return _page(key, options, sent=f"Sent to {to}: it went to {parts.goes_to}.")


def _page(key: str, options: Options, *, sent: str = "", refused: str = "", status: int = 200) -> Response:
    parts = preview()
    shown = parts.desk.shown()
    found = _sheet(shown, key, options)
    slug = key.removeprefix("guides/") if key.startswith("guides/") else None
    one = shown.published.guide(slug) if slug is not None and shown.published is not None else None
    first_name = sheet.first_name_of(shown, key, options.person)
    site = parts.desk.site
    series = _timeline(shown, first_name)
    entries = [entry for each in series for entry in each.entries]
    at = next((n for n, entry in enumerate(entries) if entry.key == key), None)
    words = render_template(
        "preview.html",
        shown=shown, sheet=found, guide=one, key=key, options=options, series=series, sent=sent, refused=refused,
        before=entries[at - 1] if at else None,
        after=entries[at + 1] if at is not None and at + 1 < len(entries) else None,
        first_name=first_name,
        guide_findings=[f for f in shown.findings if one is not None and f.path.startswith(f"guides/{one.slug}/")],
        errors=sum(f.level == "error" for f in shown.findings),
        waiting=parts.waiting(shown.build) if parts.waiting is not None else 0,
        parts=parts, cut=sheet.cut, editor=lambda path, line=1: sheet.editor_link(site, path, line),
    )  # fmt: skip
    return Response(words, status if found is not None or one is not None else 404)


def _sheet(shown: Shown, key: str, options: Options) -> sheet.Sheet | None:
    if key not in shown.paths:
        return None
    return sheet.of(shown, preview().desk.site, key, options.person, preview().links)


def _timeline(shown: Shown, first_name: str) -> list[timeline.Series]:
    # A minute is exact enough, and keeps the page the same from one look to the next.
    now: datetime = preview().clock().replace(second=0, microsecond=0)
    return timeline.of(shown, first_name=first_name, now=now)


def _frame(html: str) -> Response:
    return Response(html, headers={"Content-Security-Policy": _LETTER_POLICY})


def _see(location: str) -> Response:
    return redirect(location, 303)  # type: ignore[return-value]


@lru_cache(maxsize=4)
def _style(name: str, theme: str) -> str:
    # Its own addresses are relative to where it lies.
    return looks.schemed((_STATIC / f"{name}.css").read_text(), theme).replace("url(", "url(/static/")
