"""Machine settings: what differs between a laptop and a server, read once at the door.

They are flat names at the top of `leadmagnet.toml`, or `LEADMAGNET_…` variables, which win. The
tables `[site]`, `[form]`, `[links]` … of the same file are content: they belong to a release and are
read in `content.site`.
"""

import difflib
import ipaddress
import os
import re
import secrets
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from leadmagnet.errors import SettingsError
from leadmagnet.failpoints import POINTS
from leadmagnet.links import Keys

FILE = "leadmagnet.toml"
_PREFIX = "LEADMAGNET_"
#: Keys that stand in the environment or in a 0600 file, never in a file that belongs into git.
_SECRETS = frozenset({"smtp_password", "secret_keys", "suppression_key"})
#: What an operator has no reason to write into the file: secrets, and where tests let a process die.
NOT_IN_FILE = _SECRETS | {"failpoint"}
#: Tables that are content, not machine settings.
_CONTENT_TABLES = frozenset({"site", "form", "links", "link_fixes", "tracking", "publish", "check"})

_HOST_NAME = re.compile(r"(?=.{4,200}$)(?!.*\.\d+$)[a-z0-9](-*[a-z0-9])*(\.[a-z0-9](-*[a-z0-9])*)+", re.IGNORECASE)


class Smtp(BaseModel):
    """`[smtp]`: a mail server said by provider; the password never stands in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str = "custom"
    host: str | None = None
    port: int | None = None
    username: str | None = None


class Settings(BaseSettings):
    """One machine's settings. Times are seconds."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    database_url: str | None = None  # None: SQLite in `data_dir`
    smtp_url: str | None = None  # None and no [smtp]: the test mailbox
    smtp: Smtp | None = None
    smtp_password: str | None = Field(default=None, repr=False)
    base_url: str | None = None  # None: http on `host` and `port`
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    data_dir: Path = Path("var")
    secret_keys: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    suppression_key: str | None = Field(default=None, repr=False)
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    worker_connections: int = Field(default=5, ge=1, le=50)
    # Mails, by all workers together; None: no limit.
    rate_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    # Mails a day in the site's zone; None: no limit. A fifth is kept free for what somebody waits for: at least one.
    daily_cap: int | None = Field(default=None, ge=5)
    warm_up: Literal["on", "off"] = "off"  # a new sending domain: few letters a day at first, more each day
    mail_log: Path | None = None  # Postfix's log on this machine: tells what became of a mail with a lost answer
    bounce_domain: str | None = None  # receives the bounces of each mail apart; None: they come to its sender
    dkim_selector: str = Field(default="leadmagnet", pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")
    log_format: Literal["text", "json"] | None = None  # None: text on a terminal, else JSON
    log_level: Literal["debug", "info", "warning"] = "info"  # debug: a line for every mail that is sent
    signup_limits: Literal["on", "off"] = "on"
    # Sign-ups that may come at once; as many more in each hour. A talk's whole audience may share one address.
    signups_per_network: int = Field(default=100, ge=1)
    signups_per_hour: int = Field(default=500, ge=1)  # from everywhere together
    lease_seconds: int = Field(default=60, ge=1)
    failpoint: str | None = None  # tests only: where the process kills itself, see `failpoints`

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose values arrive as arguments."""
        return env_settings, init_settings

    @field_validator("secret_keys", "trusted_proxies", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            ipaddress.ip_network(part)
        return value

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not re.fullmatch(r"https?://[^/\s?#@]+/?", value):
            raise ValueError("must look like https://mail.example.com, a host of its own without a path")
        return value.rstrip("/")

    @field_validator("bounce_domain")
    @classmethod
    def _bounce_domain(cls, value: str | None) -> str | None:
        if value is not None and not _HOST_NAME.fullmatch(value):
            raise ValueError("must be the name of a domain alone, in ASCII, like bounce.example.com")
        return value and value.lower()

    @field_validator("failpoint")
    @classmethod
    def _known_failpoint(cls, value: str | None) -> str | None:
        if value is not None and value.partition(":")[0] not in POINTS:
            raise ValueError(f"there is no such failpoint; there are {', '.join(POINTS)}")
        return value

    @property
    def site_url(self) -> str:
        """The base of every link, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"http://{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """True while links lead to this machine: the site is not open to the world."""
        name = urlsplit(self.site_url).hostname or ""
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name == "localhost" or name.endswith(".localhost")
        return address.is_loopback or address.is_unspecified

    @property
    def database(self) -> str:
        """The database URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'leadmagnet.db'}"

    @property
    def uses_test_mailbox(self) -> bool:
        """True while no mail server is set."""
        return self.smtp_url is None and self.smtp is None

    @property
    def mailbox_path(self) -> Path:
        """Where the test mailbox keeps its mail."""
        return self.data_dir / "mailbox"

    def keys(self) -> Keys:
        """The keys that sign links; made and kept in `data_dir` on SQLite. Raises SettingsError."""
        try:
            return Keys.of(self.secret_keys or (self._kept("secret_keys"),))
        except ValueError as error:
            raise SettingsError(f"LEADMAGNET_SECRET_KEYS: {error}.") from error

    def address_secret(self) -> bytes:
        """The permanent key of address hashes; made and kept likewise. Raises SettingsError."""
        return (self.suppression_key or self._kept("suppression_key")).encode()

    def server_password(self) -> str | None:
        """The mail server's password: from the environment, or a 0600 file in `data_dir`."""
        return self.smtp_password or _read_secret(self.data_dir / "smtp_password")

    @property
    def dkim_key_path(self) -> Path:
        """Where the key that signs mail is kept; without such a file nothing is signed here."""
        return self.data_dir / "dkim" / f"{self.dkim_selector}.pem"

    def dkim_key(self) -> str | None:
        """The key that signs mail, as PEM from a 0600 file; None: the mail server signs. Raises SettingsError."""
        return _read_secret(self.dkim_key_path)

    def keep_dkim_key(self, pem: str) -> bool:
        """Writes the key for `dkim_key` to find; False if there is one already, which stays as it is."""
        return _write_secret(self.dkim_key_path, pem)

    def _kept(self, name: str) -> str:
        """The secret in `data_dir/name`, made on first use on SQLite; processes racing for it agree on one."""
        if not self.database.startswith("sqlite"):
            raise SettingsError(
                f"{_PREFIX}{name.upper()} is not set. With PostgreSQL several machines share it, so it must come from "
                "the environment: make one with `openssl rand -hex 32`."
            )
        path = self.data_dir / name
        if not path.exists():
            _write_secret(path, secrets.token_hex(32))
        return _read_secret(path) or _refuse_empty(path)


