"""The PDF of a guide: readable by everybody, the same every time, and safe from what the operator wrote."""

import io
import re
from datetime import date

import pytest
from PIL import Image
from pypdf import PageObject, PdfReader

from leadmagnet.content.compiled import Compiled
from leadmagnet.content.pdf import Paper, PdfError
from leadmagnet.content.tree import read
from leadmagnet.content.typeset import without_paper

from .conftest import SiteFolder

DAY = date(2026, 11, 22)
SAID = (
    "*bold* _it_ `code` #panic() $x$ @ref <label> \\ back // gone /* gone */ = no heading - no list + no list "
    '1. one ~ -- --- ... https://example.com [a](b) {c} it\'s "said"'
)


def made(site: SiteFolder) -> bytes:
    return Paper.of(site.compiled().guides["hips"], "Run Bend Barre", DAY).pdf()


@pytest.fixture(scope="module")
def paper(example_content: Compiled) -> Paper:
    return Paper.of(example_content.guides["hip-openers"], "Run Bend Barre", DAY)


@pytest.fixture(scope="module")
def pdf(paper: Paper) -> PdfReader:
    content = paper.pdf()
    assert len(content) < 2_000_000
    assert content == paper.pdf(), "the same guide gives other bytes"
    return PdfReader(io.BytesIO(content))


def words(reader: PdfReader) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def structure(reader: PdfReader) -> list[object]:
    """Every element of the structure tree."""
    found: list[object] = []
    waiting = [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        one = waiting.pop().get_object()
        below = one.get("/K")
        for child in (part.get_object() for part in (below if isinstance(below, list) else [below])):
            if isinstance(child, dict) and "/S" in child:
                found.append(child)
                waiting.append(child)
    return found


def test_it_is_a_tagged_pdf_that_says_what_it_is(pdf: PdfReader, paper: Paper) -> None:
    root = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] == True  # noqa: E712 - a type of pypdf
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"] == True  # noqa: E712
    assert pdf.metadata.keywords == f"Edition {paper.edition}"  # type: ignore[union-attr]
    assert (pdf.metadata.title, pdf.metadata.author) == ("Hip Openers for Runners", "Run Bend Barre")  # type: ignore[union-attr]
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()
    kinds = {one["/S"] for one in structure(pdf)}  # type: ignore[index]
    assert {"/H1", "/H2", "/P", "/L", "/LI", "/Table", "/TH", "/TD", "/Figure", "/Link"} <= kinds


def test_every_pose_has_its_figure_with_the_words_of_the_page(pdf: PdfReader, paper: Paper) -> None:
    alts = [str(one["/Alt"]) for one in structure(pdf) if one["/S"] == "/Figure"]  # type: ignore[index]
    assert sorted(alts) == sorted(re.findall(r"<desc[^>]*>(.*?)</desc>", paper.html))
    assert len(alts) >= 18


def test_the_sheets_that_people_pin_up_are_on_one_page(pdf: PdfReader) -> None:
    pages = words(pdf)
    assert 10 <= len(pages) <= 12
    assert "Hip Openers" in pages[0] and "Edition of 22 November 2026" in pages[0]
    assert "Ten poses, one ten-minute flow" in pages[0] and "Ten poses, one ten-minute flow" not in pages[1]
    assert not any("inbox" in page for page in pages)
    (flow,) = [page for page in pages if "The ten-minute flow" in page and "0:00" in page]
    assert "9:40" in flow and "Rest day" in flow
    (week,) = [page for page in pages if "Monday" in page]
    assert week.count("Sunday") == 2
    for title, last in (("Barre moves at a chair", "most people approve of"), ("Sources", "please write")):
        assert [last in page for page in pages[2:] if title in page] == [True]
    assert min(map(len, pages)) > 250, "a page with two lines"
    assert all(page.endswith(f"{number} / {len(pages)}") for number, page in enumerate(pages[1:], 2))


def heights_of(page: PageObject) -> list[float]:
    """How high above the lower edge each piece of text stands, in points."""
    found: list[float] = []

    def seen(text: str, cm: list[float], tm: list[float], _font: object, _size: float) -> None:
        if text.strip():
            found.append(tm[5] * cm[3] + cm[5])

    page.extract_text(visitor_text=seen)
    return found


