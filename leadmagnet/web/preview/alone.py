"""The preview as a site of its own: no database, no mail server, no other page."""

from flask import Flask, redirect
from werkzeug.wrappers import Response

from leadmagnet.web.preview import doors
from leadmagnet.web.preview.house import Preview, move_in


def create_app(preview: Preview) -> Flask:
    """The application, for any WSGI server."""
    app = Flask("leadmagnet.web")
    app.config.update(MAX_CONTENT_LENGTH=64 * 1024, MAX_FORM_PARTS=50)
    move_in(app, preview)
    app.register_blueprint(doors.bp)
    app.add_url_rule("/", view_func=_first)
    return app


def _first() -> Response:
    return redirect("/preview", 303)
