"""First names: what a visitor may be called in a letter."""

import re
import unicodedata

from leadmagnet.errors import InvalidInput

_LONGEST = 64
#: Sign-up forms are used to send adverts to strangers through their "first name".
_ADVERT = re.compile(r"://|www\.|\.\w{2,}/|[<>]|=\?.*\?=", re.IGNORECASE)


def parse(typed: str) -> str | None:
    """A first name as typed, or None for an empty one. Raises InvalidInput for the field `first_name`."""
    name = unicodedata.normalize("NFC", typed.strip())
    if not name:
        return None
    if len(name) > _LONGEST:
        raise InvalidInput("first_name", f"That name is too long: at most {_LONGEST} letters.")
    if any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co") for char in name) or _ADVERT.search(name):
        raise InvalidInput("first_name", "Please type just a first name.")
    return name
