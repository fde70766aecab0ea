"""Front matter, and the line of every key."""

import pytest

from leadmagnet.content.files import decode
from leadmagnet.content.findings import Notes
from leadmagnet.content.heads import Head, front_matter, key_lines
from leadmagnet.content.values import text
from leadmagnet.errors import ContentError


def test_pluses_within_a_subject_do_not_end_the_head() -> None:
    head, body = front_matter("x.md", '+++\nsubject = "#1: don\'t +++ panic"\nday = 2\n+++\nHi +++ there\n', Notes())
    assert head.values == {"subject": "#1: don't +++ panic", "day": 2}
    assert body.text == "Hi +++ there\n"
    assert body.place(0).line == 5


def test_a_byte_order_mark_and_windows_line_ends_are_tolerated() -> None:
    written = decode("x.md", b"\xef\xbb\xbf+++\r\nday = 2\r\n+++\r\nHi\r\n")
    head, body = front_matter("x.md", written, Notes())
    assert (head.values, body.text) == ({"day": 2}, "Hi\n")


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"one\ntwo \xff\n", 2, "not UTF-8"),
        ("h\xe4".encode("latin-1"), 1, "not UTF-8"),
        ("hi".encode("utf-16"), 1, "not UTF-8"),
        (b"one\n\ntwo\x00", 3, "control character"),
    ],
)
def test_a_file_that_is_not_text_is_an_error_with_its_line(data: bytes, line: int, message: str) -> None:
    with pytest.raises(ContentError) as caught:
        decode("x.md", data)
    assert caught.value.line == line
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("written", "line", "message"),
    [
        ("Hello\n", 1, "has no head"),
        (" +++\nday = 2\n+++\n", 1, "has no head"),
        ("+++\nday = 2\n", 1, "never closed"),
        ("+++\nday = 2\nsubject = Your guide\n+++\n", 3, "not TOML"),
        ("+++\nsend_at = 07:30\n+++\n", 2, "not TOML"),
        ("+++\nday = 02\n+++\n", 2, "not TOML"),
        ('+++\nday = 2\npath = "C:\\Users"\n+++\n', 3, "not TOML"),
        ("+++\nday = 2\n\nday = 3\n+++\n", 4, "not TOML"),
        ('+++\nday = 2\nsubject = "open\n+++\n', 3, "not TOML"),
        (f"+++\nx = {'[' * 5000}{']' * 5000}\n+++\n", 0, "beyond all measure"),
        (f"+++\nx = {'9' * 5000}\n+++\n", 0, "beyond all measure"),
    ],
)
def test_a_head_that_does_not_read_names_the_line_of_the_file(written: str, line: int, message: str) -> None:
    with pytest.raises(ContentError) as caught:
        front_matter("x.md", written, Notes())
    assert (caught.value.code, caught.value.line) == ("E102", line)
    assert message in caught.value.message


def test_every_key_has_its_line() -> None:
    toml = '''\
# a = 1
top = "x = 1 # no [table]"
[site] # comment
"name" = """
url = "not a key"
"""
list = [
  "[not a table]",
  { inner = 1 },
]
a.b = 2
[[people]]
name = 'x'
[links."odd.name"]
k = 1
'''
    assert key_lines(toml) == {
        "top": 2, "site": 3, "site.name": 4, "site.list": 7, "site.a": 11, "site.a.b": 11,
        "people": 12, "people.name": 13, "links.odd.name": 14, "links.odd.name.k": 15,
    }  # fmt: skip


def test_reading_goes_on_after_a_mistake() -> None:
    notes = Notes()
    head = Head("x.toml", "title = 3\nnmae = 1\n", notes)
    head.closed(["title", "name"])
    assert head.read("title", text, "kept") == "kept"
    assert [str(finding) for finding in notes.findings()] == [
        "x.toml:1 E102 'title' must be text. Put it in quotes.",
        "x.toml:2 E102 unknown key 'nmae'. Did you mean 'name'?",
    ]
