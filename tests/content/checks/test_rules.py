"""Each rule with a case that it finds, at its line, and a case that comes close and is fine."""

import pytest

from leadmagnet.publishing import drafts
from tests.content.checks.conftest import LAYOUT, TEXT_LAYOUT, WORDS, CleanSite
from tests.content.conftest import HEAD, TIGHT

STYLE = "</style>"
LONG_ALT = "a" * 151


def head(old: str, new: str) -> str:
    assert old in HEAD
    return HEAD.replace(old, new)


def test_a_good_site_has_no_findings(clean: CleanSite) -> None:
    assert clean.codes() == []


#: A body (its first line is 6), what is found there, and a body close to it in which nothing is.
BODIES = [
    ("Hi {{ frist_name }}", ["20-tight.md:6 E101"], "Hi {{ first_name or 'there' }}"),
    ("[Go]({{ links.flw }})", ["20-tight.md:6 E101"], "[Go]({{ links.flow }})"),
    ('{% include "sign-of.md" %}', ["20-tight.md:6 E101"], '{% include "sign-off.md" %}'),
    ('one\n\n<img src="https://e.example/a.png" width="9">', ["20-tight.md:8 E106"], '<img src="https://e.example/a.png" alt="A mat" width="9">'),
    (f"![{LONG_ALT}](https://e.example/a.png)", ["20-tight.md:6 E106", "20-tight.md:6 W211"], '<img src="https://e.example/a.png" alt="" width="9">'),
    ("<svg></svg>", ["20-tight.md:6 E107"], "svg"),
    ("[Go](javascript:alert(1))", ["20-tight.md:6 E108"], "[Go](https://e.example/)"),
    ("a\n\n[Go](http://e.example)", ["20-tight.md:8 E108"], "[Go](http://127.0.0.1:8000/x)"),
    ('<div style="background:url(http://e.example/a.png)">x</div>', ["20-tight.md:6 E108"], '<i style="background:url(https://e.example/a)">x</i>'),
    ("<b {% if guide_opened %}id='x'{% endif %}>x</b>", ["20-tight.md:6 E109"], "<b>{% if guide_opened %}x{% endif %}</b>"),
    ('<p style="color:#999999">pale</p>', ["20-tight.md:6 W204"], '<p style="color:#333333">dark</p>'),
    ('<p style="color:#999999;font-size:24px">x</p>', ["20-tight.md:6 W204"], '<p style="color:#8A7A70;font-size:24px">x</p>'),
    ('<p style="background:#FFFFFF">bright in the dark</p>', ["20-tight.md:6 W204"], "<p>x</p>"),
    ("a\n[click here](https://e.example/)", ["20-tight.md:7 W205"], "[here is the plan](https://e.example/)"),
    ("[The plan](https://e.example/a)\n\n[the plan](https://e.example/b)", ["20-tight.md:8 W205"], "[The plan](https://e.example/a)\n\n[The plan](https://e.example/a)"),
    ("[A](https://e.example/a){.button}\n\n[B](https://e.example/b){.button}", ["20-tight.md:8 W206"], "[A](https://e.example/a){.button}\n\n[B](https://e.example/b)"),
    ("## One\n\n#### Four", ["20-tight.md:8 W207"], "# One\n\n## Two\n\n### Three\n\n## Two"),
    ("# One\n\n# Two", ["20-tight.md:8 W207"], "## Two"),
    ('a\n\n<div style="display:flex">x</div>', ["20-tight.md:8 W208"], '<div style="display:block">x</div>'),
    ("<video>x</video>", ["20-tight.md:6 W208"], "<strong>x</strong>"),
    ('<p style="width:calc(100% - 2px)">x</p>', ["20-tight.md:6 W208"], '<p style="width:100%">calc(x)</p>'),
    ('<p style="color:rgb(40 30 30 / 1)">x</p>', ["20-tight.md:6 W209"], '<p style="color:rgb(40, 30, 30)">x</p>'),
    ('<img src="https://e.example/a.png" alt="A mat">', ["20-tight.md:6 W211"], '<img src="https://e.example/a.png" alt="A mat" width="512">'),
    ("It will melt away.", ["20-tight.md:6 W215"], "A healthy meal on the health farm."),
    ("a\nIt heals,\nand it releases your tight hips.", ["20-tight.md:7 W215", "20-tight.md:8 W215"], "Release the brake, then hips forward."),
    ('Hi {{ first_name|default("there") }}', ["20-tight.md:6 W218"], 'Hi {{ first_name|default("there", true) }}'),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "found", "right"), BODIES)
