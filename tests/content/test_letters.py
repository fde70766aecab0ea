"""Letters: what becomes of Markdown, Jinja and layout on their way into two templates."""

import re

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from leadmagnet.content.hiding import Veil
from leadmagnet.content.markdown import Markdown

from .conftest import HEAD, LAYOUT, TIGHT, SiteFolder, html, short, text

HTML_LAYOUT = "email_templates/_layouts/letter.html"
TEXT_LAYOUT = "email_templates/_layouts/letter.txt"


def paragraphs(page: str) -> list[str]:
    """What stands between the preheader and the footer, in pieces."""
    body = page.partition("</div>\n")[2].partition('<p style="margin: 0 0 18px;">You asked')[0]
    return [re.sub(r' style="[^"]*"', "", line) for line in body.strip().split("\n") if line]


def test_styles_are_inlined_and_rules_that_cannot_be_stay(site: SiteFolder) -> None:
    page = html(site.letter("Hello **there**.\n"))
    assert '<p style="margin: 0 0 18px;">Hello <strong>there</strong>.</p>' in page
    style = page.partition("<style>")[2].partition("</style>")[0].replace(" ", "")
    assert "a:hover{color:red" in style
    assert "18px" not in style
    assert "@media (max-width:640px)" in page


def test_a_button_is_exactly_this_table() -> None:
    markdown = Markdown()
    assert markdown.html(markdown.parse("[Start & go](https://e.com/?a=1&b=2){.button}\n")) == (
        '<table role="presentation" class="btn" cellpadding="0" cellspacing="0" border="0"><tr><td class="btn-cell">'
        '<a class="btn-link" href="https://e.com/?a=1&amp;b=2">Start &amp; go</a></td></tr></table>\n'
    )


def test_a_box_is_a_table_because_outlook_pads_cells_only() -> None:
    markdown = Markdown()
    assert markdown.html(markdown.parse("::: tip\nMind **this**.\n:::\n")) == (
        '<table role="presentation" class="tip" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'
        '<td class="tip-cell">\n<p>Mind <strong>this</strong>.</p>\n</td></tr></table>\n'
    )


@pytest.mark.parametrize(
    ("quote", "html"),
    [
        ("> Ouch.\n>\n> — Bob\n", '<p>Ouch.</p>\n<p class="by">— Bob</p>'),
        ("> Ouch.\n>\n> -- Bob\n", '<p>Ouch.</p>\n<p class="by">-- Bob</p>'),
        ("> — Bob\n", "<p>— Bob</p>"),
        ("> Ouch — Bob\n", "<p>Ouch — Bob</p>"),
        ("> — Bob\n>\n> Ouch.\n", "<p>— Bob</p>\n<p>Ouch.</p>"),
    ],
)
def test_the_last_line_of_a_quote_may_say_whose_it_is(quote: str, html: str) -> None:
    markdown = Markdown()
    assert markdown.html(markdown.parse(quote)) == f"<blockquote>\n{html}\n</blockquote>\n"


def test_what_follows_a_picture_in_its_paragraph_is_its_caption(site: SiteFolder) -> None:
    letter = site.letter("![A lunge](https://e.com/a.png)\nBack knee down.\n\nAnd on.\n")
    page = re.sub(r' style="[^"]*"', "", html(letter))
    assert '<p class="figure"><img src="https://e.com/a.png" alt="A lunge">\nBack knee down.</p>' in page
    assert "<p>And on.</p>" in page
    assert text(letter).startswith("[A lunge] Back knee down.\n\nAnd on.")


def test_a_button_is_a_table_in_html_and_a_line_in_text(site: SiteFolder) -> None:
    letter = site.letter("Words.\n\n[Start & go]({{ links.classes }}){.button}\n")
    assert (
        '<td class="btn-cell"><a class="btn-link" href="https://example.com/classes?a=1&amp;b=2">Start &amp; go</a>'
        "</td></tr></tbody></table>"
    ) in html(letter)
    assert "\n\nStart & go: https://example.com/classes?a=1&b=2\n\n" in text(letter)


