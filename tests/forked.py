"""Runs `leadmagnet` in forks of a process that has loaded it already.

Most of what a short command costs is its start: half a second of imports. A fork is a process of its own just the
same, with the folder, the environment, the streams and the exit code that it is given, and can be stopped, frozen and
killed like any other. What is about the start itself runs `python -m leadmagnet`.
"""

import multiprocessing
import os
import signal
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


class Forked:
    """One command, from its start to its end; what it writes goes to files. `program`: Python, instead of ours."""

    def __init__(
        self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], out: Path, err: Path | None = None,
        program: str | None = None,
    ) -> None:  # fmt: skip
        self._process = _context().Process(
            target=_be, args=(tuple(arguments), str(cwd), dict(env), str(out), str(err or out), program)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def lives(self) -> bool:
        return self._process.exitcode is None

    def send_signal(self, number: signal.Signals) -> None:
        if self.lives:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """As `kill -9`, and as the machine's own out-of-memory killer."""
        self._process.kill()

    def wait(self, timeout: float) -> int:
        """Its exit code, once it has ended; that of a signal is negative. Raises TimeoutExpired."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise TimeoutExpired("leadmagnet", timeout)
        return code


def run(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], out: Path, err: Path, timeout: float) -> int:
    """Runs one command to its end, and returns its exit code. Raises TimeoutExpired, having killed it."""
    process = Forked(arguments, cwd=cwd, env=env, out=out, err=err)
    try:
        return process.wait(timeout)
    except TimeoutExpired:
        process.kill()
        raise


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LOADED))
    return context


def _be(arguments: Sequence[str], cwd: str, env: Mapping[str, str], out: str, err: str, program: str | None) -> None:
    """Becomes `leadmagnet` with these arguments."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    _take(0, os.open(os.devnull, os.O_RDONLY))
    _take(1, os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    if err == out:
        os.dup2(1, 2)
    else:
        _take(2, os.open(err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    sys.stdin = os.fdopen(0)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    sys.argv = ["leadmagnet", *arguments]
    if program is not None:
        exec(program, {"__name__": "__main__"})
        return

    from leadmagnet import cli

    cli.main(arguments)


def _take(number: int, descriptor: int) -> None:
    os.dup2(descriptor, number)
    os.close(descriptor)
