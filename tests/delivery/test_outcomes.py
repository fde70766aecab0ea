"""What a reply makes of a delivery: a table."""

from datetime import UTC, datetime, timedelta

import pytest

from leadmagnet.delivery import outcomes
from leadmagnet.delivery.letters import Claimed
from leadmagnet.delivery.outcomes import Deferred, Failed, Returned
from leadmagnet.mail.smtp_replies import ReplyClass

NOW = datetime(2026, 3, 5, 12, 30, tzinfo=UTC)
SECONDS, MINUTES, HOURS = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TRANSACTIONAL = [
    30 * SECONDS,
    2 * MINUTES,
    5 * MINUTES,
    15 * MINUTES,
    30 * MINUTES,
    HOURS,
    2 * HOURS,
    4 * HOURS,
    4 * HOURS,
]
SEQUENCE = [5 * MINUTES, 15 * MINUTES, 30 * MINUTES, HOURS, 2 * HOURS, 4 * HOURS, 8 * HOURS, 8 * HOURS]


def letter(lane: str = "sequence", *, number: int = 7, attempts: int = 0, first: datetime | None = None) -> Claimed:
    return Claimed(
        id=number, token=1, kind="step", lane=lane, domain_group="example.com", message_id="", recipient="",
        attempts=attempts, first_attempt_at=first, subscriber_id=1, enrollment_id=1, published=None, letter=None,
        facts=None, course=None,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "reply_class", "expected"),
    [
        (550, ReplyClass.BAD_ADDRESS, Failed("bad_address", 550, "bad_address", suppress=True)),
        (552, ReplyClass.MAILBOX, Failed("mailbox", 552, "mailbox")),
        (554, ReplyClass.CONTENT, Failed("content", 554, "content")),
        (550, ReplyClass.UNSUPPORTED, Failed("unsupported", 550, "unsupported")),
        (550, ReplyClass.UNCLEAR, Failed("unclear", 550, "unclear")),
        (550, ReplyClass.UNEXPLAINED, Failed("unexplained", 550, "unexplained")),
        (535, ReplyClass.CREDENTIALS, Returned(NOW + 30 * SECONDS)),
        (550, ReplyClass.REPUTATION, Deferred(550, "reputation", NOW + HOURS, is_attempt=False)),
        (450, ReplyClass.REPUTATION, Deferred(450, "reputation", NOW + HOURS, is_attempt=False)),
    ],
)
def test_a_refusal_ends_a_letter_or_brings_it_back(code: int, reply_class: ReplyClass, expected: object) -> None:
    assert outcomes.of_refusal(letter(), code, reply_class, now=NOW) == expected


@pytest.mark.parametrize(
    ("code", "reply_class"),
    [
        (451, ReplyClass.RETRY),
        (450, ReplyClass.MAILBOX),
        (452, ReplyClass.THROTTLE),
        (550, ReplyClass.THROTTLE),  # "too many" with a permanent code is still no verdict on the letter
    ],
)
def test_a_later_backs_off_and_counts_as_an_attempt(code: int, reply_class: ReplyClass) -> None:
    outcome = outcomes.of_refusal(letter(), code, reply_class, now=NOW)
    assert isinstance(outcome, Deferred)
    assert (outcome.code, outcome.reply_class) == (code, reply_class)
    assert outcome.ready_at == outcomes.back_off(letter(), now=NOW)


def test_nobody_but_a_bad_address_is_ever_suppressed() -> None:
    for reply_class in set(ReplyClass) - {ReplyClass.BAD_ADDRESS}:
        for code in (450, 550):
            outcome = outcomes.of_refusal(letter(), code, reply_class, now=NOW)
            assert not (isinstance(outcome, Failed) and outcome.suppress)


@pytest.mark.parametrize(("lane", "waits"), [("transactional", TRANSACTIONAL), ("sequence", SEQUENCE)])
def test_each_lane_waits_longer_every_time_give_or_take_a_fifth(lane: str, waits: list[timedelta]) -> None:
    for attempts, wait in enumerate(waits):
        for number in range(50):
            again = outcomes.back_off(letter(lane, number=number, attempts=attempts), now=NOW)
            assert again is not None
            assert 0.8 * wait <= again - NOW <= 1.2 * wait


def test_letters_that_were_refused_together_do_not_come_back_together() -> None:
    moments = {outcomes.back_off(letter(number=number), now=NOW) for number in range(100)}
    assert len(moments) > 90


def test_the_same_row_and_attempt_always_wait_the_same() -> None:
    assert outcomes.back_off(letter(), now=NOW) == outcomes.back_off(letter(), now=NOW)


@pytest.mark.parametrize(("lane", "patience"), [("transactional", 24 * HOURS), ("sequence", 72 * HOURS)])
def test_giving_up_is_measured_from_the_first_attempt(lane: str, patience: timedelta) -> None:
    just = letter(lane, attempts=3, first=NOW - patience)
    assert outcomes.back_off(just, now=NOW) is not None
    past = letter(lane, attempts=3, first=NOW - patience - SECONDS)
    assert outcomes.back_off(past, now=NOW) is None
    assert outcomes.of_refusal(past, 451, ReplyClass.RETRY, now=NOW) == Failed("deferred_out", 451, "retry")


def test_trouble_with_our_login_or_reputation_never_gives_a_letter_up() -> None:
    old = letter(attempts=50, first=NOW - timedelta(days=30))
    assert isinstance(outcomes.of_refusal(old, 535, ReplyClass.CREDENTIALS, now=NOW), Returned)
    assert isinstance(outcomes.of_refusal(old, 550, ReplyClass.REPUTATION, now=NOW), Deferred)
