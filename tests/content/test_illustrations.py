"""Pictures in letters and guides: figures by name, files by theirs."""

import hashlib
import io
import re
from html import unescape

import pytest
from PIL import Image

from leadmagnet.content.pictures import Picture
from tests.conftest import ROOT

from .conftest import HEAD, TIGHT, SiteFolder, html, short, text

FIGURES = "guides/hips/figures/poses.json"
MEDIA = "https://mail.example.com/media"
ALT = "Side view. Back knee on a folded blanket, front shin upright, chest tall, hands on the front thigh."


@pytest.fixture
def drawn(site: SiteFolder) -> SiteFolder:
    """A site whose guide has figures."""
    site.write(FIGURES, (ROOT / "guides/hip-openers/figures/poses.json").read_bytes())
    return site


def picture(width: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 4)).save(file, kind)
    return file.getvalue()


def test_a_letter_shows_a_figure_and_says_it_in_its_text(drawn: SiteFolder) -> None:
    letter = drawn.letter('Now this:\n\n{{ pose("low_lunge") }}\n\nDone.\n')
    (shown,) = letter.pictures
    address = f"{MEDIA}/{shown.digest}/low-lunge.png"
    assert (
        f'<p class="figure" style="margin: 0 0 18px;"><img class="pose" src="{address}" alt="{ALT}" width="512"></p>'
        in html(letter)
    )
    assert f"[Low lunge: {ALT}]" in " ".join(text(letter).split())
    assert max(map(len, text(letter).split("\n"))) <= 72
    assert shown == Picture.of_figure(drawn.compiled().guides["hips"].figures["low-lunge"])


def test_the_other_side_is_another_picture_and_one_shown_twice_is_one(drawn: SiteFolder) -> None:
    call = '{{ pose("low-lunge") }}\n\n{{ pose("low-lunge", "mirrored") }}\n\n'
    first, second = drawn.letter(call * 2).pictures
    assert [first.name, second.name] == ["low-lunge.png", "low-lunge-mirrored.png"]
    assert first.digest != second.digest


def test_a_picture_keeps_its_address_until_its_joints_move(drawn: SiteFolder) -> None:
    def address() -> tuple[str, str]:
        (shown,) = drawn.letter('{{ pose("low-lunge") }}\n').pictures
        return shown.digest, shown.name

    before = address()
    drawn.replace(FIGURES, "chest tall", "chest high")
    assert address() == before
    drawn.replace(FIGURES, "[108, 61]", "[108, 60]")
    assert address() != before


def test_an_alt_text_is_never_markdown_or_markup(drawn: SiteFolder) -> None:
    drawn.replace(FIGURES, "chest tall", "**chest** [tall](x) <b> & ]")
    letter = drawn.letter('{{ pose("low-lunge") }}\n')
    shown = re.search(r'<img [^"]*"pose"[^"]*"[^"]*" alt="([^"]*)"', html(letter))
    assert shown is not None
    assert "**chest** [tall](x) <b> & ]" in unescape(shown[1])
    assert "**chest** [tall](x) <b> & ]" in " ".join(text(letter).split())
    drawn.replace("guides/hips/guide.md", "Words.", '{{ pose("low-lunge") }}')
    assert "**chest** [tall](x) &lt;b&gt; &amp; ]" in drawn.compiled().guides["hips"].html


def test_figures_stand_in_snippets_lists_tables_links_and_conditions(drawn: SiteFolder) -> None:
    drawn.write("email_templates/_snippets/f.md", '{{ pose("frog") }}\n')
    body = (
        '- {{ pose("bridge") }}\n\n| {{ pose("plie") }} |\n|---|\n| [{{ pose("lizard") }}]({{ guide_url }}) |\n\n'
        '{% if guide_opened %}\n{{ pose("garland") }}\n{% endif %}\n\n{% include "f.md" %}\n'
    )
    letter = drawn.letter(body)
    names = ["bridge.png", "plie.png", "lizard.png", "garland.png", "frog.png"]
    assert [one.name for one in letter.pictures] == names
    assert re.findall(r"/([a-z]+\.png)", html(letter)) == names
    assert "garland.png" not in html(letter, guide_opened=False)
    drawn.write("email_templates/system/guide-again.md", HEAD.replace("day = 2\n", "") + '{{ pose("frog") }}\n')
    assert drawn.compiled().letters["system/guide-again"].pictures[0].name == "frog.png"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('A\n\n{{ pose("low-lung") }}\n', ":8 E101 there is no figure 'low-lung'. Did you mean 'low-lunge'?"),
        ("{{ pose(first_name) }}\n", ":6 E109 pose() takes a figure's name in quotes."),
        ("{{ pose() }}\n", ":6 E109 pose() takes a figure's name in quotes."),
        ('{{ pose("frog", "mirored") }}\n', ":6 E109 pose() takes a figure's name in quotes."),
        ('{{ pose(name="frog") }}\n', ":6 E109 pose() takes a figure's name in quotes."),
        ('{{ pose("frog")|upper }}\n', ":6 E109 pose() can only stand alone."),
        ('{% if pose("frog") %}A{% endif %}\n', ":6 E109 pose() can only stand alone."),
        ('{{ poes("frog") }}\n', ":6 E101 unknown function 'poes'. Did you mean 'pose'?"),
        ('A\n\n`{{ pose("frog") }}`\n', ":8 E109 pose() stands where no picture can be."),
        ('    {{ pose("frog") }}\n', ":6 E109 pose() stands where no picture can be."),
        ('<div>{{ pose("frog") }}</div>\n', ":6 E109 pose() stands where no picture can be."),
        ('[x]({{ pose("frog") }})\n', ":6 E108 a link must not be made of"),
    ],
)  # fmt: skip
def test_a_call_that_shows_nothing_is_found_on_its_line(drawn: SiteFolder, body: str, expected: str) -> None:
    drawn.write(TIGHT, HEAD + body)
    found = [f"{one.path}:{one.line} {one.code} {one.message} {one.fix}" for one in drawn.findings()]
    assert any(one.startswith(TIGHT + expected) for one in found), found


