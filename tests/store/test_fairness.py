"""First come, first served."""

import threading

from leadmagnet.store.fairness import FairLock


def test_whoever_waits_is_served_before_the_loop_that_holds_it() -> None:
    lock, order = FairLock(), []
    entered, waiting = threading.Event(), threading.Event()

    def sign_up() -> None:
        waiting.set()
        with lock:
            order.append("sign-up")

    def replan() -> None:
        for number in range(3):
            with lock:
                order.append(f"chunk {number}")
                if number == 0:
                    entered.set()
                    waiting.wait(10)
                    while not lock.is_awaited:
                        threading.Event().wait(0.001)

    loop, other = threading.Thread(target=replan), threading.Thread(target=sign_up)
    loop.start()
    entered.wait(10)
    other.start()
    loop.join(10)
    other.join(10)
    assert order == ["chunk 0", "sign-up", "chunk 1", "chunk 2"]


def test_many_threads_exclude_each_other() -> None:
    lock, inside, most = FairLock(), [], []

    def work() -> None:
        for _ in range(200):
            with lock:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(most) == 1600
    assert max(most) == 1