def _refuse_empty(path: Path) -> str:
    raise SettingsError(f"{path} is empty. Restore it from a backup: links already sent are signed with it.")


def _write_secret(path: Path, secret: str) -> bool:
    """Writes `secret` for its owner alone; False when there was one already: the first one is the one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(secret)
    try:
        os.link(fresh, path)  # fails when another process was first
    except FileExistsError:
        return False
    finally:
        fresh.unlink()
    return True


def _read_secret(path: Path) -> str | None:
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path} can be read by others. Mend it with: chmod 600 {path}")
        return path.read_text().strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:  # somebody else's, a folder, or no text: not to be passed over
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{path} cannot be read: {reason}.") from None


def load(folder: Path) -> Settings:
    """The settings of the site in `folder`. Raises SettingsError naming the line or the variable."""
    text = _read(folder / FILE)
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{FILE} does not read: {error}.") from error
    machine = {key: value for key, value in file.items() if key not in _CONTENT_TABLES}
    _refuse_unknown_variables()
    for key in machine:
        if key not in Settings.model_fields or key in _SECRETS:
            raise SettingsError(_unknown_key(key, text))
    try:
        settings = Settings(**machine)
    except ValidationError as error:
        raise SettingsError(_explain(error, text)) from error
    return settings.model_copy(update={"data_dir": (folder / settings.data_dir).resolve()})


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(
            f"there is no {FILE} in {path.parent}. `leadmagnet init {path.parent}` makes a site there; "
            "`--site DIR` names another folder."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.") from error


def line_of(key: str, text: str, *, after: int = 0) -> int:
    """The first line, from 1, behind line `after` on which `key` is set or its table begins; 0 if there is none."""
    pattern = re.compile(rf"\s*(\[\[?\s*)?{re.escape(key)}\s*[=.\]]")
    lines = enumerate(text.splitlines(), 1)
    return next((number for number, line in lines if number > after and pattern.match(line)), 0)


def _unknown_key(key: str, text: str) -> str:
    place = f"{FILE}:{line_of(key, text)}"
    if key in _SECRETS:
        return f"{place}: {key} must not stand in a file that belongs into git. Set {_PREFIX}{key.upper()} instead."
    known = sorted({*Settings.model_fields, *_CONTENT_TABLES})
    return f"{place}: unknown setting {key!r}.{_did_you_mean(key, known)}"


def _refuse_unknown_variables() -> None:
    # pydantic-settings would pass over a misspelt variable in silence.
    known = [_PREFIX + name.upper() for name in Settings.model_fields]
    for name in sorted(os.environ):
        if name.startswith(_PREFIX) and name not in known:
            raise SettingsError(f"unknown environment variable {name}.{_did_you_mean(name, known)}")


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _explain(error: ValidationError, text: str) -> str:
    """The first thing pydantic found, with the variable or the line that said it."""
    first: Any = error.errors()[0]
    path = [part for part in first["loc"] if isinstance(part, str)]  # a number counts the entries of a list
    variable = _PREFIX + path[0].upper()
    table = line_of(path[0], text)
    line = (line_of(path[-1], text, after=table) or table) if len(path) > 1 else table
    place = variable if variable in os.environ else f"{FILE}:{line}: {'.'.join(path)}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"{place}: unknown setting.{_did_you_mean(path[-1], Smtp.model_fields)}"
    return f"{place}: {message[0].lower()}{message[1:]}."
