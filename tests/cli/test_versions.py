"""`publish`, `rollback`, `versions`, `diff` and `show`, as the operator uses them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from leadmagnet.cli import main, publishing
from leadmagnet.cli.watching import publish_first
from leadmagnet.content import press
from leadmagnet.content.compiled import Build
from leadmagnet.publishing import drafts
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from leadmagnet.store.models import Delivery
from tests.cli.conftest import Edit
from tests.cli.shell import Shell
from tests.cli.test_content import files_of
from tests.delivery.crowd import THURSDAY_MORNING
from tests.world import World

ADA = "ada@example.com"
LETTER = "email_templates/hip-openers/20-tight-hips.md"
PHOTO = "guides/hip-openers/figures/photo.png"

#: Runs a command in this process: what it printed, and how it ended.
Run = Callable[..., tuple[str, int]]


@pytest.fixture
def world(site: Shell, sqlite_template: Path, example: Build, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The site, published, with its database where the commands look for it."""
    monkeypatch.setenv("LEADMAGNET_SECRET_KEYS", "first key")
    var = site.folder / "var"
    var.mkdir()
    shutil.copy(sqlite_template, var / "leadmagnet.db")
    database = Database(f"sqlite:///{var}/leadmagnet.db")
    with World(database, example, var) as made:
        yield made
    database.close()


