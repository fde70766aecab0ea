"""One sending process of a benchmark: everything a worker does for a letter, and nothing else.

    python -m benchmarks.sending DATABASE_URL PORT CONNECTIONS FOLDER [--dkim]

Says "ready", sends from the first line on its standard input to the second, then says its CPU seconds between them.
"""

import sys
import time
import uuid
from pathlib import Path

from leadmagnet import clock
from leadmagnet.delivery.dispatcher import Dispatcher
from leadmagnet.delivery.queue import Lease
from leadmagnet.links import Keys, Links
from leadmagnet.mail import dkim_key
from leadmagnet.mail.sign import Signer
from leadmagnet.mail.smtp import Connection, Server
from leadmagnet.store.database import Database
from leadmagnet.worker import spare_the_collector


def main(url: str, port: int, connections: int, folder: Path, *, dkim: bool) -> None:
    """Runs the process; see the module."""
    server = Server("127.0.0.1", port, "off")
    dispatcher = Dispatcher(
        Database(url),
        lambda: Connection.open(server, local_hostname="bench.example"),
        Links("https://mail.example.com", Keys.of(("a key for benchmarks",))),
        lease=Lease(str(uuid.uuid4()), 60),
        connections=connections,
        relay=str(server),
        journal_folder=folder / "journal",
        clock=clock.now,
        signer=Signer("bench", dkim_key.read(dkim_key.make(), "benchmark")) if dkim else None,
    )
    spare_the_collector()
    print("ready", flush=True)
    sys.stdin.readline()
    cpu = time.process_time()
    dispatcher.start()
    dispatcher.wake()
    sys.stdin.readline()
    print(time.process_time() - cpu, flush=True)
    dispatcher.stop(30)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), dkim="--dkim" in sys.argv)