def test_what_stands_in_a_letter(clean: CleanSite, wrong: str, found: list[str], right: str) -> None:
    if found:
        assert clean.body(wrong) == found
    assert clean.body(right) == []


HEADS = [
    ("day = 2", "dya = 2", ["20-tight.md:4 E102", "20-tight.md E102"]),
    ("Tight is not short", "T", []),
    ("Tight is not short", "Tight is not short, and a dozen other things to know", ["20-tight.md:2 W202"]),
    ("Tight is not short", "TIGHT IS NOT SHORT", ["20-tight.md:2 W202"]),
    ("Tight is not short", "The FAQ!", []),
    ("Tight is not short", "Tight! Not short!", ["20-tight.md:2 W202"]),
    ("Tight is not short", "Re: your hips", ["20-tight.md:2 W202"]),
    ("Why hips feel stiff after a run, and a check.", "Short.", ["20-tight.md:3 W201"]),
    ("Why hips feel stiff after a run, and a check.", "Tight is not short", ["20-tight.md:3 W201"]),
    ("day = 2", "day = 1", ["20-tight.md:4 W213"]),
    ("day = 2", "day = 46", ["20-tight.md:4 W213"]),
    ("day = 2", 'day = 2\nsend_on = ["fri"]', ["20-tight.md:4 W214"]),
    ("day = 2", 'day = 2\nsend_on = ["mon", "wed", "fri", "sun"]', []),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "found"), HEADS)
def test_what_stands_in_a_head(clean: CleanSite, old: str, new: str, found: list[str]) -> None:
    assert sorted(clean.body("", head=head(old, new))) == sorted(found)


