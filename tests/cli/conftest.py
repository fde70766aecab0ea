"""A terminal, and a site made in it as a newcomer makes one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A terminal in an empty folder."""
    return Shell(tmp_path)


@pytest.fixture
def site(tmp_path: Path) -> Shell:
    """A terminal in the folder of a fresh site."""
    from leadmagnet.cli.example import copy_to

    copy_to(tmp_path / "site")
    return Shell(tmp_path / "site")


#: Changes one of the site's files: path, old words, new words.
Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(site: Shell) -> Edit:
    def change(name: str, old: str, new: str) -> None:
        path = site.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change
