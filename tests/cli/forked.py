"""Runs one command in a fork of a process that has loaded `leadmagnet` already.

Most of what a short command costs is its start: half a second of imports. A fork is a process of its own just the
same, with the folder, the environment, the streams and the exit code that it is given. What is about the start itself
runs `python -m leadmagnet`.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import TimeoutExpired

#: What the commands import, loaded once for all of them.
_LOADED = (
    __name__,
    *(f"leadmagnet.cli.{name}" for name in ("brakes", "content", "delivery", "feedback", "serve", "server")),
    "leadmagnet.store.migrate",
)


def run(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], aside: Path, timeout: float) -> int:
    """Runs it to its end; what it writes is then in `out` and `err` of the folder `aside`. Returns its exit code.

    Raises TimeoutExpired, having killed it.
    """
    process = _context().Process(target=_be, args=(tuple(arguments), str(cwd), dict(env), str(aside)))
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutExpired(arguments, timeout)
    code = process.exitcode
    process.close()
    return code


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LOADED))
    return context


def _be(arguments: Sequence[str], cwd: str, env: Mapping[str, str], aside: str) -> None:
    """Becomes `leadmagnet` with these arguments."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    streams = (
        os.open(os.devnull, os.O_RDONLY),
        os.open(f"{aside}/out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        os.open(f"{aside}/err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    )
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: PLW1514, SIM115
    sys.argv = ["leadmagnet", *arguments]

    from leadmagnet.cli import main

    main(arguments)