def test_nothing_stands_where_a4_or_letter_would_cut_it_off(pdf: PdfReader) -> None:
    for page in pdf.pages[1:]:
        assert [float(side) for side in page.mediabox[2:]] == pytest.approx([595.28, 841.89], abs=0.1)
        heights = heights_of(page)
        # Printed on Letter from the middle, 9 mm are lost at the top and at the bottom.
        assert min(heights) > 26 + 18 and max(heights) < 841.89 - 26 - 18


def test_links_within_the_guide_and_out_of_it_work(pdf: PdfReader) -> None:
    actions = [note.get_object() for page in pdf.pages for note in page.get("/Annots", [])]
    assert sum("/Dest" in one or one.get("/A", {}).get("/S") == "/GoTo" for one in actions) > 20
    assert any("doi.org" in one.get("/A", {}).get("/URI", "") for one in actions)


def test_a_guide_of_plain_words_is_a_pdf_as_well(site: SiteFolder) -> None:
    pages = words(PdfReader(io.BytesIO(made(site))))
    assert len(pages) == 2
    assert "The flow" in pages[1] and "Words." in pages[1]


def test_the_sun_of_the_cover_shows_through_its_figure(paper: Paper) -> None:
    tree = read(paper.html)
    drawing = next(tree.every("svg"))
    assert drawing.source.count('class="paper"') == without_paper(drawing).source.count('class="paper"') + 1
    cover = Image.open(io.BytesIO(paper.pages(ppi=24)[0])).convert("RGB")
    assert cover.getpixel((round(cover.width * 0.42), round(cover.height * 0.27))) == (0xF4, 0xC5, 0x92)


def test_a_long_first_paragraph_stays_off_the_cover(site: SiteFolder) -> None:
    guide = site.compiled().guides["hips"]
    for words, page in (("Short words.", 0), ("Long words. " * 60, 1)):
        html = f"<p>{words}</p>{guide.html}"
        made = Paper.of(guide.model_copy(update={"html": html}), "Run Bend Barre", DAY).pdf()
        assert words[:11] in PdfReader(io.BytesIO(made)).pages[page].extract_text()


def test_what_the_operator_writes_is_never_read_as_commands(site: SiteFolder) -> None:
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!<>~])", r"\\\1", SAID)
    site.replace(
        "guides/hips/guide.md", "Words.\n", f"{escaped}\n\n### {escaped} {{#at}}\n\n| {escaped} |\n|---|\n| x |\n"
    )
    text = words(PdfReader(io.BytesIO(made(site))))[1]
    shown = SAID.replace("it's", "it’s").replace('"said"', "“said”")
    assert text.count(shown) == 3, text


@pytest.mark.parametrize(
    "text",
    [
        "1. One\n   - Two\n\n     Three\n",
        "> A\n> > B\n\n```\n#let x = 1\n```\n\n`a\\` and ~~gone~~ &amp; 5<br>6\n\n---\n",
        "<div><p>Never <b>closed\n\n</i></div>\n",
        '<svg viewBox="0 0 9 9"><rect width="9" height="9"/></svg>\n',
        "<details><summary>More</summary>Hidden</details>\n",
        "[Go](#flow){.button}\n\n[out](https://example.com/?a=1&b=\"2\")\n",
        "| A | B |\n|---|---|\n",
        "## Emoji 🙂 \u202eשלום\n",
        "<sup>2</sup><sub></sub><em></em>\n\n#### Deep\n",
    ],
)  # fmt: skip
def test_whatever_passes_its_checks_can_be_set(site: SiteFolder, text: str) -> None:
    site.replace("guides/hips/guide.md", "Words.\n", text)
    assert made(site).startswith(b"%PDF-")


def test_a_guide_that_cannot_be_set_names_its_file(example_content: Compiled) -> None:
    guide = example_content.guides["hip-openers"].model_copy(update={"html": "<svg><desc>A lunge.</desc></rect></svg>"})
    with pytest.raises(PdfError, match=r"^guides/hip-openers/guide\.md: its PDF cannot be made \(.+\)\. Nothing was"):
        Paper.of(guide, "Run Bend Barre", DAY).pdf()
