"""News of saves: to every page, on few threads."""

from collections.abc import Iterator

from leadmagnet.web.preview.streams import MOST
from tests.web.preview.conftest import Bench

FILE = "email_templates/hip-openers/20-tight-hips.md"


def opened(bench: Bench) -> Iterator[str]:
    """A page's stream, after its greeting."""
    stream = bench.parts.streams.events("boot", bench.parts.desk.shown().version)
    assert "event: hello\ndata: boot" in next(stream)
    return stream


def test_a_save_is_told_at_once(bench: Bench) -> None:
    stream = opened(bench)
    bench.edit(FILE, "Two things", "Three things")
    assert next(stream) == "id: 2\nevent: saved\ndata: 2\n\n"


def test_a_save_that_changes_nothing_is_no_news(bench: Bench) -> None:
    version = bench.parts.desk.shown().version
    (bench.site / FILE).touch()
    assert bench.parts.desk.look().version == version


def test_however_many_pages_are_open_few_hold_a_thread(bench: Bench) -> None:
    streams = [opened(bench) for _ in range(MOST + 2)]
    for old in streams[:-MOST]:
        assert (next(old), next(old, None)) == ("event: enough\ndata: -\n\n", None)
    bench.edit(FILE, "Two things", "Three things")
    assert all("event: saved" in next(stream) for stream in streams[-MOST:])
    assert bench.get("/version").text == f"{bench.parts.boot} 2"


def test_a_stop_lets_every_page_go(bench: Bench) -> None:
    stream = opened(bench)
    bench.parts.desk.stop()
    assert "event: saved" not in "".join(stream)
