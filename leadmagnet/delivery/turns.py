"""Whose turn it is: the letters that one sender takes, one after the other."""

from collections.abc import Callable
from dataclasses import dataclass

from leadmagnet import failpoints
from leadmagnet.delivery.in_hand import InHand
from leadmagnet.delivery.journal import Journal
from leadmagnet.delivery.letters import Claimed
from leadmagnet.mail.handover import Message


@dataclass(slots=True)
class Turn:
    """A letter that a sender works on; one that was taken ahead may be begun and put together already."""

    letter: Claimed
    is_begun: bool = False
    raw: Message | None = None  # as the connection was told of it; None: it was not


class Turns:
    """One sender's letters; `taken` is called whenever it takes one in hand.

    Each is noted beside the journal before anything is done with it: should the process die of it, no other is to
    blame. A sender has one place for that. It is the next letter's once that is taken ahead, so nothing but the gate
    and the dot may be left to do for the one at hand.
    """

    def __init__(self, in_hand: InHand, journal: Journal, *, taken: Callable[[], None]) -> None:
        self._in_hand = in_hand
        self._journal = journal
        self._taken = taken
        self._slot = journal.slot()
        self._ahead: Turn | None = None

    @property
    def are_over(self) -> bool:
        """Whether no letter will come any more."""
        return self._ahead is None and self._in_hand.closed

    def next(self, timeout: float) -> Turn | None:
        """The next letter; None: none came within `timeout` seconds, or it was given back, as the process is to end."""
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            letter = self._in_hand.get(timeout)
            if letter is None:
                return None
            self._taken()
            return Turn(letter)
        if self._in_hand.take_up(ahead.letter):
            return ahead
        self._journal.end(self._slot, plain=False)
        return None

    def look_ahead(self, at_hand: Claimed) -> Turn | None:
        """Takes the next letter already, and begins it; None if there is none that may run ahead, or begin now."""
        letter = self._in_hand.get_ahead(at_hand) if self._journal.begins_at_once else None
        if letter is None:
            return None
        self._taken()
        self._ahead = Turn(letter)
        return self._ahead if self.begin(self._ahead) else None

    def begin(self, turn: Turn) -> bool:
        """Notes that this letter is really begun; False: it must not be begun now."""
        if not turn.is_begun:
            letter = turn.letter
            turn.is_begun = self._journal.begin(self._slot, letter.id, letter.token, tries=letter.begun)
            if turn.is_begun:
                failpoints.reach("after_begin")
        return turn.is_begun

    def end(self, *, plain: bool) -> None:
        """Notes that the letter at hand is behind its sender; not `plain`: its row may look as if never begun."""
        if self._ahead is None:  # otherwise the place is the next letter's already
            self._journal.end(self._slot, plain=plain)

    def done(self, letter: Claimed, *, accepted: bool) -> None:
        """The letter at hand is not on its way any more."""
        self._in_hand.done(letter, accepted=accepted, place_taken=self._ahead is not None)