def test_a_button_with_a_space_before_its_mark_stays_literal(site: SiteFolder) -> None:
    assert "</a> {.button}" in html(site.letter("[Start]({{ guide_url }}) {.button}\n"))


def test_a_button_may_depend_on_the_person(site: SiteFolder) -> None:
    letter = site.letter("A.\n\n{% if guide_opened %}[Go]({{ guide_url }}){.button}{% endif %}\n\nB.\n")
    assert 'class="btn"' in html(letter)
    assert 'class="btn"' not in html(letter, guide_opened=False)
    assert "Go: https://mail.example.com/g/token" in text(letter)
    assert "Go" not in text(letter, guide_opened=False)


def test_a_link_to_a_section_leads_into_the_readers_guide(site: SiteFolder) -> None:
    letter = site.letter("[Start]({{ links.flow }})\n")
    assert letter.links == ("{{ guide_url }}#flow",)
    assert '<a href="{{ click(0) }}">' in letter.html
    assert "Start <{{ click(0) }}>" in letter.text


def test_a_link_is_led_over_a_counted_one_only_where_that_is_nobodys_secret(site: SiteFolder) -> None:
    letter = site.letter(
        "[a](https://example.com/a) [b]({{ unsubscribe_url }}) [c]({{ preferences_url }}) [d](mailto:m@example.com) "
        "[e]({{ guide_url }}) <https://example.com/f>\n"
    )
    assert letter.links == ("https://example.com/a",)


def test_no_link_is_counted_while_clicks_are_off(site: SiteFolder) -> None:
    site.write("leadmagnet.toml", (site.path / "leadmagnet.toml").read_text() + "[tracking]\nclicks = false\n")
    assert site.letter("[a](https://example.com/a)\n").links == ()


AWKWARD = "**Bob** <b>[x](http://evil) {{ config }} & 'q' \"d\""


def test_a_visitors_value_stays_literal_in_text_and_escaped_in_html(site: SiteFolder) -> None:
    letter = site.letter("Hi *{{ first_name }}*, good. | {{ first_name }}\n")
    assert AWKWARD in text(letter, first_name=AWKWARD)
    page = html(letter, first_name=AWKWARD)
    assert "<em>**Bob** &lt;b&gt;[x](http://evil) {{ config }} &amp; &#39;q&#39; &#34;d&#34;</em>, good." in page
    assert "<b>" not in page
    assert 'href="http://evil' not in page


def test_html_and_text_hold_the_same_links(site: SiteFolder) -> None:
    body = """\
[One](https://example.com/1) and <a href="https://example.com/2">two</a> and <https://example.com/3>.

- [Four]({{ links.classes }})

> [Five](mailto:maya@example.com)

| A |
|---|
| [Six](https://example.com/6) |

<div><a href="https://example.com/7">Seven</a></div>

::: tip
[Eight]({{ guide_url }})
:::

[Nine]({{ links.flow }}){.button}
"""
    letter = site.letter(body)
    links = set(re.findall(r'href="([^"]*)"', html(letter).replace("&amp;", "&")))
    assert len(links) == 10
    for link in links:
        assert link in text(letter)


