"""The folder a command works on, and how it opens what belongs to it."""

import getpass
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leadmagnet.errors import LeadmagnetError
from leadmagnet.settings import Settings

if TYPE_CHECKING:
    from leadmagnet.store.database import Database


_LONGEST_NAME = 64  # that a version keeps of its author


def _folder(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Path:
    return (value or ctx.obj or Path.cwd()).resolve()


def site_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--site DIR`, which every command takes before or after its name; arrives as `site: Path`."""
    return click.option(
        "--site",
        type=click.Path(path_type=Path),
        callback=_folder,
        help="The site's folder (default: the current one).",
    )(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`, for programs; arrives as `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def database_of(settings: Settings, *, upgrade: bool) -> "Database":
    """The site's database, brought up to date if `upgrade`, refused otherwise when it is not. Raises StoreError."""
    # Not at the top: `check` needs no database, and is there in half the time without.
    from leadmagnet.store.database import Database
    from leadmagnet.store.file_systems import require_local

    database = Database(settings.database)
    if database.file is not None:
        require_local(database.file)
    if not upgrade:
        database.require_head()
        return database
    from leadmagnet.store.migrate import upgrade as bring_up_to_date

    try:
        bring_up_to_date(database)
    except OSError as error:
        raise LeadmagnetError(f"cannot keep a database in {settings.data_dir}: {error.strerror}.") from error
    return database


def published_database(settings: Settings) -> "Database":
    """The site's database, for a command that asks about what is live.

    Raises NothingPublished where there is none yet, which says more than that it is empty.
    """
    from leadmagnet.publishing.releases import NothingPublished

    if is_empty(settings):
        raise NothingPublished
    return database_of(settings, upgrade=False)


def is_empty(settings: Settings) -> bool:
    """Whether the site has no database yet, or an empty one; looking makes none."""
    from leadmagnet.store.database import Database

    database = Database(settings.database)
    try:
        return database.revision() is None
    finally:
        database.close()


def author_of(site: Path) -> str:
    """Who publishes: the name that git knows her by, if the site lies in git; otherwise her name on this machine."""
    if any((folder / ".git").exists() for folder in (site, *site.parents)):
        try:
            asked = ["git", "-C", str(site), "config", "user.name"]
            told = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):  # git is not installed here, say
            told = ""
        if name := " ".join(told.split()):
            return name[:_LONGEST_NAME]
    return operator()[:_LONGEST_NAME]


def operator() -> str:
    """The name of whoever gave the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return "unknown"
