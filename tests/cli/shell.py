"""A newcomer's terminal: `leadmagnet` as a process of its own, in a folder and an environment that a test controls."""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests import forked
from tests.conftest import ROOT

T = TypeVar("T")

#: For what normally takes a second: only a broken test waits as long.
PATIENCE = 60.0


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


class Shell:
    """Runs `leadmagnet` in `folder`; keyword arguments are settings (`port=…` is LEADMAGNET_PORT)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str | Path, cwd: Path | None = None, **settings: Any) -> Done:
        with tempfile.TemporaryDirectory() as aside:
            out, err = Path(aside, "out"), Path(aside, "err")
            code = forked.run(
                [str(argument) for argument in arguments],
                cwd=cwd or self.folder,
                env=environment(self.folder, settings),
                out=out,
                err=err,
                timeout=PATIENCE,
            )
            done = Done(code, out.read_text(), err.read_text())
        assert "Traceback" not in done.out + done.err, done.err
        return done

    def start(self, *arguments: str | Path, **settings: Any) -> "Process":
        return Process([*map(str, arguments)], self.folder, environment(self.folder, settings))


class Process:
    """A command that keeps running; its output goes to a file, so that it never waits for a reader."""

    def __init__(self, arguments: list[str], folder: Path, env: dict[str, str]) -> None:
        self._output = folder / f"output-{time.monotonic_ns()}"
        self._process = forked.Forked(arguments, cwd=folder, env=env, out=self._output)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.lives:
            self._process.kill()
            self._process.wait(PATIENCE)
        if kind is None:
            assert "Traceback" not in self.output, self.output

    @property
    def output(self) -> str:
        return self._output.read_text() if self._output.exists() else ""

    def says(self, words: str) -> None:
        """Waits until the words stand in the output."""
        eventually(lambda: words in self.output or self._ended(), self)
        assert words in self.output, self.output

    def listens(self, port: int) -> None:
        """Waits until somebody can connect."""
        eventually(lambda: _connects(port) or self._ended(), self)
        assert self._process.lives, self.output

    def stops(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        self._process.send_signal(number)
        return self._process.wait(PATIENCE)

    def _ended(self) -> bool:
        return not self._process.lives


def environment(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    """Nothing of the developer's own settings; warnings are errors in the program as they are in the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    given = {f"LEADMAGNET_{name.upper()}": str(value) for name, value in settings.items()}
    return {**kept, "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **given}


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def eventually(ask: Callable[[], T], *about: object) -> T:
    """The first answer that is not empty; fails when there is none in time."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = ask()
        if answer:
            return answer
        outputs = [one.output if isinstance(one, Process) else one for one in about]
        assert time.monotonic() < deadline, (answer, *outputs)
        time.sleep(0.05)


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True
