"""What the preview's doors need, put on the app once."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from flask import Flask, current_app

from leadmagnet.clock import Clock
from leadmagnet.content.compiled import Build, Letter
from leadmagnet.links import Links
from leadmagnet.web.preview.desk import Desk
from leadmagnet.web.preview.permits import Permits
from leadmagnet.web.preview.pictures import Pictures
from leadmagnet.web.preview.streams import Streams

_NAME = "leadmagnet.preview"

#: Sends a letter of a build that passed to an address, for one sample reader. Raises LeadmagnetError.
Send = Callable[[Build, Letter, str, Mapping[str, str]], None]


@dataclass(frozen=True)
class Preview:
    """One preview of one folder."""

    desk: Desk
    links: Links  # as test mails have them
    clock: Clock
    permits: Permits
    send: Send
    goes_to: str  # where test mails go: "the test mailbox", "smtp.example.com:587"
    mailbox_url: str | None = None  # a page that shows the test mailbox; None: there is none at hand
    waiting: Callable[[Build], int] | None = None  # how many changes nobody gets yet; None: saving is publishing
    boot: str = field(default_factory=lambda: secrets.token_hex(6))
    pictures: Pictures = field(default_factory=Pictures)

    def __post_init__(self) -> None:
        object.__setattr__(self, "streams", Streams(self.desk))

    streams: Streams = field(init=False)


def move_in(app: Flask, preview: Preview) -> None:
    """Puts the preview on a Flask app."""
    app.extensions[_NAME] = preview


def preview() -> Preview:
    """The preview of the app that answers this request."""
    return cast(Preview, current_app.extensions[_NAME])