@pytest.mark.parametrize(
    ("body", "opened", "closed"),
    [
        ("A.\n\n{% if guide_opened %}\n**B.**\n{% else %}\nC.\n{% endif %}\n\nD.\n",
         ["<p>A.</p>", "<p><strong>B.</strong></p>", "<p>D.</p>"], ["<p>A.</p>", "<p>C.</p>", "<p>D.</p>"]),
        ("{% if guide_opened %}**A**{% endif %} B.\n", ["<p><strong>A</strong> B.</p>"], ["<p> B.</p>"]),
        ("A.\n{% if guide_opened %}\nB.\n{% endif %}\nC.\n",
         ["<p>A.</p>", "<p>B.</p>", "<p>C.</p>"], ["<p>A.</p>", "<p>C.</p>"]),
        ("> A.\n{% if guide_opened %}\nB.\n{% endif %}\n",
         ["<blockquote>", "<p>A.</p>", "</blockquote>", "<p>B.</p>"], ["<blockquote>", "<p>A.</p>", "</blockquote>"]),
        ("- A\n\n  {% if guide_opened %}\n  B\n  {% endif %}\n",
         ["<ul>", "<li>", "<p>A</p>", "<p>B</p>", "</li>", "</ul>"], ["<ul>", "<li>", "<p>A</p>", "</li>", "</ul>"]),
        ("<table>\n<tr><td>A</td></tr>\n{% if guide_opened %}\n<tr><td>B</td></tr>\n{% endif %}\n</table>\n",
         ["<table>", "<tbody><tr><td>A</td></tr>", "<tr><td>B</td></tr>", "</tbody></table>"],
         ["<table>", "<tbody><tr><td>A</td></tr>", "</tbody></table>"]),
        ("| A |\n|---|\n| {% if guide_opened %}x{% else %}y{% endif %} |\n",
         ["<table>", "<thead>", "<tr>", '<th scope="col">A</th>', "</tr>", "</thead>", "<tbody>", "<tr>",
          "<td>x</td>", "</tr>", "</tbody>", "</table>"],
         ["<table>", "<thead>", "<tr>", '<th scope="col">A</th>', "</tr>", "</thead>", "<tbody>", "<tr>",
          "<td>y</td>", "</tr>", "</tbody>", "</table>"]),
        ("A {# secret\nnote #}B.\n{# gone #}\nC.\n", ["<p>A B.", "C.</p>"], ["<p>A B.", "C.</p>"]),
    ],
)  # fmt: skip
def test_statements_and_markdown_leave_each_other_whole(
    site: SiteFolder, body: str, opened: list[str], closed: list[str]
) -> None:
    site.write(HTML_LAYOUT, LAYOUT.replace("You asked", "You  asked"))
    letter = site.letter(body)
    for page, expected in ((html(letter), opened), (html(letter, guide_opened=False), closed)):
        inner = page.partition("</div>\n")[2].partition("You asked")[0].rpartition("<p")[0]
        lines = [re.sub(r' style="[^"]*"', "", line) for line in inner.split("\n") if line.strip()]
        assert lines == expected


def test_an_expression_survives_in_links_attributes_and_styles(site: SiteFolder) -> None:
    site.write(HTML_LAYOUT, LAYOUT.replace("p{margin", "p{color:{{ 'red' if confirmed else 'blue' }};margin"))
    letter = site.letter("""<p class="{{ 'a' if guide_opened else 'b' }}" style="top:{{ 1 }}px">Hi</p>\n""")
    assert 'class="a"' in html(letter)
    assert 'class="b"' in html(letter, guide_opened=False)
    assert "color: red" in html(letter)


