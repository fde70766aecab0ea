"""Letters in hand: in order, and never more to one domain group than it bears."""

from itertools import count
from threading import Thread

import pytest

from leadmagnet.delivery.in_hand import InHand
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.throttle import Pace, asks_for_less, asks_to_stop
from leadmagnet.mail.smtp_replies import classify
from tests.waiting import PATIENCE, until

_number = count(1)


def letter(group: str, lane: str = "sequence", *, begun: int = 0) -> Claimed:
    return Claimed(
        id=next(_number), token=1, kind="step", lane=lane, domain_group=group, message_id="", recipient="", attempts=0,
        first_attempt_at=None, subscriber_id=1, enrollment_id=1, published=None, letter=None, facts=None, course=None,
        begun=begun,
    )  # type: ignore[arg-type]  # fmt: skip


def holding(*letters: Claimed, low: int = 0, limited: bool = True) -> InHand:
    in_hand = InHand(low=low, limited=limited)
    for one in letters:
        in_hand.put([one])
    in_hand.watch()
    return in_hand


def taken(in_hand: InHand, most: int = 1000) -> list[Claimed]:
    """What is handed out while nothing comes back."""
    found: list[Claimed] = []
    while len(found) < most and (one := in_hand.get(0)) is not None:
        found.append(one)
    return found


def raised(in_hand: InHand, group: str, limit: int) -> None:
    """Raises a group's limit the honest way: fifty clean accepts for each step."""
    for _ in range(50 * (limit - 2)):
        in_hand.put([letter(group)])
        (one,) = taken(in_hand, 1)
        in_hand.done(one, accepted=True)


class TestThePace:
    """How many at once."""

    @pytest.mark.parametrize(
        ("events", "limit"),
        [
            ("", 2),
            ("a" * 49, 2),
            ("a" * 50, 3),
            ("a" * 49 + "s" + "a" * 49, 1),
            ("a" * 400, 10),
            ("a" * 5000, 10),
            ("s", 1),
            ("sss", 1),
            ("a" * 400 + "s", 5),
            ("a" * 400 + "ss", 2),
            ("a" * 400 + "s" + "a" * 50, 6),
            ("a" * 400 + "x", 1),
            ("x" + "a" * 50, 2),
        ],
    )
    def test_it_rises_with_clean_accepts_and_falls_by_half(self, events: str, limit: int) -> None:
        pace = Pace()
        for event in events:
            {"a": pace.accepted, "s": pace.slow_down, "x": pace.begin_again}[event]()
        assert pace.limit == limit

    @pytest.mark.parametrize(
        ("code", "text", "less", "stop"),
        [
            (421, "4.7.28 Gmail has detected an unusual rate of mail", True, True),
            (421, "4.7.28 Our system has detected\n4.7.28 an unusual rate", True, True),
            (452, "4.7.28 too much from you", True, True),
            (421, "4.7.0 [TSS04] Messages temporarily deferred", True, False),
            (450, "4.7.280 something else", True, False),
            (451, "4.7.1 try again later", True, False),
            (454, "4.3.0 throttled", True, False),
            (421, "4.3.2 shutting down", True, False),
            (451, "4.7.1 Greylisting in action", False, False),
            (450, "4.2.1 mailbox busy", False, False),
            (451, "4.3.0 try later, see 192.4.7.28", False, False),
            (550, "5.7.28 unsolicited mail from your network", False, False),
            (550, "5.1.1 no such person", False, False),
        ],
    )
    def test_a_reply_asks_for_less_or_for_a_pause(self, code: int, text: str, less: bool, stop: bool) -> None:
        assert asks_for_less(code, classify(code, text)) is less
        assert asks_to_stop(code, text) is stop


def test_what_somebody_waits_for_goes_first_then_the_order_of_the_claim() -> None:
    first, second, third = letter("a"), letter("b"), letter("c")
    urgent = letter("d", "transactional")
    assert taken(holding(first, second, third, urgent)) == [urgent, first, second, third]


def test_a_group_without_room_does_not_hold_up_the_others() -> None:
    slow = [letter("slow") for _ in range(50)]
    other = [letter("other"), letter("another")]
    in_hand = holding(*slow, *other)
    assert taken(in_hand) == [*slow[:2], *other]
    in_hand.done(slow[0])
    assert taken(in_hand) == [slow[2]]
    assert len(in_hand) == 47


def test_within_a_full_group_too_what_somebody_waits_for_goes_next() -> None:
    letters = [letter("a") for _ in range(4)]
    in_hand = holding(*letters)
    assert taken(in_hand) == letters[:2]
    urgent = letter("a", "transactional")
    in_hand.put([urgent])
    assert taken(in_hand) == []
    in_hand.done(letters[0])
    assert taken(in_hand) == [urgent]


