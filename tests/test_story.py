"""The week in docs/operator.md happens: each command is given, each edit made, each line of output compared.

What readers do meanwhile stands in the paper as remarks that nobody sees: `<!-- it is 2026-03-02 09:00 -->`,
`<!-- ada@example.com signs up -->`, `<!-- ada@example.com leaves -->`.
"""

import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pytest

from leadmagnet.cli import banner, watching
from leadmagnet.cli.site import database_of
from tests.cli.terminal import Terminal
from tests.conftest import ROOT
from tests.household import Household
from tests.web.mails import leave_path_of

PAPER = ROOT / "docs" / "operator.md"
HOME = ZoneInfo("America/New_York")
_PIECE = re.compile(
    r"^<!-- (?P<remark>.*?) -->$|^```(?P<kind>console|diff|mail)\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL
)


def pieces(paper: str) -> Iterator[tuple[str, str]]:
    """What happens in the paper, in its order: a remark, commands with what they print, or an edit."""
    for found in _PIECE.finditer(paper):
        yield ("remark", found["remark"]) if found["remark"] else (found["kind"], found["block"])


class Week:
    """The site of the story, made by its first command."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.monkeypatch = monkeypatch
        self.site = Household(home, datetime(2026, 3, 2, 8, tzinfo=HOME), monkeypatch)

    def remark(self, words: str) -> None:
        who, _, what = words.partition(" ")
        if words.startswith("it is "):
            self.site.lives(datetime.fromisoformat(words.removeprefix("it is ")).replace(tzinfo=HOME))
        elif what == "signs up":
            self.site.joins(who)
        else:
            assert what == "leaves", words
            leave = leave_path_of(self.site.mails(who)[-1])
            with self.site.open() as (browser, _):
                assert browser.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200

    def console(self, block: str) -> None:
        for shown in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = shown.partition("\n")
            compare(command, expected.rstrip().splitlines(), self.prints(command).rstrip().splitlines())

    def prints(self, command: str) -> str:
        """What a command prints; a shell's own are done by hand."""
        words = shlex.split(command)
        if words[0] == "cd":
            self.site.folder = self.home / words[1]
            self.site.terminal = Terminal(self.site.folder)
            return ""
        if words[0] in ("mv", "git"):
            source, target = words[-2:]
            (self.site.folder / source).rename(self.site.folder / target)
            return ""
        assert words[0] == "leadmagnet", command
        if words[1:] == ["run"]:
            return self.runs()
        done = self.site.terminal(*words[1:])
        return done.out + done.err

    def runs(self) -> str:
        """What `run` does before it serves: it prepares the database and publishes. Its process has a test of its own."""
        settings = self.site.settings
        database = database_of(settings, upgrade=True)
        watching.publish_first(self.site.folder, settings, database)
        database.close()
        return click.unstyle(banner.welcome(settings, f"{settings.site_url}/preview"))

    def mail(self, block: str) -> None:
        """The newest mail to somebody, as its text part has it."""
        head, _, words = block.partition("\n\n")
        to, subject = (line.partition(": ")[2] for line in head.splitlines())
        mail = self.site.mails(to)[-1]
        part = mail.get_body(("plain",))
        assert part is not None
        compare("Subject:", [subject], [str(mail["Subject"])])
        compare(subject, words.rstrip().splitlines(), part.get_content().rstrip().splitlines())

    def diff(self, block: str) -> None:
        name, *lines = block.splitlines()
        path = self.site.folder / name
        old = [line[1:] for line in lines if line[:1] in "- "]
        new = [line[1:] for line in lines if line[:1] in "+ "]
        text = path.read_text()
        assert text.count("\n".join(old)) == 1, block
        path.write_text(text.replace("\n".join(old), "\n".join(new)))


def compare(command: str, expected: list[str], printed: list[str]) -> None:
    """Holds what the paper shows against what is there; `…` stands for words, on a line of its own for lines."""
    pattern = "\n".join(
        r"(?:.*\n)*.*" if line.strip() == "…" else ".*".join(map(re.escape, line.rstrip().split("…")))
        for line in expected
    )
    said = "\n".join(line.rstrip() for line in printed)
    assert re.fullmatch(pattern, said), f"$ {command}\n{said}"


def test_the_week_in_the_paper_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    week = Week(tmp_path, monkeypatch)
    happened = list(pieces(PAPER.read_text()))
    assert len([kind for kind, _ in happened if kind == "console"]) > 10
    for kind, what in happened:
        getattr(week, kind)(what)
