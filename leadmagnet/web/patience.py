"""Asks what may never be answered, without making its asker wait for ever."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Patience:
    """Questions to a database that may hang: each on a thread of its own, and only one thread for each."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked: dict[str, Future[Any]] = {}

    def ask(self, question: Callable[[], T], *, name: str, seconds: float) -> T:
        """The answer, or what `question` raises. Raises TimeoutError if there is none in time.

        A question that hangs is not asked again before it has ended: however often somebody looks, one thread hangs.
        """
        with self._lock:
            asked = self._asked.get(name)
            if asked is None or asked.done():
                asked = self._asked[name] = Future()
                Thread(target=_answer, args=(asked, question), name=name, daemon=True).start()
        answer: T = asked.result(seconds)
        return answer


def _answer(asked: Future[T], question: Callable[[], T]) -> None:
    try:
        asked.set_result(question())
    except BaseException as error:
        asked.set_exception(error)
