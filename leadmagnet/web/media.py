"""Pictures of letters, at addresses that never change."""

import re

from flask import Blueprint, Response, abort, request

from leadmagnet.publishing import media as kept
from leadmagnet.web.house import house

bp = Blueprint("media", __name__)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_A_YEAR = "public, max-age=31536000, immutable"


@bp.get("/media/<digest>/<name>")
def picture(digest: str, name: str) -> Response:
    """A picture, the same for ever and for everybody: mail programs, their proxies and caches may all keep it."""
    if not (_DIGEST.fullmatch(digest) and _NAME.fullmatch(name)):
        abort(404)
    with house().database.read() as session:
        media_type = kept.media_type(session, digest, name)
        # What is not a picture, such as a guide, stays behind the links of those who asked for it.
        if media_type is None or not media_type.startswith("image/"):
            abort(404)
        # Who has it already need not wait until it is read.
        content = b"" if request.if_none_match.contains_weak(digest) else kept.content(session, digest, name)
    response = Response(content, mimetype=media_type)
    response.headers["Cache-Control"] = _A_YEAR
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # webmail shows it within pages of its own
    response.set_etag(digest)
    response.make_conditional(request)
    return response
