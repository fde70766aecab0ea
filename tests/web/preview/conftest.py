"""The preview of a site of one's own, alone, with what it sends kept for the test."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from leadmagnet.content.compiled import Build, Letter
from leadmagnet.content.memory import Memory
from leadmagnet.links import Keys, Links
from leadmagnet.web.preview.alone import create_app
from leadmagnet.web.preview.desk import Desk
from leadmagnet.web.preview.house import Preview
from leadmagnet.web.preview.permits import Permits
from tests.web.conftest import copy_of_example
from tests.world import TUESDAY_EVENING

HERE = "http://127.0.0.1:8000"
#: Nearly all that these tests look at is the same site: it is compiled once.
_MEMORY = Memory()


@dataclass
class Bench:
    """A preview, and a browser at it."""

    site: Path
    parts: Preview
    client: FlaskClient
    sent: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(f"/preview{path}", base_url=HERE, **more)

    def edit(self, name: str, old: str, new: str) -> None:
        """Saves a file, and lets the desk look."""
        path = self.site / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        self.parts.desk.look()

    def send(self, **other: str) -> TestResponse:
        form = {"token": self.parts.permits.token, "key": "hip-openers/guide", "to": "maya@example.com", **other}
        return self.client.post("/preview/send", data=form, base_url=HERE, headers={"Origin": HERE})


#: Opens a preview; keywords are what stands otherwise in its house.
OpenBench = Callable[..., Bench]


@pytest.fixture
def open_bench(tmp_path: Path) -> Iterator[OpenBench]:
    opened: list[Bench] = []

    def open_with(**other: Any) -> Bench:
        site = tmp_path / "site"
        if not site.exists():
            copy_of_example(tmp_path)

        def send(_build: Build, letter: Letter, to: str, person: Mapping[str, str]) -> None:
            bench.sent.append((letter.slug, to, person))

        given: dict[str, Any] = {
            "desk": Desk(site, lambda: TUESDAY_EVENING, _MEMORY),
            "links": Links(HERE, Keys.of(("first key",))),
            "clock": lambda: TUESDAY_EVENING,
            "permits": Permits(None),
            "send": send,
            "goes_to": "the test mailbox",
            **other,
        }
        parts = Preview(**given)
        bench = Bench(site, parts, create_app(parts).test_client())
        opened.append(bench)
        return bench

    yield open_with
    for one in opened:
        one.parts.desk.stop()


@pytest.fixture
def bench(open_bench: OpenBench) -> Bench:
    return open_bench()
