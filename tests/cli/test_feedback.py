"""`feedback` as a mail server calls it: one report on standard input, one line, an exit code."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from leadmagnet.audience import addresses
from leadmagnet.cli import leadmagnet
from leadmagnet.settings import load
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery, Subscriber
from tests.cli.shell import Shell, environment
from tests.mail.returned import ADA, raw

AT = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
MESSAGE_ID = "019cb2a1c5e0aaaaaaaaaaaaaaaaaaaa@mail.example.com"


def hears(site: Shell, report: bytes, *options: str) -> Result:
    """In this very process, which is quicker than a new one."""
    return CliRunner().invoke(leadmagnet, ["--site", str(site.folder), "feedback", *options], input=report)


@pytest.fixture
def mailed(published: Shell) -> Shell:
    """A site that has sent one mail, number 1, to Ada."""
    address = addresses.parse(ADA)
    settings = load(published.folder)
    database = Database(settings.database)
    with database.write() as session:
        person = Subscriber(
            address=ADA, address_key=address.key(settings.address_secret()), domain_group=address.domain_group,
            status="active", created_at=AT, asked_at=AT, confirmed_at=AT,
        )  # fmt: skip
        session.add(person)
        session.flush()
        session.add(
            Delivery(
                kind="guide", subscriber_id=person.id, lane="transactional", state="sent", due_at=AT, ready_at=AT,
                sent_at=AT, message_id=MESSAGE_ID, domain_group=address.domain_group,
            )
        )  # fmt: skip
    database.close()
    return published


def test_a_bounce_is_said_in_one_line_without_an_address_and_shows_in_every_report(mailed: Shell) -> None:
    report = raw("gmail-no-such-user", message_id=MESSAGE_ID)
    done = hears(mailed, report)
    assert (done.exit_code, done.output) == (
        0,
        "bounce of mail 1: the mailbox does not exist; the address is blocked now\n",
    )
    again = hears(mailed, report, "--json")
    assert again.exit_code == 0
    assert json.loads(again.output) == {
        "kind": "bounce", "mail": 1, "class": "bad_address", "status": "5.1.1", "new": False, "blocked": None,
        "words": "bounce of mail 1: the mailbox does not exist; that was said before, nothing changed",
    }  # fmt: skip
    assert "the guide again came back: the mailbox does not exist" in mailed("why", ADA).out
    status = mailed("status").out
    assert "in the last seven days 1 address that does not exist on 0 mails" in status


def test_a_complaint_is_said_likewise(mailed: Shell) -> None:
    done = hears(mailed, raw("arf-yahoo", message_id=MESSAGE_ID))
    assert (done.exit_code, done.output) == (0, "complaint about mail 1: nothing is sent to this reader any more\n")
    assert "called the guide again spam" in mailed("why", ADA).out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auto-reply-outlook", "an auto-reply: nothing changed"),
        ("postfix-delayed", "a delay (the mail server keeps trying): nothing changed"),
        ("arf-abuse", "complaint about a mail that is not one of ours: nothing changed"),
        ("postfix-no-such-user", "bounce of a mail that is not one of ours: nothing changed"),
    ],
)
def test_what_changes_nothing_says_so_and_is_never_sent_back(mailed: Shell, name: str, words: str) -> None:
    """A mail server bounces what a program refuses: a stranger's report, to whomever it names."""
    done = hears(mailed, raw(name))
    assert (done.exit_code, done.output) == (0, f"{words}\n")


def test_a_report_about_nobodys_mail_says_so_to_programs(mailed: Shell) -> None:
    answer = json.loads(hears(mailed, raw("arf-abuse"), "--json").output)
    assert (answer["kind"], answer["mail"], answer["new"]) == ("complaint", None, False)


@pytest.mark.parametrize("room", ["leadmagnet.mail.bounces.read", "leadmagnet.delivery.feedback.take"])
def test_a_defect_keeps_the_mail_with_the_mail_server_and_tells_its_sender_nothing(
    mailed: Shell, monkeypatch: pytest.MonkeyPatch, room: str
) -> None:
    def defect(*_report: object, **_more: object) -> None:
        raise KeyError(ADA)

    monkeypatch.setattr(room, defect)
    done = hears(mailed, raw("postfix-no-such-user", message_id=MESSAGE_ID))
    assert done.exit_code == 75 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("the report could not be taken in, by a defect: KeyError at test_feedback.py:")


def test_an_endless_mail_is_read_to_its_end_and_kept_in_part(mailed: Shell) -> None:
    report = raw("postfix-mailbox-full", message_id=MESSAGE_ID) + b"x" * 11_000_000
    done = hears(mailed, report)
    assert (done.exit_code, done.output) == (
        0,
        "bounce of mail 1: the mailbox is full or disabled; nobody is blocked by it\n",
    )


def test_nothing_on_standard_input_is_a_mistake(site: Shell) -> None:
    done = site("feedback")
    assert done.code == 2 and "leadmagnet feedback < bounce.eml" in done.err


def test_while_the_database_is_away_the_mail_server_keeps_the_mail(site: Shell) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "leadmagnet", "feedback"], cwd=site.folder, env=environment(site.folder, {}),
        input=raw("arf-abuse"), capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (75, b"")
    assert b"is empty. `leadmagnet run` brings it up to date" in done.stderr
