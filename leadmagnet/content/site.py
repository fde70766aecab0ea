"""The content half of leadmagnet.toml: who writes, from where, with which links."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from leadmagnet.content import values
from leadmagnet.content.files import SETTINGS_FILE
from leadmagnet.content.findings import Notes, did_you_mean
from leadmagnet.content.heads import Head
from leadmagnet.errors import ContentError


class Table(BaseModel):
    """A closed, immutable table: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Site(Table):
    """`[site]`: what stands in every letter."""

    name: str
    url: str
    timezone: str
    sender: str = Field(alias="from")  # "Maya <maya@mail.example.com>"
    reply_to: str | None = None
    postal_address: str
    privacy_url: str | None = None
    weekly_mail: bool = True  # tells the operator every Monday how the week was


class Form(Table):
    """`[form]`: what the sign-up form asks, and which sites may post it."""

    first_name: bool = False
    allowed_origins: tuple[str, ...] = ()


class Tracking(Table):
    """`[tracking]`: clicks can be counted; opens cannot."""

    clicks: bool = True


class Publish(Table):
    """`[publish]`: how many versions are kept."""

    keep: int = Field(default=20, ge=1)


class SiteSettings(Table):
    """All content tables of leadmagnet.toml; they belong to the release, machine settings do not."""

    site: Site
    form: Form = Form()
    links: dict[str, str] = {}
    link_fixes: dict[str, str] = {}
    tracking: Tracking = Tracking()
    publish: Publish = Publish()


#: What is not part of a release.
_OTHER_TABLES = frozenset({"smtp", "check"})
_CLOSED: Mapping[str, type[Table]] = {"site": Site, "form": Form, "tracking": Tracking, "publish": Publish}
_LINK_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_SECTION = re.compile(r"#[A-Za-z][\w-]*", re.ASCII)


def read_site(text: str) -> SiteSettings:
    """The content tables of leadmagnet.toml; machine settings (top-level values, `[smtp]`) are passed over.

    Raises ContentError for the first mistake; `check_site` notes all of them.
    """
    notes = Notes()
    settings = check_site(text, notes)
    errors = [found for found in notes.findings() if found.level == "error"]
    if settings is None or errors:
        first = errors[0]
        raise ContentError(first.code, first.path, first.line, first.message, first.fix)
    return settings


def check_site(text: str, notes: Notes) -> SiteSettings | None:
    """As `read_site`, with every mistake noted; None when the tables do not have their shape."""
    try:
        head = Head(SETTINGS_FILE, text, notes)
    except ContentError as error:
        notes.take(error)
        return None
    tables = {key: value for key, value in head.values.items() if key in SiteSettings.model_fields}
    for key, value in head.values.items():
        if key not in tables and key not in _OTHER_TABLES and _is_table(value):
            head.wrong(key, f"unknown table [{key}].", did_you_mean(key, {*SiteSettings.model_fields, *_OTHER_TABLES}))
    try:
        # Strict: `first_name = "no"` must never count as a yes. By alias: the key is `from`.
        settings = SiteSettings.model_validate(_frozen(tables), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        for detail in error.errors():
            _note(detail, head)
        return None
    _judge(settings, head)
    return settings


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict) for one in value))


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(one) for key, one in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _note(detail: ErrorDetails, head: Head) -> None:
    path = [str(part) for part in detail["loc"]]
    table, key = path[0], ".".join(path[:2])
    if detail["type"] == "extra_forbidden":
        known = {field.alias or name for name, field in _CLOSED[table].model_fields.items()}
        head.wrong(key, f"unknown key '{path[-1]}' in [{table}].", did_you_mean(path[-1], known))
    elif detail["type"] == "missing" and len(path) == 1:
        head.wrong(table, f"the table [{table}] is missing.", "Add it: it says who writes.")
    elif detail["type"] == "missing":
        head.wrong(table, f"'{path[-1]}' is missing in [{table}].", f"Add {path[-1]} = … below [{table}].")
    else:
        reason = detail["msg"][0].lower() + detail["msg"][1:]
        head.wrong(
            key, f"'{path[-1]}' does not fit: {reason}.", "Text stands in quotes; true, false and numbers do not."
        )


def _judge(settings: SiteSettings, head: Head) -> None:
    site = settings.site
    _check(head, "site.name", site.name, values.text)
    _check(head, "site.url", site.url, values.web_address)
    _check(head, "site.timezone", site.timezone, _zone)
    _check(head, "site.from", site.sender, values.mailbox)
    _check(head, "site.reply_to", site.reply_to, values.mailbox)
    if not site.postal_address.strip():
        head.wrong("site.postal_address", "'postal_address' is empty.", "Write where post reaches you.", "E104")
    _check(head, "site.privacy_url", site.privacy_url, values.web_address)
    for one in settings.form.allowed_origins:
        _check(head, "form.allowed_origins", one, values.origin)
    for name, target in settings.links.items():
        _judge_link(head, name, target)
    for wrong, right in settings.link_fixes.items():
        _check(head, f"link_fixes.{wrong}", wrong, values.web_address)
        _check(head, f"link_fixes.{wrong}", right, values.web_address)


def _check(head: Head, key: str, value: object, parse: Callable[[Any], object]) -> None:
    if value is None:
        return
    try:
        parse(value)
    except values.Unreadable as error:
        head.wrong(key, f"'{key.partition('.')[2]}' {error.message}", error.fix)


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise values.Unreadable(f"is no time zone: {value!r}.", 'Write it like "America/New_York".') from None


def _judge_link(head: Head, name: str, target: str) -> None:
    key = f"links.{name}"
    if not _LINK_NAME.fullmatch(name):
        head.wrong(key, f"'{name}' cannot be used as links.{name}.", "Use small letters, digits and underscores.")
    if target.startswith("#"):
        if not _SECTION.fullmatch(target):
            head.wrong(key, f"'{name}' is not a section of a guide: {target!r}.", "Write it like #flow.")
        return
    _check(head, key, target, values.web_address)
    if target.startswith("http:") and not values.is_loopback(target):
        head.wrong(key, f"'{name}' is not safe on its way: it begins with http:.", "Write https://.", "E108")
