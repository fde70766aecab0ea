"""Says as JSON Schema what heads and settings may hold, for editors and other programs.

Draft 7, because that is what editors of TOML understand. Everything comes from where it is read: heads from `keys`,
settings from the models that read them; the sentences are in sentences.toml.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files as resources
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from leadmagnet.content import keys
from leadmagnet.content.checks.catalogue import ON_REQUEST
from leadmagnet.content.keys import Shape
from leadmagnet.content.site import SiteSettings
from leadmagnet.settings import NOT_IN_FILE, Settings

_DRAFT = "http://json-schema.org/draft-07/schema#"
#: What the readers of settings ask for beyond the type.
_CLOSER: Mapping[str, Shape] = {
    "base_url": keys.BASE_URL,
    "trusted_proxies": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    "site.name": keys.LINE,
    "site.url": keys.WEB_ADDRESS,
    "site.from": keys.MAILBOX,
    "site.reply_to": keys.MAILBOX,
    "site.postal_address": {"type": "string", "pattern": r"\S"},
    "site.privacy_url": keys.WEB_ADDRESS,
    "form.allowed_origins": {"type": "array", "items": keys.ORIGIN},
    "links": {"type": "object", "additionalProperties": keys.LINK, "propertyNames": keys.LINK_NAME},
    "link_fixes": {"type": "object", "additionalProperties": keys.WEB_ADDRESS, "propertyNames": keys.WEB_ADDRESS},
}
_CHECK: Mapping[str, Shape] = {
    "also": {"type": "array", "items": {"enum": [*ON_REQUEST]}},
    "claims": {"type": "array", "items": keys.LINE},
}


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each kind of file by the name that it is kept under."""
    starts_with_a_guide = {"properties": {"starts": {"const": "confirmed"}}, "required": ["starts"]}
    return {
        "letter.json": _head("letter", keys.LETTER, "The head of a letter"),
        "system-mail.json": _head("system", keys.SYSTEM, "The head of a mail outside any sequence"),
        "guide.json": {
            **_head("guide", keys.GUIDE, "The head of a guide, with the words of its form"),
            "dependencies": {"question": ["answers"], "answers": ["question"]},
        },
        "sequence.json": {
            **_head("sequence", keys.SEQUENCE, "sequence.toml: what the letters of a sequence share"),
            "if": starts_with_a_guide,
            "then": {"required": ["guide"]},
        },
        "leadmagnet.json": _settings(),
    }


def sentences() -> dict[str, dict[str, str]]:
    """What each key means, by kind ("letter", "settings.site") and key."""
    words: dict[str, dict[str, str]] = tomllib.loads(
        (resources("leadmagnet.content") / "sentences.toml").read_text(encoding="utf-8")
    )
    return words


def _head(kind: str, known: Mapping[str, Shape], title: str) -> dict[str, Any]:
    return _closed(kind, known, keys.REQUIRED[kind], title)


def _closed(kind: str, known: Mapping[str, Shape], required: tuple[str, ...], title: str) -> dict[str, Any]:
    words = sentences().get(kind, {})
    return {
        "$schema": _DRAFT,
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {
            key: {**shape, "description": words[key]} if key in words else dict(shape) for key, shape in known.items()
        },
    }


def _settings() -> dict[str, Any]:
    """leadmagnet.toml as a whole: machine settings and content tables."""
    models: list[tuple[type[BaseModel], Any]] = [(Settings, "validation"), (SiteSettings, "validation")]
    _, whole = models_json_schema(models, by_alias=True)
    defined = whole["$defs"]
    machine, content = defined["Settings"]["properties"], defined["SiteSettings"]["properties"]
    shapes = {
        key: _table(key, shape, defined) for key, shape in {**machine, **content}.items() if key not in NOT_IN_FILE
    }
    shapes["check"] = _inner("check", _CHECK, ())
    return _closed("settings", shapes, ("site",), "leadmagnet.toml: everything that is not a letter or a guide")


def _table(key: str, shape: Mapping[str, Any], defined: Mapping[str, Any]) -> dict[str, Any]:
    """One setting, or one table of settings, as far as it may be written."""
    known = _plain(shape, defined)
    if "properties" not in known:
        return dict(_CLOSER.get(key, known))
    inner = {name: _CLOSER.get(f"{key}.{name}", _plain(one, defined)) for name, one in known["properties"].items()}
    return _inner(key, inner, tuple(known.get("required", ())))


def _inner(key: str, shapes: Mapping[str, Shape], required: tuple[str, ...]) -> dict[str, Any]:
    table = _closed(f"settings.{key}", shapes, required, f"[{key}]")
    del table["$schema"]
    return table


def _plain(shape: Mapping[str, Any], defined: Mapping[str, Any]) -> dict[str, Any]:
    """`shape` without references, and without what only Python has: TOML knows no null."""
    if "$ref" in shape:
        return _plain(defined[shape["$ref"].rpartition("/")[2]], defined)
    if "anyOf" in shape:
        (one,) = [one for one in shape["anyOf"] if one.get("type") != "null"]
        return _plain(one, defined)
    return {key: value for key, value in shape.items() if key not in ("title", "default", "format", "description")}
