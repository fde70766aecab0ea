"""Mistakes in machine settings, as every command says them: one sentence, no traceback."""

from typing import Any

import pytest

from tests.cli.conftest import Edit
from tests.cli.shell import Shell


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prot": 1}, "Unknown environment variable LEADMAGNET_PROT. Did you mean LEADMAGNET_PORT?"),
        ({"port": "x"}, "LEADMAGNET_PORT: input should be a valid integer"),
        ({"database_url": "mysql://host/x"}, "The database URL starts with 'mysql'"),
        ({"database_url": "postgresql://lm:secret@127.0.0.1:1/x"}, "Cannot open the database postgresql+psycopg://lm:***@"),
        ({"data_dir": "leadmagnet.toml"}, "Nothing has been published yet"),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_named(site: Shell, settings: dict[str, Any], words: str) -> None:
    done = site("status", **settings)
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert "secret" not in done.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("prot = 1", "leadmagnet.toml:1: unknown setting 'prot'. Did you mean port?"),
        ('port = "x"', "leadmagnet.toml:1: port: input should be a valid integer"),
        ("port = ", "leadmagnet.toml does not read: Invalid value (at line 1"),
    ],
)
def test_a_wrong_line_is_named(site: Shell, edit: Edit, line: str, words: str) -> None:
    first = (site.folder / "leadmagnet.toml").read_text().splitlines()[0]
    edit("leadmagnet.toml", first, line)
    done = site("status")
    assert (done.code, done.out) == (1, "")
    assert words in done.err


def test_a_folder_without_a_site_is_told_how_to_get_one(shell: Shell) -> None:
    for command in (["status"], [], ["send-test", "x", "--to", "a@b.example"]):
        done = shell(*command)
        assert done.code == 1, command
        assert f"There is no leadmagnet.toml in {shell.folder}. `leadmagnet init {shell.folder}`" in done.err, command
    assert "There is no leadmagnet.toml in /no/such/folder." in shell("status", "--site", "/no/such/folder").err


def test_a_place_that_can_hold_no_database_is_named(site: Shell) -> None:
    done = site("publish", data_dir="leadmagnet.toml")
    assert done.code == 1
    assert "Cannot keep a database in" in done.err
    assert "Traceback" not in done.err


def test_looking_at_a_site_that_was_never_started_makes_nothing(site: Shell) -> None:
    assert site("status").code == 1
    assert not (site.folder / "var").exists()
