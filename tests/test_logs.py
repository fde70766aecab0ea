"""Log lines: one object for programs, one line for people, an address for nobody."""

import io
import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from leadmagnet import logs
from leadmagnet.logs import MASK, masked

pytestmark = pytest.mark.usefixtures("_logs_as_before")

ADA = "ada@example.com"
log = logging.getLogger("leadmagnet.somewhere")


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("to ada@example.com now", f"to {MASK} now"),
        ("550 <ada@example.com>: no", f"550 <{MASK}>: no"),
        ("'ada+tag@mail.example.co.uk',", f"{MASK}',"),
        ('"ada lovelace"@example.com', MASK),
        ("josé@bücher.example", MASK),
        ("ada@[192.0.2.1]", MASK),
        ("ada@localhost", MASK),
        ("GET /?email=ada%40example.com HTTP", f"GET {MASK} HTTP"),
        ("GET /?email=ADA%40EXAMPLE.COM", f"GET {MASK}"),
        ('{"email": "ada@example.com"}', f'{{"email": "{MASK}"}}'),
        ("bob@a.example,ada@b.example", f"{MASK},{MASK}"),
        ("postgresql://name:geheim@db/lm", f"postgresql://name:{MASK}/lm"),
        ("    @site_option", "    @site_option"),
        ("nothing here", "nothing here"),
        ("DETAIL:  Failing row contains (1, Ada, 192.0.2.1).", "DETAIL:  Failing row contains (…)."),
        ("DETAIL:  Key (address_key)=(abc) already exists.", "DETAIL:  Key (address_key)=(…) already exists."),
    ],
)
def test_what_looks_like_an_address_is_left_out(text: str, left: str) -> None:
    assert masked(text) == left


def test_a_long_line_without_end_is_masked_in_no_time() -> None:
    masked("x" * 100_000 + "@")  # quadratic, this would take minutes


def test_a_line_for_programs_says_when_who_and_what_about(capsys: pytest.CaptureFixture[str]) -> None:
    written = io.StringIO()
    logs.set_up("json", to=written)
    log.warning("delivery %s: %s", 7, ADA, extra={"delivery": 7, "reader": ADA, "level": "mine", "path": Path("/x")})
    (line,) = lines_of(written)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "leadmagnet.somewhere",
        "message": f"delivery 7: {MASK}",
        "delivery": 7,
        "reader": MASK,
        "path": "/x",
    }
    assert capsys.readouterr() == ("", "")


def test_a_traceback_is_one_field_and_tells_no_values() -> None:
    written = io.StringIO()
    logs.set_up("json", to=written)
    try:
        reader = ADA
        raise ValueError(f"no such reader: {reader}")
    except ValueError:
        log.exception("that went wrong")
    (line,) = lines_of(written)
    assert line["message"] == "that went wrong"
    assert line["exception"].startswith("Traceback") and f"no such reader: {MASK}" in line["exception"]
    assert "test_logs.py" in line["exception"] and ADA not in written.getvalue()


def test_the_words_of_other_libraries_are_masked_too(log_output: io.StringIO) -> None:
    for name in ("sqlalchemy.pool", "waitress", "apscheduler.scheduler", "anything"):
        logging.getLogger(name).warning("trouble with %s", ADA)
        logging.getLogger(name).info("chatter")
    assert log_output.getvalue().count(f"trouble with {MASK}") == 4
    assert "ada" not in log_output.getvalue() and "chatter" not in log_output.getvalue()


def test_people_at_a_terminal_get_text_and_others_json() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, chosen, is_json in (
        (Terminal(), None, False),
        (io.StringIO(), None, True),
        (Terminal(), "json", True),
        (io.StringIO(), "text", False),
    ):
        logs.set_up(chosen, to=stream)  # type: ignore[arg-type]
        log.warning("hello")
        (line,) = stream.getvalue().splitlines()
        assert line.startswith("{") is is_json, chosen
        assert line.endswith("WARNING leadmagnet.somewhere: hello") is not is_json


def test_a_line_for_every_mail_is_written_only_when_asked_for() -> None:
    for level, expected in (("debug", ["sent", "claimed"]), ("info", ["claimed"]), ("warning", [])):
        written = io.StringIO()
        logs.set_up("json", level, to=written)  # type: ignore[arg-type]
        log.debug("sent")
        log.info("claimed")
        assert [line["message"] for line in lines_of(written)] == expected


def test_an_error_that_nobody_caught_becomes_a_line_without_an_address(log_output: io.StringIO) -> None:
    def fails() -> None:
        raise RuntimeError(ADA)

    thread = threading.Thread(target=fails, name="sender-3")
    # pytest has a hook of its own by now.
    hooked, threading.excepthook = threading.excepthook, logs._uncaught_in_thread
    thread.start()
    thread.join()
    threading.excepthook = hooked
    assert "the thread sender-3 ends by a defect" in log_output.getvalue()
    assert f"RuntimeError: {MASK}" in log_output.getvalue() and ADA not in log_output.getvalue()
