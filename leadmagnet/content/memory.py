"""Remembers what was compiled from the same words, so that a save compiles only what it changed."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TypeVar, cast

from leadmagnet.content.findings import Notes

T = TypeVar("T")

#: Outcomes that stay: a site's letters and guides as they are, and as they were some saves ago.
_KEPT = 256


class Memory:
    """Outcomes by what they were made from, each with the findings it came with; any number of threads may ask."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[object, Notes]] = OrderedDict()
        self._lock = Lock()

    def of(self, key: str, make: Callable[[Notes], T], notes: Notes) -> T:
        """What `make` makes, or made before under this key; its findings are added to `notes`.

        `key` must tell everything that `make` looks at.
        """
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
        if known is None:
            own = Notes()
            known = make(own), own
            with self._lock:
                self._kept[key] = known
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        notes.add(known[1])
        return cast(T, known[0])


def key_of(*parts: object) -> str:
    """A key for `parts`, whose `repr` must tell them apart; a mapping may have its entries in any order."""
    return hashlib.sha256(repr([_plain(part) for part in parts]).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(part: object) -> object:
    if isinstance(part, Mapping):
        return sorted((name, _plain(value)) for name, value in part.items())
    if isinstance(part, frozenset):
        return sorted(part)
    return hashlib.sha256(part).digest() if isinstance(part, bytes) else part
