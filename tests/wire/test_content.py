"""The two parts of every mail, as they were received (11 to 16 in the contents)."""

import re
from urllib.parse import urlsplit

import html5lib
import pytest

from tests.wire.conftest import Post
from tests.wire.letters import LETTERS, every_letter, every_mail, every_request
from tests.wire.readers import READERS
from tests.wire.received import Received

OURS = "letters.runbendbarre.com"
POSTAL_ADDRESS = "12 Barn Lane, Springfield"
_ADDRESS_LIKE = re.compile(r"https?:|www\.|\b[\w-]+\.(com|org|net|example)\b", re.IGNORECASE)


@every_mail
def test_the_text_comes_first_then_the_page_with_the_same_links(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        assert [kind for kind, _ in mail.parts] == ["plain", "html"], mail
        assert [part.get_content_type() for part in mail.message.iter_parts()] == ["text/plain", "text/html"]
        assert mail.text.strip() and mail.page.words, mail
        assert set(mail.text_links) == {target for target, _ in mail.page.links}, mail


@every_mail
def test_it_is_quoted_printable_utf8_and_its_text_wraps(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        for _, body in mail.parts:  # that they say so themselves, `parts` has seen
            assert max(map(len, body.split(b"\r\n"))) <= 76, mail
        if mail.reader and mail.reader.name:
            continue  # her name may make a line longer, never break one
        for line in mail.text.splitlines():
            assert len(line) <= 78 or "https://" in line, (str(mail), line)


@pytest.mark.parametrize("number", range(len(READERS)))
def test_its_html_parses_without_one_error(post: Post, number: int) -> None:
    """Comments for Outlook are comments to everybody else; namespaces on <html> are attributes that mean nothing."""
    names = sorted({mail.letter for mail in post.mails})
    found = [mail for name in names[number :: len(READERS)] for mail in post.of(name)[:1]]
    found += [mail for mail in post.of("names-everywhere") if mail.reader == READERS[number]]
    assert found
    for mail in found:
        html5lib.HTMLParser(strict=True).parse(mail.html)


@every_mail
def test_its_page_runs_nothing_says_what_its_pictures_show_and_is_not_cut_off(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        names = {name for name, _ in mail.page.tags}
        assert not names & {"script", "form", "iframe", "object", "embed", "input", "link", "base", "svg"}, mail
        for name, values in mail.page.tags:
            assert name != "img" or values.get("alt", "").strip(), (str(mail), values)
            assert not [key for key in values if key.startswith("on")], (str(mail), values)
            assert "http-equiv" not in values, (str(mail), values)
        assert not re.search(r"javascript:|vbscript:|data:", mail.html, re.IGNORECASE), mail
        assert len(mail.html.encode()) < 100_000, mail  # Gmail clips at 102 KB


@every_mail
def test_it_loads_nothing_from_elsewhere_and_nothing_that_tells_who_reads_it(post: Post, letter: str) -> None:
    loaded = [_loaded(mail) for mail in post.of(letter)]
    assert all(one == loaded[0] for one in loaded), "a picture of each reader's own would be a spy"
    for url in loaded[0]:
        parts = urlsplit(url)
        assert (parts.scheme, parts.hostname) == ("https", OURS), url
        assert "?" not in url
    for mail in post.of(letter):
        sizes = [
            values.get(side, "") for name, values in mail.page.tags if name == "img" for side in ("width", "height")
        ]
        assert not {"0", "1"} & set(sizes), mail


@every_mail
def test_its_links_are_https_and_say_no_other_address_than_they_lead_to(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        for target, words in mail.page.links:
            assert target.startswith("https://") and urlsplit(target).hostname, (str(mail), target)
            assert words == target or not _ADDRESS_LIKE.search(words), (str(mail), words)
            assert words, f"{mail}: a link without words: {target}"


@every_letter
def test_a_letter_shows_the_way_out_who_writes_and_why(post: Post, letter: str) -> None:
    for mail in post.of(letter):
        (words,) = {words for target, words in mail.page.links if target == mail.unsubscribe_url}
        assert "unsubscribe" in words.casefold(), mail
        assert f"Unsubscribe: {mail.unsubscribe_url}" in mail.text, mail
        text = " ".join(mail.text.split())
        for shown in (mail.page.words, text):
            assert POSTAL_ADDRESS in shown, mail
            asked_on = "3 March 2026" if mail.reader else r"\d+ \w+ \d{4}"
            assert re.search(rf"asked for Hip Openers for Runners at Run Bend Barre on {asked_on}", shown), mail


@every_request
def test_a_request_to_confirm_has_one_link_no_advert_and_nothing_that_the_visitor_typed(
    post: Post, letter: str
) -> None:
    for mail in post.of(letter):
        ((target, words),) = mail.page.links
        assert re.fullmatch(rf"https://{OURS}/[ca]/[\w-]{{30}}", target) and words, mail
        assert mail.text_links == [target], mail
        assert "img" not in [name for name, _ in mail.page.tags], mail
        text = " ".join(mail.text.split())
        for shown in (mail.page.words, text):
            assert re.search(r"not you\?.*ignore", shown, re.IGNORECASE), mail
            assert POSTAL_ADDRESS in shown, mail
            assert mail.reader is not None
            assert mail.reader.address not in shown and mail.reader.stored not in shown, mail
            if mail.reader.name and len(mail.reader.name) > 2:
                assert mail.reader.name not in shown and "evil.example" not in shown, mail
    for part in ("subject", "text", "html"):
        seen = {re.sub(r"/[ca]/[\w-]{30}", "", getattr(mail, part)) for mail in post.of(letter)}
        assert len(seen) == 1, f"{part}: the same for everybody"


def test_a_name_is_words_wherever_it_stands(post: Post) -> None:
    """Never markup, never a template, never Markdown; and the dot of a line that it begins ends no mail."""
    for mail in post.of("names-everywhere"):
        assert mail.reader is not None
        name = mail.reader.name
        if name is None:
            assert "Hello you" in mail.page.words and "Hello you" in mail.text
            continue
        assert f"Hello {' '.join(name.split())}" in mail.page.words, mail
        assert f".{name} begins this line" in mail.text, mail
        assert "49" not in mail.message["Subject"], mail


def test_letters_without_a_name_in_them_are_the_same_for_everybody(post: Post) -> None:
    """What differs is her own links and the soft line ends around them: nobody's text leaks into another's mail."""
    for letter in LETTERS[1:-1]:
        seen = {
            re.sub(r"https://\S+", "", mail.text) for mail in post.of(letter) if not (mail.reader and mail.reader.name)
        }
        assert len(seen) == 1, letter


def _loaded(mail: Received) -> list[str]:
    """What a mail program would fetch to show the page."""
    found = [
        values[key]
        for _, values in mail.page.tags
        for key in ("src", "background", "srcset", "poster")
        if values.get(key)
    ]
    return [
        *found,
        *re.findall(r"url\(\s*['\"]?([^'\")]+)", mail.html),
        *re.findall(r"@import\s+['\"]?([^'\";]+)", mail.html),
    ]
