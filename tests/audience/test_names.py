"""First names as visitors type them: a way to be called, and no way to advertise."""

import pytest

from leadmagnet.audience import names
from leadmagnet.errors import InvalidInput

JUST_A_NAME = "Please type just a first name."
TOO_LONG = "That name is too long: at most 64 letters."


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("", None),
        (" \t\n ", None),
        ("Ada", "Ada"),
        ("  Ada\n", "Ada"),
        ("Jose\u0301", "José"),
        ("Anne-Marie d'Arc", "Anne-Marie d'Arc"),
        ("J. R. R.", "J. R. R."),
        ("李小龙", "李小龙"),
        ("x" * 64, "x" * 64),
        # Shown as typed wherever they are shown; none of them is ever compiled.
        ("{{ 7*7 }}", "{{ 7*7 }}"),
        ("{% include 'x' %}", "{% include 'x' %}"),
        ("${7*7}", "${7*7}"),
        ("Null", "Null"),
        ("undefined", "undefined"),
        ("O'); DROP TABLE subscriber", "O'); DROP TABLE subscriber"),
    ],
)
def test_a_name_is_kept_as_typed(typed: str, name: str | None) -> None:
    assert names.parse(typed) == name


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("=?UTF-8?Q?Bob=0D=0ABcc:_x@evil?=", JUST_A_NAME),
        ("=?UTF-8?Q?Bob=0D=0A=0D=0ABody?=", JUST_A_NAME),
        ("Bob\r\nBcc: x@evil.example", JUST_A_NAME),
        ("Bob\r\n\r\nBody", JUST_A_NAME),
        ("\x00", JUST_A_NAME),
        ("Bob\x00", JUST_A_NAME),
        ("Bob\x1b[31m", JUST_A_NAME),
        ("Bob\u2028Bcc", JUST_A_NAME),
        ("Bob\u202egnp.exe", JUST_A_NAME),
        ("\ud800", JUST_A_NAME),
        ("<script>alert(1)</script>", JUST_A_NAME),
        ('"><img onerror=x>', JUST_A_NAME),
        ("http://spam.example WIN", JUST_A_NAME),
        ("WIN at WWW.spam.example", JUST_A_NAME),
        ("Click t.me/x", JUST_A_NAME),
        ("x" * 65, TOO_LONG),
        ("x" * 1_000_000, TOO_LONG),
    ],
)
def test_what_is_said_about_a_bad_name(typed: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        names.parse(typed)
    assert (caught.value.field, caught.value.message) == ("first_name", message)
