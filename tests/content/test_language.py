"""The closed language: what it understands, and that nothing else gets in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from leadmagnet.content import language
from leadmagnet.content.findings import Notes
from leadmagnet.content.scopes import body_scope
from leadmagnet.content.source import Source
from leadmagnet.errors import ContentError

from .conftest import VALUES, SiteFolder


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("{{ frist_name }}", "E101", "unknown variable 'frist_name'."),
        ("{% if x %}{{ frist_name }}{% endif %}", "E101", "unknown variable 'x'."),
        ("{% if guide_opened %}a{% else %}{{ frist_name }}{% endif %}", "E101", "unknown variable 'frist_name'."),
        ("{% for x in range(9) %}", "E109", "this does not read"),
        ("{% for x in range(99999) %}{% endfor %}", "E109", "{% for %} is not part of the language"),
        ("{% macro m() %}{{ m() }}{% endmacro %}", "E109", "{% macro %} is not part of the language"),
        ("{% set x = 1 %}", "E109", "{% set %} is not part of the language"),
        ("{% set x %}1{% endset %}", "E109", "{% set %} is not part of the language"),
        ("{% raw %}{{ x }}{% endraw %}", "E109", "{% raw %} is not part of the language"),
        ("{% filter upper %}a{% endfilter %}", "E109", "{% filter %} is not part of the language"),
        ("{% with %}a{% endwith %}", "E109", "{% with %} is not part of the language"),
        ("{% block b %}a{% endblock %}", "E109", "{% block %} is not part of the language"),
        ("{% extends 'letter.html' %}", "E109", "{% extends %} is not part of the language"),
        ("{% import 'x' as y %}", "E109", "{% import %} is not part of the language"),
        ("{% from 'x' import y %}", "E109", "{% from %} is not part of the language"),
        ("{% call x() %}{% endcall %}", "E109", "{% call %} is not part of the language"),
        ("{% do x %}", "E109", "this does not read"),
        ("{% if guide_opened %}", "E109", "this does not read"),
        ("{{ first_name", "E109", "this does not read"),
        ("{# open", "E109", "this does not read"),
        ("{{ ''.__class__.__mro__ }}", "E101", "'.__mro__' cannot be asked for here."),
        ("{{ first_name.__class__ }}", "E101", "unknown variable 'first_name.__class__'."),
        ("{{ site.__class__ }}", "E101", "unknown variable 'site.__class__'."),
        ("{{ first_name|attr('__class__') }}", "E101", "unknown filter 'attr'."),
        ("{{ '{0.__class__}'.format(first_name) }}", "E101", "unknown function"),
        ("{{ cycler.__init__ }}", "E101", "unknown variable 'cycler.__init__'."),
        ("{{ lipsum.__globals__ }}", "E101", "unknown variable 'lipsum.__globals__'."),
        ("{{ lipsum() }}", "E101", "unknown function 'lipsum'."),
        ("{{ range(9) }}", "E101", "unknown function 'range'."),
        ("{{ first_name.upper() }}", "E101", "unknown function 'upper'."),
        ("{{ first_name[0] }}", "E109", "'getitem' is not part of the language"),
        ("{{ site['name'] }}", "E109", "'getitem' is not part of the language"),
        ("{{ config }}", "E101", "unknown variable 'config'."),
        ("{{ request }}", "E101", "unknown variable 'request'."),
        ("{{ env }}", "E101", "unknown variable 'env'."),
        ("{{ self }}", "E101", "unknown variable 'self'."),
        ("{{ site }}", "E101", "unknown variable 'site'."),
        ("{{ guide.html }}", "E101", "unknown variable 'guide.html'."),
        ("{{ confirm_url }}", "E101", "unknown variable 'confirm_url'."),
        ("{{ content }}", "E101", "unknown variable 'content'."),
        ("{{ site.reply_to }}", "E101", "'site.reply_to' is not set."),
        ("{{ 'a' * 999999999 }}", "E109", "'*' is not part of the language"),
        ("{{ 9 ** 9 ** 9 }}", "E109", "'**' is not part of the language"),
        ("{{ '%9999999d' % 1 }}", "E109", "'%' is not part of the language"),
        ("{{ first_name + 1 }}", "E109", "'+' is not part of the language"),
        ("{{ [1, 2] }}", "E109", "'list' is not part of the language"),
        ("{{ {'a': 1} }}", "E109", "'dict' is not part of the language"),
        ("{{ first_name|center(999999999) }}", "E101", "unknown filter 'center'."),
        ("{{ first_name|default(config) }}", "E109", "'default' does not take that."),
        ("{{ first_name|upper('x') }}", "E109", "'upper' does not take that."),
        ("{{ first_name|replace('', 'x') }}", "E109", "'replace' takes two short texts, once."),
        ("{{ first_name|replace('a', 'aa')|replace('a', 'aa') }}", "E109", "'replace' takes two short texts, once."),
        ("{{ first_name|replace('a', '" + "a" * 41 + "') }}", "E109", "'replace' takes two short texts, once."),
        ("{{ guide_opened|length }}", "E109", "only text has a length."),
        ("{% if first_name > 3 %}a{% endif %}", "E109", "'gt' cannot compare these."),
        ("{% if 'a' in guide_opened %}a{% endif %}", "E109", "'in' cannot compare these."),
        ("{% if first_name is divisibleby 3 %}a{% endif %}", "E101", "unknown test 'divisibleby'."),
        ("{{ 'a' if first_name }}", "E109", "an 'if' within {{ }} needs its 'else'."),
        ("{{ clicked }}", "E101", "unknown variable 'clicked'."),
        ("{% if clicked() %}a{% endif %}", "E109", "clicked() takes one name in quotes."),
        ("{% if clicked(first_name) %}a{% endif %}", "E109", "clicked() takes one name in quotes."),
        ("{% if clicked('giude') %}a{% endif %}", "E101", "no letter 'giude' in this sequence."),
        ("{% if tagged('a', 'b') %}a{% endif %}", "E109", "tagged() takes one name in quotes."),
        ("{{ links.flwo }}", "E101", "unknown link 'links.flwo'."),
        ("{{ links.flow|upper }}", "E101", "'links.flow' can only stand alone."),
        ("{% if links.flow %}a{% endif %}", "E101", "'links.flow' can only stand alone."),
        ("{{ 'a\\nb' }}", "E109", "there is a line break or control character in quotes."),
        ("{{ first_name" + "|upper" * 50 + " }}", "E109", "an expression is nested too deep."),
        ("{% if guide_opened %}" * 50 + "{% endif %}" * 50, "E109", "conditions are nested too deep."),
    ],
)  # fmt: skip
def test_what_is_outside_the_language_is_an_error_with_its_line(
    site: SiteFolder, body: str, code: str, message: str
) -> None:
    found = site.body_findings(f"Hello.\n\n{body}\n")
    assert any(one.startswith(f"20-tight.md:8 {code} {message}") for one in found), found


@pytest.mark.parametrize(
    "expression", ["(" * 3000 + "1" + ")" * 3000, "9" * 5000, "{" * 3000, "not " * 20000 + "1", "1" + " and 1" * 9000]
)
def test_a_monster_is_an_error_and_not_a_crash(site: SiteFolder, expression: str) -> None:
    assert any("20-tight.md:6 E109" in one for one in site.body_findings(f"{{{{ {expression} }}}}\n"))


def test_a_misspelt_variable_is_pointed_to_the_right_one(site: SiteFolder) -> None:
    site.body_findings("Hello {{ frist_name }}\n")
    assert str(site.findings()[0]) == (
        "email_templates/hips/20-tight.md:6 E101 unknown variable 'frist_name'. Did you mean 'first_name'?"
    )


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("{{ first_name|default('there', true) }}", "Ada"),
        ("{{ first_name or 'there' }}", "Ada"),
        ("{{ first_name|trim|upper ~ '!' }}", "ADA!"),
        ("{{ first_name|replace('A', 'O') }}", "Oda"),
        ("{{ 'long' if first_name|length > 2 else 'short' }}", "long"),
        ("{{ 'both' if clicked('guide') and not tagged('x') else 'no' }}", "both"),
        ("{% if guide_opened %}open{% elif first_name == 'Ada' %}Ada{% else %}none{% endif %}", "open"),
        ("{% if site.reply_to %}{{ site.reply_to }}{% else %}none{% endif %}", "none"),
        ("{{ site.reply_to or site.name }}", "Run Bend Barre"),
        ("{{ 'a' if first_name is none else guide.title }}", "Hip Openers"),
    ],
)
def test_the_language_says_what_letters_need(site: SiteFolder, expression: str, said: str) -> None:
    letter = site.letter(f"So: {expression}.\n")
    environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    values = VALUES | {"site": {**VALUES["site"], "reply_to": None}}  # type: ignore[dict-item]
    assert f"So: {said}." in environment.from_string(letter.html).render(values)


def test_confirmations_know_nothing_that_the_visitor_typed(site: SiteFolder) -> None:
    for name in ("first_name", "unsubscribe_url", "preferences_url", "guide_url", "guide_opened", "tagged('x')"):
        site.replace("email_templates/system/confirm.md", "+++\n[Yes", f"+++\n{{{{ {name} }}}}\n\n[Yes")
        (found,) = site.findings()
        assert (found.code, found.line) == ("E101", 5)
        site.replace("email_templates/system/confirm.md", f"{{{{ {name} }}}}\n\n", "")
    site.replace("email_templates/system/confirm.md", "Please confirm", "Confirm, {{ first_name }}")
    assert [(f.code, f.line) for f in site.findings()] == [("E101", 2)]


def test_a_layout_may_use_what_a_confirmation_lacks_only_where_it_is_confirmed(site: SiteFolder) -> None:
    site.replace("email_templates/_layouts/letter.txt", "-- \n", "-- \n{{ first_name }}\n")
    assert [str(f).partition(". ")[0] for f in site.findings()] == [
        "email_templates/_layouts/letter.txt:4 E101 unknown variable 'first_name'"
    ]
    site.replace("email_templates/_layouts/letter.txt", "{{ first_name }}", "{{ first_name if confirmed else '' }}")
    assert site.findings() == ()


_ATOMS = st.sampled_from(
    ["first_name", "guide.title", "guide_opened", "site.name", "site.reply_to", "'text'", "'<b>'", "3", "0", "none",
     "true", "clicked('guide')", "tagged('x')", "first_name|length", "unknown", "links.flow", "site"]
)  # fmt: skip
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["|upper", "|title", "|trim('x')", "|default('x')", "|replace('a', 'bb')",
                                          "|length", "|capitalize", " is none", " is defined"])).map("".join),
        st.tuples(st.just("(not "), inner, st.just(")")).map("".join),
        st.tuples(st.just("("), inner, st.sampled_from([" and ", " or ", " ~ ", " == ", " < ", " in ", " + "]), inner,
                  st.just(")")).map("".join),
        st.tuples(st.just("("), inner, st.just(" if "), inner, st.just(" else "), inner, st.just(")")).map("".join),
    ),
    max_leaves=6,
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(_EXPRESSIONS, st.sampled_from(["", "Ada", "**Bob**"]), st.booleans())
def test_what_the_language_lets_through_never_fails_for_a_person(expression: str, name: str, opened: bool) -> None:
    source = Source.of("x.md", f"{{{{ {expression} }}}}{{% if {expression} %}}a{{% endif %}}")
    scope = body_scope(None, slugs=frozenset({"guide"}))
    try:
        tree = language.parse(source)
    except ContentError:
        return
    if language.check(tree, source, scope, Notes()):
        site = {"name": "Site", "reply_to": "maya@example.com"}
        environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
        template = environment.from_string(source.text.replace("links.flow", "guide_url"))
        template.render(VALUES | {"first_name": name, "guide_opened": opened, "site": site})
