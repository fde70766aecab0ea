"""`init`, `check`, `publish` and `send-test` as a newcomer uses them."""

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from leadmagnet.mail.mailbox import Mailbox
from leadmagnet.store.database import Database
from leadmagnet.store.models import Media, Release
from tests.cli.conftest import Edit
from tests.cli.shell import Shell
from tests.conftest import ROOT
from tests.mail.servers import ScriptedServer

LETTER = "email_templates/hip-openers/20-tight-hips.md"


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def subjects(site: Shell) -> list[str]:
    return [one.subject for one in Mailbox(site.folder / "var" / "mailbox").messages(100)]


def live(site: Shell) -> int | None:
    """The number of the version that is live."""
    database = Database(f"sqlite:///{site.folder}/var/leadmagnet.db")
    with database.read() as session:
        found: int | None = session.scalar(select(func.max(Release.id)))
    database.close()
    return found


class TestInit:
    """A site of one's own."""

    def test_a_new_folder_holds_the_whole_example_and_passes_its_check(self, shell: Shell) -> None:
        done = shell("init", "deep/my-site")
        assert done.code == 0
        assert "leadmagnet run --site deep/my-site" in done.out
        made = files_of(shell.folder / "deep/my-site")
        assert made.pop(".gitignore").endswith(b"var/\n")
        parts = ("email_templates", "guides")
        expected = {name: text for part in parts for name, text in files_of(ROOT / part).items()}
        assert {name.split("/", 1)[-1]: text for name, text in made.items() if "/" in name} == expected
        assert made["leadmagnet.toml"] == (ROOT / "leadmagnet.toml").read_bytes()
        assert shell("check", "--site", "deep/my-site").code == 0

    def test_an_existing_folder_keeps_what_is_in_it(self, shell: Shell) -> None:
        (shell.folder / "README.md").write_text("mine")
        assert shell("init", ".").code == 0
        assert (shell.folder / "README.md").read_text() == "mine"
        assert (shell.folder / "leadmagnet.toml").exists()

    @pytest.mark.parametrize("name", ["leadmagnet.toml", "email_templates", "guides", ".gitignore"])
    def test_a_folder_with_a_part_of_a_site_is_left_alone(self, shell: Shell, name: str) -> None:
        (shell.folder / name).write_text("mine")
        done = shell("init", ".")
        assert done.code == 1
        assert f"already has {name}. Nothing was changed" in done.err
        assert files_of(shell.folder) == {name: b"mine"}

    def test_a_file_in_the_way_is_said(self, shell: Shell) -> None:
        (shell.folder / "file").write_text("mine")
        done = shell("init", "file/site")
        assert done.code == 1
        assert "Cannot write to" in done.err


class TestCheck:
    """What is wrong, and where."""

    def test_a_fresh_site_is_fine_and_stays_as_it_is(self, site: Shell) -> None:
        before = files_of(site.folder)
        done = site("check")
        assert (done.code, done.out, done.err) == (0, "Fine. 9 letters and 1 guide can be published.\n", "")
        assert files_of(site.folder) == before
        assert json.loads(site("check", "--json").out) == {"ok": True, "findings": []}

    def test_a_mistake_is_named_by_file_and_line(self, site: Shell, edit: Edit) -> None:
        edit(LETTER, "Probably not.", "Probably not, {{ frist_name }}.")
        before, _, _ = (site.folder / LETTER).read_text().partition("frist_name")
        line = before.count("\n") + 1
        done = site("check")
        assert done.code == 1
        assert f"{LETTER}:{line} error E101\n" in done.out
        assert "Did you mean 'first_name'?" in done.out
        assert done.out.endswith("1 error: this cannot be published.\n")
        answer = json.loads(site("check", "--json").out)
        assert answer["ok"] is False
        (found,) = answer["findings"]
        assert (found["path"], found["line"], found["code"], found["level"]) == (LETTER, line, "E101", "error")
        assert found["message"] and found["fix"]

    def test_a_warning_counts_as_an_error_only_when_asked(self, site: Shell, edit: Edit) -> None:
        edit(LETTER, "day       = 2", "day       = 6")
        assert site("check").code == 0
        done = site("check", "--strict")
        assert done.code == 1
        assert "warning E103" in done.out

    def test_a_folder_without_a_site_is_said(self, shell: Shell) -> None:
        done = shell("check")
        assert done.code == 1
        assert "the site has no leadmagnet.toml." in done.out

    def test_a_broken_toml_is_said_with_its_line(self, site: Shell, edit: Edit) -> None:
        edit("leadmagnet.toml", 'name           = "Run Bend Barre"', 'name           = "Run Bend Barre')
        for command in ("check", "status"):
            done = site(command)
            assert done.code == 1
            assert "leadmagnet.toml" in done.out + done.err and "line" in done.out + done.err


