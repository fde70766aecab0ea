"""Everything that must be green: form, types, floors, tests. `./run test [pytest arguments]`."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent

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
    workers = [] if chosen else ["-n", str(min(4, os.cpu_count() or 1))]
    return subprocess.run([sys.executable, "-m", "pytest", *workers, *chosen], cwd=ROOT, check=False).returncode


sys.exit(main())