def test_a_statement_in_a_layouts_table_stays_where_it_is(site: SiteFolder) -> None:
    rows = "<table><tr><td>1</td></tr>{% if confirmed %}<tr><td>2</td></tr>{% endif %}</table>{{ content }}"
    site.write(HTML_LAYOUT, LAYOUT.replace("{{ content }}", rows))
    letter = site.letter("Hi.\n")
    assert "<td>1</td></tr><tr><td>2</td></tr></tbody>" in html(letter)
    assert "<td>1</td></tr></tbody>" in html(site.compiled().letters["system/confirm"], confirmed=False)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<td {% if guide_opened %}class=a{% endif %}>\n", "20-tight.md:6 E109 a statement stands inside a tag."),
        ('A <b class="{% if guide_opened %}a{% endif %}">b</b>\n', "20-tight.md:6 E109 a statement stands inside a tag."),
        ("A\nB <{{ guide_url }}>\n", "20-tight.md:7 E109 an expression stands in a tag outside quotes."),
        ("<style>\n{% if guide_opened %}\np{}\n{% endif %}\n</style>\n", "20-tight.md:7 E109 a statement stands in <style>."),
        ("<!-- a {% if guide_opened %} b {% endif %} -->\n", "20-tight.md:6 E109 a statement stands inside an HTML comment."),
        ("    {% if guide_opened %}\n    x\n    {% endif %}\n", "20-tight.md:6 E109 a statement stands in a code block."),
        ("| A |\n|---|\n| 1 |\n{% if guide_opened %}\n| 2 |\n{% endif %}\n",
         "20-tight.md:9 E109 a statement on a line of its own ends the table."),
        ("- A\n{% if guide_opened %}\n- B\n{% endif %}\n- C\n", "20-tight.md:7 E109 a statement splits the list in two."),
        ("**{% if guide_opened %}a** b{% endif %}\n", "20-tight.md:6 E109 '{% endif %}' cuts through an element."),
        ("<div>\n{% if guide_opened %}\n</div>\n\nA\n{% endif %}\n", "20-tight.md:11 E109 '{% endif %}' cuts through"),
        ("<title>{% if guide_opened %}</title>{% endif %}\n", "20-tight.md:6 E109 a statement stands in <title>."),
        ("Go [on]({{ guide_url }}){.button} now.\n", "20-tight.md:6 E109 a button must stand in a paragraph of its own."),
        ("A\n\n::: tip\nB\n", "20-tight.md:8 E109 the box is never closed."),
        (r"\{\{ config }}" + "\n", "20-tight.md:6 E108 '{{' or '{%' would be left in the mail."),
        ("&#123;&#123; config }}\n", "20-tight.md:6 E108 '{{' or '{%' would be left in the mail."),
        ("&#123;{{ first_name }}\n", "20-tight.md:6 E108 '{{' or '{%' would be left in the mail."),
        ("&lbrace;% raw %}\n", "20-tight.md:6 E108 '{{' or '{%' would be left in the mail."),
        ("[x](javascript:alert(1))\n", "20-tight.md:6 E108 a link must not begin with javascript:."),
        ("<img src='http://[x.png' alt='a'>\n", "20-tight.md:6 E108 the link does not read: 'http://[x.png'."),
        ("<a href='https://[x'>b</a>\n", "20-tight.md:6 E108 the link does not read: 'https://[x'."),
        ("[x](JavaScript:alert(1))\n", "20-tight.md:6 E108 a link must not begin with javascript:."),
        ("A\n<a href=' javascript:x'>b</a>\n", "20-tight.md:7 E108 a link must not begin with javascript:."),
        ("A\nb\\\n[x](http://example.com)\n", "20-tight.md:8 E108 a link must not begin with http:."),
        ("[x](example.com)\n", "20-tight.md:6 E108 the link has no scheme: 'example.com'."),
        ("[x](//example.com)\n", "20-tight.md:6 E108 the link has no scheme"),
        ("[x](#flow)\n", "20-tight.md:6 E108 the link has no scheme: '#flow'."),
        ("[x](data:text/html,x)\n", "20-tight.md:6 E108 a link must not begin with data:."),
        ("[x]({{ first_name }})\n", "20-tight.md:6 E108 a link must not be made of {{ first_name }}."),
        ("[x](https://example.com/{{ first_name }})\n", "20-tight.md:6 E108 a link must not be made of {{ first_name }}."),
        ("[x]({{ guide_url if guide_opened else first_name }})\n", "20-tight.md:6 E108 a link must not be made of"),
        ("[x]({{ site.name }})\n", "20-tight.md:6 E108 a link must not be made of {{ site.name }}."),
        ("<img src='https://example.com/a.png'>\n", "20-tight.md:6 E106 a picture has no alt text."),
        ("![a](data:image/png;base64,AAAA)\n", "20-tight.md:6 E107 mail programs do not show this kind"),
        ("![a](https://example.com/a.SVG?x=1)\n", "20-tight.md:6 E107 mail programs do not show this kind"),
        ("![a](https://example.com/a.webp)\n", "20-tight.md:6 E107 mail programs do not show this kind"),
        ("![](https://e.com/a.png)\n", "20-tight.md:6 W211 a picture has no width"),
        ("<img src='https://e.com/a.png' alt='a'>\n", "20-tight.md:6 W211 a picture has no width"),
        ("<img src='a.png' alt='a' width=9>\n", "20-tight.md:6 E108 the link has no scheme"),
        ("![a.png](https://e.com/a.png)\n", "20-tight.md:6 E106 a picture's alt text is the name of its file."),
        (f"![{'a ' * 75}a](https://e.com/a.png)\n", "20-tight.md:6 E106 a picture's alt text has 151 characters."),
        ("![a](figures/a.png)\n", "20-tight.md:6 E101 there is no picture 'figures/a.png'"),
        ("A\n\n<svg></svg>\n", "20-tight.md:8 E107 mail programs do not show drawings"),
        ("<link rel=stylesheet href=https://example.com/a.css>\n", "20-tight.md:6 E108 a stylesheet is linked."),
        ("[a]({{ guide_url }}){.button}\n\n[b]({{ guide_url }}){.button}\n", "20-tight.md:8 W206 there is more than one button."),
        ("{% include '/etc/passwd' %}\n", "20-tight.md:6 E101 there is no snippet '/etc/passwd' in _snippets."),
        ("{% include '../system/confirm.md' %}\n", "20-tight.md:6 E101 there is no snippet '../system/confirm.md'"),
        ("{% include first_name %}\n", "20-tight.md:6 E109 an include names one file in quotes, nothing else."),
        ("{% include 'sign-of.md' %}\n", "20-tight.md:6 E101 there is no snippet 'sign-of.md' in _snippets."),
        ("{% include 'sign-off.md' ignore missing %}\n", "20-tight.md:6 E109 an include names one file in quotes"),
        ("{{ first_name }}" * 2100 + "\n", "20-tight.md:6 E109 there are too many braces in this file."),
    ],
)  # fmt: skip
def test_a_trap_in_a_body_is_found_on_its_line(site: SiteFolder, body: str, expected: str) -> None:
    found = site.body_findings(body)
    assert any(one.startswith(expected) for one in found), found


