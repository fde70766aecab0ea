"""Sequences and letters' heads: one table of mistakes, and the identity of letters."""

from datetime import date, time, timedelta

import pytest

from .conftest import HEAD, TIGHT, SiteFolder, short

SEQUENCE = "email_templates/hips/sequence.toml"
GUIDE_MAIL = "email_templates/hips/10-guide.md"


def found(site: SiteFolder) -> list[str]:
    return [short(finding) for finding in site.findings()]


def starts_with(found: list[str], expected: list[str]) -> None:
    assert len(found) == len(expected), found
    for one, start in zip(found, expected, strict=True):
        assert one.startswith(start), found


def test_defaults_are_twenty_hours_and_every_day(site: SiteFolder) -> None:
    sequence = site.compiled().sequences["hips"]
    assert sequence.min_gap == timedelta(hours=20)
    assert sequence.stop_when == ("unsubscribed", "bounced", "complained")
    assert [step.slug for step in sequence.steps] == ["guide", "tight"]
    tight = sequence.steps[1]
    assert (tight.number, tight.day, tight.send_at, tight.send_on) == (20, 2, time(7, 30), frozenset(range(7)))


def test_every_key_of_a_letter_reads(site: SiteFolder) -> None:
    site.write(SEQUENCE, (site.path / SEQUENCE).read_text() + 'then = "tag:done"\nstop_when = ["tag:student"]\n')
    site.replace(
        TIGHT,
        "day = 2\n",
        """day = 2
only_if = ["tag:runner", "not clicked:guide"]
skip_if = ["tag:tried-barre"]
tag = "told"
draft = true
send_on = ["mon", "sat"]
send_at = 18:05:00
from = "Ada <ada@example.com>"
preview = [{ first_name = "Sam" }, { first_name = "" }]
was = ["stiff", "tight-hips"]
catch_up = true
watch = true
not_after = "3 days"
""",
    )
    compiled = site.compiled()
    step = compiled.sequences["hips"].steps[1]
    assert [(c.kind, c.name, c.negated) for c in step.only_if] == [("tag", "runner", False), ("clicked", "guide", True)]
    assert step.skip_if[0].name == "tried-barre"
    assert (step.tag, step.draft, step.catch_up, step.watch) == ("told", True, True, True)
    assert (step.send_on, step.send_at) == (frozenset({0, 5}), time(18, 5))
    assert step.was == ("stiff", "tight-hips")
    assert (step.expires_after, step.expires_on) == (timedelta(days=3), None)
    assert compiled.sequences["hips"].step("stiff") == step
    assert (compiled.sequences["hips"].then, compiled.sequences["hips"].stop_when) == ("done", ("tag:student",))
    letter = compiled.letters["hips/tight"]
    assert letter.sender == "Ada <ada@example.com>"
    assert [person["first_name"] for person in letter.people] == ["Sam", ""]


