"""Visitors of a benchmark, in a process of their own: they keep their connections, and type addresses of their own.

Each request comes from a home of its own, as a proxy on this machine would say.

    python -m benchmarks.visitors PORT PATH CLIENTS

Each line on standard input is a task as JSON: {"rate": POSTs a second, or null for as many as are answered,
"seconds": how long, "typed": what the form holds, with {n} for a number that no other request has}. The answer is a
line of JSON as well: `answers`, `failed`, `seconds`, `waits` (seconds each answer took, from when it should have been
asked for), `begun` (that moment of each request by its number, on the clock that all processes share).
"""

import asyncio
import itertools
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_HEAD = (
    "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    "Referer: https://blog.example/barre\r\nX-Forwarded-For: {home}\r\nContent-Length: {length}\r\n\r\n{body}"
)


class Visitor(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self) -> None:
        self.buffer = b""
        self.answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(b"")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found or self.answer is None:
            return
        length = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), b":0")
        if len(body) >= int(length.partition(b":")[2]):
            self.buffer = b""
            self.answer.set_result(head.split(b" ", 2)[1])

    async def ask(self, request: bytes) -> bytes:
        """The status of the answer; empty if the server hung up."""
        if self.transport.is_closing():
            return b""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer


@dataclass
class Result:
    """What the visitors of one task met."""

    answers: int = 0
    failed: int = 0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    begun: dict[int, float] = field(default_factory=dict)


async def crowd(port: int, path: str, clients: int) -> None:
    """Answers tasks until standard input ends."""
    loop, numbers = asyncio.get_running_loop(), itertools.count()
    visitors = [(await loop.create_connection(Visitor, "127.0.0.1", port))[1] for _ in range(clients)]
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        task = json.loads(line)
        result = Result()
        start = time.monotonic()
        turns = deque(_moments(start, task["rate"], task["seconds"]) if task["rate"] else [])
        end = start + task["seconds"]
        await asyncio.gather(*(_visit(one, path, task, turns, numbers, end, result) for one in visitors))
        result.seconds = time.monotonic() - start
        print(json.dumps(vars(result)), flush=True)


def _moments(start: float, rate: float, seconds: float) -> Iterator[float]:
    return (start + number / rate for number in range(int(rate * seconds)))


async def _visit(
    visitor: Visitor, path: str, task: dict[str, Any], turns: deque[float], numbers: Iterator[int], end: float,
    result: Result,
) -> None:  # fmt: skip
    while turns or not task["rate"]:
        begun = turns.popleft() if turns else time.monotonic()
        if begun >= end:
            return
        await asyncio.sleep(max(0.0, begun - time.monotonic()))
        number = next(numbers)
        body = task["typed"].replace("{n}", str(number))
        home = f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::7"
        status = await visitor.ask(_HEAD.format(path=path, home=home, length=len(body), body=body).encode())
        result.answers += 1
        result.failed += status not in (b"303", b"200")
        result.waits.append(time.monotonic() - begun)
        result.begun[number] = begun
        if not status:
            return


if __name__ == "__main__":
    asyncio.run(crowd(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
