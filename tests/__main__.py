"""Everything that must be green: form, types, floors, tests. `./run test [pytest arguments]`."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent

MEMORY = "/dev/shm"
#: Bytes; several times what the tests of all processes take together.
ROOM = 4 << 30

STEPS = (
    ("format", [TOOLS / "ruff", "format", "--check", "."]),
    ("lint", [TOOLS / "ruff", "check", "."]),
    ("types", [TOOLS / "mypy"]),
    ("floors", [TOOLS / "lint-imports", "--no-logo"]),
)


def main() -> int:
    """Runs every step; with arguments only pytest, with them. The exit code is that of the first failure."""
    chosen = sys.argv[1:]
    for name, command in () if chosen else STEPS:
        started = time.monotonic()
        done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
        print(f"{name:<8} {'ok' if done.returncode == 0 else 'FAILED'}  {time.monotonic() - started:.1f} s", flush=True)
        if done.returncode:
            print(done.stdout + done.stderr)
            return done.returncode
    workers = [] if chosen else ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "worksteal"]
    with quick_folder() as folder:
        command = [sys.executable, "-m", "pytest", *workers, *chosen]
        environment = {**os.environ, "TMPDIR": folder} if folder else None
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


@contextmanager
def quick_folder() -> Iterator[str | None]:
    """A folder in memory for the databases of tests, where there is room for it (Linux): None elsewhere.

    They commit as durably as ever; waiting for a disk would only take time. No test here takes a machine's power away.
    """
    try:
        there = shutil.disk_usage(MEMORY).free > ROOM
    except OSError:
        there = False
    if not there:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="lm", dir=MEMORY, ignore_cleanup_errors=True) as folder:
        yield folder


sys.exit(main())