class TestPublish:
    """What is live changes only when it passes."""

    def test_the_same_content_is_published_once(self, site: Shell) -> None:
        first = site("publish", "--note", "the beginning")
        assert first.code == 0
        assert first.out.startswith("Version 1 is live: ") and first.out.endswith(", “the beginning”.\n")
        assert site("publish").out == "Nothing has changed: this is live already.\n"
        answer = json.loads(site("publish", "--json").out)
        assert answer["release"] is None and len(answer["digest"]) == 64

    def test_what_does_not_pass_leaves_live_what_was_live(self, published: Shell, edit: Edit) -> None:
        edit(LETTER, "Probably not.", "{% if %}")
        done = published("publish")
        assert done.code == 1
        assert LETTER in done.out
        assert "Not published. What was live before stays live." in done.err
        assert live(published) == 1
        edit(LETTER, "{% if %}", "Certainly not.")
        assert json.loads(published("publish", "--json").out)["release"] == 2

    def test_an_example_is_not_published_for_real_readers(self, site: Shell) -> None:
        done = site("publish", smtp_url="smtp://smtp.example.net")
        assert done.code == 1
        assert "this site is not ready for real readers" in done.err
        assert live(site) is None


class TestSendTest:
    """One letter to oneself."""

    @pytest.mark.parametrize("name", ["tight-hips", "hip-openers/20-tight-hips.md"])
    def test_a_letter_is_named_by_its_file_or_its_slug(self, site: Shell, name: str) -> None:
        done = site("send-test", name, "--to", "me@example.com")
        assert done.code == 0, done.err
        assert done.out.startswith("20-tight-hips for a reader without a name: sent\n")
        assert subjects(site) == ["[test] Tight isn't always short"]

    def test_it_is_what_stands_in_the_file_now_and_nothing_is_published(self, site: Shell, edit: Edit) -> None:
        edit(LETTER, "Tight isn't always short", "Tight is not short")
        assert site("send-test", "tight-hips", "--to", "me@example.com").code == 0
        assert subjects(site) == ["[test] Tight is not short"]
        assert live(site) is None

    def test_its_pictures_are_there_before_it_is_published(self, site: Shell, edit: Edit) -> None:
        edit(LETTER, "Probably not.", 'Probably not.\n\n{{ pose("cow-face") }}')
        assert site("send-test", "tight-hips", "--to", "me@example.com").code == 0
        database = Database(f"sqlite:///{site.folder}/var/leadmagnet.db")
        with database.read() as session:
            assert "cow-face.png" in session.scalars(select(Media.name)).all()
        database.close()

    def test_a_letter_of_the_system_goes_too(self, site: Shell) -> None:
        assert site("send-test", "system/confirm", "--to", "me@example.com").code == 0
        assert subjects(site) == ["[test] Please confirm: your hip openers guide"]

    def test_a_typo_is_told_the_nearest_name(self, site: Shell) -> None:
        done = site("send-test", "tigth-hips", "--to", "me@example.com")
        assert done.code == 1
        assert "There is no letter 'tigth-hips'. Did you mean tight-hips?" in done.err

    def test_an_address_that_is_none_is_said(self, site: Shell) -> None:
        done = site("send-test", "tight-hips", "--to", "me@")
        assert done.code == 1
        assert "missing the part after @" in done.err

    def test_a_broken_letter_is_not_sent(self, site: Shell, edit: Edit) -> None:
        edit(LETTER, "Probably not.", "{{ nobody }}")
        done = site("send-test", "tight-hips", "--to", "me@example.com")
        assert done.code == 1
        assert "Not sent: mend the errors above first." in done.err

    def test_it_goes_through_the_mail_server_that_is_set(self, site: Shell) -> None:
        with ScriptedServer() as server:
            done = site("send-test", "tight-hips", "--to", "me@example.com", smtp_url=f"smtp://127.0.0.1:{server.port}")
        assert done.code == 0
        (mail,) = server.arrived
        assert mail.recipient == "me@example.com" and b"Subject: [test] " in mail.raw
        assert "test mailbox" not in done.out

    def test_a_mail_server_that_says_no_is_said(self, site: Shell) -> None:
        with ScriptedServer({"RCPT": "550 5.1.1 nobody here"}) as server:
            done = site("send-test", "tight-hips", "--to", "me@example.com", smtp_url=f"smtp://127.0.0.1:{server.port}")
        assert done.code == 1
        assert "tight-hips for a reader without a name: not sent" in done.out


def test_the_sites_folder_may_be_named_before_or_behind_the_command(site: Shell, tmp_path: Path) -> None:
    for arguments in (["--site", site.folder, "check"], ["check", "--site", "site"]):
        assert site(*arguments, cwd=tmp_path).code == 0
