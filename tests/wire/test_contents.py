"""The table of contents names every point, and tests that are there."""

import re

import tests.wire
from tests.conftest import ROOT


def test_the_contents_name_every_point_and_only_tests_that_are_there() -> None:
    contents = tests.wire.__doc__ or ""
    assert [int(number) for number in re.findall(r"^ ?(\d+)\. ", contents, re.MULTILINE)] == list(range(1, 43))
    pointers = re.findall(r"^    (\S+)::(\w+)$", contents, re.MULTILINE)
    assert len(pointers) > 42
    for file, name in pointers:
        assert re.search(rf"def {name}\(", (ROOT / file).read_text()), (file, name)
