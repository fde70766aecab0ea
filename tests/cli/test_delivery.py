"""`status` before and after everything begins."""

import json
import re

from tests.cli.shell import Shell

STATES = {
    "pending", "claimed", "handing_off", "sent", "failed", "cancelled", "expired", "skipped", "held", "uncertain",
}  # fmt: skip


def test_status_before_the_first_start_says_what_to_do(site: Shell) -> None:
    done = site("status")
    assert (done.code, done.out) == (1, "")
    assert "is empty. `leadmagnet run` brings it up to date" in done.err


def test_status_shows_every_letter_and_what_waits(site: Shell) -> None:
    site("publish")
    done = site("status")
    assert done.code == 0
    assert done.out.startswith("0 people confirmed, 0 not yet, 0 left\nversion 1 is live, no worker is running")
    rows = re.findall(r"^  (\d\d)-([\w-]+) +day (\d+)", done.out, flags=re.MULTILINE)
    assert [row[0] for row in rows] == ["10", "20", "30", "40", "50", "60", "70", "80", "90"]
    assert [row[2] for row in rows] == ["0", "2", "5", "9", "12", "16", "20", "24", "28"]
    answer = json.loads(site("status", "--json").out)
    assert answer == {
        "deliveries": dict.fromkeys(STATES, 0),
        "due_now": 0,
        "oldest_due_seconds": 0,
        "release": 1,
        "workers": 0,
        "subscribers": {"pending": 0, "active": 0, "unsubscribed": 0},
        "warnings": [],
    }
