"""What is known of each domain group while letters for it are in hand."""

from collections import deque
from dataclasses import dataclass, field

from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.throttle import Pace

#: Beyond this many groups, those that are idle are forgotten.
_MOST_GROUPS = 1000


@dataclass(slots=True, eq=False)
class Group:
    """What waits for one domain group, and what is on its way to it."""

    pace: Pace = field(default_factory=Pace)
    on_their_way: int = 0
    stopped: bool = False
    waiting: int = 0
    left_out: bool = False  # by the last claim, because too many waited
    lines: dict[int, "Line"] = field(default_factory=dict)

    def has_room(self) -> bool:
        return not self.stopped and self.on_their_way < self.pace.limit

    def is_forgettable(self) -> bool:
        return not (self.waiting or self.on_their_way or self.stopped) and self.pace.is_new


@dataclass(slots=True, eq=False)
class Line:
    """The letters of one group in one lane, in the order of their claim."""

    group: Group
    lane: int
    letters: deque[tuple[int, Claimed]] = field(default_factory=deque)
    listed: bool = False  # its first letter stands in the heap


class Groups(dict[str, Group]):
    """Domain groups by name: whoever is asked for is known, and who is idle is forgotten once there are many."""

    def __init__(self) -> None:
        super().__init__()
        self._most = _MOST_GROUPS

    def __missing__(self, name: str) -> Group:
        if len(self) >= self._most:
            for idle in [known for known, one in self.items() if one.is_forgettable()]:
                del self[idle]
            self._most = max(_MOST_GROUPS, 2 * len(self))
        group = self[name] = Group()
        return group
