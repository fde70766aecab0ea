"""Guides: a page that is the same for everybody, and words that promise what the sequence keeps."""

import io
from hashlib import sha256

import pytest
from PIL import Image

from leadmagnet.content.guides import Guide
from leadmagnet.content.words import count, span

from .conftest import HEAD, TIGHT, SiteFolder, short

GUIDE = "guides/hips/guide.md"


def body(site: SiteFolder, text: str) -> str:
    site.replace(GUIDE, "Words.\n", text)
    return site.compiled().guides["hips"].html


def test_consent_counts_the_letters_after_the_guide_mail(site: SiteFolder) -> None:
    assert site.compiled().guides["hips"].consent == "You'll get the guide and one short emails over two days."
    site.write("email_templates/hips/30-a.md", HEAD.replace("day = 2", "day = 28"))
    site.write("email_templates/hips/40-b.md", HEAD.replace("day = 2", "day = 40\ndraft = true"))
    assert site.compiled().guides["hips"].consent == "You'll get the guide and two short emails over four weeks."


@pytest.mark.parametrize(
    ("days", "said"),
    [(0, "no days"), (1, "one day"), (7, "one week"), (10, "ten days"), (14, "two weeks"), (28, "four weeks"),
     (24, "twenty-four days"), (30, "thirty days"), (140, "twenty weeks"), (101, "101 days")],
)  # fmt: skip
def test_a_span_is_said_in_words(days: int, said: str) -> None:
    assert span(days) == said


def test_a_count_is_said_in_words() -> None:
    assert [count(n) for n in (0, 8, 19, 20, 99, 100)] == ["no", "eight", "nineteen", "twenty", "ninety-nine", "100"]


def test_every_heading_is_a_section(site: SiteFolder) -> None:
    html = body(site, "## At a chair!\n\n### At a chair\n\n## Über *alles* {#all}\n\n#### ...\n")
    assert site.compiled().guides["hips"].sections == ("flow", "at-a-chair", "at-a-chair-2", "all", "section")
    assert '<h2 id="flow">The flow</h2>' in html
    assert '<h2 id="all">Über <em>alles</em></h2>' in html


def test_boxes_tables_and_buttons_are_drawn(site: SiteFolder) -> None:
    html = body(site, "::: tip\nMind **this**.\n:::\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\n[Go](#flow){.button}\n")
    assert '<div class="tip">\n<p>Mind <strong>this</strong>.</p>\n</div>' in html
    assert '<th scope="col">A</th>' in html
    assert '<a class="btn-link" href="#flow">Go</a>' in html


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('title = "Hip Openers"\n', "", "guide.md E102 'title' is missing."),
        ('button = "Send it"\n', "", "guide.md E102 'button' is missing."),
        ("headline", "head", "guide.md E102 'headline' is missing."),
        ('"Sweet relief."', '"{{ letters }}"', "guide.md:4 E109 'line' cannot hold braces."),
        ("{{ letters }}", "{{ leters }}", "guide.md:6 E101 unknown variable 'leters'."),
        ("{{ letters }}", "{{ letters|upper }}", "guide.md:6 E109 'consent' does not read."),
        ("{{ letters }}", "{% if letters %}", "guide.md:6 E109 'consent' does not read."),
        ("Words.", "Hi {{ first_name }}", "guide.md:10 E109 a guide cannot hold {{ or {%."),
        ("Words.", "{% include 'x' %}", "guide.md:10 E109 a guide cannot hold {{ or {%."),
        ("Words.", "[x](javascript:alert(1))", "guide.md:10 E108 a link must not begin with javascript:."),
        ("Words.", "A\n[x](#flwo)", "guide.md:11 E108 there is no such section in this guide: '#flwo'."),
        ("Words.", "![x](figures/a.png)", "guide.md:10 E108 there is no such file in the guide's folder: 'figures/a.png'."),
        ("Words.", "![x](../../leadmagnet.toml)", "guide.md:10 E108 there is no such file in the guide's folder"),
        ("Words.", "<img src='https://example.com/a.png'>", "guide.md:10 E106 a picture has no alt text."),
        ("Words.", "::: tip\nOpen", "guide.md:10 E109 the box is never closed."),
        ("Words.", "::: warning\nX\n:::", "guide.md:10 E109 there is no such box."),
        ("Words.", "## Again {#flow}", "guide.md:10 E102 two headings are named 'flow'."),
        ("Words.", "A\n\n<h2 id='flow'>B</h2>", "guide.md:12 E102 two elements are named 'flow'."),
        ("Words.", "<i id='a'>A</i> and\n<i id='a'>B</i>", "guide.md:11 E102 two elements are named 'a'."),
        ("Words.", "## Again {#lm-timer}", "guide.md:10 E102 'lm-timer' is a name of the page itself."),
        ("Words.", "<i id='lm-timer'>A</i>", "guide.md:10 E102 'lm-timer' is a name of the page itself."),
        ("Words.", "<img src='http://[x.png' alt='a'>", "guide.md:10 E108 the link does not read: 'http://[x.png'."),
        ("Words.", "A\n\n<svg><rect/>\n\nB", "guide.md:12 E109 a drawing (<svg>) does not read: it is never closed."),
        ("Words.", "A\n\n<svg><rect></svg>", "guide.md:12 E109 a drawing (<svg>) does not read: mismatched tag."),
        ("Words.", "<div>" * 41 + "\nA\n" + "</div>" * 41, "guide.md E109 there are 41 elements within each other."),
        ("Words.", "<li>" * 3000, "guide.md E109 there are 3000 elements within each other."),
        ("Words.", "A \ufffe B", "guide.md:10 E102 there is a control character in the text."),
        ('"Sweet relief."', '"Sweet \\uFFFE relief."', "guide.md:4 E102 'line' holds a character that is no text."),
        ("Words.", "Press [Go](#flow){.button} now.", "guide.md:10 E109 a button must stand in a paragraph of its own."),
    ],
)  # fmt: skip
def test_a_mistake_in_a_guide_has_its_line(site: SiteFolder, old: str, new: str, expected: str) -> None:
    site.replace(GUIDE, old, new)
    found = [short(finding) for finding in site.findings()]
    assert any(one.startswith(expected) for one in found), found