@pytest.fixture
def run(site: Shell, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> tuple[str, int]:
        code: object = 0
        capsys.readouterr()
        try:
            main(["--site", str(site.folder), *arguments])
        except SystemExit as ended:
            code = ended.code or 0
        out, err = capsys.readouterr()
        return out + err, int(str(code))

    return command


@pytest.fixture(scope="module")
def surely(example: Build) -> Build:
    """The site with one word changed."""
    files = {**example.files, LETTER: example.files[LETTER].replace(b"Probably not.", b"Surely not.")}
    return drafts.check_kept(files, example.settings)


@pytest.fixture
def saved(world: World, edit: Edit, surely: Build) -> None:
    """That change, in the folder and published as version 2."""
    edit(LETTER, "Probably not.", "Surely not.")
    world.publish(surely)


def mails(world: World) -> list[Delivery]:
    """Ada's confirmation, guide and first letter, sent."""
    world.joins(ADA)
    world.now = THURSDAY_MORNING
    world.deliver()
    return world.deliveries(state="sent")


@pytest.mark.parametrize("command", ["versions", "diff", "show tight-hips", "show 3", "rollback"])
def test_before_the_first_publish_every_command_says_so(site: Shell, run: Run, command: str) -> None:
    said, code = run(*command.split())
    assert code == 1
    assert said == "Nothing has been published yet: run `leadmagnet publish` (or `leadmagnet run`) first.\n"


def test_a_version_bears_its_number_digest_author_and_note(site: Shell, run: Run, world: World, edit: Edit) -> None:
    subprocess.run(["git", "init", "-q", site.folder], check=True)
    subprocess.run(["git", "-C", site.folder, "config", "user.name", "Maya of the Hips"], check=True)
    edit(LETTER, "Probably not.", "Surely not.")
    digest = drafts.check(site.folder).digest
    said, code = run("publish", "--note", "surely")
    assert code == 0
    assert said.startswith("Compared with version 1, which is live until now:\n  ~ 20-tight-hips has new words")
    assert said.endswith(f"\nVersion 2 is live: {digest[:8]}, by Maya of the Hips, “surely”.\n")
    assert run("publish") == ("Nothing has changed: this is live already.\n", 0)
    mails(world)
    said, code = run("versions")
    newest, _, first = " ".join(said.split()).partition(" ← live ")
    assert code == 0
    assert newest.startswith("2 ") and f"{digest[:8]}, by Maya of the Hips, “surely”" in newest
    assert first.startswith("1 Tue 3 Mar 2026, 21:12 EST") and "3 mails" in first and "by maya" in first
    listed = json.loads(run("versions", "--json")[0])
    assert [(one["version"], one["sent"], one["live"]) for one in listed] == [(2, 0, True), (1, 3, False)]
    assert (listed[0]["author"], listed[0]["note"], listed[0]["digest"]) == ("Maya of the Hips", "surely", digest)


def test_a_rename_without_was_is_not_published(site: Shell, run: Run, world: World) -> None:
    mails(world)
    (site.folder / LETTER).rename(site.folder / LETTER.replace("tight", "stiff"))
    said, code = run("publish")
    assert code == 1
    assert 'was = ["tight-hips"]' in said and "Not published" in said
    assert "E103" in said


def test_rolling_back_leaves_the_folder_alone_and_says_so(site: Shell, run: Run, world: World, saved: None) -> None:
    before = {name: content for name, content in files_of(site.folder).items() if not name.startswith("var/")}
    said, code = run("rollback", "--note", "too sure")
    assert code == 0
    assert "Version 3 is live: " in said and "“back to version 1: too sure”" in said
    assert "Your folder still holds version 2: `leadmagnet diff` shows what differs" in said
    assert "until you save a change" in said
    after = {name: content for name, content in files_of(site.folder).items() if not name.startswith("var/")}
    assert after == before
    assert "Surely not" in run("diff")[0]
    assert run("rollback", "1")[0].startswith("Nothing has changed: version 1 is live already. Version 3 has the same")
    said, code = run("rollback")
    assert code == 1 and "is a rollback itself" in said
    assert json.loads(run("rollback", "2", "--json")[0].splitlines()[0])["release"] == 4
    assert run("rollback", "99") == ("There is no version 99: the newest is 4, `leadmagnet versions` lists them.\n", 1)
    assert run("rollback", "tight-hips")[1] == 2


def test_a_restart_in_test_does_not_publish_over_a_rollback_but_a_saved_change_does(
    site: Shell, run: Run, world: World, saved: None, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    run("rollback")
    for _again in range(2):
        capsys.readouterr()
        publish_first(site.folder, Settings(), world.database)
        assert "You rolled back, and your folder is as it was then" in capsys.readouterr().out
        assert "3  " in run("versions")[0].splitlines()[0]
    edit(LETTER, "Surely not.", "Certainly not.")
    publish_first(site.folder, Settings(), world.database)
    assert run("versions")[0].startswith("4  ")


def test_a_rollback_is_not_lost_on_a_folder_that_was_never_published(
    site: Shell, run: Run, world: World, saved: None, edit: Edit
) -> None:
    edit(LETTER, "Surely not.", "{{ broken }}")
    said, _code = run("rollback")
    assert "Your folder still holds something else" in said
    publish_first(site.folder, Settings(), world.database)
    edit(LETTER, "{{ broken }}", "Mended.")
    publish_first(site.folder, Settings(), world.database)
    assert run("versions")[0].startswith("4  ")


def test_what_differs_is_shown_by_line_and_by_word(
    site: Shell, run: Run, world: World, saved: None, edit: Edit
) -> None:
    said, code = run("diff", "1", "2")
    assert code == 0
    assert f"{LETTER}: changed" in said
    assert "\n  -Probably not." in said and "\n  +Surely not." in said
    assert "    Probably → Surely\n" in said
    assert run("diff")[0] == "Nothing differs between version 2 (live) and your folder.\n"
    edit("leadmagnet.toml", 'name           = "Run Bend Barre"', 'name           = "Bend"')
    (site.folder / PHOTO).write_bytes(b"\x89PNG, or so")
    (site.folder / LETTER).unlink()
    said, _code = run("diff")
    assert '  -name = "Run Bend Barre"\n  +name = "Bend"\n' in said
    assert f"{PHOTO}: new, no text" in said
    assert f"{LETTER}: gone" in said
    changes = json.loads(run("diff", "1", "--json")[0])["changes"]
    assert {one["path"]: one["change"] for one in changes}[PHOTO] == "added"
    edit("leadmagnet.toml", 'name           = "Bend"', "name = 7")
    assert "leadmagnet.toml does not read and is left out" in run("diff")[0]
    assert "There is no version 9" in run("diff", "9")[0]


def test_a_letter_is_shown_as_a_version_has_it(run: Run, world: World, saved: None) -> None:
    said, code = run("show", "tight-hips")
    assert code == 0
    assert f"{LETTER} in version 2, which is live, for a reader without a name\n" in said
    assert "Subject: Tight isn't always short" in said and "Surely not." in said
    assert "/u/…" in said and "/l/…" not in said
    said, _code = run("show", "20-tight-hips.md", "--version", "1")
    assert "Probably not." in said and "which is live" not in said
    assert "<html" in run("show", "system/confirm", "--html")[0]
    assert json.loads(run("show", "tight-hips", "--json")[0])["version"] == 2
    assert run("show", "tight-hip")[0] == "In version 2 there is no letter 'tight-hip'. Did you mean tight-hips?\n"
    assert "There is no version 9" in run("show", "tight-hips", "--version", "9")[0]
    assert "Subject: Tight" in run("show", "tight-hips", "--eml")[0]


def test_a_mail_is_shown_without_what_acts_for_her(run: Run, world: World) -> None:
    *_, letter = mails(world)
    said, code = run("show", str(letter.id))
    assert code == 0
    assert said.startswith(f"Mail {letter.id}: {LETTER} of version 1, sent Thu 5 Mar 2026, 07:30 EST\nTo: {ADA}\n")
    assert "Probably not." in said
    told = json.loads(run("show", str(letter.id), "--json")[0])
    assert (told["exact"], told["differs"], told["to"], told["version"]) == (True, [], ADA, 1)
    for secret in (world.links.leave(letter.subscriber_id), str(world.links.clicks(letter.id))):
        for shown in (said, run("show", str(letter.id), "--html")[0], json.dumps(told)):
            assert secret not in shown
    assert "There is no mail 99." in run("show", "99")[0]


def test_the_bytes_of_a_mail_go_into_a_file(
    world: World, site: Shell, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    sent = mails(world)
    arrived = sorted(path.read_bytes() for path in world.mailbox.path.glob("new/*"))
    shown = []
    for mail in sent:
        capfdbinary.readouterr()
        main(["--site", str(site.folder), "show", str(mail.id), "--eml"])
        shown.append(capfdbinary.readouterr().out)
    assert sorted(shown) == arrived


def test_bytes_are_not_thrown_at_a_terminal(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    said, code = run("show", "3", "--eml")
    assert code == 1
    assert "leadmagnet show 3 --eml > 3.eml" in said


def test_what_she_got_is_compared_with_what_the_letter_would_say_today(run: Run, world: World, edit: Edit) -> None:
    *_, letter = mails(world)
    assert run("show", str(letter.id), "--diff")[0] == (
        f"Mail {letter.id} is what version 1, which is live, would say to her.\n"
    )
    edit(LETTER, "Probably not.", "Surely not.")
    run("publish")
    said, _code = run("show", str(letter.id), "--diff")
    assert "From what she got (version 1) to version 2, which is live" in said
    assert "\n-Probably not." in said and "\n+Surely not." in said
    assert "/u/" not in said.replace("/u/…", "")


def test_a_mail_that_cannot_be_made_again_says_what_differs(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, letter = mails(world)
    monkeypatch.setenv("LEADMAGNET_BASE_URL", "https://elsewhere.example.com")
    said, _code = run("show", str(letter.id))
    assert "Not byte for byte what was sent. base_url was changed since" in said
    assert json.loads(run("show", str(letter.id), "--json")[0])["exact"] is False


@pytest.mark.parametrize(
    "arguments", ["3 --eml --html", "3 --version 2", "tight-hips --diff", "tight-hips --version none", ""]
)
def test_what_makes_no_sense_is_misuse(run: Run, world: World, arguments: str) -> None:
    assert run("show", *arguments.split())[1] == 2


def test_publishing_lets_go_of_what_nobody_needs(site: Shell, run: Run, world: World, edit: Edit) -> None:
    edit("leadmagnet.toml", "keep = 20", "keep = 2")
    before = "Probably not."
    for words in ("One.", "Two.", "Three."):
        edit(LETTER, before, words)
        assert run("publish")[1] == 0
        before = words
    said = run("versions")[0]
    assert said.count("(files not kept)") == 2
    said, code = run("rollback", "1")
    assert code == 1 and "Version 1 is not kept any more" in said


def test_a_rollback_makes_no_picture_twice(
    run: Run, world: World, saved: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(press, "make", lambda orders: asked.append(len(orders)) or [])
    assert run("rollback")[1] == 0
    assert asked == [0]
    assert publishing.named("0123456789", "maya", None) == "01234567, by maya"


class TestAsking:
    """With real mail, nothing moves people before she has said yes."""

    @pytest.fixture(autouse=True)
    def _ready(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        mails(world)
        monkeypatch.setenv("LEADMAGNET_SMTP_URL", "smtp://127.0.0.1:1")
        monkeypatch.setattr(publishing.sys.stdin, "isatty", lambda: True)

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What was asked, each answered with no."""
        questions: list[str] = []
        monkeypatch.setattr(click, "confirm", lambda words: bool(questions.append(words)))
        return questions

    def test_a_publish_that_moves_people_asks_first(self, run: Run, edit: Edit, asked: list[str]) -> None:
        edit("email_templates/hip-openers/30-yoga-for-runners.md", "day       = 5", "day       = 6")
        said, code = run("publish")
        assert code == 1 and asked == ["Make it live?"]
        assert said.startswith("Compared with version 1, which is live until now:\n")
        assert "30-yoga-for-runners moves from day 5 to day 6" in said
        assert said.endswith("\nNothing was changed.\n")
        assert run("publish", "--yes")[1] == 0
        assert len(asked) == 1
        said, code = run("rollback")
        assert code == 1 and len(asked) == 2 and "Nothing was changed." in said

    def test_new_words_ask_nothing(self, run: Run, edit: Edit, asked: list[str]) -> None:
        edit(LETTER, "Probably not.", "Surely not.")
        said, code = run("publish")
        assert code == 0 and asked == []
        assert "20-tight-hips has new words" in said

    def test_a_script_is_not_asked(
        self, run: Run, edit: Edit, asked: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(publishing.sys.stdin, "isatty", lambda: False)
        edit("email_templates/hip-openers/30-yoga-for-runners.md", "day       = 5", "day       = 6")
        assert json.loads(run("publish", "--json")[0].splitlines()[0])["release"] == 2
        assert asked == []
