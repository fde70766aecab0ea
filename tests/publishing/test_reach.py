"""Links are asked whether they still answer, by a real server."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from leadmagnet.content.findings import Notes
from leadmagnet.publishing import drafts, reach
from tests.cli.shell import free_port
from tests.content.checks.conftest import CleanSite, clean  # noqa: F401 - a fixture


class Answers(BaseHTTPRequestHandler):
    """`/404` answers 404; `/no-head` refuses HEAD, as some servers do; `/302` leads to /200."""

    def do_GET(self) -> None:
        word = self.path.partition("?")[0].strip("/")
        status = 200 if word == "no-head" else int(word)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        if self.path == "/no-head":
            self.send_error(405)
        else:
            self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_each_answer_has_its_level_and_its_line(clean: CleanSite, server: str) -> None:  # noqa: F811
    dead = f"http://127.0.0.1:{free_port()}/"
    words = {"/200": "one", "/no-head": "two", "/302": "three", "/404": "four", "/403": "five"}
    body = "\n".join(f"[{word}]({server}{path})" for path, word in words.items())
    clean.body(f"{body}\n[six]({dead})\n[Start]({{{{ links.flow }}}})")
    clean.replace("leadmagnet.toml", '"#flow"', f'"{server}/500#flow"')
    build = drafts.check(clean.path)
    assert build.compiled is not None
    notes = Notes()
    assert reach.judge(build.compiled, drafts.texts_of(build.files), notes) == 7
    found = [(one.line, one.level, one.message.partition("/")[2].partition("/")[2]) for one in notes.findings()]
    name = server.removeprefix("http://")
    assert [(line, level) for line, level, _ in found] == [
        (8, "warning"), (9, "error"), (10, "warning"), (11, "error"), (12, "error"),
    ]  # fmt: skip
    assert found[0][2] == f"{name}/302 has moved (302) to /200."
    assert found[1][2] == f"{name}/404 answers with 404."
    assert "does not answer: " in found[3][2] and "refused" in found[3][2]
    assert found[4][2] == f"{name}/500 answers with 500."


def test_at_most_a_hundred_are_asked(clean: CleanSite, server: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(reach, "MOST", 2)
    clean.body(f"[a]({server}/200?1) [b]({server}/200?2) [c]({server}/404)")
    build = drafts.check(clean.path)
    assert build.compiled is not None
    notes = Notes()
    assert reach.judge(build.compiled, drafts.texts_of(build.files), notes) == 2
    (left_out,) = notes.findings()
    assert left_out.level == "info"
