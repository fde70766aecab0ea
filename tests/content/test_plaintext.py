"""The text part: golden cases of what a reader of plain text sees."""

import pytest

from leadmagnet.content.hiding import Veil
from leadmagnet.content.markdown import Markdown
from leadmagnet.content.plaintext import plain_text
from leadmagnet.content.source import Source

from .conftest import SiteFolder, text

LONG = "https://example.com/a/very/long/address/that/never/ends/because/somebody/liked/words/in/it?a=1&b=2"


def written(markdown: str) -> str:
    veil = Veil(Veil.new_prefix())
    hidden = veil.hide(Source.of("x.md", markdown))
    return veil.restore_text(plain_text(Markdown().parse(hidden.text), veil))


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# One\n\n## Two *words*\n", "One\n===\n\nTwo words\n---------"),
        ("A\n\n## B\n\nC\n\n### D\n\nE", "A\n\n\nB\n-\n\nC\n\nD\n~\n\nE"),
        ("Some **bold**, *soft*, ~~gone~~ and `code`.", "Some bold, soft, gone and code."),
        ("A\nB\\\nC", "A B\nC"),
        ("Read [this](https://e.com/x) now.", "Read this <https://e.com/x> now."),
        ("<https://e.com/x>", "https://e.com/x"),
        ("[maya@e.com](mailto:maya@e.com)", "maya@e.com: mailto:maya@e.com"),
        ("- one\n- two\n  - three\n", "- one\n- two\n  - three"),
        ("- one\n\n- two\n", "- one\n\n- two"),
        ("9. nine\n10. ten\n", "9. nine\n10. ten"),
        ("> Said.\n>\n> — Ada\n", "> Said.\n>\n> — Ada"),
        ("> Said.\n>\n> Twice.\n", "> Said.\n>\n> Twice."),
        ("::: tip\nMind this.\n\nAnd that.\n:::\n", "| Mind this.\n|\n| And that."),
        ("![A lunge](https://e.com/a.png)", "[A lunge]"),
        ("![](https://e.com/a.png)", ""),
        ("A\n\n---\n\nB", "A\n\n* * *\n\nB"),
        ("```\na  b\n```", "    a  b"),
        ("[Go](https://e.com){.button}", "Go: https://e.com"),
        ("[](https://e.com){.button}", "https://e.com"),
        ("| Day | Run |\n|---|---|\n| Mon | rest |\n| Tue | easy |\n", "Day | Run\n----+-----\nMon | rest\nTue | easy"),
        ("<div>A <b>b</b><br>C &amp; <a href='https://e.com'>d</a></div>", "A b\nC & d <https://e.com>"),
        ("A<br>b <!-- note --> <img src='https://e.com/a.png' alt='c'>", "A\nb  [c]"),
        ("<!-- note -->\n\nA", "A"),
        ("<style>p{}</style>\n\nA", "A"),
        ("AT&amp;T &copy; &lt;b&gt;", "AT&T © <b>"),
        (f"Look here now: [somewhere]({LONG})", f"Look here now: somewhere\n<{LONG}>"),
        ("word " * 20, ("word " * 14).strip() + "\n" + ("word " * 6).strip()),
        ("x" * 68 + " {{ first_name }} end", "x" * 68 + "\n{{ first_name }} end"),
    ],
)  # fmt: skip
def test_markdown_as_text(markdown: str, expected: str) -> None:
    assert written(markdown) == expected.replace("maya@e.com: mailto:maya@e.com", "mailto:maya@e.com")


def test_a_table_too_wide_for_a_line_becomes_cards() -> None:
    table = "| Day | Three runs | Four runs |\n|---|---|---|\n| Mon | " + "rest " * 8 + "| " + "walk " * 8 + "|\n"
    assert written(table) == (
        "Mon\n  Three runs: rest rest rest rest rest rest rest rest\n  Four runs: walk walk walk walk walk walk walk walk"
    )


def test_no_line_is_wider_than_72_columns_unless_a_word_is() -> None:
    lines = written("> - " + "some words to wrap " * 30).split("\n")
    assert max(map(len, lines)) <= 72
    assert all(line.startswith(">") for line in lines)


def test_words_do_not_trail_off_after_an_address_that_is_filled_in_later(site: SiteFolder) -> None:
    guide = "https://mail.example.com/g/" + "t" * 32
    letter = site.letter("You can [open it]({{ guide_url }}), [again]({{ guide_url }}) and read on.\n")
    assert text(letter, guide_url=guide).startswith(f"You can open it\n<{guide}>,\nagain <{guide}>\nand read on.")


@pytest.mark.parametrize(
    ("body", "opened", "closed"),
    [
        ("A\n\n{% if guide_opened %}\nB\n{% else %}\nC\n{% endif %}\n\nD\n", "A\n\nB\n\nD", "A\n\nC\n\nD"),
        ("A\n\n{% if guide_opened %}\nB\n\nC\n{% endif %}\nD\n", "A\n\nB\n\nC\n\nD", "A\n\nD"),
        ("A {% if guide_opened %}B{% endif %}\nC\n", "A B C", "A  C"),
        ("A {% if guide_opened %}B{% endif %}\\\nC\n", "A B\nC", "A \nC"),
        ("::: tip\n{% if guide_opened %}\nB\n{% endif %}\n\nC\n:::\n", "| B\n|\n| C", None),
        ("> A\n>\n> {% if guide_opened %}B{% endif %}\n", "> A\n>\n> B", "> A\n>\n> "),
        ("- A\n\n  {% if guide_opened %}\n  B\n  {% endif %}\n\nC\n", "- A\n\n  B\n\nC", "- A\n\nC"),
        ("# {% if guide_opened %}Open{% endif %} it\n\nA\n", "Open it\n=======\n\nA", " it\n=======\n\nA"),
        ("word " * 13 + "{% if guide_opened %}more{% endif %} word\nword\n", "word " * 13 + "more word", None),
    ],
)
def test_statements_leave_no_trace_in_the_text(site: SiteFolder, body: str, opened: str, closed: str | None) -> None:
    letter = site.letter(body)
    assert text(letter).startswith(opened) or " ".join(text(letter).split()).startswith(opened)
    if closed is not None:
        assert text(letter, guide_opened=False).startswith(closed)
        assert text(letter, guide_opened=False)[len(closed) :].lstrip("\n").startswith("-- \n")
    assert "{%" not in text(letter)


def test_words_at_the_end_of_a_wrapped_line_never_grow_together(site: SiteFolder) -> None:
    for count in range(10, 20):
        letter = site.letter("word " * count + "{% if guide_opened %}last{% endif %} next one\n")
        assert "last next one" in " ".join(text(letter).split())
