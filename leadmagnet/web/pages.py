"""Pages that are the same for everybody: the start page, privacy."""

from flask import Blueprint, abort, render_template

from leadmagnet.content.guides import Guide
from leadmagnet.content.published import Published
from leadmagnet.web.house import house
from leadmagnet.web.signup import Form

bp = Blueprint("pages", __name__)


@bp.get("/")
def index() -> str:
    """A short retelling of the blog post, with the box in the middle, and the way to the forms of other guides."""
    published = house().published_now()
    box = _box(published)
    others = [guide for guide in published.compiled.guides.values() if guide is not box["guide"]]
    return render_template("index.html", **box, others=others)


def form_again(published: Published, guide: Guide | None, notice: str) -> str:
    """The form of a guide, with the reason why it is shown: nobody should have to look for that.

    Where nothing tells which guide it was, it is the one of the start page, with the way to the others.
    """
    box = _box(published, guide)
    others = [other for other in published.compiled.guides.values() if guide is None and other is not box["guide"]]
    return render_template("form.html", **box, notice=notice, others=others)


def _box(published: Published, guide: Guide | None = None) -> dict[str, object]:
    guide = guide or next(iter(published.compiled.guides.values()), None)
    if guide is None:
        abort(404)
    return {"guide": guide, "form": Form(published.compiled.settings.form.first_name), "site": published.site}


@bp.get("/privacy")
def privacy() -> str:
    """What this software keeps, and what it does not."""
    published = house().published_now()
    return render_template("privacy.html", site=published.site, clicks=published.compiled.settings.tracking.clicks)
