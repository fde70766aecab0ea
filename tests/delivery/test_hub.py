"""Many conversations in one thread: each waits for itself, and none holds up another."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from leadmagnet import waiting
from leadmagnet.delivery.hub import Hub
from tests.waiting import PATIENCE


@pytest.fixture
def hub() -> Iterator[Hub]:
    started = Hub("tested")
    started.start()
    yield started
    assert started.stop(PATIENCE)


def outcome(hub: Hub, conversation: Callable[[], object]) -> object:
    """What a conversation comes to."""
    told: SimpleQueue[object] = SimpleQueue()
    hub.spawn(lambda: told.put(conversation()))
    return told.get(timeout=PATIENCE)


def test_a_conversation_that_waits_lets_the_others_go_on(hub: Hub) -> None:
    here, there = socket.socketpair()
    here.setblocking(False)
    heard: SimpleQueue[str] = SimpleQueue()

    def listen() -> None:
        assert waiting.ready(here, to_write=False, timeout=PATIENCE)
        heard.put(here.recv(10).decode())

    hub.spawn(listen)
    assert outcome(hub, lambda: "meanwhile") == "meanwhile"
    assert heard.empty()
    there.send(b"hello")
    assert heard.get(timeout=PATIENCE) == "hello"
    here.close()
    there.close()


def test_a_socket_that_says_nothing_is_given_up_after_its_time(hub: Hub) -> None:
    here, there = socket.socketpair()
    assert outcome(hub, lambda: waiting.ready(here, to_write=False, timeout=0.01)) is False
    assert outcome(hub, lambda: waiting.ready(here, to_write=True, timeout=PATIENCE)) is True
    here.close()
    there.close()


def test_a_new_socket_with_the_number_of_a_closed_one_is_watched(hub: Hub) -> None:
    def twice() -> list[bool]:
        answers = []
        for _ in range(2):
            here, there = socket.socketpair()
            there.send(b"x")
            answers.append(waiting.ready(here, to_write=False, timeout=PATIENCE))
            numbers.append(here.fileno())
            here.close()
            there.close()
        return answers

    numbers: list[int] = []
    assert outcome(hub, twice) == [True, True]
    assert numbers[0] == numbers[1]


def test_a_server_that_speaks_unasked_does_not_keep_the_thread_busy(hub: Hub) -> None:
    here, there = socket.socketpair()
    event: SimpleQueue[waiting.Event] = SimpleQueue()

    def converse() -> bytes:
        waiting.ready(here, to_write=True, timeout=PATIENCE)
        waiting.ready(here, to_write=False, timeout=0)  # from here on it is watched
        mine = waiting.event()
        event.put(mine)
        mine.wait()
        waiting.ready(here, to_write=False, timeout=PATIENCE)
        return here.recv(10)

    told: SimpleQueue[bytes] = SimpleQueue()
    hub.spawn(lambda: told.put(converse()))
    mine = event.get(timeout=PATIENCE)
    there.send(b"421")
    assert outcome(hub, lambda: "others go on") == "others go on"
    mine.set()
    assert told.get(timeout=PATIENCE) == b"421"
    here.close()
    there.close()


def test_events_set_by_other_threads_are_never_missed(hub: Hub) -> None:
    rounds, conversations = 300, 8
    asked: SimpleQueue[waiting.Event | None] = SimpleQueue()

    def ask() -> int:
        answered = 0
        for _ in range(rounds):
            mine = waiting.event()
            asked.put(mine)
            answered += mine.wait(PATIENCE)
        return answered

    def answer() -> None:
        while (event := asked.get()) is not None:
            event.set()

    answering = [threading.Thread(target=answer) for _ in range(2)]
    for thread in answering:
        thread.start()
    told: SimpleQueue[int] = SimpleQueue()
    for _ in range(conversations):
        hub.spawn(lambda: told.put(ask()))
    assert [told.get(timeout=PATIENCE) for _ in range(conversations)] == [rounds] * conversations
    for _thread in answering:
        asked.put(None)
    for thread in answering:
        thread.join(PATIENCE)


def test_what_blocks_is_done_apart_and_its_error_comes_back(hub: Hub) -> None:
    gate = threading.Event()

    def blocked() -> str:
        assert gate.wait(PATIENCE)
        return threading.current_thread().name

    told: SimpleQueue[str] = SimpleQueue()
    hub.spawn(lambda: told.put(waiting.apart(blocked)))
    assert outcome(hub, lambda: threading.current_thread().name) == "tested"
    gate.set()
    assert told.get(timeout=PATIENCE) == "tested-apart"

    def fails() -> str:
        raise ValueError("no")

    def caught() -> str:
        try:
            return waiting.apart(fails)
        except ValueError as error:
            return str(error)

    assert outcome(hub, caught) == "no"


def test_a_conversation_that_fails_ends_alone(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise RuntimeError("a defect")

    hub.spawn(fails)
    assert outcome(hub, lambda: "still here") == "still here"
    assert "a conversation failed" in caplog.text


def test_stopping_waits_for_who_still_converses() -> None:
    hub = Hub("stopping")
    hub.start()
    started = threading.Event()
    done: list[float] = []

    def converse() -> None:
        started.set()
        waiting.pause(0.05)
        done.append(time.monotonic())

    hub.spawn(converse)
    assert started.wait(PATIENCE)
    assert hub.stop(0) is False
    assert hub.stop(PATIENCE) is True
    assert done


def test_a_word_that_comes_after_the_end_is_written_nowhere() -> None:
    """The pipe that wakes the thread is closed by then, and its number may be another file's."""
    hub = Hub("ending")
    hub.start()
    told: SimpleQueue[waiting.Event] = SimpleQueue()
    hub.spawn(lambda: told.put(waiting.event()))
    event = told.get(timeout=PATIENCE)
    assert hub.stop(PATIENCE)
    first_free = os.pipe()
    event.set()
    hub.spawn(lambda: None)
    assert hub.stop(PATIENCE)
    os.set_blocking(first_free[0], False)
    with pytest.raises(BlockingIOError):
        os.read(first_free[0], 1)
    for descriptor in first_free:
        os.close(descriptor)


def test_without_a_hub_waiting_is_plain_waiting() -> None:
    here, there = socket.socketpair()
    assert waiting.ready(here, to_write=False, timeout=0.01) is False
    there.send(b"x")
    assert waiting.ready(here, to_write=False, timeout=PATIENCE) is True
    assert waiting.event().wait(0.01) is False
    assert waiting.apart(lambda: 7) == 7
    here.close()
    there.close()


def test_a_word_that_comes_while_another_is_heard_does_not_silence_the_next(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_read = os.read
    crowded = threading.Event()

    def read_late(descriptor: int, length: int) -> bytes:
        if not crowded.is_set():
            crowded.set()
            another = threading.Thread(target=lambda: hub.spawn(lambda: None))
            another.start()
            another.join(PATIENCE)
        return really_read(descriptor, length)

    monkeypatch.setattr("leadmagnet.delivery.hub.os.read", read_late)
    assert outcome(hub, lambda: "first") == "first"
    assert crowded.is_set()
    assert outcome(hub, lambda: "next") == "next"