ASKS = 'question = "Tried barre before?"\n'
YES = 'answers = { "Yes" = "tried-barre", "No" = "", "What\'s barre?" = "new" }\n'


@pytest.mark.parametrize(
    "head",
    [ASKS + YES, f'{ASKS}[answers]\n"Yes" = "tried-barre"\n"No" = ""\n"What\'s barre?" = "new"\n'],
    ids=["in one line", "one below the other"],
)
def test_a_guide_may_ask_one_question(site: SiteFolder, head: str) -> None:
    before = site.compiled().guides["hips"]
    assert before.question is None
    site.replace(GUIDE, "+++\n#", f"{head}+++\n#")
    guide = site.compiled().guides["hips"]
    assert guide.question is not None and guide.question.ask == "Tried barre before?"
    assert [(one.words, one.tag) for one in guide.question.answers] == [
        ("Yes", "tried-barre"), ("No", None), ("What's barre?", "new")
    ]  # fmt: skip
    assert guide.edition == before.edition  # who has the guide has the same one
    old = {key: value for key, value in guide.model_dump().items() if key != "question"}
    assert Guide.model_validate(old).question is None  # as an earlier program kept it


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (ASKS, "guide.md E102 'answers' is missing."),
        (YES, "guide.md E102 'question' is missing."),
        (f"{ASKS}answers = ['Yes', 'No']\n", "guide.md:8 E102 'answers' must be a table of words and tags."),
        (f'{ASKS}answers = {{ "Yes" = "a" }}\n', "guide.md:8 E102 'answers' has 1 answer."),
        (f"{ASKS}answers = {{ a = 'a', b = 'b', c = 'c', d = 'd', e = 'e', f = 'f' }}\n", "guide.md:8 E102 'answers' has 6"),
        (f'{ASKS}[answers]\nYes = "a"\nyes = "b"\n', "guide.md:10 E102 two answers read 'yes'."),
        (f'{ASKS}[answers]\nYes = "two words"\nNo = ""\n', "guide.md:9 E102 the tag of 'Yes' is not a name: 'two words'."),
        (f'{ASKS}[answers]\nYes = "a"\nNo = false\n', "guide.md:10 E102 the tag of 'No' is not a name: False."),
        (f'{ASKS}[answers]\nYes = "a"\n"{"No" * 21}" = ""\n', "guide.md:10 E102 an answer is too long."),
        (f'{ASKS}[answers]\nYes = "a"\n" " = ""\n', "guide.md:10 E102 an answer is empty."),
        (f'{ASKS}[answers]\nYes = "a"\n"{{{{ no }}}}" = ""\n', "guide.md:10 E102 an answer cannot hold braces."),
        (f'{ASKS}answers = {{ "Yes" = "", "No" = "" }}\n', "guide.md:8 E102 no answer gives a tag."),
        (f'question = "Hi {{{{ first_name }}}}?"\n{YES}', "guide.md:7 E102 'question' cannot hold braces."),
        (f'question = "{"x" * 121}"\n{YES}', "guide.md:7 E102 'question' is too long."),
        (f"question = 3\n{YES}", "guide.md:7 E102 'question' must be text."),
    ],
)  # fmt: skip
def test_a_question_that_does_not_read_has_its_line(site: SiteFolder, head: str, expected: str) -> None:
    site.replace(GUIDE, "+++\n#", f"{head}+++\n#")
    (found,) = [short(finding) for finding in site.findings()]
    assert found.startswith(expected), found


def test_a_guide_may_show_its_own_pictures(site: SiteFolder) -> None:
    file = io.BytesIO()
    Image.new("RGB", (700, 300)).save(file, "PNG")
    site.write("guides/hips/figures/My cat.png", file.getvalue())
    address = f"/media/{sha256(file.getvalue()).hexdigest()}/My-cat.png"
    page = body(site, "![A cat](<figures/My cat.png>)\n\n![Another](https://example.com/a.png)\n")
    assert f'<img src="{address}" alt="A cat" width="512"' in page
    assert '<img src="https://example.com/a.png" alt="Another"' in page
    (shown,) = site.compiled().guides["hips"].pictures
    assert (shown.address, shown.file) == (address, "guides/hips/figures/My cat.png")


def test_a_picture_that_no_page_and_no_paper_shows_is_found(site: SiteFolder) -> None:
    site.write("guides/hips/figures/a.svg", b"<svg/>")
    site.replace(GUIDE, "Words.\n", "Words.\n\nAnd\n![A lunge](figures/a.svg)\n")
    assert [short(found)[:21] for found in site.findings()] == ["guide.md:13 E107 'fig"]


def test_a_section_that_a_link_needs_must_be_in_the_guide(site: SiteFolder) -> None:
    site.replace(GUIDE, "{#flow}", "{#flaw}")
    assert [str(f) for f in site.findings()] == [
        f"{TIGHT}:8 E101 'links.flow' leads to '#flow', which the guide does not have. Did you mean 'flaw'?"
    ]
