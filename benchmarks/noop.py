"""A Flask view that does nothing, in the server that leadmagnet runs in: what a sign-up is compared with.

`python -m benchmarks.noop PORT`; ends with its standard input.
"""

import sys

from flask import Flask

from leadmagnet.web.server import Server
from leadmagnet.worker import spare_the_collector


def main(port: int) -> None:
    """Serves until standard input ends."""
    app = Flask("noop")

    @app.post("/f/<slug>")
    def nothing(slug: str) -> str:  # noqa: ARG001 - a visitor's path is read in both
        return "ok"

    server = Server(app, "127.0.0.1", port)
    spare_the_collector()
    server.start()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
