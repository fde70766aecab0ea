"""The layout that every mail of the example site wears: what mail programs need of it, in both parts."""

import re
from html import unescape

import pytest

from leadmagnet.content.compiled import Compiled, Letter

from .conftest import EXAMPLE, SiteFolder, html, text

LAYOUT = EXAMPLE / "email_templates/_layouts"
#: What previews show after the preheader: nothing, often enough that no word of the letter gets in.
FILLER = "\u034f\u200c\u00a0"


@pytest.fixture(scope="session")
def mails(example_content: Compiled) -> list[Letter]:
    return list(example_content.letters.values())


def test_a_mail_is_far_below_where_gmail_cuts_it_off(mails: list[Letter]) -> None:
    for of in mails:
        page = html(of).encode()
        style = re.findall(rb"<style>(.*?)</style>", page, re.DOTALL)
        assert len(page) < 40_000, of.path
        assert len(style) == 2, "Outlook's and ours"
        assert max(map(len, style)) < 16_000
        assert b"rgb(" not in page, "Gmail drops a whole style block for one colour of the newer writing"


def test_a_preview_shows_the_preheader_and_no_word_of_the_letter(mails: list[Letter]) -> None:
    for of in mails:
        hidden = html(of, preheader="PREHEADER").partition("<body")[2].partition("</div>")[0].partition(">")[2]
        assert re.fullmatch(r'\s*<div style="display:none;[^"]*mso-hide:all"[^>]*>(.*)', hidden, re.DOTALL), of.path
        assert hidden.endswith(f"PREHEADER{FILLER * 90}"), of.path


def test_a_reader_with_a_screen_reader_hears_one_mail_in_its_language(mails: list[Letter]) -> None:
    for of in mails:
        page = html(of, subject="SUBJECT")
        assert 'role="article" aria-roledescription="email" aria-label="SUBJECT" lang="en" dir="ltr"' in page
        assert re.search(r'<body[^>]* lang="en"', page)
        assert page.count("<h1") == 1
        drawn = [table for table in re.findall(r"<table[^>]*>", page) if "role=" not in table]
        assert len(drawn) == page.count("<thead>"), "a table without rows of data is for drawing alone"
        assert len(re.findall(r"<img\b", page)) == len(re.findall(r'<img\b[^>]*\balt="[^"]', page))


def test_outlook_on_windows_gets_a_width_and_its_own_fonts(mails: list[Letter]) -> None:
    for of in mails:
        comments = re.findall(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", html(of), re.DOTALL)
        assert [
            part in comment
            for part, comment in zip(("PixelsPerInch", 'width="600"', "</table>"), comments, strict=True)
        ]
        assert "mso-padding-alt" in html(of) or "btn-cell" not in html(of)


@pytest.mark.parametrize("name", ["h1", "h2", "p", "li", "td"])
def test_what_is_essential_is_inlined_for_those_who_drop_styles(mails: list[Letter], name: str) -> None:
    page = html(next(of for of in mails if of.path.endswith("10-guide.md")))
    page = re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)
    tags = re.findall(rf"<{name}\b(?![^>]*(?:btn-cell|tip-cell|class=\"(?:gutter|pad|foot|brand)))[^>]*>", page)
    assert all("font:" in tag and "color:" in tag for tag in tags if "style" in tag or name != "td")
    if name == "h1":
        assert tags


def test_a_letter_keeps_its_width_on_a_phone_that_loads_no_pictures(example_content: Compiled) -> None:
    """A picture that is not there is as wide as its `width` says, unless table and picture say otherwise."""
    page = html(example_content.letters["hip-openers/guide"])
    frames = re.findall(r'<table[^>]*class="[^"]*frame[^>]*>', page)
    assert len(frames) == 4
    assert all(re.search("table-layout: ?fixed", one) for one in frames)
    pictures = re.findall(r"<img[^>]*>", page)
    assert len(pictures) == 3
    assert all('width="512"' in one and "max-width: 512px;width: 100%" in one for one in pictures)
    assert all(re.search(r"font: ?italic 400 16px/1.5 Georgia[^\"]*color:", one) for one in pictures), "the alt is seen"


def test_line_heights_grow_with_the_text(mails: list[Letter]) -> None:
    assert not re.search(r"\dpx/\d+px|line-height: *\d+px", html(mails[0]))


def test_both_themes_colour_the_same_things() -> None:
    style = (LAYOUT / "letter.html").read_text()
    dark = style.partition("prefers-color-scheme:dark){")[2].partition("\n}\n")[0]
    assert {"tip-cell", "btn-cell", "btn-link", "blockquote p", "th{", ".muted"} - {
        part for part in ("tip-cell", "btn-cell", "btn-link", "blockquote p", "th{", ".muted") if part in dark
    } == set()
    for part in (".card", ".tip-cell", ".btn-cell", ".page"):
        assert f"[data-ogsb] {part}{{background" in style
    for part in ("h1", "p", "li", "td", "a.btn-link", "blockquote p"):
        assert f"[data-ogsc] .content {part}" in style


def test_the_text_part_is_a_letter_of_its_own(mails: list[Letter]) -> None:
    for of in mails:
        written = text(of)
        assert max(len(line) for line in written.split("\n") if "://" not in line) <= 72, of.path
        assert "\n\n\n\n" not in written
        links = set(map(unescape, re.findall(r'href="([^"]*)"', html(of))))
        assert links
        assert [link for link in links if link not in written] == []
        assert re.match(r"[^\n]+\n=+\n\n", written), "a headline, underlined"
    letters = [of for of in mails if "/system/" not in of.path]
    assert {text(of).rstrip("\n").rpartition("\n")[2] for of in letters} == {
        "Unsubscribe: https://mail.example.com/u/token"
    }


def test_a_sequence_that_no_guide_belongs_to_says_why_it_writes_all_the_same(site: SiteFolder) -> None:
    for name in ("letter.html", "letter.txt"):
        site.write(f"email_templates/_layouts/{name}", (LAYOUT / name).read_text())
    site.write("email_templates/club/sequence.toml", 'title = "Club"\nstarts = "tag:club"\nsend_at = "7:30"\n')
    head = '+++\nsubject = "Hello"\npreheader = "A word before the first evening."\nday = 0\n+++\n'
    site.write("email_templates/club/10-hello.md", f"{head}# Hello\n\nWords.\n")
    of = site.compiled().letters["club/hello"]
    for written in (html(of, guide={"title": ""}), text(of, guide={"title": ""})):
        assert "You asked for letters from Run Bend Barre on 3 March 2026." in " ".join(written.split())
        assert "Get the guide again" not in written
        assert "https://mail.example.com/u/token" in written
