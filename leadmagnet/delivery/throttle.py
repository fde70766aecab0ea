"""How many letters may be on their way to one domain group at once: a few, more while all goes well."""

import re
from dataclasses import dataclass

from leadmagnet.mail.smtp_replies import ReplyClass

_START, _MOST = 2, 10
#: Letters that have to be taken without a murmur before one more may be on its way.
_CLEAN = 50
#: Gmail's word for "too fast from you": going on would make it worse. Each line of a reply repeats it.
_STOP = re.compile(r"(?<![\d.])4\.7\.28(?!\d)")


@dataclass(slots=True)
class Pace:
    """The pace of one domain group in one process; forgetting it costs a few letters of learning, no more."""

    limit: int = _START
    clean: int = 0

    def accepted(self) -> None:
        """A letter was taken."""
        self.clean += 1
        if self.clean >= _CLEAN:
            self.limit, self.clean = min(self.limit + 1, _MOST), 0

    def slow_down(self) -> None:
        """Somebody there asked for less."""
        self.limit, self.clean = max(self.limit // 2, 1), 0

    def begin_again(self) -> None:
        """After a stop: one letter at a time."""
        self.limit, self.clean = 1, 0

    @property
    def is_new(self) -> bool:
        """Whether nothing would be lost by forgetting it but that all went well."""
        return self.limit >= _START


def asks_for_less(code: int, meaning: ReplyClass) -> bool:
    """Whether a reply says that we are too fast or too many."""
    return meaning is ReplyClass.THROTTLE or code == 421


def asks_to_stop(code: int, text: str) -> bool:
    """Whether a reply names a rate that only a pause of minutes mends."""
    return code // 100 == 4 and _STOP.search(text) is not None
