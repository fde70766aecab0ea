"""A small valid site in a folder of its own, to be broken one file at a time."""

from pathlib import Path

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from leadmagnet.content.compile import compile_folder
from leadmagnet.content.compiled import Build, Compiled, Letter
from leadmagnet.content.findings import Finding

EXAMPLE = Path(__file__).parents[2]

SETTINGS = """\
base_url = "https://mail.example.com"

[site]
name = "Run Bend Barre"
url = "https://example.com"
timezone = "America/New_York"
from = "Maya <maya@mail.example.com>"
postal_address = "1 Example Street, Springfield"

[links]
flow = "#flow"
classes = "https://example.com/classes?a=1&b=2"
"""

LAYOUT = """\
<!doctype html>
<html lang="en"><head><title>{{ subject }}</title>
<style>p{margin:0 0 18px} a:hover{color:red} @media (max-width:640px){p{margin:0!important}}</style></head>
<body>
<div style="display:none">{{ preheader }}</div>
{{ content }}
{% if confirmed %}
<p>You asked for {{ guide.title }} on {{ asked_on }}. <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
{% endif %}
<p>{{ site.name }}, {{ site.postal_address }}</p>
</body></html>
"""

TEXT_LAYOUT = """\
{{ content }}

-- 
{% if confirmed %}
You asked for {{ guide.title }} on {{ asked_on }}.
Unsubscribe: {{ unsubscribe_url }}
{% endif %}
{{ site.name }}, {{ site.postal_address }}
"""

FILES = {
    "leadmagnet.toml": SETTINGS,
    "email_templates/_layouts/letter.html": LAYOUT,
    "email_templates/_layouts/letter.txt": TEXT_LAYOUT,
    "email_templates/_snippets/sign-off.md": "See you,\\\nMaya\n",
    "email_templates/system/confirm.md": """\
+++
subject = "Please confirm"
preheader = "One tap and the guide opens. Not you? Ignore it."
+++
[Yes, send it]({{ confirm_url }}){.button}
""",
    "email_templates/system/confirm-reminder.md": """\
+++
subject = "Still want it?"
preheader = "It opens with one tap. This is the only reminder."
+++
[Yes, send it]({{ confirm_url }}){.button}
""",
    "email_templates/system/confirm-address.md": """\
+++
subject = "Is this your new address?"
preheader = "One tap and your letters come here. Not you? Ignore it."
+++
[Yes, send them here]({{ confirm_url }}){.button}
""",
    "email_templates/system/guide-again.md": """\
+++
subject = "Your guide again"
preheader = "The same link as before, with the newest edition."
+++
[Open the guide]({{ guide_url }}){.button}
""",
    "email_templates/hips/sequence.toml": """\
title = "Hips"
starts = "confirmed"
guide = "hips"
send_at = "7:30"
""",
    "email_templates/hips/10-guide.md": """\
+++
subject = "Your guide is here"
preheader = "Ten minutes, one towel, start on the floor."
day = 0
+++
[Open the guide]({{ guide_url }}){.button}

{% include "sign-off.md" %}
""",
    "email_templates/hips/20-tight.md": """\
+++
subject = "Tight is not short"
preheader = "Why hips feel stiff after a run, and a check."
day = 2
+++
Hello **there**.

[Start]({{ links.flow }}){.button}
""",
    "guides/hips/guide.md": """\
+++
title = "Hip Openers"
headline = "FREE Hip Openers"
line = "Sweet relief."
button = "Send it"
consent = "You'll get the guide and {{ letters }} short emails over {{ span }}."
+++
## The flow {#flow}

Words.
""",
}

TIGHT = "email_templates/hips/20-tight.md"
HEAD = """\
+++
subject = "Tight is not short"
preheader = "Why hips feel stiff after a run, and a check."
day = 2
+++
"""  # five lines: a body begins in line 6

VALUES = {
    "first_name": "Ada",
    "guide_url": "https://mail.example.com/g/token",
    "guide": {"title": "Hip Openers"},
    "guide_opened": True,
    "confirm_url": "https://mail.example.com/c/token",
    "unsubscribe_url": "https://mail.example.com/u/token",
    "preferences_url": "https://mail.example.com/u/token",
    "site": {"name": "Run Bend Barre", "postal_address": "1 Example Street", "url": "https://example.com"},
    "media": {"url": "https://mail.example.com/media"},
    "clicked": {"guide"}.__contains__,
    "tagged": {"runner"}.__contains__,
    "subject": "S",
    "preheader": "P",
    "confirmed": True,
    "form_url": "https://mail.example.com/f/hips",
    "asked_on": "3 March 2026",
}

_HTML = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
_TEXT = ImmutableSandboxedEnvironment(
    autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
)


class SiteFolder:
    """A site on disk that tests write into and compile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, content: str | bytes) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def delete(self, name: str) -> None:
        (self.path / name).unlink()

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def build(self) -> Build:
        return compile_folder(self.path)

    def findings(self) -> tuple[Finding, ...]:
        return self.build().findings

    def compiled(self) -> Compiled:
        build = self.build()
        assert build.compiled is not None, [str(finding) for finding in build.findings]
        return build.compiled

    def letter(self, body: str) -> Letter:
        """The letter "tight" with another body."""
        self.write(TIGHT, HEAD + body)
        return self.compiled().letters["hips/tight"]

    def body_findings(self, body: str) -> list[str]:
        """What is found in the letter "tight" with another body."""
        self.write(TIGHT, HEAD + body)
        return [short(finding) for finding in self.findings()]


def short(finding: Finding) -> str:
    """`20-tight.md:8 E101 message`."""
    line = f":{finding.line}" if finding.line else ""
    return f"{finding.path.rpartition('/')[2]}{line} {finding.code} {finding.message}"


def html(letter: Letter, **values: object) -> str:
    return _HTML.from_string(letter.html).render(_known(letter) | values)


def text(letter: Letter, **values: object) -> str:
    return _TEXT.from_string(letter.text).render(_known(letter) | values)


def _known(letter: Letter) -> dict[str, object]:
    def click(number: int) -> str:
        return _TEXT.from_string(letter.links[number]).render(VALUES)

    return {**VALUES, "click": click}


@pytest.fixture(scope="session")
def example_content(example: Build) -> Compiled:
    """The example site, as it is shipped."""
    assert example.compiled is not None
    return example.compiled


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    return SiteFolder(tmp_path / "site")
