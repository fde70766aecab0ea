"""`run`, `web` and `worker` as processes: the whole road, saved letters, orderly ends, clear refusals."""

import json
import re
import signal
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Edit
from tests.cli.shell import Process, Shell, eventually, free_port
from tests.mail.servers import ScriptedServer

KEYS = {"secret_keys": "a key for links", "suppression_key": "a key for addresses"}
ADA = "ada@example.com"
BOB = "bob@example.com"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Message
    page: str


def asked(url: str, **form: str) -> Answer:
    """The answer to a GET, or to a POST of the fields; a redirect is not followed."""
    body = urllib.parse.urlencode(form).encode() if form else None
    try:
        response = urllib.request.build_opener(_Stay).open(url, body, timeout=30)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return Answer(response.status, response.headers, response.read().decode())


def mails(site: Shell, address: str) -> list[EmailMessage]:
    raws = [path.read_bytes() for path in sorted((site.folder / "var/mailbox/new").glob("*"))]
    found = [message_from_bytes(raw, policy=policy.default) for raw in raws]
    return [mail for mail in found if mail["To"] == address]


def link_in(mail: EmailMessage, start: str) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(re.findall(rf"http://127\.0\.0\.1:\d+{start}[\w-]+", part.get_content())[0])


def status(site: Shell, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(site("status", "--json", **settings).out)
    return found


def started(process: Process) -> dict[str, Any]:
    """What the first line of its log says."""
    process.says(" started: ")
    line = next(line for line in process.output.splitlines() if line.startswith("{"))
    found: dict[str, Any] = json.loads(line)
    return found


def test_one_command_takes_a_visitor_all_the_way(site: Shell, edit: Edit) -> None:
    port = free_port()
    with site.start(port=port) as running:
        running.says("Your site is open.")
        base = f"http://127.0.0.1:{port}"
        assert base in running.output and f"{base}/mailbox" in running.output
        assert "FREE Hip Openers for Runners Guide" in asked(base).page
        sent = asked(f"{base}/f/hip-openers", email=ADA)
        assert (sent.status, sent.headers["Location"]) == (303, "/f/hip-openers/sent")
        (confirmation,) = eventually(lambda: mails(site, ADA), running)
        assert "Please confirm: Hip Openers for Runners" in asked(f"{base}/mailbox").page
        link = link_in(confirmation, "/c/")
        assert "Ready for your guide?" in asked(link).page
        opened = asked(link, yes="")
        assert opened.status == 303
        assert "Hip Openers for Runners" in asked(base + opened.headers["Location"]).page
        eventually(lambda: len(mails(site, ADA)) == 2, running)
        guide_mail = mails(site, ADA)[1]
        assert link_in(guide_mail, "/g/") == base + opened.headers["Location"]
        found = eventually(lambda: (now := status(site))["deliveries"]["sent"] == 2 and now, running)
        assert (found["release"], found["workers"], found["subscribers"]["active"]) == (1, 1, 1)
        assert found["deliveries"]["pending"] == 1
        ready = asked(f"{base}/readyz")
        assert (ready.status, json.loads(ready.page)["checks"]["worker"]) == (200, {"state": "ok"})
        assert "\nleadmagnet_workers 1.0\n" in asked(f"{base}/metrics").page
        left = asked(str(guide_mail["List-Unsubscribe"]).strip("<>"), **{"List-Unsubscribe": "One-Click"})
        assert (left.status, left.headers["Set-Cookie"]) == (200, None)

        edit("email_templates/system/confirm.md", "Please confirm: {{ guide.title }}", "New words: please confirm")
        eventually(lambda: status(site)["release"] == 2, running)
        asked(f"{base}/f/hip-openers", email=BOB)
        (confirmation,) = eventually(lambda: mails(site, BOB), running)
        assert confirmation["Subject"] == "New words: please confirm"

        edit("email_templates/system/confirm.md", "New words", "{{ nobody }}")
        running.says("Not published: the version before stays live.")
        assert "email_templates/system/confirm.md:2 error E101" in running.output
        assert status(site)["release"] == 2

        done = site("run", port=port)
        assert done.code == 1
        assert f"Cannot listen on 127.0.0.1:{port}: Address already in use. Is leadmagnet running already?" in done.err
        assert running.stops(signal.SIGINT) == 0
        assert running.output.endswith("Stopping: letters in flight are finished first ...\n")
        assert ADA not in running.output and BOB not in running.output
    assert status(site)["workers"] == 0


def test_with_a_mail_server_saving_a_letter_waits_for_publish(published: Shell, edit: Edit) -> None:
    port = free_port()
    with (
        ScriptedServer() as server,
        published.start("run", port=port, smtp_url=f"smtp://127.0.0.1:{server.port}") as running,
    ):
        running.says("Your site is open.")
        assert f"Mail leaves by   127.0.0.1:{server.port}" in running.output and "mailbox" not in running.output
        base = f"http://127.0.0.1:{port}"
        edit("email_templates/system/confirm.md", "Please confirm:", "Saved but not published:")
        running.says("1 change waiting: leadmagnet plan")
        asked(f"{base}/f/hip-openers", email=ADA)
        (arrived,) = eventually(lambda: list(server.arrived), running)
        assert arrived.recipient == ADA and b"Subject: Please confirm: Hip Openers for Runners" in arrived.raw
        assert asked(f"{base}/mailbox").status == 404
        said = published("publish", smtp_url=f"smtp://127.0.0.1:{server.port}").out
        assert "confirm reads differently" in said and "Version 2 is live: " in said
        asked(f"{base}/f/hip-openers", email=BOB)
        eventually(lambda: len(server.arrived) == 2, running)
        assert b"Subject: Saved but not published: Hip Openers for Runners" in server.arrived[1].raw
        assert running.stops(signal.SIGTERM) == 0
    assert not (published.folder / "var/mailbox").exists()


def test_web_and_worker_are_two_processes_on_either_database(site: Shell, database_url: str) -> None:
    port = free_port()
    with ScriptedServer() as server:
        settings: dict[str, Any] = {
            "database_url": database_url,
            "port": port,
            "smtp_url": f"smtp://127.0.0.1:{server.port}",
            **KEYS,
        }
        assert site("publish", **settings).code == 0
        with site.start("worker", **settings) as worker, site.start("web", **settings) as web:
            web.listens(port)
            worker.says("Sending through 127.0.0.1:")
            base = f"http://127.0.0.1:{port}"
            asked(f"{base}/f/hip-openers", email=ADA)
            (arrived,) = eventually(lambda: list(server.arrived), worker, web)
            confirmation = message_from_bytes(arrived.raw, policy=policy.default)
            opened = asked(link_in(confirmation, "/c/"), yes="")
            assert opened.status == 303
            eventually(lambda: len(server.arrived) == 2, worker, web)
            assert status(site, **settings)["workers"] == 1
            kind = "SQLite" if database_url.startswith("sqlite") else "PostgreSQL"
            assert (started(web)["worker"], started(web)["database"]) == (None, kind)
            assert (len(started(worker)["worker"]), started(worker)["relay"]) == (36, f"127.0.0.1:{server.port}")
            assert (worker.stops(signal.SIGTERM), web.stops(signal.SIGINT)) == (0, 0)
        assert status(site, **settings)["workers"] == 0
    assert not (site.folder / "var" / "secret_keys").exists()


@pytest.mark.parametrize("command", ["web", "worker"])
@pytest.mark.parametrize("state", ["is empty", "stands at migration 0000"])
def test_a_database_that_is_not_up_to_date_is_never_changed(site: Shell, command: str, state: str) -> None:
    path = site.folder / "var" / "leadmagnet.db"
    path.parent.mkdir()
    if "0000" in state:
        with sqlite3.connect(path) as old:
            old.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            old.execute("INSERT INTO alembic_version VALUES ('0000')")
        old.close()
    before = _schema(path)
    done = site(command)
    assert (done.code, done.out) == (1, "")
    assert f"leadmagnet.db {state}" in done.err and "`leadmagnet run` brings it up to date" in done.err
    assert _schema(path) == before


def _schema(path: Path) -> list[object]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    connection.close()
    return found


def test_real_mail_from_the_example_site_is_refused_before_anything_connects(published: Shell) -> None:
    done = published("worker", smtp_url="smtp://me:gehe%2Fim@smtp.example.net", port=free_port())
    assert (done.code, done.out) == (1, "")
    assert "Mail goes to smtp.example.net:587, but this site is not ready for real readers" in done.err
    assert "base_url is http://127.0.0.1:" in done.err
    assert "gehe" not in done.err
    lines = (published.folder / "leadmagnet.toml").read_text().splitlines()
    for key in ("from", "postal_address"):
        (number,) = [number for number, line in enumerate(lines, 1) if line.startswith(key)]
        assert f"leadmagnet.toml:{number}: {key} is the example's" in done.err
    done = published("worker", smtp_url="smtp://me:gehe/im@smtp.example.net")
    assert done.code == 1
    assert "mail server's URL" in done.err and "gehe" not in done.err


def test_a_site_that_cannot_be_published_does_not_start(site: Shell, edit: Edit) -> None:
    edit("email_templates/system/confirm.md", "Please confirm", "{{ nobody }}")
    done = site("run", port=free_port())
    assert done.code == 1
    assert "email_templates/system/confirm.md:2 error E101" in done.out
    assert "Nothing is published yet, and this cannot be: mend the errors above." in done.err
