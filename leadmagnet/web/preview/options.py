"""What the operator has chosen to see, as the address of the page says it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from leadmagnet.web.preview.looks import THEMES, Look

VIEWS = ("letter", "text", "html", "file", "message")
WIDTHS = ("375", "600", "full")


@dataclass(frozen=True, slots=True)
class Options:
    """Every choice on the page; what an address leaves out, or says wrongly, is as it is at first."""

    view: str = "letter"
    width: str = "600"
    theme: str = "light"
    pictures: str = "on"
    text: str = "100"
    person: int = 0

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "Options":
        known = {"view": VIEWS, "width": WIDTHS, "theme": THEMES, "pictures": ("on", "off"), "text": ("100", "200")}
        chosen = {name: given[name] for name, words in known.items() if given.get(name) in words}
        person = given.get("person", "")
        return cls(**chosen, person=int(person) if person.isdecimal() and len(person) < 4 else 0)

    @property
    def look(self) -> Look:
        return Look(self.theme, pictures=self.pictures == "on", large=self.text == "200")

    def query(self, **other: object) -> str:
        """The end of an address with these choices, changed as told; empty while all is as at first."""
        changed = replace(self, **other)  # type: ignore[arg-type]
        first = Options()
        said = {
            f.name: getattr(changed, f.name) for f in fields(self) if getattr(changed, f.name) != getattr(first, f.name)
        }
        return f"?{urlencode(said)}" if said else ""