@pytest.mark.parametrize(
    "body",
    ["[x](http://127.0.0.1:8000/x)\n", "[x](mailto:{{ site.sender }})\n", "[x](tel:+1555)\n",
     "[x]({{ guide_url }}#week)\n", "<img src='https://e.com/a.png' alt width=300>\n", "`{.button}` and `:::`\n"],
)  # fmt: skip
def test_what_is_allowed_is_not_found(site: SiteFolder, body: str) -> None:
    assert site.body_findings(body) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (HTML_LAYOUT, "{{ content }}", "", "letter.html:1 E109 a layout holds {{ content }} once."),
        (TEXT_LAYOUT, "{{ content }}", "{{ content }}{{ content }}", "letter.txt:1 E109 a layout holds {{ content }} once."),
        (HTML_LAYOUT, "{{ site.name }}", "{{ site.nmae }}", "letter.html:10 E101 unknown variable 'site.nmae'."),
        (HTML_LAYOUT, "{{ site.name }}", "{% include 'sign-off.md' %}", "letter.html:10 E109 {% include %} is not part"),
        (HTML_LAYOUT, "<p>{{", "<p {% if confirmed %}class=a{% endif %}>{{", "letter.html:10 E109 a statement stands inside"),
        (HTML_LAYOUT, "<title>", "<title>{% if confirmed %}x{% endif %}", "letter.html:2 E109 a statement stands in <title>."),
        (HTML_LAYOUT, "<style>", "<style>{% if confirmed %}b{}{% endif %}", "letter.html:3 E109 a statement stands in <style>."),
        (HTML_LAYOUT, "<body>", "<body><img src='https://e.com/a.png'>", "letter.html:4 E106 a picture has no alt text."),
        (HTML_LAYOUT, "<body>", "<body><a href='http://e.com'>x</a>", "letter.html:4 E108 a link must not begin with http:."),
        (HTML_LAYOUT, "<p>You asked", "<p>You asked <a href='{{ form_url }}'>x</a></p><p>{{ guide.titel }}",
         "letter.html:8 E101 unknown variable 'guide.titel'."),
        (HTML_LAYOUT, "{{ unsubscribe_url }}", "https://example.com", "letter.html E104 a letter would leave without an unsub"),
        (HTML_LAYOUT, "{% if confirmed %}", "{% if guide_opened %}", "letter.html:7 E101 unknown variable 'guide_opened'."),
        (TEXT_LAYOUT, "{% if confirmed %}", "{% if confirmed and guide_opened %}", "letter.txt E104 a letter would leave"),
        (TEXT_LAYOUT, "{{ site.postal_address }}", "", "letter.txt E104 a mail would leave without a postal address."),
        (TEXT_LAYOUT, "{% endif %}", "", "letter.txt E109 this does not read"),
    ],
)  # fmt: skip
def test_a_trap_in_a_layout_is_found_on_its_line(
    site: SiteFolder, path: str, old: str, new: str, expected: str
) -> None:
    site.replace(path, old, new)
    found = [short(finding) for finding in site.findings()]
    where, _, what = expected.partition(" ")
    assert any(one.startswith(expected) or (where in one and what in one) for one in found), found


