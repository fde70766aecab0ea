"""Text that remembers where each of its lines was written."""

from dataclasses import dataclass

from leadmagnet.content.findings import Place


@dataclass(frozen=True, slots=True)
class Source:
    """Text of one or several files; `places[i]` says where its line `i` (from 0) stands."""

    text: str
    places: tuple[Place, ...]

    @classmethod
    def of(cls, path: str, text: str, first_line: int = 1) -> "Source":
        return cls(text, tuple(Place(path, first_line + i) for i in range(text.count("\n") + 1)))

    @property
    def path(self) -> str:
        return self.places[0].path

    def place(self, index: int) -> Place:
        """Where line `index`, from 0, was written."""
        return self.places[min(index, len(self.places) - 1)]

    def place_at(self, offset: int) -> Place:
        """Where the character at `offset` was written."""
        return self.place(self.text.count("\n", 0, offset))
