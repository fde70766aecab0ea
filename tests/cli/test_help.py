"""The help: what there is, how to say it, and what was meant."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from leadmagnet import __version__
from leadmagnet.cli import _ENTRIES, leadmagnet, main
from tests.cli.shell import Shell, environment


def test_the_help_shows_every_command_in_its_group(shell: Shell) -> None:
    done = shell("--help")
    assert done.code == 0
    groups = [line.rstrip(":") for line in done.out.splitlines() if line and line[0].isalpha() and line.endswith(":")]
    assert groups == ["Options", "Every day", "Content", "People", "Server"]
    for entry in _ENTRIES:
        assert f"  {entry.name} " in done.out
    assert shell("-h") == done


def test_the_help_needs_no_site_and_loads_no_library_but_click(shell: Shell) -> None:
    loaded = loaded_by(shell, "--help")
    assert "click" in loaded
    assert not loaded & {"flask", "sqlalchemy", "pydantic", "jinja2", "apscheduler", "alembic", "markdown_it"}
    assert "cryptography" not in loaded


def test_a_check_loads_neither_database_nor_pages_nor_pens(shell: Shell) -> None:
    """It is typed after every sentence, and takes longer to load what it does not need than to read the site."""
    shell("init", ".")
    loaded = loaded_by(shell, "check")
    assert "leadmagnet.content.compile" in loaded
    assert not loaded & {"sqlalchemy", "psycopg", "flask", "PIL", "typst", "apscheduler"}


def loaded_by(shell: Shell, *words: str) -> set[str]:
    program = (
        "import atexit, sys; from leadmagnet.cli import main\n"
        f"atexit.register(lambda: print('\\n', *sys.modules)); main({list(words)})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(shell.folder, {}), cwd=shell.folder, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", [entry.name for entry in _ENTRIES])
def test_every_commands_help_gives_an_example(command: str) -> None:
    done = CliRunner().invoke(leadmagnet, [command, "--help"])
    assert done.exit_code == 0
    assert f"Example: leadmagnet {command}" in done.output
    assert ("--site" in done.output) is (command != "init")


def test_the_version_is_that_of_the_package(shell: Shell) -> None:
    assert shell("--version").out == f"leadmagnet, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["publsh"], "there is no command 'publsh'. Did you mean publish?"),
        (["stats"], "there is no command 'stats'. Did you mean status?"),
        (["send_test"], "Did you mean send-test?"),
        (["frobnicate"], "there is no command 'frobnicate'. `leadmagnet --help` lists them."),
        (["check", "--strcit"], "'--strict'?"),
        (["send-test", "20-tight-hips"], "Missing option '--to'"),
        (["send-test", "--to", "me@example.com"], "Missing argument 'LETTER'"),
        (["init"], "Missing argument 'FOLDER'"),
        (["status", "now"], "unexpected extra argument"),
        (["--site"], "requires an argument"),
    ],
)
def test_a_slip_ends_with_code_2_and_says_what_was_meant(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert words in err
