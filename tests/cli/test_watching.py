"""Saved files while `run` runs: noticed however an editor saves, published only in test."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leadmagnet import clock
from leadmagnet.cli.watching import Watcher, publish_first
from leadmagnet.content import press
from leadmagnet.content.compiled import Build
from leadmagnet.content.pdf import PdfError
from leadmagnet.content.published import Published
from leadmagnet.errors import LeadmagnetError
from leadmagnet.publishing import drafts, editions, media, releases
from leadmagnet.settings import Settings
from leadmagnet.store.database import Database
from tests.cli.shell import Shell, eventually
from tests.web.conftest import only_sqlite
from tests.world import TUESDAY_EVENING, made

pytestmark = only_sqlite

LETTER = "email_templates/system/confirm.md"
TOML = "leadmagnet.toml"
GUIDE = "guides/hip-openers/guide.md"

#: Starts a watcher over the site, with a mail server if told so.
Watch = Callable[..., Watcher]


@pytest.fixture
def illustrated(database: Database, example: Build) -> Database:
    """A database that has the example's pictures and PDF, but no release: making them takes a second."""
    assert example.compiled is not None
    now = clock.now()
    with database.read() as session:
        missing = media.missing(session, example.compiled, example.files, now=now)
    with database.write() as session:
        media.keep(session, made(missing), now=now)
    return database


@pytest.fixture
def watch(site: Shell, illustrated: Database) -> Iterator[Watch]:
    started: list[Watcher] = []

    def start(smtp_url: str | None = None) -> Watcher:
        settings = Settings(smtp_url=smtp_url)
        watcher = Watcher(site.folder, settings, illustrated, publish_first(site.folder, settings, illustrated))
        watcher.start()
        started.append(watcher)
        return watcher

    yield start
    for watcher in started:
        watcher.stop()


def live(database: Database) -> Published:
    with database.read() as session:
        return releases.Live().get(session)


def reaches(database: Database, number: int) -> None:
    """Waits until this version is live."""
    eventually(lambda: live(database).number == number)


def save(site: Shell, name: str, old: str, new: str, *, by_renaming: bool = False) -> None:
    path = site.folder / name
    text = path.read_text()
    assert old in text
    if by_renaming:
        aside = path.with_name(".aside")
        aside.write_text(text.replace(old, new))
        os.replace(aside, path)
    else:
        path.write_text(text.replace(old, new))


@pytest.mark.parametrize("by_renaming", [True, False])
def test_every_save_is_noticed_whichever_way_an_editor_saves(
    site: Shell, database: Database, watch: Watch, by_renaming: bool
) -> None:
    watch()
    for number, (name, old, new) in enumerate(
        [
            (TOML, '"1 Example Street, Springfield"', '"One"'),
            (TOML, '"One"', '"Two"'),
            (TOML, '"Two"', '"Three"'),
            (LETTER, "Please confirm", "Yes please"),
            (LETTER, "Yes please", "Go on"),
        ],
        start=2,
    ):
        save(site, name, old, new, by_renaming=by_renaming)
        reaches(database, number)
    assert live(database).site.postal_address == "Three"
    assert live(database).letter("system", "confirm").subject == "Go on: your hip openers guide"


def test_what_is_saved_while_the_start_goes_on_is_noticed(site: Shell, illustrated: Database) -> None:
    settings = Settings()
    watcher = Watcher(site.folder, settings, illustrated, publish_first(site.folder, settings, illustrated))
    save(site, LETTER, "Please confirm", "Yes please")
    watcher.start()
    reaches(illustrated, 2)
    watcher.stop()


def test_a_letter_that_comes_or_goes_is_noticed(site: Shell, database: Database, watch: Watch) -> None:
    watch()
    letters = site.folder / "email_templates" / "hip-openers"
    text = (letters / "20-tight-hips.md").read_text()
    (letters / "95-one-more.md").write_text(text.replace("day       = 2", "day       = 40"))
    reaches(database, 2)
    (letters / "95-one-more.md").unlink()
    reaches(database, 3)


