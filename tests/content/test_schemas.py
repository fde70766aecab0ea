"""The schemas that editors read say what the readers of heads and settings say."""

import tomllib
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from leadmagnet.content import keys
from leadmagnet.content.checks.wishes import read_wishes
from leadmagnet.content.findings import Notes
from leadmagnet.content.guides import Promise, read_guide
from leadmagnet.content.manuscripts import read_system
from leadmagnet.content.schemas import schemas, sentences
from leadmagnet.content.sequences import read_sequence
from leadmagnet.content.site import check_site
from leadmagnet.errors import SettingsError
from leadmagnet.settings import load
from tests.conftest import ROOT

SCHEMAS = schemas()
LETTER = 'subject = "Tight"\npreheader = "Why they feel so stiff."\nday = 2\n'
SEQUENCE = 'title = "Hips"\nstarts = "manual"\nsend_at = "7:30"\n'
GUIDE = 'title = "Hips"\nheadline = "FREE Hips"\nline = "Relief."\nbutton = "Send it"\nconsent = "You get it."\n'
SYSTEM = 'subject = "Please confirm"\npreheader = "One tap and it opens."\n'
SETTINGS = """\
[site]
name = "Run Bend Barre"
url = "https://example.com"
timezone = "America/New_York"
from = "Maya <maya@mail.example.com>"
postal_address = "1 Example Street, Springfield"
"""


def fits(schema: str, toml: str) -> bool:
    """Whether an editor would underline nothing in `toml`."""
    return bool(Draft7Validator(SCHEMAS[schema]).is_valid(_as_editors_see_it(tomllib.loads(toml))))