LAYOUTS = [
    (LAYOUT, "{{ unsubscribe_url }}", "{{ form_url }}", ["letter.html E104"]),
    (LAYOUT, STYLE, ".x{color:#123456}" * 1000 + STYLE, ["letter.html:12 W209"]),
    (LAYOUT, "</body>", '<a href="https://e.example/x">x</a></body>', ["letter.html:138 W210"]),
    (TEXT_LAYOUT, "{{ content }}", "{# {{ content }} #}", ["letter.txt:1 E109"]),
    (LAYOUT, '<body dir="ltr"', "<body", ["letter.html:94 I303"]),
    (LAYOUT, '<table role="presentation" class="card', '<table class="card', ["letter.html:106 I303"]),
    (LAYOUT, ".muted,img{color:#C9B8AC!important}", ".muted,img{color:#6A5A55!important}", ["letter.html:78 W204"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "old", "new", "found"), LAYOUTS)
def test_what_stands_in_a_layout(clean: CleanSite, path: str, old: str, new: str, found: list[str]) -> None:
    clean.replace(path, old, new)
    assert clean.codes() == found


def test_a_letter_of_few_words_or_many_pictures(clean: CleanSite) -> None:
    clean.write(TIGHT, f"{HEAD}Hello there.\n")
    assert clean.codes() == ["20-tight.md W203"]
    pictures = '<img src="https://e.example/a.png" alt="A mat" width="9">\n' * 6
    clean.write(TIGHT, f"{HEAD}{WORDS}\n\n{pictures}")
    assert clean.codes() == ["20-tight.md W203"]
    clean.write(TIGHT, f"{HEAD}{WORDS}\n\n{pictures.replace('A mat', '')}")
    assert clean.codes() == []


def test_a_letter_that_gmail_would_cut(clean: CleanSite) -> None:
    line = "Small steps, every day.\n\n"
    clean.write(TIGHT, HEAD + line * 500)
    (found,) = clean.judged()
    assert (found.code, found.level) == ("E105", "warning")
    assert "bytes of HTML" in found.message and "as it is sent" in found.message
    clean.write(TIGHT, HEAD + line * 900)
    (found,) = clean.judged()
    assert (found.code, found.level) == ("E105", "error")
    assert drafts.check(clean.path).compiled is None


def test_a_link_of_the_site_leads_to_the_guide_while_mail_is_real(
    clean: CleanSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADMAGNET_SMTP_URL", "smtp://127.0.0.1:2525")
    assert clean.codes() == ["leadmagnet.toml:11 W216"]
    clean.replace("leadmagnet.toml", '"#flow"', '"https://example.com/flow"')
    assert clean.codes() == []


def test_a_mistake_in_the_machines_settings_has_its_line(clean: CleanSite) -> None:
    clean.replace("leadmagnet.toml", "base_url =", "bas_url =")
    (found,) = clean.judged()
    assert (found.code, found.line, found.message) == (
        "E102",
        1,
        "unknown setting 'bas_url'. Did you mean base_url?",
    )


HARD = (
    "Notwithstanding considerable physiological heterogeneity, comprehensive biomechanical evaluation necessitates " * 8
)
LONG = "It is a small word and so on. " * 13


def test_rules_that_are_off_run_when_the_settings_name_them(clean: CleanSite) -> None:
    clean.write(TIGHT, f"{HEAD}Act now!!\n\n{LONG}\n\n{HARD}\n")
    assert clean.codes() == []
    clean.write("leadmagnet.toml", (clean.path / "leadmagnet.toml").read_text() + '[check]\nalso = ["W212", "I302"]\n')
    assert clean.codes() == ["20-tight.md:6 I302", "20-tight.md:6 I302", "20-tight.md:6 W212", "20-tight.md:8 W212"]


def test_the_words_that_promise_too_much_are_the_operators(clean: CleanSite) -> None:
    clean.write("leadmagnet.toml", (clean.path / "leadmagnet.toml").read_text() + '[check]\nclaims = ["flush out"]\n')
    assert clean.body("It cures, and it flushes it out.") == ["20-tight.md:6 W215"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[check]\nals = ["W212"]', "unknown key 'als' in [check]."),
        ('[check]\nalso = ["W206"]', "'W206' is no rule that can be switched on."),
        ('[check]\nalso = "W212"', "'also' must be a list."),
    ],
)
def test_a_mistake_in_the_checks_own_table(clean: CleanSite, table: str, message: str) -> None:
    clean.write("leadmagnet.toml", (clean.path / "leadmagnet.toml").read_text() + table + "\n")
    (found,) = clean.judged()
    assert (found.code, found.path, found.line, found.message) == ("E102", "leadmagnet.toml", found.line, message)
    assert found.line > 12


def test_an_answer_that_no_letter_asks_for_is_idle(clean: CleanSite) -> None:
    asks = 'question = "Tried barre?"\nanswers = { "Yes" = "tried-bare", "No" = "" }\n'
    clean.replace("guides/hips/guide.md", "+++\n#", f"{asks}+++\n#")
    assert clean.codes() == ["guide.md:8 W220"]
    clean.write(TIGHT, f"{HEAD}{{% if tagged('tried-barre') %}}You have.{{% endif %}}\n\n{WORDS}\n")
    (found,) = clean.judged()
    assert found.fix.startswith("Did you mean 'tried-barre'?")
    skips = head("day = 2", 'day = 2\nskip_if = ["tag:tried-bare"]')
    assert clean.body("", head=skips) == []


TWO_BUTTONS = "[A](https://e.example/a){.button}\n\n[B](https://e.example/b){.button}"


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("# check: off W206 – two offers by design", []),
        ("# check: off W205, W206", ["20-tight.md:2 W217"]),
        ("# Check: off: w206.", []),
        ("# check: off W207 because W206 is fine", ["20-tight.md:2 W217", "20-tight.md:10 W206"]),
        ("# check: off W26", ["20-tight.md:2 W217", "20-tight.md:10 W206"]),
        ("# check: off E101", ["20-tight.md:2 W217", "20-tight.md:10 W206"]),
        ("# check: off", ["20-tight.md:2 W217", "20-tight.md:10 W206"]),
        ("# check: off W206, W212, I301", []),
    ],
)
def test_a_comment_switches_a_rule_off_for_its_file(clean: CleanSite, comment: str, found: list[str]) -> None:
    assert sorted(clean.body(TWO_BUTTONS, head=HEAD.replace("+++\n", f"+++\n{comment}\n", 1)), key=len) == [
        one.replace(":10 ", ":9 ") for one in found
    ]


def test_an_error_cannot_be_switched_off(clean: CleanSite) -> None:
    found = clean.body("{{ frist_name }}", head=HEAD.replace("+++\n", "+++\n# check: off E101\n", 1))
    assert found == ["20-tight.md:2 W217", "20-tight.md:7 E101"]


def test_a_layout_has_such_a_comment_too(clean: CleanSite) -> None:
    clean.replace(LAYOUT, '<body dir="ltr"', "<body")
    clean.replace(LAYOUT, "<!doctype html>", "{# check: off I303 – one direction only #}\n<!doctype html>")
    assert clean.codes() == []


def test_an_unknown_table_is_one_mistake(clean: CleanSite) -> None:
    clean.replace("leadmagnet.toml", "[links]", "[lnks]")
    assert [code for code in clean.codes() if code.startswith("leadmagnet")] == ["leadmagnet.toml:10 E102"]