def test_fifty_clean_accepts_open_one_more_place() -> None:
    in_hand = InHand()
    raised(in_hand, "a", 3)
    for _ in range(5):
        in_hand.put([letter("a")])
    assert len(taken(in_hand)) == 3


def test_a_group_that_asks_for_less_gets_less_at_once() -> None:
    in_hand = InHand()
    raised(in_hand, "a", 4)
    for _ in range(20):
        in_hand.put([letter("a")])
    on_their_way = taken(in_hand)
    assert len(on_their_way) == 4
    in_hand.slow_down("a")
    in_hand.done(on_their_way[0])
    in_hand.done(on_their_way[1])
    assert taken(in_hand) == []
    in_hand.done(on_their_way[2])
    assert len(taken(in_hand)) == 1


def test_a_stopped_group_gives_its_letters_back_and_begins_again_with_one() -> None:
    gmail = [letter("gmail") for _ in range(5)]
    in_hand = holding(*gmail, letter("other"))
    (first,) = taken(in_hand, 1)
    in_hand.stop("gmail")
    in_hand.done(first)
    assert [one.domain_group for one in taken(in_hand)] == ["other"]
    assert in_hand.keep_stopped({"gmail"}) == gmail[1:]
    assert (in_hand.keep_stopped({"gmail"}), len(in_hand)) == ([], 0)
    late = [letter("gmail") for _ in range(3)]
    for one in late:
        in_hand.put([one])
    assert taken(in_hand) == []
    assert in_hand.keep_stopped(set()) == []
    assert taken(in_hand) == late[:1]


def test_a_group_that_others_stopped_begins_again_with_one_here_too() -> None:
    in_hand = InHand()
    raised(in_hand, "gmail", 5)
    in_hand.keep_stopped({"gmail"})
    in_hand.keep_stopped(set())
    for _ in range(3):
        in_hand.put([letter("gmail")])
    assert len(taken(in_hand)) == 1


def test_no_more_is_claimed_of_a_crowded_group() -> None:
    in_hand = holding(*(letter("few") for _ in range(6)), *(letter("many") for _ in range(7)), letter("other"))
    assert in_hand.crowded() == [], "as long as both have room"
    assert in_hand.within_reach == 14
    taken(in_hand)
    assert in_hand.crowded() == ["many"]
    assert (in_hand.within_reach, len(in_hand)) == (0, 9)


def test_more_is_asked_for_once_when_little_is_left_within_reach() -> None:
    in_hand = holding(*(letter(f"g{number}") for number in range(10)), low=5)
    asked = []
    for _ in range(10):
        taken(in_hand, 1)
        asked.append(in_hand.runs_low())
    assert asked == [False] * 4 + [True] + [False] * 5


def test_a_claim_that_brought_few_is_followed_by_another_look() -> None:
    """It leaves crowded groups out, so that more may be due although it was not full."""
    in_hand = holding(*(letter(f"g{number}") for number in range(4)), low=5)
    assert not in_hand.runs_low()
    taken(in_hand, 2)
    assert in_hand.runs_low()


def test_a_crowded_group_asks_for_more_when_it_is_not_crowded_any_more() -> None:
    in_hand = holding(*(letter("a") for _ in range(30)), low=5)
    asked = 0
    on_their_way = taken(in_hand)
    assert in_hand.crowded() == ["a"], "the next claim leaves it out"
    for _ in range(28):
        asked += in_hand.runs_low()
        in_hand.done(on_their_way.pop())
        on_their_way += taken(in_hand)
    assert asked == 2, "once for the others' sake, once for its own; not for every letter"


def test_a_crowded_group_asks_for_more_however_its_letters_come_back() -> None:
    in_hand = holding(*(letter("many") for _ in range(9)))
    on_their_way = taken(in_hand)
    assert (len(on_their_way), in_hand.crowded()) == (2, ["many"])
    in_hand.runs_low()
    asked = 0
    for _ in range(4):  # both come back before the next two go
        for one in on_their_way:
            in_hand.done(one)
        on_their_way = taken(in_hand, 2)
        asked += in_hand.runs_low()
    assert asked == 1


def test_what_comes_within_reach_again_is_watched_anew() -> None:
    """That they run low may be said while a group is crowded: once it is not, nobody may claim for so few."""
    in_hand = holding(*(letter("a") for _ in range(10)), low=5)
    on_their_way = taken(in_hand, 2)
    assert (in_hand.within_reach, in_hand.runs_low()) == (0, True)
    in_hand.done(on_their_way.pop())
    assert in_hand.within_reach == 8, "too many for another claim"
    in_hand.watch()
    asked = 0
    while one := in_hand.get(0):
        asked += in_hand.runs_low()
        in_hand.done(one)
    assert asked == 1