def _as_editors_see_it(value: Any) -> Any:
    """JSON knows no times: editors of TOML hand them over as they are written."""
    if isinstance(value, dict):
        return {key: _as_editors_see_it(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_editors_see_it(one) for one in value]
    return value.isoformat() if isinstance(value, (time, date, datetime)) else value


def reads(judge: Callable[[str, Notes], object], toml: str) -> bool:
    notes = Notes()
    judge(toml, notes)
    return not notes.findings()


def letter(toml: str, notes: Notes) -> None:
    texts = {
        "sequence.toml": SEQUENCE,
        "20-tight.md": f"+++\n{toml}+++\nWords.\n",
        "30-other.md": f"+++\n{with_line(LETTER, 'day = 3650')}+++\n",
    }
    read_sequence("hips", texts, clicks=True, notes=notes)


def sequence(toml: str, notes: Notes) -> None:
    read_sequence("hips", {"sequence.toml": toml}, clicks=True, notes=notes)


def guide(toml: str, notes: Notes) -> None:
    read_guide("hips", {"guide.md": f"+++\n{toml}+++\nWords.\n"}, {}, Promise(1, 2), notes)


def system(toml: str, notes: Notes) -> None:
    text = f"+++\n{toml}+++\nWords.\n"
    fine = f"+++\n{SYSTEM}+++\n"
    others = ("confirm-reminder.md", "confirm-address.md", "guide-again.md")
    read_system({"confirm.md": text, **dict.fromkeys(others, fine)}, notes)


def with_line(head: str, line: str) -> str:
    """`head` with `line` in place of the line of the same key."""
    key = line.partition("=")[0].strip()
    return "".join(f"{one}\n" for one in head.splitlines() if one.partition("=")[0].strip() != key) + f"{line}\n"


LETTER_LINES = [
    'subject = ""', "subject = 3", 'subject = "  "', 'subject = "#1 habit: [New?] *Embrace*"',
    "day = 0", "day = 3650", "day = 3651", "day = -1", 'day = "2"', "day = 2.5", "day = true",
    'only_if = ["tag:x", "not tag:y-2", "clicked:other"]', 'only_if = "tag:x"', 'only_if = ["opened:x"]', 'only_if = ["tag:"]',
    "only_if = []", 'skip_if = ["not  clicked:other"]', 'skip_if = ["nottag:x"]',
    'tag = "student"', 'tag = "two words"', "tag = 3", f'tag = "{"x" * 64}"', f'tag = "{"x" * 65}"',
    "draft = true", 'draft = "yes"', "catch_up = 1", "watch = false",
    'send_on = ["mon", "sunday"]', "send_on = []", 'send_on = ["someday"]', 'send_on = "mon"',
    'send_at = "7:30"', 'send_at = "07:30"', "send_at = 07:30:00", 'send_at = "24:00"', 'send_at = "7:3"', 'send_at = "7.30"',
    'from = "Maya <maya@mail.example.com>"', 'from = "maya@example.com"', 'from = "Maya"', 'from = "a@b, c@d"', 'from = "\\"Maya, M.\\" <m@example.com>"',
    'layout = "../letter"',
    'preview = [{ first_name = "Sam" }, { first_name = "" }]', 'preview = [{ name = "Sam" }]', 'preview = "Sam"', "preview = [{ first_name = 3 }]",
    'was = "old"', 'was = ["old", "older"]', 'was = ["old one"]', "was = []",
    'not_after = "3 days"', 'not_after = "1d 6h"', "not_after = 2026-04-01", 'not_after = "2026-04-01"', 'not_after = "2026-13-01"',
    'not_after = "3 fortnights"', 'not_after = "0 days"', "not_after = 3", 'not_after = "3"', 'not_after = ""',
    'subjekt = "x"', "days = 2",
]  # fmt: skip
SEQUENCE_LINES = [
    'starts = "confirmed"', 'starts = "tag:student"', 'starts = "sometimes"', 'guide = "hips"', 'guide = "two words"',
    'min_gap = "20 hours"', 'min_gap = "1 week, 2 days"', 'min_gap = "00 hours"', 'min_gap = "-1 hours"', "min_gap = 20",
    'stop_when = ["unsubscribed", "tag:student"]', 'stop_when = ["bored"]', 'stop_when = "bounced"', "stop_when = []",
    'then = "tag:done"', 'then = "done"', "title = 7", 'titel = "x"', 'send_at = "noon"', 'send_on = ["tue"]',
    'subject = "x"',
]  # fmt: skip


@pytest.mark.parametrize("line", LETTER_LINES)
def test_an_editor_judges_the_head_of_a_letter_as_check_does(line: str) -> None:
    head = with_line(LETTER, line)
    assert fits("letter.json", head) == reads(letter, head)


@pytest.mark.parametrize("line", SEQUENCE_LINES)
def test_an_editor_judges_sequence_toml_as_check_does(line: str) -> None:
    head = with_line(SEQUENCE, line)
    assert fits("sequence.json", head) == reads(sequence, head)


@pytest.mark.parametrize(
    "answers",
    [
        '{ "Yes" = "tried", "No" = "" }', '{ "Yes" = "tried" }', '{ "Yes" = "", "No" = "" }', '{ "Yes" = "two words", "No" = "" }',
        '{ "Yes" = "a", "No" = false }', '{ "" = "a", "No" = "" }', '["Yes", "No"]', '"Yes"', "{ a = 'a', b = 'b', c = 'c', d = 'd', e = 'e', f = 'f' }",
        f'{{ "{"x" * 41}" = "a", "No" = "" }}', f'{{ "{"x" * 40}" = "a", "No" = "" }}',
    ],
)  # fmt: skip
def test_an_editor_judges_the_answers_of_a_guide_as_check_does(answers: str) -> None:
    for head in (f'{GUIDE}question = "Tried it?"\nanswers = {answers}\n', f"{GUIDE}answers = {answers}\n"):
        assert fits("guide.json", head) == reads(guide, head)


def test_a_confirmed_sequence_wants_its_guide_in_an_editor_too() -> None:
    head = with_line(SEQUENCE, 'starts = "confirmed"')
    assert not fits("sequence.json", head)
    assert fits("sequence.json", f'{head}guide = "hips"\n')


@pytest.mark.parametrize(
    ("name", "judge", "head", "known"),
    [
        ("letter.json", letter, LETTER, keys.LETTER),
        ("sequence.json", sequence, SEQUENCE, keys.SEQUENCE),
        ("guide.json", guide, GUIDE, keys.GUIDE),
        ("system-mail.json", system, SYSTEM, keys.SYSTEM),
    ],
)
def test_a_head_without_one_of_its_keys_is_judged_alike(
    name: str, judge: Callable[[str, Notes], object], head: str, known: dict[str, object]
) -> None:
    assert fits(name, head) and reads(judge, head)
    for line in head.splitlines():
        rest = head.replace(f"{line}\n", "")
        assert fits(name, rest) == (reads(judge, rest) or line.startswith("send_at")), line
    assert not fits(name, f"{head}unheard_of = 1\n") and not reads(judge, f"{head}unheard_of = 1\n")
    assert set(SCHEMAS[name]["properties"]) == set(known)


@pytest.mark.parametrize(
    "line",
    [
        'base_url = "https://mail.example.com"', 'base_url = "mail.example.com"', 'base_url = "https://example.com/mail"',
        "port = 8000", "port = 70000", "daily_cap = 5", "daily_cap = 4", "rate_per_second = 0.1",
        "rate_per_second = 0", 'warm_up = "on"', "warm_up = true", 'log_level = "loud"', 'trusted_proxies = ["10.0.0.0/8"]',
        'trusted_proxies = "10.0.0.1"', "worker_connections = 51", 'database_url = "sqlite:///x.db"', 'databse_url = "x"',
        'secret_keys = ["x"]', 'smtp_password = "x"', '[smtp]\nprovider = "postmark"', "[smtp]\nport = 587", '[smtp]\npassword = "x"',
        "[form]\nfirst_name = true", '[form]\nfirst_name = "no"', "[form]\nlast_name = true", '[form]\nallowed_origins = ["https://example.com"]',
        '[form]\nallowed_origins = ["https://example.com/page"]', '[links]\nflow = "#flow"', '[links]\nflow = "https://example.com/flow?a=1"',
        '[links]\nflow = "http://example.com/flow"', '[links]\nflow = "http://localhost:4000/flow"', '[links]\nflow = "flow"', '[links]\n"two words" = "#flow"',
        '[link_fixes]\n"https://example.com/a" = "https://example.com/b"', '[link_fixes]\na = "https://example.com/b"',
        "[tracking]\nclicks = false", "[tracking]\nopens = true", "[publish]\nkeep = 0", "[publish]\nkeep = 3", '[check]\nalso = ["W212"]',
        '[check]\nalso = ["W201"]', '[check]\nclaims = ["cure"]', "[check]\nonly = []", "[sites]\nx = 1",
    ],
)  # fmt: skip
def test_an_editor_judges_leadmagnet_toml_as_the_program_does(line: str, tmp_path: Path) -> None:
    text = f"{SETTINGS}\n{line}\n" if line.startswith("[") else f"{line}\n\n{SETTINGS}"
    (tmp_path / "leadmagnet.toml").write_text(text)
    notes = Notes()
    check_site(text, notes)
    read_wishes(text, notes)
    try:
        load(tmp_path)
    except SettingsError:
        accepted = False
    else:
        accepted = not notes.findings()
    assert fits("leadmagnet.json", text) == accepted


@pytest.mark.parametrize("key", ["name", "url", "timezone", "from", "postal_address"])
def test_what_a_site_must_say_an_editor_misses_too(key: str) -> None:
    lines = [line for line in SETTINGS.splitlines() if not line.startswith(f"{key} ")]
    assert fits("leadmagnet.json", SETTINGS)
    assert not fits("leadmagnet.json", "\n".join(lines))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[name])


