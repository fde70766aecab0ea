"""A mail server that takes everything and keeps nothing, as fast as Python can.

For machines without Postfix's smtp-sink. `python -m benchmarks.sink PORT [NOTES]`; ends with its standard input.
Into the file NOTES it writes a line for each mail: when it was accepted, on the clock that processes share, to whom.
"""

import asyncio
import os
import sys
import time
from typing import TextIO

_ANSWERS = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Conversation(asyncio.Protocol):
    """One connection: commands are answered line by line, a body is skipped to its dot."""

    def __init__(self, notes: TextIO | None) -> None:
        self.notes = notes
        self.recipient = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        self.in_body = False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        answers = []
        while True:
            end = b"\r\n.\r\n" if self.in_body else b"\r\n"
            head, found, rest = self.buffer.partition(end)
            if not found:
                break
            self.buffer = rest
            if self.in_body:
                self.in_body = False
                answers.append(b"250 taken\r\n")
                if self.notes is not None:
                    print(time.monotonic(), self.recipient, file=self.notes, flush=True)
                continue
            command = head[:4].upper()
            if command == b"RCPT":
                self.recipient = head.partition(b"<")[2].partition(b">")[0].decode()
            self.in_body = command == b"DATA"
            answers.append(_ANSWERS.get(command, b"250 ok\r\n"))
        if answers:
            self.transport.write(b"".join(answers))


async def serve(port: int, notes: TextIO | None) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(notes), "127.0.0.1", port, backlog=200)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with open(sys.argv[2] if len(sys.argv) > 2 else os.devnull, "a") as notes:
        asyncio.run(serve(int(sys.argv[1]), notes if len(sys.argv) > 2 else None))
