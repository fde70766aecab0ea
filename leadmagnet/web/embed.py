"""The form on other sites: its script, the box for a frame, and the page that hands out the snippets."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import cast

from flask import Blueprint, Response, abort, make_response, render_template, request

from leadmagnet.content.guides import Guide
from leadmagnet.content.published import Published
from leadmagnet.web import blogs, signup, sources
from leadmagnet.web.house import house
from leadmagnet.web.scripts import squeezed

bp = Blueprint("embed", __name__)
bp.before_app_request(blogs.turn_strangers_away)
bp.after_app_request(blogs.open_to_scripts)
bp.after_app_request(blogs.open_to_frames)

_SCRIPT = Path(__file__).parent / "static" / "embed.js"
#: Long enough to save most visits a request, short enough that a mended script is everywhere within the hour.
_SCRIPT_CACHE = "public, max-age=3600, must-revalidate"


@bp.get("/embed.js")
def script() -> Response:
    """The script of the form, for a blog's pages too."""
    source, tag = _script()
    answer = Response(source, mimetype="text/javascript")
    answer.headers["Cache-Control"] = _SCRIPT_CACHE
    answer.set_etag(tag)
    return cast(Response, answer.make_conditional(request))


@bp.get("/f/<slug>/embed")
def box(slug: str) -> Response:
    """The bare form, for a frame on a blog; what it answers stays in the frame."""
    answer = make_response(signup.form(slug))
    answer.headers["Cache-Control"] = "no-store"  # it holds the page that frames it
    return answer


@bp.get("/embed")
def snippets() -> Response:
    """Put the form on your site: everything to copy, made from what is live."""
    published, guide = _chosen()
    return make_response(
        render_template(
            "embed.html",
            guides=list(published.compiled.guides.values()),
            guide=guide,
            site=published.site,
            base=house().links.base_url,
            snippet=snippet(published, guide),
            frame=_frame(guide),
            is_local=house().settings.is_local,
            blog=blogs.origin_of(published.site.url),
            permitted=blogs.permitted(),
            mailbox_url="/mailbox" if house().mailbox is not None else None,
        )
    )


@bp.get("/embed/try")
def page_of_a_blog() -> Response:
    """A page as a blog's might be, with nothing on it but the real snippet."""
    published, guide = _chosen()
    code = _frame(guide) if request.args.get("way") == "frame" else snippet(published, guide)
    answer = make_response(render_template("embed_try.html", code=code, site=published.site))
    # The snippet brings a style block; its addresses begin with the base URL, whatever name this page was asked under.
    own = blogs.own_origin()
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; script-src {own}; connect-src {own}; "
        f"form-action {own}; frame-src {own}; base-uri 'none'; frame-ancestors 'self'"
    )
    return answer


def snippet(published: Published, guide: Guide) -> str:
    """The form as a blog pastes it: HTML that works without its script, without a blank line (Markdown ends there)."""
    code = render_template(
        "embed_form.html",
        guide=guide,
        base=house().links.base_url,
        privacy=published.site.privacy_url or f"{house().links.base_url}/privacy",
        asks_name=published.compiled.settings.form.first_name,
    )
    # Two braces in somebody's words would be code to Hugo, Jekyll or Eleventy.
    code = code.replace("{{", "&#123;&#123;").replace("{%", "&#123;%")
    return "\n".join(line for line in code.splitlines() if line.strip())


def _frame(guide: Guide) -> str:
    return render_template("embed_frame.html", guide=guide, base=house().links.base_url).strip()


def _chosen() -> tuple[Published, Guide]:
    published = house().published_now()
    first = next(iter(published.compiled.guides), "")
    guide = published.guide(request.args.get("guide", first))
    if guide is None:
        abort(404)
    return published, guide


@lru_cache(maxsize=1)
def _script() -> tuple[bytes, str]:
    source = squeezed(_SCRIPT.read_text()).encode()
    return source, hashlib.sha256(source).hexdigest()[:16]


@bp.app_template_global("is_framed")
def _is_framed() -> bool:
    return blogs.is_framed()


@bp.app_template_global("within")
def _within(path: str) -> str:
    return blogs.within(path)


@bp.app_template_global("carried_fields")
def _carried_fields() -> list[tuple[str, str]]:
    return sources.carried(request, framed=blogs.is_framed())


@bp.app_template_global("frame_parents")
def _frame_parents() -> str:
    """Who may be told how high the framed page is, for its script."""
    return " ".join([blogs.own_origin(), *blogs.permitted()])