def test_a_letter_may_expire_on_a_date(site: SiteFolder) -> None:
    site.replace(TIGHT, "day = 2\n", "day = 2\nnot_after = 2026-04-01\n")
    assert site.compiled().sequences["hips"].steps[1].expires_on == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("day = 2", "dya = 2", ["20-tight.md E102 'day' is missing.", "20-tight.md:4 E102 unknown key 'dya'."]),
        ("day = 2", "day = '2'", ["20-tight.md:4 E102 'day' must be a whole number"]),
        ("day = 2", "day = -1", ["20-tight.md:4 E102 'day' must be a whole number"]),
        ("day = 2", "day = 2\nnot_after = '-2 days'", ["20-tight.md:5 E102 'not_after' is not a length of time"]),
        ("day = 2", "day = 2\nnot_after = '1 month'", ["20-tight.md:5 E102 'not_after' is not a length of time"]),
        ("day = 2", "day = 2\nsend_on = ['moon']", ["20-tight.md:5 E102 'send_on' has an unknown weekday: 'moon'."]),
        ("day = 2", "day = 2\nsend_on = []", ["20-tight.md:5 E102 'send_on' must be a list"]),
        ("day = 2", "day = 2\nsend_at = '25:00'", ["20-tight.md:5 E102 'send_at' is not a time of day"]),
        ("day = 2", "day = 2\nsend_at = 7:30", ["20-tight.md:5 E102 this is not TOML"]),
        ("day = 2", "day = 2\ndraft = 'yes'", ["20-tight.md:5 E102 'draft' must be true or false."]),
        ("day = 2", "day = 2\nonly_if = 'tag:x'", ["20-tight.md:5 E102 'only_if' must be a list."]),
        ("day = 2", "day = 2\nonly_if = ['tagged:x']", ["20-tight.md:5 E102 'only_if' does not read"]),
        ("day = 2", "day = 2\nonly_if = ['opened:guide']", ["20-tight.md:5 E102 'only_if' does not read: opens are"]),
        ("day = 2", "day = 2\nskip_if = ['clicked:giude']", ["20-tight.md:5 E101 no letter 'giude' in this sequence."]),
        ("day = 2", "day = 2\ntag = 'a b'", ["20-tight.md:5 E102 'tag' is not a name"]),
        ("day = 2", "day = 2\nfrom = 'Maya'", ["20-tight.md:5 E102 'from' is not one mail address."]),
        ("day = 2", "day = 2\nlayout = 'leter'", ["20-tight.md:5 E101 there is no layout 'leter.html' in _layouts.",
                                                  "20-tight.md:5 E101 there is no layout 'leter.txt' in _layouts."]),
        ("day = 2", "[[preview]]\nfirst_name = 'x'\nday = 2",
         ["20-tight.md E102 'day' is missing.", "20-tight.md:4 E102 'preview' has a person with an unknown key 'day'."]),
        ('subject = "Tight is not short"', 'subject = ""', ["20-tight.md:2 E102 'subject' is empty."]),
        ('subject = "Tight is not short"', 'subject = "a\\nb"', ["20-tight.md:2 E102 'subject' has more than one line."]),
        ('subject = "Tight is not short"\n', "", ["20-tight.md E102 'subject' is missing."]),
        ("+++\nHello", "Hello", ["20-tight.md:1 E102 the head is never closed."]),
    ],
)  # fmt: skip
def test_a_mistake_in_a_letters_head_has_its_line(site: SiteFolder, old: str, new: str, expected: list[str]) -> None:
    site.replace(TIGHT, old, new)
    starts_with(found(site), expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('title = "Hips"\n', "", ["sequence.toml E102 'title' is missing."]),
        ('"confirmed"', '"confirm"', ["sequence.toml:2 E102 'starts' cannot be 'confirm'."]),
        ('guide = "hips"\n', "", ["guide.md E102 no sequence delivers this guide.",
                                  "sequence.toml:2 E102 'guide' is missing"]),
        ('guide = "hips"', 'guide = "hip"', ["sequence.toml:3 E101 there is no guide 'hip'.",
                                            "guide.md E102 no sequence delivers this guide."]),
        ('send_at = "7:30"\n', "", ["20-tight.md:4 E102 nobody says at what time this letter leaves."]),
        ("send_at", "send_att", ["20-tight.md:4 E102 nobody says at what", "sequence.toml:4 E102 unknown key 'send_att'."]),
        ('send_at = "7:30"', 'send_at = "7:30"\nmin_gap = "20"', ["sequence.toml:5 E102 'min_gap' is not a length"]),
        ('send_at = "7:30"', 'send_at = "7:30"\nstop_when = ["bounce"]',
         ["sequence.toml:5 E102 'stop_when' cannot hold 'bounce'."]),
        ('send_at = "7:30"', 'send_at = "7:30"\nthen = "done"', ["sequence.toml:5 E102 'then' must be a tag"]),
        ("title = ", "title == ", ["sequence.toml:1 E102 this is not TOML"]),
    ],
)  # fmt: skip
def test_a_mistake_in_a_sequence_has_its_line(site: SiteFolder, old: str, new: str, expected: list[str]) -> None:
    site.replace(SEQUENCE, old, new)
    starts_with(sorted(found(site)), sorted(expected))


def test_clicks_cannot_be_asked_for_while_they_are_not_counted(site: SiteFolder) -> None:
    site.write("leadmagnet.toml", (site.path / "leadmagnet.toml").read_text() + "[tracking]\nclicks = false\n")
    site.replace(TIGHT, "day = 2", "day = 2\nonly_if = ['clicked:guide']")
    site.replace(TIGHT, "Hello", "{% if clicked('guide') %}Yes{% endif %}\n\nHello")
    starts_with(
        found(site),
        [
            "20-tight.md:5 E101 'only_if' asks for clicks, and they are not counted.",
            "20-tight.md:7 E101 clicked() asks for clicks, and they are not counted.",
        ],
    )


@pytest.mark.parametrize("name", ["tips.md", "20_tips.md", "20-.md", "20-tips-.md", "day-05-tips.md", "sub/20-tips.md"])
def test_a_file_that_is_not_named_like_a_letter_is_an_error(site: SiteFolder, name: str) -> None:
    site.write(f"email_templates/hips/{name}", HEAD)
    assert any("E102 the file's name is not that of a letter." in one for one in found(site))


