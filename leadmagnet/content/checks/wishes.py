"""Reads `[check]` of leadmagnet.toml: what an operator wants checked besides."""

from dataclasses import dataclass

from leadmagnet.content import values
from leadmagnet.content.checks.catalogue import ON_REQUEST
from leadmagnet.content.files import SETTINGS_FILE
from leadmagnet.content.findings import Notes, did_you_mean
from leadmagnet.content.heads import Head
from leadmagnet.errors import ContentError

TABLE = "check"


@dataclass(frozen=True, slots=True)
class Wishes:
    """`also` are the rules to run that are off by themselves; `claims` replaces the words of W215 where it is set.

    Not part of a release: no mail depends on it.
    """

    also: frozenset[str] = frozenset()
    claims: tuple[str, ...] = ()


def read_wishes(text: str | None, notes: Notes) -> Wishes:
    """The table `[check]` of leadmagnet.toml, whose text is None while it does not read."""
    try:
        whole = Head(SETTINGS_FILE, text or "", notes)
    except ContentError:  # noted by whoever reads the rest of it
        return Wishes()
    table = whole.values.get(TABLE, {})
    if not isinstance(table, dict):
        whole.wrong(TABLE, "'check' must be a table.", 'Write [check], and below it also = ["W212"].')
        return Wishes()
    for key in table:
        if key not in ("also", "claims"):
            whole.wrong(f"{TABLE}.{key}", f"unknown key '{key}' in [check].", did_you_mean(key, ("also", "claims")))
    also, claims = _texts("also", table, whole), _texts("claims", table, whole)
    for code in also:
        if code not in ON_REQUEST:
            fix = f"Those that are off by themselves are {' and '.join(ON_REQUEST)}."
            whole.wrong(f"{TABLE}.also", f"'{code}' is no rule that can be switched on.", fix)
    return Wishes(frozenset(also), claims)


def _texts(key: str, table: dict[str, object], head: Head) -> tuple[str, ...]:
    given = table.get(key, [])
    try:
        if not isinstance(given, list):
            raise values.Unreadable("must be a list.", 'Write ["…", "…"].')
        return tuple(map(values.text, given))
    except values.Unreadable as error:
        head.wrong(f"{TABLE}.{key}", f"'{key}' {error.message}", error.fix)
        return ()