def test_a_crowded_group_alone_is_not_one_claim_for_each_of_its_letters() -> None:
    in_hand = holding(*(letter("a") for _ in range(100)), low=5)
    on_their_way, asked = taken(in_hand), 0
    for _ in range(90):
        if in_hand.runs_low():
            asked += 1
            in_hand.crowded()
            in_hand.watch()  # a claim that left the group out brought nothing
        in_hand.done(on_their_way.pop())
        on_their_way += taken(in_hand)
    assert asked == 1


class TestTheLetterAhead:
    """Taken by a sender whose letter still has its dot to come."""

    def test_it_takes_the_place_of_the_one_at_hand(self) -> None:
        """So that a group bears as many connections as before, and no fewer letters."""
        letters = [letter("a") for _ in range(5)]
        in_hand = holding(*letters)
        first, second = taken(in_hand)
        ahead = in_hand.get_ahead(first)
        assert ahead is letters[2]
        assert in_hand.get(0) is None, "two connections, two places"
        in_hand.done(first, accepted=True, place_taken=True)
        assert in_hand.get(0) is None, "its place was taken"
        in_hand.done(ahead)
        assert in_hand.get(0) is letters[3]
        in_hand.done(second)
        assert in_hand.get(0) is letters[4]

    def test_a_place_in_another_group_is_free_at_once(self) -> None:
        first, other = letter("a"), letter("b")
        in_hand = holding(first, other)
        in_hand.slow_down("a")
        assert taken(in_hand, 1) == [first]
        assert in_hand.get_ahead(first) is other
        in_hand.put([waiting := letter("a")])
        assert in_hand.get(0) is waiting
        in_hand.done(first, place_taken=True)
        in_hand.put([letter("a")])
        assert in_hand.get(0) is None, "one at a time"

    @pytest.mark.parametrize(
        "following", [letter("b", "transactional"), letter("b", begun=1)], ids=["asked for", "its process died"]
    )
    def test_some_wait_for_whoever_is_free(self, following: Claimed) -> None:
        in_hand = holding(first := letter("a"))
        in_hand.slow_down("a")
        assert in_hand.get(0) is first
        in_hand.put([following, letter("a")])
        assert in_hand.get_ahead(first) is None
        assert taken(in_hand) == [following], "the place is still the first one's"

    def test_none_is_taken_from_under_the_eyes_of_an_idle_sender(self) -> None:
        in_hand = holding(first := letter("a"))
        assert in_hand.get(0) is first
        got: list[Claimed | None] = []
        idle = Thread(target=lambda: got.append(in_hand.get(PATIENCE)))
        idle.start()
        until(lambda: bool(in_hand._idle))
        assert in_hand.get_ahead(first) is None
        in_hand.close()
        assert in_hand.get_ahead(first) is None
        idle.join(PATIENCE)
        assert got == [None]

    def test_it_is_given_back_until_its_turn_has_come(self) -> None:
        letters = [letter("a") for _ in range(4)]
        in_hand = holding(*letters)
        first, second = taken(in_hand)
        ahead = [in_hand.get_ahead(first), in_hand.get_ahead(second)]
        assert ahead == letters[2:]
        assert in_hand.take_up(letters[2])
        assert in_hand.close() == [letters[3]]
        assert not in_hand.take_up(letters[3])


def test_the_test_mailbox_is_never_too_fast() -> None:
    letters = [letter("a") for _ in range(50)]
    in_hand = holding(*letters, limited=False)
    assert taken(in_hand) == letters


def test_many_domains_are_not_remembered_for_ever() -> None:
    in_hand = InHand()
    in_hand.slow_down("slow")
    for number in range(5000):
        in_hand.put([letter(f"domain{number}.example")])
        (one,) = taken(in_hand)
        in_hand.done(one, accepted=True)
    assert len(in_hand._groups) <= 1001
    assert in_hand._groups["slow"].pace.limit == 1, "what was learned the hard way is kept"


def test_once_closed_nobody_gets_a_letter_or_waits_for_one() -> None:
    in_hand = holding()
    waiter = Thread(target=lambda: answers.append(in_hand.get(PATIENCE)))
    rester = Thread(target=in_hand.rest, args=(PATIENCE,))
    answers: list[Claimed | None] = []
    for thread in (waiter, rester):
        thread.start()
    in_hand.close()
    for thread in (waiter, rester):
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert answers == [None]
    in_hand.put([letter("a")])
    assert in_hand.get(PATIENCE) is None
