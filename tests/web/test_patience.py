"""A question that hangs keeps nobody waiting, and one thread at most."""

import threading

import pytest

from leadmagnet.web.patience import Patience
from tests.waiting import until


def test_an_answer_in_time_is_given_and_so_is_an_error() -> None:
    patience = Patience()
    assert patience.ask(lambda: 42, name="one", seconds=60) == 42
    with pytest.raises(KeyError):
        patience.ask(lambda: {}["no"], name="one", seconds=60)
    assert patience.ask(lambda: 43, name="one", seconds=60) == 43


def test_a_question_that_hangs_is_asked_once_until_it_is_answered() -> None:
    patience, free, asked = Patience(), threading.Event(), []

    def hangs() -> int:
        asked.append(1)
        free.wait(60)
        return len(asked)

    for _ in range(3):
        with pytest.raises(TimeoutError):
            patience.ask(hangs, name="readiness", seconds=0.01)
    assert len(asked) == 1
    assert patience.ask(lambda: "another", name="metrics", seconds=60) == "another"
    free.set()
    until(lambda: patience.ask(hangs, name="readiness", seconds=60) > 1)
