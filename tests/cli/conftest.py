"""A terminal, and a site made in it as a newcomer makes one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from leadmagnet.cli.example import copy_to
from tests.cli.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A terminal in an empty folder."""
    return Shell(tmp_path)


@pytest.fixture
def site(tmp_path: Path) -> Shell:
    """A terminal in the folder of a fresh site."""
    copy_to(tmp_path / "site")
    return Shell(tmp_path / "site")


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that is live, made by the command itself, to copy: its pictures and its PDF take a second."""
    folder = tmp_path_factory.mktemp("published") / "site"
    copy_to(folder)
    done = Shell(folder)("publish")
    assert done.code == 0 and done.out.startswith("Version 1 is live"), done.err
    return folder


@pytest.fixture
def published(published_once: Path, tmp_path: Path) -> Shell:
    """A terminal in the folder of a site whose version 1 is live."""
    shutil.copytree(published_once, tmp_path / "site")
    return Shell(tmp_path / "site")


#: Changes one of the site's files: path, old words, new words.
Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    site = Shell(tmp_path / "site")

    def change(name: str, old: str, new: str) -> None:
        path = site.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change