def test_a_figure_stands_in_a_body_only(drawn: SiteFolder) -> None:
    drawn.write(TIGHT, HEAD.replace("Tight is not short", "{{ pose('frog') }}") + "Hi.\n")
    drawn.replace("email_templates/_layouts/letter.txt", "{{ site.name }}", "{{ pose('frog') }}")
    found = {short(one) for one in drawn.findings()}
    assert found == {"20-tight.md:2 E101 unknown function 'pose'.", "letter.txt:8 E101 unknown function 'pose'."}


def test_a_guide_shows_its_figures_as_drawings(drawn: SiteFolder) -> None:
    call = '{{ pose("frog") }}\n{{ pose("frog", "mirrored") }}'
    drawn.replace("guides/hips/guide.md", "Words.", f"{call}\n\nWords.\n\n- {{{{ pose('frog') }}}}\n")
    page = drawn.compiled().guides["hips"].html
    assert page.count('<figure class="pose"><svg ') == 3
    assert "<p><figure" not in page and "<p></p>" not in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) == 7


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('A\n\n{{ pose("forg") }}', "guide.md:12 E101 there is no figure 'forg'."),
        ('A {{ pose("frog") }} B', "guide.md:10 E109 pose() stands where no picture can be."),
        ('## {{ pose("frog") }}', "guide.md:10 E109 pose() stands where no picture can be."),
        ('{{ pose(\n"frog"\n) }}\n\n{{ first_name }}', "guide.md:14 E109 a guide cannot hold {{ or {%."),
        ("{{ pose(frog) }}", "guide.md:10 E109 a guide cannot hold {{ or {%."),
    ],
)
def test_a_guide_knows_no_other_words_than_pose(drawn: SiteFolder, body: str, expected: str) -> None:
    drawn.replace("guides/hips/guide.md", "Words.", body)
    assert expected in [short(one) for one in drawn.findings()]


@pytest.mark.parametrize(
    ("name", "kind", "width", "shown"),
    [("a.png", "PNG", 1024, 512), ("b.jpg", "JPEG", 300, 300), ("c.gif", "GIF", 600, 512), ("My cat.PNG", "PNG", 9, 9)],
)
def test_a_letter_shows_a_file_that_lies_beside_it(
    site: SiteFolder, name: str, kind: str, width: int, shown: int
) -> None:
    data = picture(width, kind)
    site.write(f"email_templates/hips/{name}", data)
    letter = site.letter(f"![A cat](<{name}>)\n")
    digest, kept = hashlib.sha256(data).hexdigest(), name.replace(" ", "-")
    assert f'<img src="{MEDIA}/{digest}/{kept}" alt="A cat" width="{shown}">' in html(letter)
    assert "[A cat]" in text(letter)
    (found,) = letter.pictures
    assert (found.digest, found.name, found.file) == (digest, kept, f"email_templates/hips/{name}")
    assert found.media_type == f"image/{kind.lower()}"


def test_a_snippet_brings_its_own_picture_along(site: SiteFolder) -> None:
    site.write("email_templates/_snippets/maya.jpg", picture(80, "JPEG"))
    site.write("email_templates/_snippets/sign-off.md", "See you,\n![Maya](maya.jpg)\n")
    assert site.compiled().letters["hips/guide"].pictures[0].file == "email_templates/_snippets/maya.jpg"


@pytest.mark.parametrize(
    ("data", "address", "level", "expected"),
    [
        (picture(8), "b.png", "error", ":8 E101 there is no picture 'b.png' beside the letter. Did you mean 'a.png'?"),
        (picture(8), "../../leadmagnet.png", "error", ":8 E101 there is no picture '../../leadmagnet.png'"),
        (b"\x89PNG\r\n\x1a\nno", "a.png", "error", ":8 E107 'a.png' is no whole picture that mail programs show."),
        (picture(300)[:-30], "a.png", "error", ":8 E107 'a.png' is no whole picture that mail programs show."),
        (picture(300, "JPEG")[:-30], "a.png", "error", ":8 E107 'a.png' is no whole picture"),
        (picture(4_000_001), "a.png", "error", ":8 W211 'a.png' has 16 million pixels; 16 are too many."),
        (picture(8, "WEBP"), "a.png", "error", ":8 E107 'a.png' is no whole picture that mail programs show."),
        (picture(8) + b"-" * 300_000, "a.png", "warning", ":8 W211 'a.png' has 300 KB; 200 are plenty."),
        (picture(8) + b"-" * 1_100_000, "a.png", "error", ":8 W211 'a.png' has 1100 KB; 1000 are too many."),
        (picture(1301), "a.png", "warning", ":8 W211 'a.png' is 1301 pixels wide; nobody sees that many."),
    ],
)  # fmt: skip
def test_a_picture_that_cannot_be_shown_is_found_on_its_line(
    site: SiteFolder, data: bytes, address: str, level: str, expected: str
) -> None:
    site.write("email_templates/hips/a.png", data)
    site.write(TIGHT, HEAD + f"A\n\n![What it shows]({address})\n")
    found = [f"{one.path}:{one.line} {one.code} {one.message} {one.fix}" for one in site.findings()]
    assert [one.startswith(TIGHT + expected) for one in found] == [True], found
    assert site.findings()[0].level == level
