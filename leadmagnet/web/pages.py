"""Pages that are the same for everybody: the start page, privacy."""

from flask import Blueprint, abort, render_template

from leadmagnet.content.published import Published
from leadmagnet.web.house import house
from leadmagnet.web.signup import Form

bp = Blueprint("pages", __name__)


@bp.get("/")
def index() -> str:
    """A short retelling of the blog post, with the box in the middle."""
    return start_page(_published())


def start_page(published: Published, notice: str | None = None) -> str:
    """The start page with the box of the site's first guide; `notice` stands above the field."""
    guide = next(iter(published.compiled.guides.values()), None)
    if guide is None:
        abort(404)
    form = Form(published.compiled.settings.form.first_name)
    return render_template("index.html", guide=guide, form=form, notice=notice, site=published.site)


@bp.get("/privacy")
def privacy() -> str:
    """What this software keeps, and what it does not."""
    published = _published()
    return render_template("privacy.html", site=published.site, clicks=published.compiled.settings.tracking.clicks)


def _published() -> Published:
    with house().database.read() as session:
        return house().published(session)
