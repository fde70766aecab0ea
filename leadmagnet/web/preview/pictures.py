"""The pictures of letters that are not published yet, each drawn once."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock

from leadmagnet.content import press
from leadmagnet.content.compiled import Letter
from leadmagnet.content.guides import Guide
from leadmagnet.content.pictures import Picture

#: Figures that stay drawn, ten kilobytes each; a joint that is moved makes another.
_KEPT = 100


class Pictures:
    """Finds what a letter or guide shows by its digest."""

    def __init__(self) -> None:
        self._drawn: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def content(self, one: Picture, files: Mapping[str, bytes]) -> bytes:
        """The bytes of a picture; a figure takes about a second the first time. Raises LeadmagnetError."""
        if one.figure is None:
            return files.get(one.file or "", b"")
        with self._lock:
            if one.digest not in self._drawn:
                (self._drawn[one.digest],) = press.make([one])
                if len(self._drawn) > _KEPT:
                    self._drawn.popitem(last=False)
            return self._drawn[one.digest]


def find(pages: Iterable[Letter | Guide], digest: str) -> Picture | None:
    """The picture with this digest on any of `pages`."""
    return next((one for page in pages for one in page.pictures if one.digest == digest), None)
