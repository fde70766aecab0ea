"""Takes from this process, for a moment, what a machine may run out of."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can be written: EFBIG instead of ENOSPC, on every file system."""
    with _limited(resource.RLIMIT_FSIZE, 0):
        yield


@contextmanager
def no_descriptors() -> Iterator[None]:
    """No file and no socket can be opened."""
    free = os.dup(0)
    os.close(free)
    with _limited(resource.RLIMIT_NOFILE, free):
        yield


@contextmanager
def _limited(what: int, soft: int) -> Iterator[None]:
    before, hard = resource.getrlimit(what)
    resource.setrlimit(what, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (before, hard))
