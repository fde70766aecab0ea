"""Claimed letters waiting for a sender: in order, and never more to one domain group than it bears."""

import heapq
import time
from collections import deque
from collections.abc import Collection, Iterable
from threading import Lock

from leadmagnet import waiting
from leadmagnet.delivery.domain_groups import Group, Groups, Line
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.queue import LANES, SEQUENCE

#: So many letters of a group that has no room may wait here; the next claims leave the group out.
_FEW = 4


class InHand:
    """Hands out the next letter whose group has room: by lane, then in the order of the claim.

    Every call takes one lock, and none looks through a list: each group keeps lines of its own, and a heap holds the
    first letters of those that may go. `limited` is False where no mail provider stands behind the connection.
    Once half of what was within reach is taken, or no more than `low` are left, `runs_low` says so.
    """

    def __init__(self, *, limited: bool = True, low: int = 0) -> None:
        self._limited = limited
        self._low = low
        self._groups = Groups()
        self._heap: list[tuple[int, int, Line]] = []
        self._stopped: set[str] = set()
        self._count = 0
        self._waiting = 0  # all
        self._within_reach = 0  # of groups that have room
        self._mark = -1  # with so few within reach it runs low; -1: said already
        self._ran_low = False
        self._idle: deque[waiting.Event] = deque()  # senders that wait for a letter
        self._resting: set[waiting.Event] = set()
        self._ahead: dict[int, Claimed] = {}  # got by `get_ahead`, whose turn has not come
        self._closed = False
        self._lock = Lock()

    def put(self, letters: Iterable[Claimed]) -> None:
        """Adds letters, in their order."""
        with self._lock:
            for letter in letters:
                self._put(letter)

    def watch(self) -> None:
        """From here on `runs_low` says so again: whoever claims has done what there is to do."""
        with self._lock:
            # A claim may bring few, since it leaves crowded groups out: then too somebody must look again. With none
            # within reach those groups say so themselves: otherwise each of their letters would be one more claim.
            self._mark = min(self._low, self._within_reach // 2) if self._within_reach else -1

    def _put(self, letter: Claimed) -> None:
        group = self._groups[letter.domain_group]
        lane = LANES.index(letter.lane)
        line = group.lines.get(lane)
        if line is None:
            line = group.lines[lane] = Line(group, lane)
        self._count += 1
        line.letters.append((self._count, letter))
        group.waiting += 1
        self._waiting += 1
        if group.has_room():
            self._within_reach += 1
            self._list(line)

    def get(self, timeout: float) -> Claimed | None:
        """The next letter, or None if none could go within `timeout` seconds; it is on its way until `done`."""
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                if self._closed:
                    return None
                if self._may_go():
                    return self._take()
                event = waiting.event()
                self._idle.append(event)
            if not event.wait(max(0.0, deadline - time.monotonic())):
                with self._lock:
                    if event in self._idle:
                        self._idle.remove(event)
                        return None

    def get_ahead(self, behind: Claimed) -> Claimed | None:
        """As `get`, at once, for a sender that has the letter `behind` yet, whose place the next one takes.

        None where another might send it sooner: so only while nobody is idle, and only a letter of a series, since
        what somebody waits for goes to who is free first. One whose process died waits too: it may have to go alone.
        """
        with self._lock:
            if self._closed or self._idle:
                return None
            group = self._groups[behind.domain_group]
            self._leave(group)
            if self._may_go():
                lane, _count, line = self._heap[0]
                if LANES[lane] == SEQUENCE and not line.letters[0][1].begun:
                    letter = self._take()
                    self._ahead[letter.id] = letter
                    return letter
            self._enter(group)
            return None

    def take_up(self, letter: Claimed) -> bool:
        """The turn of a letter from `get_ahead` has come; False: it came too late, `close` has returned it."""
        with self._lock:
            return self._ahead.pop(letter.id, None) is not None

    @property
    def closed(self) -> bool:
        """Whether nobody gets a letter any more."""
        return self._closed

    def close(self) -> list[Claimed]:
        """From now on nobody gets a letter, and nobody waits for one, or rests; returns those that nobody works on."""
        with self._lock:
            self._closed = True
            events = [*self._idle, *self._resting]
            self._idle.clear()
            lines = [line for group in self._groups.values() for line in group.lines.values()]
            left = [*self._ahead.values(), *(letter for line in lines for _count, letter in line.letters)]
            self._ahead.clear()
        for event in events:
            event.set()
        return left

    def rest(self, seconds: float) -> None:
        """Waits so long, unless it is closed."""
        event = waiting.event()
        with self._lock:
            if self._closed:
                return
            self._resting.add(event)
        event.wait(seconds)
        with self._lock:
            self._resting.discard(event)

    def done(self, letter: Claimed, *, accepted: bool = False, place_taken: bool = False) -> None:
        """A letter that was given is not on its way any more. `place_taken`: by the one that `get_ahead` gave."""
        with self._lock:
            group = self._groups[letter.domain_group]
            had_room = group.has_room()
            if accepted and self._limited:
                group.pace.accepted()
            self._settle(group, had_room=had_room)
            if not place_taken:
                self._leave(group)

    def _enter(self, group: Group) -> None:
        """One more of its letters is on its way."""
        if self._limited:
            had_room = group.has_room()
            group.on_their_way += 1
            self._settle(group, had_room=had_room)

    def _leave(self, group: Group) -> None:
        if self._limited:
            had_room = group.has_room()
            group.on_their_way = max(group.on_their_way - 1, 0)
            self._settle(group, had_room=had_room)

    def slow_down(self, name: str) -> None:
        """A group asked for less."""
        with self._lock:
            group = self._groups[name]
            had_room = group.has_room()
            group.pace.slow_down()
            self._settle(group, had_room=had_room)

    def stop(self, name: str) -> None:
        """A group wants no more: its letters stay where they are until `keep_stopped`."""
        with self._lock:
            self._stop(name)

    def is_stopped(self, name: str) -> bool:
        """Whether a group wants no more at present."""
        return name in self._stopped

    def keep_stopped(self, names: Collection[str]) -> list[Claimed]:
        """Stops these groups and lets all others go on; returns the stopped ones' letters, out of hand."""
        if not names and not self._stopped:
            return []
        with self._lock:
            for name in self._stopped.difference(names):
                self._stopped.remove(name)
                group = self._groups[name]
                group.stopped = False
                self._settle(group, had_room=False)
            back = []
            for name in names:
                self._stop(name)
                back += self._emptied(self._groups[name])
            return back

    def runs_low(self) -> bool:
        """Whether more should be claimed: said once, when it comes to that."""
        if not self._ran_low:
            return False
        self._ran_low = False
        return True

    def crowded(self) -> list[str]:
        """The groups without room that have more than a few letters waiting: no more of theirs, please."""
        with self._lock:
            if self._waiting == self._within_reach:
                return []
            crowded = [name for name, group in self._groups.items() if group.waiting > _FEW and not group.has_room()]
            for name in crowded:
                self._groups[name].left_out = True
            return crowded

    @property
    def within_reach(self) -> int:
        """How many letters wait for nothing but a sender."""
        return self._within_reach

    def __len__(self) -> int:
        return self._waiting

    def _may_go(self) -> bool:
        while self._heap and not (self._heap[0][2].letters and self._heap[0][2].group.has_room()):
            heapq.heappop(self._heap)[2].listed = False
        return bool(self._heap)

    def _take(self) -> Claimed:
        _lane, _count, line = heapq.heappop(self._heap)
        line.listed = False
        group = line.group
        _count, letter = line.letters.popleft()
        group.waiting -= 1
        self._waiting -= 1
        self._within_reach -= 1
        if self._limited:
            group.on_their_way += 1
        if group.has_room():
            self._list(line)
        else:
            self._within_reach -= group.waiting
        if group.left_out and group.waiting <= _FEW:
            group.left_out, self._ran_low = False, True
        if self._within_reach <= self._mark:
            self._mark, self._ran_low = -1, True
        return letter

    def _list(self, line: Line) -> None:
        if line.letters and not line.listed:
            line.listed = True
            heapq.heappush(self._heap, (line.lane, line.letters[0][0], line))
        if self._idle:
            self._idle.popleft().set()

    def _settle(self, group: Group, *, had_room: bool) -> None:
        """After a group's room may have changed."""
        if group.has_room() == had_room:
            return
        if had_room:
            self._within_reach -= group.waiting
            return
        self._within_reach += group.waiting
        for line in group.lines.values():
            self._list(line)

    def _stop(self, name: str) -> None:
        self._stopped.add(name)
        group = self._groups[name]
        had_room = group.has_room()
        group.stopped = True
        group.pace.begin_again()
        self._settle(group, had_room=had_room)

    def _emptied(self, group: Group) -> list[Claimed]:
        back = [letter for line in group.lines.values() for _count, letter in line.letters]
        for line in group.lines.values():
            line.letters.clear()
        self._waiting -= group.waiting
        group.waiting = 0
        return back