def test_every_key_has_a_sentence_for_the_operator_and_no_sentence_is_left_over() -> None:
    """Where this fails after a new key: say in leadmagnet/content/sentences.toml what it means."""
    said = sentences()
    files = {
        "letter": "letter",
        "system": "system-mail",
        "guide": "guide",
        "sequence": "sequence",
        "settings": "leadmagnet",
    }
    known = {kind: SCHEMAS[f"{name}.json"]["properties"] for kind, name in files.items()}
    known |= {
        f"settings.{key}": table["properties"] for key, table in known["settings"].items() if "properties" in table
    }
    assert {kind: set(words) for kind, words in said.items()} == {kind: set(of) for kind, of in known.items()}
    for kind, words in said.items():
        for key, sentence in words.items():
            assert sentence[-1] in '."' and len(sentence) <= 120, f"{kind} {key}"


def _head_of(path: Path) -> str:
    return path.read_text().split("+++\n")[1]


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("letter.json", "email_templates/[!_s]*/[0-9]*.md"),
        ("system-mail.json", "email_templates/system/*.md"),
        ("guide.json", "guides/*/guide.md"),
    ],
)
def test_the_heads_of_the_example_fit(schema: str, pattern: str) -> None:
    paths = sorted(ROOT.glob(pattern))
    assert paths
    assert [path for path in paths if not fits(schema, _head_of(path))] == []


def test_the_settings_of_the_example_fit() -> None:
    assert fits("leadmagnet.json", (ROOT / "leadmagnet.toml").read_text())
    assert fits("sequence.json", (ROOT / "email_templates/hip-openers/sequence.toml").read_text())