def test_files_that_belong_to_nothing_are_errors(site: SiteFolder) -> None:
    site.write("email_templates/10-lost.md", HEAD)
    site.write("email_templates/barre/10-hi.md", HEAD)
    site.write("email_templates/system/confrim.md", HEAD)
    site.write("guides/empty/figure.png", b"png")
    starts_with(
        found(site),
        [
            "10-lost.md E102 this file belongs to nothing.",
            "sequence.toml E102 the sequence has no sequence.toml.",
            "confrim.md E102 there is no system mail of this name.",
            "guide.md E102 the guide has no guide.md.",
        ],
    )


@pytest.mark.parametrize("name", ["confirm", "confirm-reminder", "confirm-address", "guide-again"])
def test_every_system_mail_must_be_there(site: SiteFolder, name: str) -> None:
    site.delete(f"email_templates/system/{name}.md")
    assert found(site) == [f"{name}.md E102 this mail is missing."]


def test_a_system_mail_has_a_shorter_head(site: SiteFolder) -> None:
    site.replace("email_templates/system/confirm.md", "subject", "day = 0\nsubject")
    assert found(site) == ["confirm.md:2 E102 unknown key 'day'."]


def test_two_letters_with_one_slug_are_an_error_also_by_case(site: SiteFolder) -> None:
    site.write("email_templates/hips/45-tight.md", HEAD)
    site.write("email_templates/hips/50-TIGHT.md", HEAD)
    assert found(site) == [
        "45-tight.md E103 two letters have the slug 'tight': this one and 20-tight.md.",
        "50-TIGHT.md E103 two letters have the slug 'TIGHT': this one and 20-tight.md.",
    ]


def test_an_earlier_slug_must_be_dead_and_have_one_heir(site: SiteFolder) -> None:
    site.replace(TIGHT, "day = 2", "day = 2\nwas = ['guide', 'old']")
    site.write("email_templates/hips/30-more.md", HEAD.replace("day = 2", "day = 3\nwas = 'OLD'"))
    assert found(site) == [
        "20-tight.md:5 E103 'was' names 'guide', which is a letter still (10-guide.md).",
        "30-more.md:5 E103 'was' names 'OLD', which 20-tight.md claims already.",
    ]


def test_days_against_the_order_of_numbers_are_a_warning(site: SiteFolder) -> None:
    site.write("email_templates/hips/30-more.md", HEAD.replace("day = 2", "day = 1"))
    build = site.build()
    assert [short(f) for f in build.findings] == [
        "30-more.md:4 E103 'more' comes after 'tight' by number, and before it by day."
    ]
    assert build.findings[0].level == "warning"
    assert build.compiled is not None


def test_the_first_letter_brings_the_guide_at_once(site: SiteFolder) -> None:
    site.replace(GUIDE_MAIL, "day = 0", "day = 1")
    assert found(site) == ["10-guide.md:4 E102 the first letter does not leave at once."]


def test_a_draft_is_not_the_first_letter(site: SiteFolder) -> None:
    site.replace(GUIDE_MAIL, "day = 0", "day = 0\ndraft = true")
    assert found(site) == ["20-tight.md:4 E102 the first letter does not leave at once."]


def test_a_confirmed_sequence_needs_a_letter(site: SiteFolder) -> None:
    site.delete(GUIDE_MAIL)
    site.delete(TIGHT)
    assert found(site) == ["sequence.toml:2 E102 the sequence has no letter to begin with."]


def test_a_guide_has_one_confirmed_sequence(site: SiteFolder) -> None:
    site.write("email_templates/more/sequence.toml", (site.path / SEQUENCE).read_text())
    site.write("email_templates/more/10-hi.md", HEAD.replace("day = 2", "day = 0"))
    assert found(site) == ["sequence.toml:3 E102 'hips' starts with the guide 'hips' already."]


def test_a_second_sequence_may_start_by_tag_without_a_guide(site: SiteFolder) -> None:
    site.write("email_templates/more/sequence.toml", 'title = "More"\nstarts = "tag:barre"\nsend_at = "8:00"\n')
    site.write("email_templates/more/10-hi.md", HEAD + "Hi.\n")
    site.replace("email_templates/_layouts/letter.html", "You asked for {{ guide.title }}", "You asked")
    site.replace(
        "email_templates/_layouts/letter.txt", "{{ guide.title }}", "{% if guide.title %}{{ guide.title }}{% endif %}"
    )
    assert site.compiled().sequences["more"].guide is None


def test_a_letter_that_does_not_read_can_still_be_named_by_others(site: SiteFolder) -> None:
    site.replace(GUIDE_MAIL, "day = 0", "day = Null")
    site.replace(TIGHT, "day = 2", "day = 2\nonly_if = ['clicked:guide']")
    assert not any("E101" in one for one in found(site))
