"""Says when somebody has saved a file of the site."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

from leadmagnet.content.files import SETTINGS_FILE

_WATCHED = ("email_templates", "guides", SETTINGS_FILE)
_STOP_MILLISECONDS = 500


def saves(site: Path, stop: Event, *, settled: int, at_most: int) -> Iterator[None]:
    """Yields once at the start and after each save, until `stop` is set.

    A save has ended when nothing happened for `settled` milliseconds, or `at_most` after it began. The watch begins
    anew after each: an editor that saves by renaming leaves it on a file that is gone. So it yields a second time
    then, since what was saved while a watch began is reported by nobody.
    """
    from watchfiles import watch

    while not stop.is_set():
        paths = [site / name for name in _WATCHED if (site / name).exists()]
        looked = False
        for changes in watch(
            *paths, stop_event=stop, debounce=at_most, step=settled, rust_timeout=_STOP_MILLISECONDS,
            yield_on_timeout=True, raise_interrupt=False,
        ):  # fmt: skip
            if changes or not looked:
                looked = True
                yield
            if changes:
                break