def test_a_layout_that_is_missing_is_an_error(site: SiteFolder) -> None:
    site.delete(TEXT_LAYOUT)
    assert {short(f).partition(" ")[2] for f in site.findings()} == {
        "E101 there is no layout 'letter.txt' in _layouts."
    }


@pytest.mark.parametrize(
    ("key", "line", "expected"),
    [
        ("subject", "Re: your guide", ["20-tight.md:2 W202 the subject pretends to be an answer."]),
        ("subject", "FWD: look", ["20-tight.md:2 W202 the subject pretends to be an answer."]),
        ("subject", "a" * 51, ["20-tight.md:2 W202 the subject has 51 characters."]),
        ("subject", "a" * 201, ["20-tight.md:2 E102 the subject has 201 characters."]),
        ("subject", "{{ first_name }}", ["20-tight.md:2 E102 the subject is empty for somebody without a name."]),
        ("subject", "   ", ["20-tight.md:2 E102 'subject' is empty."]),
        ("subject", "{{ 'a\\\\nb' }}", ["20-tight.md:2 E109 there is a line break or control character in quotes."]),
        ("subject", "{{ links.flow }}", ["20-tight.md:2 E101 unknown link 'links.flow'."]),
        ("subject", "{{ guide_url }}", ["20-tight.md:2 E101 unknown variable 'guide_url'."]),
        ("subject", "{% include 'sign-off.md' %}", ["20-tight.md:2 E109 {% include %} is not part of the language"]),
        ("subject", "{{ first_name or 'You' }}, #1: [New?] *it*", []),
        ("preheader", "Too short", ["20-tight.md:3 W201 the preheader has 9 characters."]),
        ("preheader", "a" * 111, ["20-tight.md:3 W201 the preheader has 111 characters."]),
        ("preheader", "tight is not SHORT", ["20-tight.md:3 W201 the preheader repeats the subject."]),
    ],
)  # fmt: skip
def test_the_lines_an_inbox_shows_are_judged(site: SiteFolder, key: str, line: str, expected: list[str]) -> None:
    site.write(TIGHT, re.sub(rf'(?m)^{key} = ".*"$', lambda _: f'{key} = "{line}"', HEAD) + "Hi.\n")
    found = [short(finding) for finding in site.findings()]
    assert len(found) == len(expected), found
    assert all(one.startswith(start) for one, start in zip(found, expected, strict=True)), found


def test_a_fake_answer_is_an_error_and_a_long_subject_a_warning(site: SiteFolder) -> None:
    site.replace(TIGHT, "Tight is not short", "Re: tight")
    assert site.findings()[0].level == "error"
    site.replace(TIGHT, "Re: tight", "a" * 60)
    assert site.findings()[0].level == "warning"


def test_a_warning_can_be_silenced_in_its_file_an_error_cannot(site: SiteFolder) -> None:
    site.replace(TIGHT, "day = 2\n", "day = 2\n# check: off W202, W206, E108 – two offers by design\n")
    site.replace(TIGHT, "Tight is not short", "a" * 60)
    site.replace(TIGHT, "Hello", "[a]({{ guide_url }}){.button}\n\n[b](example.com)\n\nHello")
    assert [short(f).partition(" ")[2] for f in site.findings()] == ["E108 the link has no scheme: 'example.com'."]


