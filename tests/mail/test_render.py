from concurrent.futures import ThreadPoolExecutor

import pytest
from markupsafe import escape

from leadmagnet.content.compiled import Letter
from leadmagnet.content.published import Words
from leadmagnet.mail.render import MAX_SUBJECT, RenderError, render

HOSTILE = [
    "{{ 7*7 }}",
    "{% include '/etc/passwd' %}",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "**Bob** [x](http://evil.example)",
    "${7*7}",
    "''.__class__.__mro__",
    "Null",
    "O'); DROP TABLE delivery;--",
]


def letter(
    subject: str = "Hello", preheader: str = "", html: str = "<p>{{ name }}</p>", text: str = "{{ name }}\n"
) -> Letter:
    return Letter(path="hip/20-x.md", slug="x", subject=subject, preheader=preheader, html=html, text=text)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_visitor_typed_stays_what_she_typed(name: str) -> None:
    mail = render(letter(subject="For {{ name }}"), {"name": name})
    assert mail.subject == f"For {name}"
    assert mail.text == f"{name}\n"
    assert "<script" not in mail.html and "<img" not in mail.html and "49" not in mail.html
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert mail.html == "<p>" + escaped.replace("'", "&#39;").replace('"', "&#34;") + "</p>"


def test_html_and_text_know_the_rendered_subject_and_preheader() -> None:
    made = letter(
        "{{ name }} & hips", "For {{ name }} <3", "{{ subject }}|{{ preheader }}", "{{ subject }}|{{ preheader }}"
    )
    mail = render(made, {"name": "Ada"})
    assert mail.html == "Ada &amp; hips|For Ada &lt;3"
    assert mail.text == "Ada & hips|For Ada <3"


def test_a_statement_on_its_own_line_leaves_no_gap_in_the_text_part() -> None:
    made = letter(text="Hi\n  {% if name %}\nAda\n  {% endif %}\nbye\n")
    assert render(made, {"name": "x"}).text == "Hi\nAda\nbye\n"


def test_facts_may_be_asked_as_functions() -> None:
    made = letter(text="{% if clicked('tight-hips') %}again{% endif %}")
    assert render(made, {"name": "", "clicked": {"tight-hips"}.__contains__}).text == "again"


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("{{ name[:0] }}", "empty"),
        ("one\ntwo", "line break"),
        ("one\r\nBcc: z@evil.example", "line break"),
        ("one\u2028two", "U\\+2028"),
        ("a\x00b", "U\\+0000"),
        ("a\x85b", "U\\+0085"),
        ("a\ud800b", "U\\+D800"),
        ("x" * (MAX_SUBJECT + 1), "999 characters"),
    ],
)
def test_a_subject_is_one_line_that_can_be_sent(subject: str, reason: str) -> None:
    with pytest.raises(RenderError, match=reason) as raised:
        render(letter(subject=subject), {"name": "Ada"})
    assert raised.value.path == "hip/20-x.md"
    assert raised.value.part == "subject"


@pytest.mark.parametrize("subject", ["x" * MAX_SUBJECT, "Hüften 👩‍👩‍👧", "\u200fשלום עולם", "=?UTF-8?Q?Bob?="])
def test_emoji_and_right_to_left_subjects_pass(subject: str) -> None:
    assert render(letter(subject=subject), {"name": "Ada"}).subject == subject


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("{{ frist_name }}", "'frist_name' is undefined"),
        ("{% for x in y %}", "end of template"),
        ("{% include '/etc/passwd' %}", "TypeError"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ '{0.__class__}'.format(1) }}", "unsafe"),
        ("{{ name|attr('__class__') }}", "unsafe|undefined"),
        ("{{ cycler.__init__.__globals__ }}", "unsafe"),
        ("{{ [].append(1) }}", "unsafe"),
        ("{{ 1/0 }}", "ZeroDivisionError"),
        ("{{ range(10**9) }}", "undefined"),
    ],
)
def test_what_cannot_be_rendered_names_the_letter_and_the_reason(html: str, reason: str) -> None:
    with pytest.raises(RenderError, match=reason) as raised:
        render(letter(html=html), {"name": "Ada"})
    assert raised.value.part == "html"
    assert str(raised.value).startswith("hip/20-x.md: the html cannot be rendered")


@pytest.mark.parametrize("html", ["{{ {}['ada@example.com'] }}", "{{ {}[name] }}"])
def test_an_error_repeats_no_address(html: str) -> None:
    with pytest.raises(RenderError) as raised:
        render(letter(html=html), {"name": "ada@example.com"})
    assert "ada" not in str(raised.value)


def test_letters_of_one_name_but_other_words_are_never_mixed_up() -> None:
    def both(number: int) -> str:
        return render(letter(text=f"{number % 7} {{{{ name }}}}"), {"name": number}).text

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(both, range(200))) == [f"{n % 7} {n}" for n in range(200)]


def test_what_is_the_same_for_all_readers_is_put_in_once_and_reads_the_same() -> None:
    """Words of the site are folded into the template; beside them and in conditions they are what they were."""
    source = "{% if site.name %}{{ site.name }}{% endif %} & {{ subject }} {{ name }}"
    mail = letter(subject="A < B", html=source, text=source)
    for name in ("Ada & Co", "O'Neil =2E", "."):
        for site in ({"name": "Run <&> Bend"}, {"name": "Läufe = Yoga"}, {"name": ""}):
            folded = render(mail, {"site": Words(site), "name": name})
            plain = render(mail, {"site": site, "name": name})
            assert (folded.html, folded.text, folded.subject) == (plain.html, plain.text, plain.subject)
            assert plain.html == f"{escape(site['name'])} & A &lt; B {escape(name)}"
            assert plain.text == f"{site['name']} & A < B {name}"
