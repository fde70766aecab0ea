"""`status` before and after everything begins."""

import json
import re
import sqlite3

from tests.cli.shell import Shell

STATES = {
    "pending", "claimed", "handing_off", "sent", "failed", "cancelled", "expired", "skipped", "held", "uncertain",
}  # fmt: skip


def test_status_before_the_first_start_says_what_to_do(site: Shell) -> None:
    done = site("status")
    assert (done.code, done.out) == (1, "")
    assert "Nothing has been published yet" in done.err


def test_status_shows_every_letter_and_what_waits(published: Shell) -> None:
    done = published("status")
    assert done.code == 0
    assert done.out.startswith("0 people confirmed, 0 not yet, 0 left\nversion 1 is live, no worker is running")
    assert max(map(len, done.out.splitlines())) <= 80
    rows = re.findall(r"^ +(?:└─► )?(\d\d)-([\w-]+) +day (\d+)", done.out, flags=re.MULTILINE)
    assert [row[0] for row in rows] == ["10", "20", "30", "40", "50", "60", "70", "80", "90"]
    assert [row[2] for row in rows] == ["0", "2", "5", "9", "12", "16", "20", "24", "28"]
    answer = json.loads(published("status", "--json").out)
    (sequence,) = answer.pop("sequences")
    assert [one["letter"] for one in sequence["letters"]] == [row[1] for row in rows]
    assert answer == {
        "deliveries": dict.fromkeys(STATES, 0),
        "due_now": 0,
        "oldest_due_seconds": 0,
        "release": 1,
        "paused": [],
        "workers": 0,
        "subscribers": {"pending": 0, "active": 0, "unsubscribed": 0},
        "quota": None,
        "breaker": None,
        "week": {"mails": 0, "bounces": 0, "complaints": 0},
        "warnings": [],
        "attention": [],
        "funnel": [],
        "unpublished": [],
    }


def test_status_says_why_no_mail_goes_out(published: Shell) -> None:
    with sqlite3.connect(published.folder / "var" / "leadmagnet.db") as database:
        row = (
            "mail.example:587",
            "The password is wrong.",
            30,
            "2026-03-04 02:12:00.000000",
            "2026-03-04 02:12:30.000000",
        )
        database.execute("INSERT INTO breaker VALUES (?, ?, ?, ?, ?)", row)
    database.close()
    expected = "no mail goes out through mail.example:587 since Tue 3 Mar 2026, 21:12 EST: The password is wrong. Next try: Tue 3 Mar 2026, 21:12 EST"
    assert expected in published("status").out.splitlines()


def test_status_says_what_may_still_go_today(published: Shell) -> None:
    shown = published("status", daily_cap=2000, warm_up="on").out
    assert "\n0 of 2,000 mails today, 50 left for letters; warm-up day 1\n" in shown
    assert "\n0 of 20 mails today, 16 left for letters\n" in published("status", daily_cap=20).out