def test_a_snippet_is_read_as_markdown_and_its_mistakes_are_its_own(site: SiteFolder) -> None:
    site.write("email_templates/_snippets/box.md", "::: tip\n{% include 'inner.md' %}\n:::\n")
    site.write("email_templates/_snippets/inner.md", "Mind **this**, {{ first_name }}.\n")
    letter = site.letter("- A\n\n  {% include 'box.md' %}\n\nB {% include 'inner.md' %} C\n")
    assert "<strong>this</strong>, Ada." in html(letter)
    assert re.search(r"<li>.*<td class=\"tip-cell\">.*</td>.*</li>", html(letter), re.DOTALL)
    assert "- A\n\n  | Mind this, Ada.\n" in text(letter)
    site.write("email_templates/_snippets/inner.md", "One\n[x](example.com) {{ frist_name }}\n")
    assert {short(f) for f in site.findings()} == {"inner.md:2 E101 unknown variable 'frist_name'.",
                                                   "inner.md:2 E108 the link has no scheme: 'example.com'."}  # fmt: skip


@pytest.mark.parametrize(
    "inner", ["{% include 'a.md' %}\n", "{% include 'b.md' %}\n" * 2, "x" * 600_000 + "{% include 'b.md' %}\n"]
)
def test_snippets_cannot_grow_without_end(site: SiteFolder, inner: str) -> None:
    site.write("email_templates/_snippets/a.md", inner)
    site.write("email_templates/_snippets/b.md", "{% include 'a.md' %}\n" * 3)
    found = site.body_findings("{% include 'a.md' %}\n")
    assert any("E109 snippets are nested too deep" in one for one in found)


def test_snippets_may_be_nested_five_deep_and_no_deeper(site: SiteFolder) -> None:
    for depth in range(1, 7):
        inner = f"{{% include '{depth + 1}.md' %}}\n" if depth < 6 else "Bottom.\n"
        site.write(f"email_templates/_snippets/{depth}.md", inner)
    assert "Bottom." in text(site.letter("{% include '2.md' %}\n"))
    assert site.body_findings("{% include '1.md' %}\n")[0].startswith("5.md:1 E109 snippets are nested too deep")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("word " * 21_000, "20-tight.md E105 the letter has 10500"),
        ("*a* " * 25_000, "20-tight.md E105 the letter has"),
        ("<div>" * 20_000 + "\n", "20-tight.md E109 there are 20"),
        ("{{" * 40_000 + "\n", "20-tight.md:6 E109 there are too many braces in this file."),
        ("{% raw %}" + "{{" * 40_000 + "{% endraw %}\n", "20-tight.md:6 E109 there are too many braces in this file."),
    ],
)
def test_a_monster_is_refused_before_a_parser_chokes_on_it(site: SiteFolder, body: str, expected: str) -> None:
    assert any(one.startswith(expected) for one in site.body_findings(body))


def test_runs_of_spaces_collapse_outside_pre(site: SiteFolder) -> None:
    site.write(HTML_LAYOUT, LAYOUT.replace("{{ content }}", "<div>\n      {{ content }}   \t</div>"))
    letter = site.letter("A  b.\n\n```\nc  d\n```\n")
    assert "c  d" in letter.html
    assert "  " not in letter.html.replace("c  d", "")


def test_both_templates_parse_where_they_are_rendered(site: SiteFolder) -> None:
    for letter in site.compiled().letters.values():
        for source, escaped in ((letter.html, True), (letter.text, False), (letter.subject, False)):
            ImmutableSandboxedEnvironment(autoescape=escaped, undefined=StrictUndefined).from_string(source)


def test_a_source_that_holds_the_reserved_word_is_refused(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Veil, "new_prefix", staticmethod(lambda: "q0123z"))
    assert "20-tight.md E109 the file holds a reserved word." in site.body_findings("Look: <!--q0123z0x-->\n")