def test_what_does_not_pass_is_said_and_stays_out(
    site: Shell, database: Database, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch()
    said = ""

    def tells(words: str) -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return words in said

    save(site, TOML, "[site]", "[sitte]")
    eventually(lambda: tells("unknown table [sitte]"))
    save(site, TOML, "[sitte]", "[stie]")
    eventually(lambda: tells("unknown table [stie]"))
    assert said.count("Not published: the version before stays live.") == 2
    assert live(database).number == 1
    save(site, TOML, "[stie]", "[site]")
    save(site, LETTER, "Please confirm", "Yes please")
    eventually(lambda: tells("Saved and published: version 2."))


def test_with_a_mail_server_nothing_is_published_by_saving(
    site: Shell, database: Database, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch("smtp://127.0.0.1:1")
    save(site, LETTER, "Please confirm", "Yes please")
    eventually(lambda: "1 change waiting: leadmagnet plan" in capsys.readouterr().out)
    assert live(database).number == 1


def test_a_start_publishes_what_was_saved_in_between_only_in_test(
    site: Shell, illustrated: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_first(site.folder, Settings(smtp_url="smtp://127.0.0.1:1"), illustrated)
    assert live(illustrated).number == 1  # the first can surprise nobody
    save(site, LETTER, "Please confirm", "Yes please")
    publish_first(site.folder, Settings(smtp_url="smtp://127.0.0.1:1"), illustrated)
    assert live(illustrated).number == 1
    assert "waiting: leadmagnet plan" in capsys.readouterr().out
    publish_first(site.folder, Settings(), illustrated)
    assert live(illustrated).number == 2


def test_a_start_with_a_mistake_keeps_what_was_live(
    site: Shell, illustrated: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(site, LETTER, "Please confirm", "{{ nobody }}")
    with pytest.raises(LeadmagnetError, match="Nothing is published yet, and this cannot be"):
        publish_first(site.folder, Settings(), illustrated)
    save(site, LETTER, "{{ nobody }}", "Please confirm")
    publish_first(site.folder, Settings(), illustrated)
    save(site, LETTER, "Please confirm", "{{ nobody }}")
    publish_first(site.folder, Settings(), illustrated)
    assert "The version published last stays live." in capsys.readouterr().out
    assert live(illustrated).number == 1


def has_pdf(database: Database) -> bool:
    with database.read() as session:
        published = releases.Live().get(session)
        return editions.find(session, published, published.compiled.guides["hip-openers"]) is not None


@pytest.mark.parametrize("change", ["", "{{ nobody }}"])
@pytest.mark.parametrize("smtp_url", [None, "smtp://127.0.0.1:1"])
def test_a_start_makes_what_an_older_version_of_ours_did_not(
    site: Shell, database: Database, smtp_url: str | None, change: str
) -> None:
    with database.write() as session:
        releases.publish(session, drafts.check(site.folder), author="maya", now=TUESDAY_EVENING)
    assert not has_pdf(database)
    if change:  # what lies in the folder need not even be sound
        save(site, LETTER, "Please confirm", change)
    publish_first(site.folder, Settings(smtp_url=smtp_url), database)
    assert has_pdf(database)
    assert live(database).number == 1


def test_a_start_goes_on_with_what_is_live_when_the_folder_cannot_be_set(
    site: Shell, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PdfError("guides/hip-openers/guide.md: its PDF cannot be made.")

    monkeypatch.setattr(press, "make", refuse)
    with pytest.raises(PdfError):  # nothing else is there to start with
        publish_first(site.folder, Settings(), database)
    monkeypatch.undo()
    publish_first(site.folder, Settings(), database)
    save(site, GUIDE, "Ten poses", "Eleven poses")
    monkeypatch.setattr(press, "make", refuse)
    publish_first(site.folder, Settings(), database)
    assert "its PDF cannot be made. The version before stays live." in capsys.readouterr().out
    assert live(database).number == 1
